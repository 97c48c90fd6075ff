//! Pages that are filled from the top: text in lines, rows of tables, and shapes below the last line.
//!
//! Deliberately no word of what is written.

use pdf_writer::{Content, Finish as _, Name, Pdf, Rect, Ref, Str, TextStr};

use super::letters;
use crate::page::PageError;

/// A4, in points.
const PAGE: (f64, f64) = (595.0, 842.0);
const MARGIN: f64 = 50.0;
/// Height between the margins.
const ROOM: f64 = PAGE.1 - 2.0 * MARGIN;
/// Pages of a file at most; reports have a few.
const PAGES: usize = 500;
/// Room between the columns of a table.
const GAP: f64 = 6.0;
/// Distance of lines in a cell, as a multiple of the size of the letters.
const LINE: f64 = 1.25;

/// Plain or bold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Face {
    Plain,
    Bold,
}

/// What colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Text,
    Muted,
    Grid,
    Axis,
    Accent,
    Band,
    Good,
    Caution,
}

/// Where a text stands relative to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Middle,
    Right,
}

/// The columns of a table and the size of its letters.
pub(super) struct Grid {
    pub(super) widths: Vec<f64>,
    pub(super) aligns: Vec<Align>,
    pub(super) size: f64,
}

/// A row of a table, each cell broken to its width.
pub(super) struct Row {
    lines: Vec<Vec<String>>,
    pub(super) height: f64,
}

/// A column that begins at its left edge stands away from the figures before it.
fn indent(column: usize) -> f64 {
    if column > 0 { GAP } else { 0.0 }
}

impl Grid {
    /// A row, in parts where it is higher than a page.
    pub(super) fn rows(&self, texts: &[String], face: Face) -> Vec<Row> {
        let cells = texts.iter().zip(&self.widths).zip(&self.aligns).enumerate();
        let lines: Vec<Vec<String>> = cells
            .map(|(at, ((text, width), align))| {
                let left = if *align == Align::Left {
                    indent(at)
                } else {
                    0.0
                };
                letters::lines(text, face == Face::Bold, self.size, width - GAP - left)
            })
            .collect();
        let deep = lines.iter().map(Vec::len).max().unwrap_or(1).max(1);
        // Half a page, so that the head of the table has room above it.
        let most = ((ROOM / 2.0) / (self.size * LINE)) as usize;
        (0..deep)
            .step_by(most)
            .map(|from| {
                let part =
                    |lines: &Vec<String>| lines.iter().skip(from).take(most).cloned().collect();
                Row {
                    lines: lines.iter().map(part).collect(),
                    height: (deep - from).min(most) as f64 * self.size * LINE + 4.0,
                }
            })
            .collect()
    }
}

/// Pages being filled.
pub(super) struct Sheet {
    pages: Vec<Content>,
    /// How far the last page is filled, from its upper margin.
    filled: f64,
    lost: bool,
}

impl Ink {
    fn rgb(self) -> [f32; 3] {
        let [r, g, b] = match self {
            Self::Text => [24, 34, 47],
            Self::Muted => [83, 96, 112],
            Self::Grid => [226, 231, 237],
            Self::Axis => [139, 151, 165],
            Self::Accent => [29, 91, 176],
            Self::Band => [188, 211, 242],
            Self::Good => [23, 105, 63],
            Self::Caution => [143, 74, 0],
        };
        [r, g, b].map(|part: u8| f32::from(part) / 255.0)
    }
}

impl Sheet {
    pub(super) fn new() -> Self {
        Self {
            pages: vec![Content::new()],
            filled: 0.0,
            lost: false,
        }
    }

    /// Whether letters could not be written.
    pub(super) fn lost_letters(&self) -> bool {
        self.lost
    }

    /// Leaves room.
    pub(super) fn space(&mut self, points: f64) {
        self.filled += points;
    }

    /// Begins a page where so much has no room on this one.
    pub(super) fn keep(&mut self, points: f64) {
        if self.filled > 0.0 && !self.has_room(points) {
            self.turn();
        }
    }

