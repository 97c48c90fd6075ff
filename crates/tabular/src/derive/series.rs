//! The quotes of each customer (or product, or owner) in time, and their totals before a time.
//!
//! Deliberately compact: a quote is four bytes here, totals are kept at every sixteenth quote only,
//! and a query is a few binary searches and a scan of at most fifteen quotes.

use super::index::KeyIndex;

/// No price, in place of its logarithm.
pub(super) const NO_LOG: i32 = i32::MIN;

/// Quotes between two kept totals.
const STEP: usize = 16;

/// The quotes by place; places ascend with the day.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Quotes {
    /// Logarithm of the price in parts, or [`NO_LOG`].
    pub(super) logs: Vec<i32>,
    /// 0 open, 1 lost, 2 won.
    pub(super) outcomes: Vec<u8>,
}

/// Sums over quotes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Tally {
    pub(super) log_sum: i64,
    pub(super) quotes: i32,
    pub(super) priced: i32,
    pub(super) decided: i32,
    pub(super) wins: i32,
}

impl Tally {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            log_sum: self.log_sum + other.log_sum,
            quotes: self.quotes + other.quotes,
            priced: self.priced + other.priced,
            decided: self.decided + other.decided,
            wins: self.wins + other.wins,
        }
    }

    pub(super) fn minus(self, other: Self) -> Self {
        Self {
            log_sum: self.log_sum - other.log_sum,
            quotes: self.quotes - other.quotes,
            priced: self.priced - other.priced,
            decided: self.decided - other.decided,
            wins: self.wins - other.wins,
        }
    }
}

impl Quotes {
    /// The sums over one quote.
    pub(super) fn tally(&self, place: u32) -> Tally {
        let log = self.logs[place as usize];
        let outcome = self.outcomes[place as usize];
        let priced = log != NO_LOG;
        Tally {
            log_sum: if priced { i64::from(log) } else { 0 },
            quotes: 1,
            priced: i32::from(priced),
            decided: i32::from(outcome > 0),
            wins: i32::from(outcome == 2),
        }
    }
}

/// The places of each entity's quotes, ascending, one entity after the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Postings {
    /// Keys of the entities, ascending.
    pub(super) keys: KeyIndex,
    /// Where the places of an entity begin, and at last where they all end.
    pub(super) starts: Vec<u32>,
    pub(super) places: Vec<u32>,
}

impl Postings {
    /// Groups pairs of entity and place, which are in no order.
    pub(super) fn group(mut pairs: Vec<(u64, u32)>) -> Self {
        pairs.sort_unstable();
        let mut postings = Self::default();
        let mut keys = Vec::new();
        postings.places.reserve_exact(pairs.len());
        for (key, place) in pairs {
            if keys.last() != Some(&key) {
                keys.push(key);
                postings.starts.push(postings.places.len() as u32);
            }
            postings.places.push(place);
        }
        postings.starts.push(postings.places.len() as u32);
        postings.keys = KeyIndex::new(keys);
        postings.starts.shrink_to_fit();
        postings
    }
}

/// A row that took the place of an older revision of its quote.
#[derive(Debug, Clone, Copy)]
pub(super) struct Replacement {
    /// Place of the newer row.
    pub(super) by: u32,
    /// Place of the row that no longer counts from there on.
    pub(super) old: u32,
}

/// The series of every customer (or product, or owner).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub(super) postings: Postings,
    /// Sums over the first 0, 16, 32, ... postings.
    kept: Vec<Tally>,
    /// Quotes that newer revisions replaced.
    replaced: Replaced,
    /// First and one past the last posting of each row of two or more by the same quote.
    runs: Vec<(u32, u32)>,
}

/// One entity's quotes before a time.
pub(super) struct Past<'a> {
    /// Sums over the quotes that count.
    pub(super) tally: Tally,
    /// Places of all rows before, replaced ones included.
    pub(super) places: &'a [u32],
    /// Posting of the first of them.
    first: usize,
}

impl Series {
    /// Sums up the postings. `chain` names the quote of a place where it has other rows.
    pub(super) fn new(
        postings: Postings,
        quotes: &Quotes,
        replacements: &[Replacement],
        chain: &[u32],
    ) -> Self {
        let mut kept = Vec::with_capacity(postings.places.len() / STEP + 1);
        let mut sum = Tally::default();
        for (at, place) in postings.places.iter().enumerate() {
            if at % STEP == 0 {
                kept.push(sum);
            }
            sum = sum.plus(quotes.tally(*place));
        }
        if postings.places.len().is_multiple_of(STEP) {
            kept.push(sum);
        }
        let replaced = Replaced::new(&postings, quotes, replacements);
        let runs = runs(&postings, chain);
        Self {
            postings,
            kept,
            replaced,
            runs,
        }
    }

