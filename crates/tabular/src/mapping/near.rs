//! The headers that a mistyped name probably meant.
//!
//! Deliberately plain edit distance; headers are few and short.

/// At most three headers near to a name, the nearest first.
pub(super) fn nearest<'a>(name: &str, headers: &'a [String]) -> Vec<&'a str> {
    let wanted = normal(name);
    let mut scored: Vec<(usize, &str)> = headers
        .iter()
        .filter_map(|header| {
            let candidate = normal(header);
            let longest = wanted.len().max(candidate.len());
            let contained = wanted.len() >= 3
                && candidate.len() >= 3
                && (contains(&candidate, &wanted) || contains(&wanted, &candidate));
            let distance = distance(&wanted, &candidate);
            let close = distance <= (longest / 3).max(1);
            (close || contained).then_some((distance, header.as_str()))
        })
        .collect();
    scored.sort();
    scored
        .into_iter()
        .take(3)
        .map(|(_, header)| header)
        .collect()
}

/// Lower case letters and figures only; long names are cut, as the distance is quadratic.
fn normal(name: &str) -> Vec<char> {
    let lower = name.to_lowercase();
    let kept = lower.chars().filter(|c| c.is_alphanumeric());
    kept.take(100).collect()
}

fn contains(long: &[char], short: &[char]) -> bool {
    long.windows(short.len()).any(|window| window == short)
}

/// Levenshtein distance.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (y, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let above = *cell;
            let change = diagonal + usize::from(x != y);
            *cell = change.min(above + 1).min(left + 1);
            diagonal = above;
            left = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(a.len())
}
