//! The quotes of a dataset in time, asked for the features of any quote, past or new.
//!
//! Deliberately without names: customers, products, owners and quotes are 64-bit keys.

use super::features::{DerivedFeature as D, Features, PRIOR_WEIGHT};
use super::index::KeyIndex;
use super::own::{self, LOG_PARTS};
use super::series::{Past, Postings, Quotes, Replacement, Series, Tally};
use super::{QuoteFacts, build, key};

/// Every dated quote of a dataset, ready to be asked what was known before a day.
///
/// Takes about 40 bytes a quote. It does not depend on the order in which the quotes were given.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    pub(super) core: Core,
    /// Of customers, products and owners.
    series: [Series; 3],
    /// Decided and won quotes before each day, and at last before all later days.
    decided: Vec<(i32, i32)>,
}

/// What a history is made of; the rest is summed up from it. A place is the number of a row in the
/// order of days; rows that never counted are not among them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Core {
    /// The different days, ascending.
    pub(super) days: Vec<i32>,
    /// The place at which each day begins, and at last the number of rows.
    pub(super) starts: Vec<u32>,
    pub(super) quotes: Quotes,
    /// Of customers, products and owners; taken over by the series of a history.
    pub(super) postings: [Postings; 3],
    /// Keys of the quotes that have one, ascending; those of one quote by place.
    pub(super) quote_keys: KeyIndex,
    /// The place of each of these.
    pub(super) quote_places: Vec<u32>,
}

impl History {
    /// Puts quotes in order; time n log n, in any order, decided and open.
    pub fn build<'a>(quotes: impl Iterator<Item = QuoteFacts<'a>>) -> Self {
        Self::assemble(build::core(quotes))
    }

    /// Number of rows that count at some time: dated, and not replaced on their own day.
    pub fn len(&self) -> usize {
        self.core.quotes.logs.len()
    }

    /// Whether no quote has a day, so that nothing is known of the past of any quote.
    pub fn is_empty(&self) -> bool {
        self.core.days.is_empty()
    }

    /// The features of a quote, as of its day; its outcome is not looked at.
    ///
    /// Features of the past are missing where the quote has no day, and where no quote of the
    /// history has one. Give for a new quote only those facts that the history's quotes had too: a
    /// customer, for example, is a new customer where no earlier quote named any.
    pub fn features(&self, quote: &QuoteFacts<'_>) -> Features {
        let mut features = Features::missing();
        own::rest(quote, &mut features);
        if let Some(day) = quote.day.filter(|_| !self.is_empty()) {
            self.past(quote, day, &mut features);
        }
        own::price(quote, &mut features);
        features
    }

    fn past(&self, quote: &QuoteFacts<'_>, day: i32, into: &mut Features) {
        let before_day = self.core.days.partition_point(|known| *known < day);
        let before = self.core.starts[before_day];
        let own = self.own_places(quote.quote_ref);
        let prior = self.prior(before_day, before, own);
        let past = |kind: usize, name| {
            key::of_name(name)
                .map(|key| self.series[kind].past(key, before, own, &self.core.quotes))
        };
        if let Some(customer) = past(0, quote.customer) {
            into.set(D::CustomerQuotes, f64::from(customer.tally.quotes));
            into.set(D::CustomerWinRate, shrunk(&customer.tally, prior));
            into.set(D::CustomerUsualPrice, usual(&customer.tally));
            self.relation(&customer, own, day, into);
        }
        if let Some(product) = past(1, quote.product) {
            into.set(D::ProductQuotes, f64::from(product.tally.quotes));
            into.set(D::ProductWinRate, shrunk(&product.tally, prior));
            into.set(D::ProductUsualPrice, usual(&product.tally));
        }
        if let Some(owner) = past(2, quote.owner) {
            into.set(D::OwnerQuotes, f64::from(owner.tally.quotes));
            into.set(D::OwnerWinRate, shrunk(&owner.tally, prior));
        }
    }

    fn relation(&self, past: &Past<'_>, own: &[u32], day: i32, into: &mut Features) {
        let Some((first, last)) = self.series[0].ends(past, own) else {
            into.set(D::RelationDays, 0.0);
            return;
        };
        into.set(D::RelationDays, f64::from(day) - self.day_of(first));
        into.set(D::DaysSinceLastQuote, f64::from(day) - self.day_of(last));
    }

    /// The win rate of all quotes before a day but one; NaN where none is decided.
    fn prior(&self, before_day: usize, before: u32, own: &[u32]) -> f64 {
        let (mut decided, mut wins) = self.decided[before_day];
        let newest = own.partition_point(|place| *place < before);
        if let Some(newest) = newest.checked_sub(1) {
            let tally = self.core.quotes.tally(own[newest]);
            decided -= tally.decided;
            wins -= tally.wins;
        }
        f64::from(wins) / f64::from(decided)
    }

    /// The places of a quote's rows, ascending.
    fn own_places(&self, quote_ref: Option<&str>) -> &[u32] {
        let Some(key) = key::of_quote(quote_ref) else {
            return &[];
        };
        let (from, to) = self.core.quote_keys.range(key);
        &self.core.quote_places[from..to]
    }

    fn day_of(&self, place: u32) -> f64 {
        let day = self.core.starts.partition_point(|start| *start <= place);
        f64::from(self.core.days[day - 1])
    }

    /// Sums up.
    pub(super) fn assemble(mut core: Core) -> Self {
        let (replacements, chain) = revisions(&core);
        let decided = decided(&core, &replacements);
        let series = std::mem::take(&mut core.postings)
            .map(|postings| Series::new(postings, &core.quotes, &replacements, &chain));
        Self {
            core,
            series,
            decided,
        }
    }

    /// The postings of customers, products and owners.
    pub(super) fn postings(&self) -> impl Iterator<Item = &Postings> {
        self.series.iter().map(|series| &series.postings)
    }
}

