//! The win/loss analysis: which groups win more or less than the others, and what changed of late.
//!
//! Every group that is large enough is tested, and the tests are corrected for their number by Benjamini and
//! Hochberg (1995), so that of what is called clear about one in twenty is chance. Deliberately no causes: groups
//! overlap, and a group may win less because of what else its quotes have in common.

use chrono::{DateTime, Days, NaiveDate, Utc};
use proto::ingestion::WinRatePeriod;
use serde::{Deserialize, Serialize};

use super::{
    DatasetFacts, DatasetSummary, Insight, Interval, Month, build,
    deals::{Deals, Dimension},
    insights, stats,
};

/// Quotes that a group needs to be looked at.
pub const GROUP_MIN: u64 = 20;
/// Share of false discoveries that is put up with.
pub const FALSE_DISCOVERIES: f64 = 0.05;
/// Groups of a column that are shown at most: the largest, and all that are clear.
const GROUPS_SHOWN: usize = 12;
/// Days of the newest period, which is compared with as many before it.
pub const PERIOD_DAYS: i32 = 90;

/// A win/loss analysis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WinLossContent {
    /// Title.
    pub title: String,
    /// When it was written.
    pub generated_at: DateTime<Utc>,
    /// Id of the dataset.
    pub dataset_id: String,
    /// The quote history.
    pub dataset: DatasetSummary,
    /// What the figures say, most important first.
    pub insights: Vec<Insight>,
    /// Win rates by group, a column each, in the order of the file.
    pub columns: Vec<GroupedBy>,
    /// Groups that were tested, over all columns.
    pub groups_tested: usize,
    /// Groups that differ from the others by more than chance.
    pub groups_clear: usize,
    /// Win rate by month, oldest first.
    pub win_rates: Vec<Month>,
    /// The newest period against the one before; absent without dates or where one is empty.
    pub change: Option<Change>,
}

/// The groups of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupedBy {
    /// Header of the column.
    pub column: String,
    /// The groups that are shown, in their own order or else best win rate first.
    pub groups: Vec<Group>,
    /// Whether the groups have an order of their own.
    pub ordered: bool,
    /// Groups with enough quotes.
    pub group_count: usize,
    /// Quotes in groups with too few, or in none.
    pub other_quotes: u64,
}

/// A group of quotes against all others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Quotes.
    pub quotes: u64,
    /// Quotes that were won.
    pub won: u64,
    /// Share that was won.
    pub win_rate: f64,
    /// Its 95 % interval, by Wilson.
    pub interval: Interval,
    /// Win rate minus that of all other quotes.
    pub difference: f64,
    /// 95 % interval of the difference, by Newcombe.
    pub difference_interval: Interval,
    /// Two-sided p-value, corrected for the number of tests; absent where counts do not suffice for the test.
    pub adjusted_p_value: Option<f64>,
    /// Whether the difference is more than chance.
    pub clear: bool,
}

/// Two periods compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Day of the newest quote.
    pub until: NaiveDate,
    /// Days of each period.
    pub days: i32,
    /// All quotes.
    pub all: Moved,
    /// Groups that changed by more than chance, largest change first.
    pub groups: Vec<Moved>,
    /// Groups that were tested.
    pub groups_tested: usize,
}

/// What a win rate was and is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// Column of the group; empty for all quotes.
    pub column: String,
    /// The group; empty for all quotes.
    pub group: String,
    /// Wins and quotes of the earlier period.
    pub before: (u64, u64),
    /// Wins and quotes of the newest period.
    pub after: (u64, u64),
    /// Newest win rate minus the earlier one.
    pub difference: f64,
    /// 95 % interval of the difference, by Newcombe.
    pub interval: Interval,
    /// Two-sided p-value, corrected for the number of tests.
    pub p_value: f64,
    /// Whether the change is more than chance.
    pub clear: bool,
}

/// What a win/loss analysis is made of.
#[derive(Debug, Clone, Default)]
pub struct WinLossFacts {
    /// Id of the dataset.
    pub dataset_id: String,
    /// The dataset.
    pub dataset: DatasetFacts,
    /// Quotes and wins by month.
    pub win_rates: Vec<WinRatePeriod>,
    /// Its decided quotes.
    pub deals: Deals,
}

/// Analyses a quote history.
#[must_use]
pub fn analyse(facts: &WinLossFacts, generated_at: DateTime<Utc>) -> WinLossContent {
    let deals = &facts.deals;
    let mut columns: Vec<GroupedBy> = deals
        .dimensions
        .iter()
        .map(|dimension| grouped(deals, dimension))
        .filter(|column| column.groups.len() > 1)
        .collect();
    let groups_tested = judge(&mut columns);
    let groups = columns.iter().flat_map(|column| &column.groups);
    let groups_clear = groups.filter(|group| group.clear).count();
    for column in &mut columns {
        show(column);
    }
    let name = facts.dataset.name.trim();
    let mut content = WinLossContent {
        title: if name.is_empty() {
            "Win/loss analysis".to_owned()
        } else {
            format!("Win/loss analysis: {name}")
        },
        generated_at,
        dataset_id: facts.dataset_id.clone(),
        dataset: build::dataset(&facts.dataset),
        insights: Vec::new(),
        columns,
        groups_tested,
        groups_clear,
        win_rates: build::months(&facts.win_rates),
        change: change(deals),
    };
    content.insights = insights::win_loss::all(&content);
    content
}