    /// The quotes of an entity before a place; `own` are the places of the asking quote's rows,
    /// ascending, of which none counts.
    pub(super) fn past(&self, key: u64, before: u32, own: &[u32], quotes: &Quotes) -> Past<'_> {
        let (entity, end) = self.postings.keys.range(key);
        if entity == end {
            return Past {
                tally: Tally::default(),
                places: &[],
                first: 0,
            };
        }
        let first = self.postings.starts[entity] as usize;
        let end = self.postings.starts[entity + 1] as usize;
        let places = &self.postings.places[first..end];
        let places = &places[..below(places, before, quotes.logs.len())];
        let mut tally = self.sum(first, first + places.len(), quotes);
        tally = tally.minus(self.replaced.before(entity, before, quotes.logs.len()));
        let newest = own.partition_point(|place| *place < before);
        let newest = newest.checked_sub(1).map(|at| own[at]);
        if let Some(newest) = newest.filter(|place| places.binary_search(place).is_ok()) {
            tally = tally.minus(quotes.tally(newest));
        }
        Past {
            tally,
            places,
            first,
        }
    }

    /// First and last place of the past that are not rows of the asking quote.
    pub(super) fn ends(&self, past: &Past<'_>, own: &[u32]) -> Option<(u32, u32)> {
        let is_own = |place: &u32| own.binary_search(place).is_ok();
        let (places, last) = (past.places, past.places.len().checked_sub(1)?);
        let mut from = 0;
        if is_own(&places[0]) {
            from = self.run(past.first).1 - past.first;
        }
        let mut to = Some(last);
        if is_own(&places[last]) {
            to = self.run(past.first + last).0.checked_sub(past.first + 1);
        }
        Some((*places.get(from)?, *places.get(to?)?))
    }

    /// First and one past the last posting of the run around a posting.
    fn run(&self, posting: usize) -> (usize, usize) {
        let at = self.runs.partition_point(|run| run.1 as usize <= posting);
        match self.runs.get(at) {
            Some(run) if run.0 as usize <= posting => (run.0 as usize, run.1 as usize),
            _ => (posting, posting + 1),
        }
    }

    /// Sums over some postings.
    fn sum(&self, from: usize, to: usize, quotes: &Quotes) -> Tally {
        if to - from > STEP {
            return self.sum_to(to, quotes).minus(self.sum_to(from, quotes));
        }
        let places = self.postings.places[from..to].iter();
        places.fold(Tally::default(), |sum, place| {
            sum.plus(quotes.tally(*place))
        })
    }

    /// Sums over the first postings.
    fn sum_to(&self, end: usize, quotes: &Quotes) -> Tally {
        let block = end / STEP;
        let rest = &self.postings.places[block * STEP..end];
        rest.iter().fold(self.kept[block], |sum, place| {
            sum.plus(quotes.tally(*place))
        })
    }
}

/// How many of ascending places lie before one, of all `rows` places. Looks first where it is if they
/// are spread evenly, since far jumps through memory are what a search costs.
fn below(places: &[u32], before: u32, rows: usize) -> usize {
    let count = places.len();
    let share = count as u64 * u64::from(before) / (rows as u64).max(1);
    let guess = usize::try_from(share).map_or(count, |guess| guess.min(count));
    let (mut low, mut high, mut step) = (0, count, STEP);
    if places.get(guess).is_some_and(|place| *place < before) {
        low = guess + 1;
        while low + step < count {
            if places[low + step] >= before {
                high = low + step;
                break;
            }
            low += step + 1;
            step *= 2;
        }
    } else {
        high = guess;
        while step < high {
            if places[high - step] < before {
                low = high - step + 1;
                break;
            }
            high -= step;
            step *= 2;
        }
    }
    low + places[low..high].partition_point(|place| *place < before)
}

/// Quotes that no longer count for an entity because a newer revision replaced them.
#[derive(Debug, Clone, Default, PartialEq)]
struct Replaced {
    /// Where those of an entity begin, and at last where they all end; empty where there are none.
    starts: Vec<u32>,
    /// Places of the newer revisions, ascending within an entity.
    by: Vec<u32>,
    /// Sums over the first 0, 1, 2, ... replaced quotes.
    sums: Vec<Tally>,
}

impl Replaced {
    fn new(postings: &Postings, quotes: &Quotes, replacements: &[Replacement]) -> Self {
        let mut replaced = Self::default();
        if replacements.is_empty() {
            return replaced;
        }
        let mut entity_of = vec![u32::MAX; quotes.logs.len()];
        for (entity, ends) in (0u32..).zip(postings.starts.windows(2)) {
            for place in &postings.places[ends[0] as usize..ends[1] as usize] {
                entity_of[*place as usize] = entity;
            }
        }
        let mut found: Vec<(u32, u32, u32)> = replacements
            .iter()
            .map(|r| (entity_of[r.old as usize], r.by, r.old))
            .filter(|(entity, ..)| *entity != u32::MAX)
            .collect();
        found.sort_unstable();
        let mut sum = Tally::default();
        replaced.sums.push(sum);
        for (at, (entity, by, old)) in (0u32..).zip(found) {
            let known = replaced.starts.len().max(entity as usize + 1);
            replaced.starts.resize(known, at);
            replaced.by.push(by);
            sum = sum.plus(quotes.tally(old));
            replaced.sums.push(sum);
        }
        let all = replaced.by.len() as u32;
        replaced.starts.resize(postings.starts.len(), all);
        replaced
    }

    /// Sums over those of an entity that were replaced before a place.
    fn before(&self, entity: usize, before: u32, rows: usize) -> Tally {
        let Some([start, end]) = self.starts.get(entity..entity + 2) else {
            return Tally::default();
        };
        let (start, end) = (*start as usize, *end as usize);
        let count = below(&self.by[start..end], before, rows);
        if count == 0 {
            return Tally::default();
        }
        self.sums[start + count].minus(self.sums[start])
    }
}

/// The postings of one entity that belong to one quote and follow each other.
fn runs(postings: &Postings, chain: &[u32]) -> Vec<(u32, u32)> {
    let mut runs = Vec::new();
    if chain.is_empty() {
        return runs;
    }
    for ends in postings.starts.windows(2) {
        let mut from = ends[0];
        for at in ends[0]..ends[1] {
            let here = chain[postings.places[at as usize] as usize];
            let next = (at + 1 < ends[1]).then(|| chain[postings.places[at as usize + 1] as usize]);
            if here == u32::MAX || next != Some(here) {
                if at > from {
                    runs.push((from, at + 1));
                }
                from = at + 1;
            }
        }
    }
    runs
}