/// The rate that `PRIOR_WEIGHT` quotes of the prior rate are added to; NaN without a prior.
fn shrunk(tally: &Tally, prior: f64) -> f64 {
    (f64::from(tally.wins) + PRIOR_WEIGHT * prior) / (f64::from(tally.decided) + PRIOR_WEIGHT)
}

/// The geometric mean of the prices; NaN without one.
fn usual(tally: &Tally) -> f64 {
    (tally.log_sum as f64 / LOG_PARTS / f64::from(tally.priced)).exp()
}

/// Which row replaces which, by place of the newer one, and for each place the number of its quote
/// where that has several rows (`u32::MAX` elsewhere; empty where no quote has).
fn revisions(core: &Core) -> (Vec<Replacement>, Vec<u32>) {
    let mut replacements = Vec::new();
    let mut chain = Vec::new();
    for (at, keys) in core.quote_keys.keys().windows(2).enumerate() {
        if keys[0] != keys[1] {
            continue;
        }
        let (old, by) = (core.quote_places[at], core.quote_places[at + 1]);
        replacements.push(Replacement { by, old });
        if chain.is_empty() {
            chain = vec![u32::MAX; core.quotes.logs.len()];
        }
        if chain[old as usize] == u32::MAX {
            chain[old as usize] = at as u32;
        }
        chain[by as usize] = chain[old as usize];
    }
    replacements.sort_unstable_by_key(|replacement| replacement.by);
    (replacements, chain)
}

/// Running numbers of decided and won quotes before each day.
fn decided(core: &Core, replacements: &[Replacement]) -> Vec<(i32, i32)> {
    let mut sum = Tally::default();
    let mut sums = vec![(0, 0)];
    let mut replacements = replacements.iter().peekable();
    for ends in core.starts.windows(2) {
        for place in ends[0]..ends[1] {
            sum = sum.plus(core.quotes.tally(place));
        }
        while let Some(replacement) = replacements.next_if(|r| r.by < ends[1]) {
            sum = sum.minus(core.quotes.tally(replacement.old));
        }
        sums.push((sum.decided, sum.wins));
    }
    sums
}