/// Wins and quotes of each group among the quotes that count.
fn tally(deals: &Deals, dimension: &Dimension, counts: impl Fn(usize) -> bool) -> Vec<(u64, u64)> {
    let mut tallies = vec![(0, 0); dimension.groups.len()];
    for (quote, (won, code)) in deals.won.iter().zip(&dimension.codes).enumerate() {
        let place = usize::try_from(*code)
            .ok()
            .and_then(|at| tallies.get_mut(at));
        if let Some((wins, quotes)) = place.filter(|_| counts(quote)) {
            *quotes += 1;
            *wins += u64::from(*won);
        }
    }
    tallies
}

fn grouped(deals: &Deals, dimension: &Dimension) -> GroupedBy {
    let all = deals.won.len() as u64;
    let all_won = deals.won.iter().filter(|won| **won).count() as u64;
    let tallies = tally(deals, dimension, |_| true);
    let large = dimension.groups.iter().zip(tallies);
    let large = large.filter(|(_, (_, quotes))| *quotes >= GROUP_MIN);
    let groups: Vec<Group> = large
        .filter_map(|(name, (won, quotes))| {
            let others = (all_won - won, all - quotes);
            let comparison = stats::compare(others, (won, quotes))?;
            Some(Group {
                name: name.clone(),
                quotes,
                won,
                win_rate: won as f64 / quotes as f64,
                interval: stats::wilson(won, quotes)?,
                difference: comparison.difference,
                difference_interval: comparison.interval,
                adjusted_p_value: comparison.testable.then_some(comparison.p_value),
                clear: false,
            })
        })
        .collect();
    let counted: u64 = groups.iter().map(|group| group.quotes).sum();
    GroupedBy {
        column: dimension.name.clone(),
        ordered: dimension.ordered,
        group_count: groups.len(),
        other_quotes: all - counted,
        groups,
    }
}

/// Corrects the p-values of all groups for their number, and says which are clear; answers the number.
fn judge(columns: &mut [GroupedBy]) -> usize {
    let mut groups: Vec<&mut Group> = columns
        .iter_mut()
        .flat_map(|column| &mut column.groups)
        .filter(|group| group.adjusted_p_value.is_some())
        .collect();
    let raw: Vec<f64> = groups
        .iter()
        .filter_map(|group| group.adjusted_p_value)
        .collect();
    for (group, adjusted) in groups.iter_mut().zip(stats::false_discovery(&raw)) {
        group.adjusted_p_value = Some(adjusted);
        group.clear = adjusted < FALSE_DISCOVERIES;
    }
    raw.len()
}

/// Keeps the largest groups and the clear ones, best win rate first, unless they have an order of their own.
fn show(column: &mut GroupedBy) {
    if column.ordered {
        return;
    }
    column
        .groups
        .sort_by(|a, b| b.clear.cmp(&a.clear).then(b.quotes.cmp(&a.quotes)));
    column.groups.truncate(GROUPS_SHOWN);
    column.groups.sort_by(|a, b| {
        b.win_rate
            .total_cmp(&a.win_rate)
            .then_with(|| a.name.cmp(&b.name))
    });
}

fn change(deals: &Deals) -> Option<Change> {
    let newest = *deals.days.iter().max()?;
    let age = |quote: usize| newest.checked_sub(*deals.days.get(quote)?);
    let after = |quote: usize| age(quote).is_some_and(|age| age < PERIOD_DAYS);
    let before =
        |quote: usize| age(quote).is_some_and(|age| (PERIOD_DAYS..2 * PERIOD_DAYS).contains(&age));
    let sum = |counts: &dyn Fn(usize) -> bool| {
        let quotes = (0..deals.won.len()).filter(|quote| counts(*quote));
        quotes.fold((0, 0), |(won, all), quote| {
            (won + u64::from(deals.won[quote]), all + 1)
        })
    };
    let mut all = moved("", "", sum(&before), sum(&after))?;
    all.clear = all.p_value < 0.05;
    let mut groups: Vec<Moved> = Vec::new();
    for dimension in &deals.dimensions {
        let pairs = tally(deals, dimension, before)
            .into_iter()
            .zip(tally(deals, dimension, after));
        for (name, (before, after)) in dimension.groups.iter().zip(pairs) {
            if before.1.min(after.1) >= GROUP_MIN {
                groups.extend(moved(&dimension.name, name, before, after));
            }
        }
    }
    let groups_tested = groups.len();
    let raw: Vec<f64> = groups.iter().map(|group| group.p_value).collect();
    for (group, adjusted) in groups.iter_mut().zip(stats::false_discovery(&raw)) {
        group.p_value = adjusted;
        group.clear = adjusted < FALSE_DISCOVERIES;
    }
    groups.retain(|group| group.clear);
    groups.sort_by(|a, b| b.difference.abs().total_cmp(&a.difference.abs()));
    let since_epoch = Days::new(u64::try_from(newest).ok()?);
    Some(Change {
        until: NaiveDate::default().checked_add_days(since_epoch)?,
        days: PERIOD_DAYS,
        all,
        groups,
        groups_tested,
    })
}

/// Two periods of a group; `None` where counts do not suffice for the test.
fn moved(column: &str, group: &str, before: (u64, u64), after: (u64, u64)) -> Option<Moved> {
    let comparison = stats::compare(before, after).filter(|comparison| comparison.testable)?;
    Some(Moved {
        column: column.to_owned(),
        group: group.to_owned(),
        before,
        after,
        difference: comparison.difference,
        interval: comparison.interval,
        p_value: comparison.p_value,
        clear: false,
    })
}