    /// Writes a paragraph over the whole width.
    pub(super) fn text(&mut self, text: &str, face: Face, size: f64, ink: Ink) {
        let room = PAGE.0 - 2.0 * MARGIN;
        for line in letters::lines(text, face == Face::Bold, size, room) {
            self.keep(size * 1.3);
            self.put(&line, 0.0, size, face, size, ink, Align::Left, room + 1.0);
            self.space(size * 1.3);
        }
    }

    /// Writes a paragraph with a word before it.
    pub(super) fn tagged(&mut self, tag: &str, ink: Ink, text: &str, size: f64) {
        const INDENT: f64 = 48.0;
        let room = PAGE.0 - 2.0 * MARGIN - INDENT;
        let lines = letters::lines(text, false, size, room);
        self.keep(size * 1.3 * lines.len().min(4) as f64);
        for (at, line) in lines.iter().enumerate() {
            self.keep(size * 1.3);
            if at == 0 {
                self.put(tag, 0.0, size, Face::Bold, size, ink, Align::Left, INDENT);
            }
            self.put(
                line,
                INDENT,
                size,
                Face::Plain,
                size,
                Ink::Text,
                Align::Left,
                room + 1.0,
            );
            self.space(size * 1.3);
        }
        self.space(size * 0.35);
    }

    /// Whether so much has room on this page.
    pub(super) fn has_room(&self, points: f64) -> bool {
        self.filled + points <= ROOM
    }

    /// Begins a page.
    pub(super) fn turn(&mut self) {
        self.pages.push(Content::new());
        self.filled = 0.0;
    }

    /// Writes a row of a table, with a line above.
    pub(super) fn row(&mut self, row: &Row, grid: &Grid, face: Face) {
        let whole: f64 = grid.widths.iter().sum();
        self.line(&[(0.0, 0.0), (whole, 0.0)], Ink::Grid, 0.6, false);
        let mut left = 0.0;
        let cells = row.lines.iter().zip(&grid.widths).zip(&grid.aligns);
        for (at, ((lines, width), align)) in cells.enumerate() {
            let x = match align {
                Align::Left => left + indent(at),
                Align::Middle => left + width / 2.0,
                Align::Right => left + width - GAP,
            };
            for (at, line) in lines.iter().enumerate() {
                let y = 2.0 + grid.size + at as f64 * grid.size * LINE;
                self.put(
                    line,
                    x,
                    y,
                    face,
                    grid.size,
                    Ink::Text,
                    *align,
                    f64::INFINITY,
                );
            }
            left += width;
        }
        self.space(row.height);
    }

    /// Writes a text at a point, its foot so far below what is filled; one that is wider than the room is made smaller.
    #[expect(clippy::too_many_arguments, reason = "a text has a place and a look")]
    pub(super) fn put(
        &mut self,
        text: &str,
        x: f64,
        y: f64,
        face: Face,
        size: f64,
        ink: Ink,
        align: Align,
        room: f64,
    ) {
        let (codes, whole) = letters::encoded(text);
        self.lost |= !whole;
        let one = letters::width(text, face == Face::Bold);
        let size = if one * size > room { room / one } else { size };
        let x = match align {
            Align::Left => x,
            Align::Middle => x - one * size / 2.0,
            Align::Right => x - one * size,
        };
        let (x, y) = self.place((x, y));
        let page = self.page();
        let [r, g, b] = ink.rgb();
        page.set_fill_rgb(r, g, b);
        page.begin_text();
        let font = match face {
            Face::Plain => Name(b"F1"),
            Face::Bold => Name(b"F2"),
        };
        page.set_font(font, size as f32);
        page.next_line(x, y);
        page.show(Str(&codes));
        page.end_text();
    }

