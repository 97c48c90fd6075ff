//! Insights about wins and losses: the whole, the groups that stand out, and what changed.
//!
//! Deliberately not here: the tests, which the analysis has made.

use super::{Insight, Tone, Topic, insight, that_way};
use crate::domain::{
    text::{count, counted, p_value, percent, percent_range, points, whole_percent},
    win_loss::{Change, FALSE_DISCOVERIES, GROUP_MIN, Group, Moved, WinLossContent},
};

/// Groups named above the others, and below them.
const NAMED: usize = 3;

/// All insights of a win/loss analysis, most important first.
pub(in crate::domain) fn all(content: &WinLossContent) -> Vec<Insight> {
    let mut insights = vec![whole(content)];
    insights.extend(groups(content));
    if let Some(change) = &content.change {
        insights.extend(changes(change));
    }
    insights
}

fn whole(content: &WinLossContent) -> Insight {
    let dataset = &content.dataset;
    let text = match (dataset.win_rate, dataset.win_rate_interval) {
        (Some(rate), Some(interval)) => format!(
            "{} of {} were won: {} ({}).",
            count(u64::from(dataset.won_count)),
            counted(u64::from(dataset.row_count), "decided quote"),
            percent(rate),
            percent_range(interval)
        ),
        _ => "There are no decided quotes yet.".to_owned(),
    };
    insight(Topic::Overall, Tone::Neutral, text)
}

fn groups(content: &WinLossContent) -> Vec<Insight> {
    let named = |column: &str, group: &Group| {
        let (direction, tone) = direction(group.difference);
        let text = format!(
            "{column} “{}”: {} of {} were won, {} points {direction} than of all others ({}; adjusted {}).",
            group.name,
            percent(group.win_rate),
            counted(group.quotes, "quote"),
            points(group.difference.abs()),
            that_way(group.difference, group.difference_interval),
            p_value(group.adjusted_p_value.unwrap_or(1.0)),
        );
        insight(Topic::Groups, tone, text)
    };
    let mut clear: Vec<(&str, &Group)> = content
        .columns
        .iter()
        .flat_map(|column| {
            column
                .groups
                .iter()
                .map(|group| (column.column.as_str(), group))
        })
        .filter(|(_, group)| group.clear)
        .collect();
    if clear.is_empty() {
        return vec![insight(
            Topic::Groups,
            Tone::Neutral,
            none_clear(content.groups_tested),
        )];
    }
    // By the end of the interval that is nearer to no difference, so that small groups do not lead by luck.
    let sure = |group: &Group| {
        let ends = group.difference_interval;
        if group.difference > 0.0 {
            ends.low
        } else {
            -ends.high
        }
    };
    clear.sort_by(|(_, a), (_, b)| sure(b).total_cmp(&sure(a)));
    let (more, less): (Vec<_>, Vec<_>) = clear
        .into_iter()
        .partition(|(_, group)| group.difference > 0.0);
    [more, less]
        .iter()
        .flat_map(|side| side.iter().take(NAMED))
        .map(|(column, group)| named(column, group))
        .collect()
}

fn none_clear(tested: usize) -> String {
    if tested == 0 {
        return format!(
            "No group has enough quotes to be compared with the others: at least {GROUP_MIN} are needed, and wins and losses among them."
        );
    }
    format!(
        "None of the {} with at least {GROUP_MIN} quotes differs from the others by more than chance would make, at a false discovery rate of {}.",
        counted(tested as u64, "group"),
        whole_percent(FALSE_DISCOVERIES)
    )
}

fn changes(change: &Change) -> Vec<Insight> {
    let mut insights = vec![period(change)];
    insights.extend(change.groups.iter().take(NAMED).map(group_change));
    if change.groups.is_empty() && change.groups_tested > 0 {
        let text = format!(
            "In none of the {} with enough quotes in both periods did the win rate change by more than chance would make.",
            counted(change.groups_tested as u64, "group")
        );
        insights.push(insight(Topic::Change, Tone::Neutral, text));
    }
    insights
}

fn period(change: &Change) -> Insight {
    let moved = &change.all;
    let (_, quotes) = moved.after;
    let start = format!(
        "In the {} days until {}, {} of {} were won",
        change.days,
        change.until,
        percent(rate(moved.after)),
        counted(quotes, "quote")
    );
    let (direction, tone) = direction(moved.difference);
    if moved.clear {
        let text = format!(
            "{start}, {} points {direction} than in the {} days before ({}; {}).",
            points(moved.difference.abs()),
            change.days,
            that_way(moved.difference, moved.interval),
            p_value(moved.p_value)
        );
        return insight(Topic::Change, tone, text);
    }
    let text = format!(
        "{start}, which cannot be told from the {} of the {} days before (a change of {} to {} points; {}).",
        percent(rate(moved.before)),
        change.days,
        points(moved.interval.low),
        points(moved.interval.high),
        p_value(moved.p_value)
    );
    insight(Topic::Change, Tone::Neutral, text)
}

fn group_change(moved: &Moved) -> Insight {
    let (direction, tone) = direction(moved.difference);
    let text = format!(
        "{} “{}”: {} of {} were won, {} points {direction} than in the period before ({}; adjusted {}).",
        moved.column,
        moved.group,
        percent(rate(moved.after)),
        counted(moved.after.1, "quote"),
        points(moved.difference.abs()),
        that_way(moved.difference, moved.interval),
        p_value(moved.p_value)
    );
    insight(Topic::Change, tone, text)
}

fn rate((won, quotes): (u64, u64)) -> f64 {
    won as f64 / quotes.max(1) as f64
}

fn direction(difference: f64) -> (&'static str, Tone) {
    if difference > 0.0 {
        ("more", Tone::Good)
    } else {
        ("less", Tone::Caution)
    }
}
