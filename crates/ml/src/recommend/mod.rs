//! Which changes of a quote would raise its chance of winning, within a tenant's rules and what history supports.
//!
//! Every allowed and supported value of every changeable field is tried alone, then the promising ones in pairs. A change is
//! recommended where the chance of winning rises clearly (its whole 95 % interval above zero, and at least half a point) and
//! the quote is not expected to earn less; among those the one that is expected to earn most, or, without a price, the one
//! that raises the chance most. Deliberately no causes: each says that it is an association. What else follows from a change
//! (derived columns) is the caller's to compute.

mod candidates;
mod rule;
mod support;

pub use rule::{Amount, Direction, FieldRule};
pub use support::Support;

use candidates::{Candidate, candidates};

use crate::Error;
use crate::change::Versions;
use crate::encode::number_text;
use crate::history::FEWEST_SIMILAR;
use crate::model::{Evidence, Model};
use crate::past::PastQuotes;
use crate::price::{Near, NoRecommendation, Objective};
use crate::score::Score;
use crate::table::{Column, Role, Table, Values};

/// Smallest gain in probability worth a recommendation.
const LEAST_GAIN: f64 = 0.005;
/// Fields that are tried in pairs, and values of each.
const PAIRED_FIELDS: usize = 6;
const PAIRED_VALUES: usize = 6;

/// A value that a field may get.
#[derive(Debug, Clone, PartialEq)]
pub enum NewValue {
    /// Of a column of numbers.
    Number(f64),
    /// Of a column of categories.
    Text(String),
}

/// One field changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Name of the column.
    pub column: String,
    /// What the quote has, readable.
    pub from: String,
    /// What it would have.
    pub to: NewValue,
}

/// A recommended change of one or two fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Advice {
    /// What to change.
    pub changes: Vec<Change>,
    /// Probability of a win then.
    pub probability: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end of its 95 % interval.
    pub high: f64,
    /// By how much the probability rises (0.05 is five points), with its 95 % interval.
    pub gain: Score,
    /// By how much the expected value rises, and what that is; `None` without a price.
    pub expected_gain: Option<(Objective, Score)>,
    /// Past quotes that had the new values, or numbers about them.
    pub similar_quotes: u32,
    /// How many of them were won.
    pub similar_won: u32,
    /// All of it in a paragraph.
    pub statement: String,
}

/// What is recommended for a quote.
#[derive(Debug, Clone, PartialEq)]
pub struct Advised {
    /// The best change of each field alone, the best field first.
    pub single: Vec<Advice>,
    /// The best change of two fields together, where it is clearly better than the best of one.
    pub pair: Option<Advice>,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The quote, a table of one row.
    pub row: &'a Table,
    /// The evidence of its prediction.
    pub evidence: Evidence,
    /// Rules by column; a column without a rule is not changed.
    pub rules: &'a [(String, FieldRule)],
    /// What the past supports; without it only the price can be changed.
    pub past: Option<(&'a PastQuotes, &'a Support)>,
}

/// What a version of the quote promises, against the quote.
#[derive(Debug, Clone, Copy)]
struct Promise {
    gain: Score,
    expected: Option<Score>,
}

impl Promise {
    fn is_worth_it(&self) -> bool {
        let earns = self.expected.is_none_or(|e| e.value >= 0.0);
        self.gain.low > 0.0 && self.gain.value >= LEAST_GAIN && earns
    }

    fn rank(&self) -> f64 {
        self.expected.map_or(self.gain.value, |e| e.value)
    }
}

/// Versions of the quote, the quote itself first, with what a win of each is worth.
struct Tried<'a> {
    versions: Versions<'a>,
    worth: Vec<Option<f64>>,
    objective: Objective,
}

impl<'a> Tried<'a> {
    fn new(model: &'a Model, table: &Table) -> Result<Self, Error> {
        let number = |role: Role, row: usize| {
            let column = table.columns.iter().find(|c| c.role == role);
            match column.map(|c| &c.values) {
                Some(Values::Number(v)) => Some(v[row]).filter(|x| !x.is_nan()),
                _ => None,
            }
        };
        let worth = |row: usize| {
            let price = number(Role::Price, row).filter(|p| *p > 0.0)?;
            Some(price - number(Role::Cost, row).unwrap_or(0.0))
        };
        Ok(Self {
            versions: Versions::new(model, table)?,
            worth: (0..table.rows()).map(worth).collect(),
            objective: number(Role::Cost, 0).map_or(Objective::Revenue, |_| Objective::Margin),
        })
    }

