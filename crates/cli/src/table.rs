//! A small printer of tables that fit a page of 100 columns. Deliberately no colours and no frames:
//! what it prints can be cut and searched.

use std::io::{self, Write};

use crate::text::{clean, shorten, width, wrap};

/// Columns of a page.
pub const PAGE_WIDTH: usize = 100;
const GAP: usize = 2;
const WIDEST_FIXED: usize = 44;
const NARROWEST_FLEXIBLE: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Left,
    Right,
    Flexible,
}

/// A table in the making.
#[derive(Debug, Default)]
pub struct Table {
    columns: Vec<(String, Kind)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a column of texts.
    #[must_use]
    pub fn left(mut self, title: &str) -> Self {
        self.columns.push((title.to_owned(), Kind::Left));
        self
    }

    /// Adds a column of numbers.
    #[must_use]
    pub fn right(mut self, title: &str) -> Self {
        self.columns.push((title.to_owned(), Kind::Right));
        self
    }

    /// Adds the column that takes what room is left and wraps its texts; at most one a table.
    #[must_use]
    pub fn flexible(mut self, title: &str) -> Self {
        self.columns.push((title.to_owned(), Kind::Flexible));
        self
    }

    /// Adds a row; missing cells are empty.
    pub fn row<I, S>(&mut self, cells: I)
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        self.rows
            .push(cells.into_iter().map(|cell| clean(cell.as_ref())).collect());
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Prints titles and rows.
    ///
    /// # Errors
    /// Where the writer fails.
    pub fn print(&self, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
        let widths = self.widths();
        let titles: Vec<String> = self.columns.iter().map(|c| c.0.clone()).collect();
        self.print_row(out, &titles, &widths)?;
        for row in &self.rows {
            self.print_row(out, row, &widths)?;
        }
        Ok(())
    }

    fn widths(&self) -> Vec<usize> {
        let natural = |index: usize, title: &str| {
            let cells = self.rows.iter().filter_map(|row| row.get(index));
            cells
                .map(|cell| width(cell))
                .max()
                .unwrap_or(0)
                .max(width(title))
        };
        let mut widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(index, (title, kind))| match kind {
                Kind::Flexible => natural(index, title),
                _ => natural(index, title).min(WIDEST_FIXED),
            })
            .collect();
        let gaps = GAP * widths.len().saturating_sub(1);
        let flexible = self.columns.iter().position(|c| c.1 == Kind::Flexible);
        if let Some(index) = flexible {
            let others: usize = widths.iter().sum::<usize>() - widths[index];
            let room = PAGE_WIDTH.saturating_sub(others + gaps);
            widths[index] = widths[index].min(room.max(NARROWEST_FLEXIBLE));
        }
        self.squeeze(&mut widths, PAGE_WIDTH.saturating_sub(gaps));
        widths
    }

    // Numbers are never cut: a shortened number is a wrong one.
    fn squeeze(&self, widths: &mut [usize], room: usize) {
        while widths.iter().sum::<usize>() > room {
            let widest = (0..widths.len())
                .filter(|&index| self.columns[index].1 == Kind::Left && widths[index] > 8)
                // Ids stand in the first column and are there to be copied.
                .filter(|&index| index > 0)
                .max_by_key(|&index| widths[index]);
            match widest {
                Some(index) => widths[index] -= 1,
                None => return,
            }
        }
    }

    fn print_row(
        &self,
        out: &mut (impl Write + ?Sized),
        cells: &[String],
        widths: &[usize],
    ) -> io::Result<()> {
        let parts: Vec<Vec<String>> = self
            .columns
            .iter()
            .enumerate()
            .map(|(index, (_, kind))| {
                let cell = cells.get(index).map_or("", String::as_str);
                match kind {
                    Kind::Flexible => wrap(cell, widths[index]),
                    Kind::Left => vec![shorten(cell, widths[index])],
                    Kind::Right => vec![cell.to_owned()],
                }
            })
            .collect();
        let height = parts.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            let mut text = String::new();
            for (index, (_, kind)) in self.columns.iter().enumerate() {
                if index > 0 {
                    text.push_str(&" ".repeat(GAP));
                }
                let part = parts[index].get(line).map_or("", String::as_str);
                let padding = " ".repeat(widths[index].saturating_sub(width(part)));
                if *kind == Kind::Right {
                    text.push_str(&padding);
                    text.push_str(part);
                } else {
                    text.push_str(part);
                    text.push_str(&padding);
                }
            }
            writeln!(out, "{}", text.trim_end())?;
        }
        Ok(())
    }
}

/// Prints names and values below each other, values aligned and wrapped.
///
/// # Errors
/// Where the writer fails.
pub fn print_facts(out: &mut (impl Write + ?Sized), facts: &[(&str, String)]) -> io::Result<()> {
    let longest = facts.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
    let room = PAGE_WIDTH - longest - GAP;
    for (name, value) in facts {
        for (index, line) in wrap(&clean(value), room).iter().enumerate() {
            let name = if index == 0 { name } else { "" };
            let padding = " ".repeat(longest - width(name) + GAP);
            writeln!(out, "{}", format!("{name}{padding}{line}").trim_end())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(table: &Table) -> String {
        let mut out = Vec::new();
        table.print(&mut out).expect("prints");
        String::from_utf8(out).expect("is text")
    }

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new().left("name").right("rows").left("state");
        table.row(["a", "1200", "ready"]);
        table.row(["längere", "7"]);
        assert_eq!(
            printed(&table),
            "name     rows  state\na        1200  ready\nlängere     7\n"
        );
    }

    #[test]
    fn no_line_is_wider_than_a_page() {
        let mut table = Table::new()
            .left("id")
            .left("name")
            .right("n")
            .flexible("reason");
        let id = "0190a6b2-0000-7000-8000-000000000000";
        table.row([id, &"name ".repeat(30), "12", &"word ".repeat(60)]);
        let text = printed(&table);
        assert!(text.lines().all(|line| width(line) <= PAGE_WIDTH), "{text}");
        assert!(text.contains(id), "{text}");
        assert_eq!(text.matches("word").count(), 60, "nothing is lost");
    }

    #[test]
    fn cells_cannot_steer_the_terminal() {
        let mut table = Table::new().left("name");
        table.row(["a\u{1b}[2Jb\nc"]);
        assert_eq!(printed(&table), "name\na [2Jb c\n");
    }

    #[test]
    fn facts_wrap_below_their_value() {
        let mut out = Vec::new();
        print_facts(&mut out, &[("a", "x ".repeat(90)), ("long", "1".into())]).expect("prints");
        let text = String::from_utf8(out).expect("is text");
        assert!(text.lines().count() > 2);
        assert!(text.lines().nth(1).expect("wrapped").starts_with("      x"));
    }
}
