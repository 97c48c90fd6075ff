//! A document as PDF: sentences, charts and tables on A4 pages.
//!
//! Text is in Helvetica, which every reader of PDF has, and so in the letters of Windows-1252; letters with other marks lose
//! them, and what cannot be written at all becomes a question mark, which the last line of the file says. Deliberately not
//! here: the shapes of charts, which are the same as on the page.

mod letters;
mod sheet;

use sheet::{Align, Face, Grid, Ink, Row, Sheet};

use super::PageError;
use super::chart::{Anchor, Drawing, Role, Stroke};
use super::document::{Document, Section, Table, Unit};
use super::views;

/// Rows of a table that are printed; the other files have all of them.
const ROWS: usize = 40;
/// Width of a page between its margins, in points.
const WIDTH: f64 = 495.0;

/// Draws a document.
///
/// # Errors
/// When there are more pages than a file may have.
pub fn pdf(document: &Document) -> Result<Vec<u8>, PageError> {
    let mut sheet = Sheet::new();
    sheet.text("ValutAI", Face::Bold, 9.0, Ink::Accent);
    sheet.text(&document.title, Face::Bold, 18.0, Ink::Text);
    sheet.space(4.0);
    for fact in &document.meta {
        let line = format!("{}: {}", fact.name, fact.value);
        sheet.text(&line, Face::Plain, 8.5, Ink::Muted);
    }
    sheet.space(10.0);
    cards(&mut sheet, document);
    sheet.text("What the figures say", Face::Bold, 13.0, Ink::Text);
    sheet.space(3.0);
    for insight in &document.insights {
        let (word, class) = views::tone(insight.tone);
        let ink = match class {
            "good" => Ink::Good,
            "caution" => Ink::Caution,
            _ => Ink::Muted,
        };
        sheet.tagged(word, ink, &insight.text, 9.5);
    }
    sheet.space(4.0);
    sheet.text(&document.note, Face::Plain, 8.0, Ink::Muted);
    for section in &document.sections {
        draw_section(&mut sheet, section);
    }
    if sheet.lost_letters() {
        sheet.space(8.0);
        let note = "Some letters cannot be written in this file: they lost their marks, or are question marks. The other formats have them.";
        sheet.text(note, Face::Plain, 8.0, Ink::Muted);
    }
    sheet.finish(&document.title)
}

fn cards(sheet: &mut Sheet, document: &Document) {
    let count = document.cards.len().clamp(1, 4);
    let width = WIDTH / count as f64;
    for cards in document.cards.chunks(count) {
        let details: Vec<Vec<String>> = cards
            .iter()
            .map(|card| letters::lines(&card.detail, false, 8.5, width - 8.0))
            .collect();
        let lines = details.iter().map(Vec::len).max().unwrap_or(1) as f64;
        sheet.keep(47.0 + 11.0 * lines);
        for (at, card) in (0_u8..).zip(cards) {
            let x = width * f64::from(at);
            sheet.put(
                card.name,
                x,
                10.0,
                Face::Plain,
                8.5,
                Ink::Muted,
                Align::Left,
                width - 8.0,
            );
            sheet.put(
                &card.value,
                x,
                27.0,
                Face::Bold,
                15.0,
                Ink::Text,
                Align::Left,
                width - 8.0,
            );
            for (line, detail) in details[usize::from(at)].iter().enumerate() {
                sheet.put(
                    detail,
                    x,
                    40.0 + 11.0 * line as f64,
                    Face::Plain,
                    8.5,
                    Ink::Text,
                    Align::Left,
                    width - 8.0,
                );
            }
        }
        sheet.space(43.0 + 11.0 * lines);
    }
}