    fn promise(&self, from: usize, to: usize) -> Promise {
        let worth = self.worth[from].zip(self.worth[to]);
        Promise {
            gain: self.versions.gain((from, 1.0), (to, 1.0)),
            expected: worth.map(|(f, t)| self.versions.gain((from, f), (to, t))),
        }
    }
}

impl Model {
    /// The changes worth recommending. `versions` makes a table of the quote with each list of changes, in their order; it
    /// is asked once or twice.
    ///
    /// # Errors
    /// [`NoRecommendation`] says why nothing is recommended.
    pub fn advise(
        &self,
        question: &Question<'_>,
        versions: &mut dyn FnMut(&[Vec<Change>]) -> Table,
    ) -> Result<Advised, NoRecommendation> {
        self.may_advise(question.evidence)?;
        let reading = self.read_one(question.row)?;
        let near = Near::new(&reading, 0).ok();
        let fields = candidates(question, near.as_ref());
        if fields.is_empty() {
            return Err(NoRecommendation::NothingChangeable);
        }
        let all: Vec<&Candidate> = fields.iter().flatten().collect();
        let lists = all.iter().map(|c| vec![c.change.clone()]);
        let lists: Vec<Vec<Change>> = std::iter::once(Vec::new()).chain(lists).collect();
        let tried = Tried::new(self, &checked(versions(&lists), lists.len())?)?;
        let promises: Vec<Promise> = (1..lists.len()).map(|at| tried.promise(0, at)).collect();
        let (mut single, mut first) = (Vec::new(), 0);
        let mut shortlist = Vec::new();
        for field in &fields {
            let own = first..first + field.len();
            first = own.end;
            let best = best(&promises, own.clone());
            if let Some(at) = best {
                single.push(at);
            }
            shortlist.push(shortlisted(own, best, &promises));
        }
        single.sort_by(|&a, &b| promises[b].rank().total_cmp(&promises[a].rank()));
        let pair = self.pair(question, near.as_ref(), &all, &single, shortlist, versions)?;
        let told = |&at: &usize| {
            let similar = similar(question, near.as_ref(), &[all[at]]);
            advice(&tried, at + 1, &lists[at + 1], promises[at], similar)
        };
        let single: Vec<Advice> = single.iter().map(told).collect();
        if single.is_empty() && pair.is_none() {
            return Err(NoRecommendation::NoChange);
        }
        Ok(Advised { single, pair })
    }

    /// The best pair of changes that is clearly better than the best single one.
    fn pair(
        &self,
        question: &Question<'_>,
        near: Option<&Near<'_>>,
        all: &[&Candidate],
        single: &[usize],
        mut shortlist: Vec<(f64, Vec<usize>)>,
        versions: &mut dyn FnMut(&[Vec<Change>]) -> Table,
    ) -> Result<Option<Advice>, NoRecommendation> {
        if question.past.is_none() || shortlist.len() < 2 {
            return Ok(None);
        }
        shortlist.sort_by(|a, b| b.0.total_cmp(&a.0));
        shortlist.truncate(PAIRED_FIELDS);
        let mut pairs = Vec::new();
        for (at, (_, ones)) in shortlist.iter().enumerate() {
            for (_, others) in &shortlist[..at] {
                pairs.extend(
                    ones.iter()
                        .flat_map(|&a| others.iter().map(move |&b| [a, b])),
                );
            }
        }
        let alone = single.first().map(|&at| vec![all[at].change.clone()]);
        let together = pairs
            .iter()
            .map(|pair| pair.map(|at| all[at].change.clone()).to_vec());
        // The quote, the best single change (or the quote again), and the pairs.
        let lists: Vec<Vec<Change>> = [Vec::new(), alone.unwrap_or_default()]
            .into_iter()
            .chain(together)
            .collect();
        let tried = Tried::new(self, &checked(versions(&lists), lists.len())?)?;
        let clearly_better = |at: usize| {
            let against = tried.promise(1, at);
            against.expected.unwrap_or(against.gain).low > 0.0
        };
        let mut good: Vec<(usize, Promise)> = (2..lists.len())
            .map(|at| (at, tried.promise(0, at)))
            .filter(|(at, promise)| promise.is_worth_it() && clearly_better(*at))
            .collect();
        good.sort_by(|a, b| b.1.rank().total_cmp(&a.1.rank()));
        for (at, promise) in good {
            let [a, b] = pairs[at - 2];
            let similar = similar(question, near, &[all[a], all[b]]);
            if similar.0 >= FEWEST_SIMILAR {
                let changes = &lists[at];
                return Ok(Some(advice(&tried, at, changes, promise, similar)));
            }
        }
        Ok(None)
    }
}