    /// Draws a line.
    pub(super) fn line(&mut self, points: &[(f64, f64)], ink: Ink, width: f64, dashed: bool) {
        // Before the path, which nothing else may interrupt.
        let page = self.page();
        let [r, g, b] = ink.rgb();
        page.set_stroke_rgb(r, g, b);
        page.set_line_width(width as f32);
        let dashes: &[f32] = if dashed { &[4.0, 3.0] } else { &[] };
        page.set_dash_pattern(dashes.iter().copied(), 0.0);
        self.path(points);
        self.page().stroke();
    }

    /// Fills a shape.
    pub(super) fn area(&mut self, points: &[(f64, f64)], ink: Ink) {
        let page = self.page();
        let [r, g, b] = ink.rgb();
        page.set_fill_rgb(r, g, b);
        self.path(points);
        let page = self.page();
        page.close_path();
        page.fill_nonzero();
    }

    fn path(&mut self, points: &[(f64, f64)]) {
        for (at, point) in points.iter().enumerate() {
            let (x, y) = self.place(*point);
            let page = self.page();
            if at == 0 {
                page.move_to(x, y);
            } else {
                page.line_to(x, y);
            }
        }
    }

    /// A point below what is filled, as PDF counts: from the lower left corner.
    fn place(&self, (x, y): (f64, f64)) -> (f32, f32) {
        let down = MARGIN + self.filled + y;
        ((MARGIN + x) as f32, (PAGE.1 - down) as f32)
    }

    fn page(&mut self) -> &mut Content {
        if self.pages.is_empty() {
            self.pages.push(Content::new());
        }
        let last = self.pages.len() - 1;
        &mut self.pages[last]
    }

    /// The file.
    pub(super) fn finish(mut self, title: &str) -> Result<Vec<u8>, PageError> {
        let count = self.pages.len();
        if count > PAGES {
            return Err(PageError::File(format!("it would have {count} pages")));
        }
        for number in 1..=count {
            let foot = format!("{number} of {count}");
            let (codes, _) = letters::encoded(&foot);
            let page = &mut self.pages[number - 1];
            let [r, g, b] = Ink::Muted.rgb();
            page.set_fill_rgb(r, g, b);
            page.begin_text();
            page.set_font(Name(b"F1"), 8.0);
            page.next_line((PAGE.0 - MARGIN) as f32 - 30.0, 26.0);
            page.show(Str(&codes));
            page.end_text();
        }
        Ok(file(self.pages, title))
    }
}

fn file(pages: Vec<Content>, title: &str) -> Vec<u8> {
    let mut pdf = Pdf::new();
    let mut last = 0;
    let mut id = || {
        last += 1;
        Ref::new(last)
    };
    let (catalog, tree, info) = (id(), id(), id());
    let fonts = [
        (b"F1", b"Helvetica".as_slice(), id()),
        (b"F2", b"Helvetica-Bold".as_slice(), id()),
    ];
    let numbered: Vec<(Ref, Ref, Content)> = pages
        .into_iter()
        .map(|content| (id(), id(), content))
        .collect();
    pdf.catalog(catalog).pages(tree).lang(TextStr("en"));
    let count = i32::try_from(numbered.len()).unwrap_or(i32::MAX);
    pdf.pages(tree)
        .kids(numbered.iter().map(|(page, ..)| *page))
        .count(count);
    pdf.document_info(info)
        .title(TextStr(title))
        .producer(TextStr("ValutAI"));
    for (_, base, font) in fonts {
        pdf.type1_font(font)
            .base_font(Name(base))
            .encoding_predefined(Name(b"WinAnsiEncoding"));
    }
    for (page, contents, content) in numbered {
        let mut page = pdf.page(page);
        page.media_box(Rect::new(0.0, 0.0, PAGE.0 as f32, PAGE.1 as f32));
        page.parent(tree).contents(contents);
        {
            let mut resources = page.resources();
            let mut dict = resources.fonts();
            for (name, _, font) in fonts {
                dict.pair(Name(name), font);
            }
        }
        page.finish();
        pdf.stream(contents, &content.finish());
    }
    pdf.finish()
}