fn draw_section(sheet: &mut Sheet, section: &Section) {
    sheet.space(16.0);
    // A heading is not left alone at the foot of a page.
    let titled = section.charts.len() > 1;
    let first = section.charts.first().map_or(40.0, |chart| {
        let (width, height) = chart.drawing.size;
        height * chart_width(section.charts.len()) / width
    });
    sheet.keep(80.0 + first);
    sheet.text(&section.heading, Face::Bold, 13.0, Ink::Text);
    sheet.space(2.0);
    sheet.text(&section.caption, Face::Plain, 8.5, Ink::Muted);
    sheet.space(6.0);
    let width = chart_width(section.charts.len());
    for pair in section.charts.chunks(2) {
        let heights = pair
            .iter()
            .map(|chart| chart.drawing.size.1 * width / chart.drawing.size.0);
        let height = heights.fold(0.0, f64::max) + if titled { 14.0 } else { 0.0 };
        sheet.keep(height + 8.0);
        for (at, chart) in (0_u8..).zip(pair) {
            let x = f64::from(at) * (WIDTH / 2.0 + 5.0);
            let mut top = 0.0;
            if titled {
                sheet.put(
                    &chart.title,
                    x,
                    9.0,
                    Face::Bold,
                    8.5,
                    Ink::Text,
                    Align::Left,
                    width,
                );
                top = 14.0;
            }
            draw_chart(sheet, &chart.drawing, x, top, width / chart.drawing.size.0);
        }
        sheet.space(height + 8.0);
    }
    for table in &section.tables {
        draw_table(sheet, table);
    }
}

/// Width of a chart among so many of a section.
fn chart_width(charts: usize) -> f64 {
    if charts > 1 {
        WIDTH / 2.0 - 10.0
    } else {
        330.0
    }
}

fn ink(role: Role) -> Ink {
    match role {
        Role::Ink => Ink::Text,
        Role::Muted => Ink::Muted,
        Role::Grid => Ink::Grid,
        Role::Axis | Role::Reference => Ink::Axis,
        Role::Accent => Ink::Accent,
        Role::Band => Ink::Band,
        Role::Weak => Ink::Caution,
    }
}

fn draw_chart(sheet: &mut Sheet, drawing: &Drawing, x: f64, y: f64, scale: f64) {
    let place = |at: &(f64, f64)| (x + at.0 * scale, y + at.1 * scale);
    for stroke in &drawing.strokes {
        match stroke {
            Stroke::Line(points, role, width) => {
                let points: Vec<(f64, f64)> = points.iter().map(place).collect();
                sheet.line(&points, ink(*role), width * scale, *role == Role::Reference);
            }
            Stroke::Area(points, role) => {
                let points: Vec<(f64, f64)> = points.iter().map(place).collect();
                sheet.area(&points, ink(*role));
            }
            Stroke::Dot(at, radius, role) => {
                let (x, y) = place(at);
                let radius = radius * scale;
                let corner = |turn: f64| {
                    let angle = turn * std::f64::consts::TAU / 16.0;
                    (x + radius * angle.cos(), y + radius * angle.sin())
                };
                let round: Vec<(f64, f64)> = (0..16_u8).map(|at| corner(f64::from(at))).collect();
                sheet.area(&round, ink(*role));
            }
            Stroke::Text(text, at, anchor, role) => {
                let (x, y) = place(at);
                let align = match anchor {
                    Anchor::Start => Align::Left,
                    Anchor::Middle => Align::Middle,
                    Anchor::End => Align::Right,
                };
                let size = 13.0 * scale;
                // The chart's point is the middle of the letters, that of a PDF their foot.
                sheet.put(
                    text,
                    x,
                    y + 0.35 * size,
                    Face::Plain,
                    size,
                    ink(*role),
                    align,
                    600.0,
                );
            }
        }
    }
}

fn draw_table(sheet: &mut Sheet, table: &Table) {
    let shown = table.rows.len().min(ROWS);
    let caption = if shown < table.rows.len() {
        format!(
            "{} (the first {shown} of {})",
            table.caption,
            table.rows.len()
        )
    } else {
        table.caption.clone()
    };
    let texts: Vec<Vec<String>> = table.rows[..shown]
        .iter()
        .map(|row| {
            let cells = table.columns.iter().zip(row);
            cells.map(|(column, cell)| column.text(cell)).collect()
        })
        .collect();
    let heads: Vec<String> = table
        .columns
        .iter()
        .map(|column| column.name.to_owned())
        .collect();
    let aligns: Vec<Align> = (0..heads.len())
        .map(|at| match table.columns.get(at) {
            Some(column) if at > 0 && column.unit != Unit::Text => Align::Right,
            _ => Align::Left,
        })
        .collect();
    let (size, widths) = widths(&heads, &texts);
    let grid = Grid {
        widths,
        aligns,
        size,
    };
    let head = grid.rows(&heads, Face::Bold);
    let rows: Vec<Row> = texts
        .iter()
        .flat_map(|texts| grid.rows(texts, Face::Plain))
        .collect();
    let height = |rows: &[Row]| rows.iter().map(|row| row.height).sum::<f64>();
    sheet.space(8.0);
    // A caption is not left alone at the foot of a page, nor with one row.
    sheet.keep(14.0 + height(&head) + height(&rows[..rows.len().min(2)]));
    sheet.text(&caption, Face::Bold, 9.0, Ink::Text);
    sheet.space(2.0);
    let head = |sheet: &mut Sheet| {
        head.iter()
            .for_each(|row| sheet.row(row, &grid, Face::Bold))
    };
    head(sheet);
    for row in &rows {
        if !sheet.has_room(row.height) {
            sheet.turn();
            let again = format!("{caption}, continued");
            sheet.text(&again, Face::Plain, 8.0, Ink::Muted);
            sheet.space(2.0);
            head(sheet);
        }
        sheet.row(row, &grid, Face::Plain);
    }
}