fn checked(table: Table, rows: usize) -> Result<Table, Error> {
    table.validate()?;
    if table.rows() != rows {
        return Err(Error::InvalidTable {
            reason: format!(
                "{rows} versions were asked for, the table has {}",
                table.rows()
            ),
        });
    }
    Ok(table)
}

/// The best of some promises, the first among equals.
fn best(promises: &[Promise], places: std::ops::Range<usize>) -> Option<usize> {
    let worth_it = places.filter(|&at| promises[at].is_worth_it());
    worth_it.fold(None, |best, at| match best {
        Some(b) if promises[b].rank() >= promises[at].rank() => Some(b),
        _ => Some(at),
    })
}

/// A few values of a field, spread over those that are allowed, and the largest gain of any of them.
fn shortlisted(
    places: std::ops::Range<usize>,
    best: Option<usize>,
    promises: &[Promise],
) -> (f64, Vec<usize>) {
    let most = places
        .clone()
        .map(|at| promises[at].gain.value)
        .fold(f64::NEG_INFINITY, f64::max);
    let step = places.len().div_ceil(PAIRED_VALUES).max(1);
    let mut taken: Vec<usize> = places.step_by(step).chain(best).collect();
    taken.sort_unstable();
    taken.dedup();
    (most, taken)
}

fn similar(question: &Question<'_>, near: Option<&Near<'_>>, changed: &[&Candidate]) -> (u32, u32) {
    if let ([one], Some(near)) = (changed, near)
        && let (Some(support::Alike::PriceBetween(..)), NewValue::Number(price)) =
            (&one.alike, &one.change.to)
    {
        return near.past(*price);
    }
    let alike: Vec<&support::Alike> = changed.iter().filter_map(|c| c.alike.as_ref()).collect();
    match question.past {
        Some((past, _)) if alike.len() == changed.len() => support::count(past, &alike),
        _ => (0, 0),
    }
}

fn advice(
    tried: &Tried<'_>,
    at: usize,
    changes: &[Change],
    promise: Promise,
    (similar_quotes, similar_won): (u32, u32),
) -> Advice {
    let [probability, low, high] = tried.versions.answer(at);
    let texts: Vec<String> = changes.iter().map(Change::text).collect();
    let points = |x: f64| format!("{:.0}", 100.0 * x);
    let gain = promise.gain;
    let statement = format!(
        "With {} the chance of winning is {} % (95 % interval {} to {} %), {} points higher (95 % interval {} to {}). \
         Of {similar_quotes} past quotes like that {similar_won} were won. This is an association in past quotes, not a \
         proven effect.",
        texts.join(" and "),
        points(probability),
        points(low),
        points(high),
        points(gain.value),
        points(gain.low),
        points(gain.high),
    );
    Advice {
        changes: changes.to_vec(),
        probability,
        low,
        high,
        gain,
        expected_gain: promise.expected.map(|e| (tried.objective, e)),
        similar_quotes,
        similar_won,
        statement,
    }
}

impl NewValue {
    /// The value as users would write it.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Number(x) => number_text(*x),
            Self::Text(text) => text.clone(),
        }
    }
}

impl Change {
    fn text(&self) -> String {
        format!(
            "{} {} instead of {}",
            self.column,
            self.to.text(),
            self.from
        )
    }
}

/// The quote in `row` once for each list of changes, with nothing else changed along: what [`Model::advise`] needs where no
/// column follows from another.
#[must_use]
pub fn changed(row: &Table, lists: &[Vec<Change>]) -> Table {
    let column = |column: &Column| {
        let to = |list: &Vec<Change>| {
            let change = list.iter().find(|c| c.column == column.name);
            change.map(|c| c.to.clone())
        };
        let values = match &column.values {
            Values::Number(v) => {
                let cell = |list| match to(list) {
                    Some(NewValue::Number(x)) => x,
                    _ => v[0],
                };
                Values::Number(lists.iter().map(cell).collect())
            }
            Values::Category { codes, levels } => {
                let own = levels.get(codes[0] as usize).cloned();
                let cell = |list| match to(list) {
                    Some(NewValue::Text(text)) => Some(text),
                    _ => own.clone(),
                };
                let texts: Vec<Option<String>> = lists.iter().map(cell).collect();
                return Column::from_texts(&column.name, column.role, &texts);
            }
            Values::Date(v) => Values::Date(vec![v[0]; lists.len()]),
        };
        Column::new(&column.name, column.role, values)
    };
    Table {
        columns: row.columns.iter().map(column).collect(),
    }
}