/// Size of the letters and widths of the columns, so that a table fits on a page: longer texts are broken.
fn widths(heads: &[String], rows: &[Vec<String>]) -> (f64, Vec<f64>) {
    let columns = heads.len().max(1);
    let size = if columns > 9 {
        6.0
    } else if columns > 6 {
        7.0
    } else {
        8.0
    };
    let wanted: Vec<f64> = heads
        .iter()
        .enumerate()
        .map(|(at, head)| {
            let word = |text: &str| {
                let words = text.split_whitespace();
                words
                    .map(|word| letters::width(word, true) * size)
                    .fold(0.0, f64::max)
            };
            let cells = rows.iter().filter_map(|row| row.get(at));
            let cells = cells
                .map(|cell| letters::width(cell, false) * size)
                .fold(0.0, f64::max);
            // A header may be broken at its blanks, a cell is not if there is room.
            cells.clamp(word(head), 240.0) + 14.0
        })
        .collect();
    let sum: f64 = wanted.iter().sum();
    let scale = WIDTH / sum;
    let widths = if scale < 1.0 {
        // The widest columns give way first.
        shrunk(wanted, WIDTH)
    } else {
        wanted.iter().map(|width| width * scale.min(1.6)).collect()
    };
    (size, widths)
}

fn shrunk(mut widths: Vec<f64>, room: f64) -> Vec<f64> {
    let (mut low, mut high) = (0.0, widths.iter().copied().fold(0.0, f64::max));
    for _ in 0..40 {
        let cap = (low + high) / 2.0;
        let sum: f64 = widths.iter().map(|width| width.min(cap)).sum();
        if sum > room { high = cap } else { low = cap }
    }
    widths.iter_mut().for_each(|width| *width = width.min(low));
    widths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::document::{Cell, column};

    fn document(sections: Vec<Section>) -> Document {
        Document {
            title: "Title".to_owned(),
            meta: Vec::new(),
            insights: Vec::new(),
            cards: Vec::new(),
            note: String::new(),
            sections,
        }
    }

    #[test]
    fn a_table_that_goes_on_has_its_head_again() {
        let columns = || vec![column("Name", Unit::Text), column("Figure", Unit::Count)];
        let rows = |name: &str| {
            let row = |at: usize| vec![Cell::Text(format!("{name}{at}")), at.into()];
            (0..30).map(row).collect()
        };
        let section = Section::new("Heading", "Caption")
            .table("First", columns(), rows("a"))
            .table("Second", columns(), rows("b"));
        let file = pdf(&document(vec![section])).expect("a file");
        let text = String::from_utf8_lossy(&file);
        assert!(text.contains("(Second, continued)") && !text.contains("(First, continued)"));
        assert_eq!(text.matches("(Figure)").count(), 3);
        for name in ["a", "b"] {
            assert!((0..30).all(|at| text.contains(&format!("({name}{at})"))));
        }
    }

    #[test]
    fn a_cell_that_is_higher_than_a_page_is_not_cut_off() {
        let words: Vec<String> = (0..9_000).map(|at| format!("word{at}")).collect();
        let row = vec![Cell::Text(words.join(" ")), Cell::Number(1.0)];
        let columns = vec![column("Note", Unit::Text), column("Figure", Unit::Count)];
        let section = Section::new("Heading", "Caption").table("Notes", columns, vec![row]);
        let file = pdf(&document(vec![section])).expect("a file");
        let text = String::from_utf8_lossy(&file);
        assert!(text.contains("word0 ") && text.contains("word8999"));
        assert!(text.matches("(Notes, continued)").count() > 2);
    }
}
