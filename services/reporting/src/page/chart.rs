//! A canvas for charts: plotters draws, and the result takes its colours and size from the page.
//!
//! plotters writes fixed colours, fixed fonts and a fixed size. Here each role has a colour of its own that stands
//! for a class of the style sheet, and only the shapes are kept: the `<svg>` around them, with its title, is the
//! template's. Deliberately not here: what the charts show.

pub(super) mod calibration;
pub(super) mod curve;
pub(super) mod drivers;
pub(super) mod groups;
pub(super) mod histogram;
pub(super) mod months;
pub(super) mod ranges;

use std::cell::RefCell;

use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::{
    Circle, DrawingArea, IntoDrawingArea, PathElement, Polygon, RGBColor, Rectangle, SVGBackend,
    Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{IntoFont, ShapeStyle, TextStyle};

use super::PageError;

/// Units of the drawing for one unit of the view: plotters knows whole units only.
const FINE: i32 = 4;
/// plotters divides font sizes by this before it writes them.
const FONT_FACTOR: f64 = 1.24;

/// The shapes of a chart, ready to stand inside an `<svg>`.
#[derive(Debug, Clone)]
pub(super) struct Drawing {
    /// Attribute `viewBox`.
    pub(super) view_box: String,
    /// Greatest width on the page, in CSS pixels.
    pub(super) max_width: i32,
    /// SVG elements; every text in them is escaped.
    pub(super) shapes: String,
    /// Width and height of the view.
    pub(super) size: (f64, f64),
    /// The same shapes for who draws without SVG, in units of the view from its upper left corner.
    pub(super) strokes: Vec<Stroke>,
}

/// A shape of a chart.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stroke {
    Line(Vec<(f64, f64)>, Role, f64),
    Area(Vec<(f64, f64)>, Role),
    Dot((f64, f64), f64, Role),
    Text(String, (f64, f64), Anchor, Role),
}

/// What a shape is for; decides its colour in light, dark and print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Ink,
    Muted,
    Grid,
    Axis,
    Accent,
    Band,
    Reference,
    Weak,
}

const ROLES: [(Role, &str); 8] = [
    (Role::Ink, "ink"),
    (Role::Muted, "muted"),
    (Role::Grid, "grid"),
    (Role::Axis, "axis"),
    (Role::Accent, "accent"),
    (Role::Band, "band"),
    (Role::Reference, "reference"),
    (Role::Weak, "weak"),
];

impl Role {
    fn color(self) -> RGBColor {
        RGBColor(1, 0, self as u8)
    }
}

/// Where a text stands relative to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

type Plot<'a> = DrawingArea<SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Size of a chart and its plot inside, in units of the view.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) left: i32,
    pub(super) right: i32,
    pub(super) top: i32,
    pub(super) bottom: i32,
}

/// Something to draw on, in the coordinates of the data.
pub(super) struct Canvas<'a> {
    plot: Plot<'a>,
    strokes: RefCell<Vec<Stroke>>,
}

/// Draws a chart with the given ranges.
pub(super) fn draw(
    layout: Layout,
    x: (f64, f64),
    y: (f64, f64),
    paint: impl FnOnce(&Canvas<'_>) -> Result<(), PageError>,
) -> Result<Drawing, PageError> {
    let mut svg = String::new();
    let strokes;
    {
        let size = (
            (layout.width * FINE).unsigned_abs(),
            (layout.height * FINE).unsigned_abs(),
        );
        let root: DrawingArea<SVGBackend<'_>, Shift> =
            SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let plot = root.apply_coord_spec(Cartesian2d::<RangedCoordf64, RangedCoordf64>::new(
            x.0..x.1,
            y.0..y.1,
            (
                layout.left * FINE..(layout.width - layout.right) * FINE,
                // Upwards: the smallest value stands at the bottom.
                (layout.height - layout.bottom) * FINE..layout.top * FINE,
            ),
        ));
        let canvas = Canvas {
            plot,
            strokes: RefCell::default(),
        };
        paint(&canvas)?;
        canvas.plot.present().map_err(PageError::chart)?;
        strokes = canvas.strokes.take();
    }
    Ok(Drawing {
        view_box: format!("0 0 {} {}", layout.width * FINE, layout.height * FINE),
        max_width: layout.width * 4 / 3,
        shapes: classed(inner(&svg)),
        size: (f64::from(layout.width), f64::from(layout.height)),
        strokes,
    })
}

impl Canvas<'_> {
    pub(super) fn line(
        &self,
        points: &[(f64, f64)],
        role: Role,
        width: u32,
    ) -> Result<(), PageError> {
        let placed = points.iter().map(|at| self.place(*at)).collect();
        self.note(Stroke::Line(
            placed,
            role,
            f64::from(width) / f64::from(FINE),
        ));
        self.put(PathElement::new(points.to_vec(), stroke(role, width)))
    }

    pub(super) fn area(&self, points: &[(f64, f64)], role: Role) -> Result<(), PageError> {
        self.note(Stroke::Area(
            points.iter().map(|at| self.place(*at)).collect(),
            role,
        ));
        self.put(Polygon::new(points.to_vec(), filled(role)))
    }

    pub(super) fn bar(&self, a: (f64, f64), b: (f64, f64), role: Role) -> Result<(), PageError> {
        let corners = [a, (b.0, a.1), b, (a.0, b.1)];
        self.note(Stroke::Area(
            corners.map(|at| self.place(at)).to_vec(),
            role,
        ));
        self.put(Rectangle::new([a, b], filled(role)))
    }

    pub(super) fn dot(&self, at: (f64, f64), radius: i32, role: Role) -> Result<(), PageError> {
        self.note(Stroke::Dot(self.place(at), f64::from(radius), role));
        self.put(Circle::new(at, radius * FINE, filled(role)))
    }

    /// A point of the data in units of the view.
    fn place(&self, at: (f64, f64)) -> (f64, f64) {
        let (x, y) = self.plot.map_coordinate(&at);
        (
            f64::from(x) / f64::from(FINE),
            f64::from(y) / f64::from(FINE),
        )
    }

    fn note(&self, stroke: Stroke) {
        self.strokes.borrow_mut().push(stroke);
    }

    /// Writes a text at a point of the data, moved by `shift` units of the view.
    pub(super) fn text(
        &self,
        text: &str,
        at: (f64, f64),
        shift: (i32, i32),
        anchor: Anchor,
        role: Role,
    ) -> Result<(), PageError> {
        let h_pos = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let size = f64::from(13 * FINE) * FONT_FACTOR;
        let color = role.color();
        let style: TextStyle<'_> = TextStyle::from(("sans-serif", size).into_font())
            .color(&color)
            .pos(Pos::new(h_pos, VPos::Center));
        let (x, y) = self.plot.map_coordinate(&at);
        let place = (x + shift.0 * FINE, y + shift.1 * FINE);
        let fine = f64::from(FINE);
        self.note(Stroke::Text(
            text.to_owned(),
            (f64::from(place.0) / fine, f64::from(place.1) / fine),
            anchor,
            role,
        ));
        self.plot
            .strip_coord_spec()
            .draw(&Text::new(text.to_owned(), place, style))
            .map_err(PageError::chart)
    }

    fn put<E>(&self, element: E) -> Result<(), PageError>
    where
        for<'b> &'b E: plotters::element::PointCollection<'b, (f64, f64)>,
        E: for<'b> plotters::element::Drawable<SVGBackend<'b>>,
    {
        self.plot.draw(&element).map_err(PageError::chart)
    }
}

fn stroke(role: Role, width: u32) -> ShapeStyle {
    ShapeStyle::from(&role.color()).stroke_width(width)
}

fn filled(role: Role) -> ShapeStyle {
    ShapeStyle::from(&role.color()).filled()
}

/// What stands between `<svg …>` and `</svg>`.
fn inner(svg: &str) -> &str {
    let start = svg.find('>').map_or(0, |at| at + 1);
    let end = svg.rfind("</svg>").unwrap_or(svg.len());
    svg.get(start..end).unwrap_or_default().trim()
}

/// Replaces colours by classes. Quotes in texts are escaped, so that only attributes can match.
fn classed(shapes: &str) -> String {
    let mut text = shapes
        .replace(" opacity=\"1\"", "")
        .replace(" stroke=\"none\"", "")
        .replace(" font-family=\"sans-serif\"", "");
    for (role, name) in ROLES {
        let color = format!("#0100{:02X}", role as u8);
        text = text
            .replace(
                &format!(" fill=\"{color}\""),
                &format!(" class=\"f-{name}\""),
            )
            .replace(
                &format!(" stroke=\"{color}\""),
                &format!(" class=\"s-{name}\""),
            );
    }
    text
}

/// A round step that cuts a range into at most `most` parts.
pub(super) fn round_step(range: f64, most: f64) -> f64 {
    let raw = (range / most).max(f64::MIN_POSITIVE);
    let power = 10f64.powf(raw.log10().floor());
    let factor = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|factor| factor * power >= raw * 0.999_999)
        .unwrap_or(10.0);
    factor * power
}

/// A text that fits into about `cells` letters; wide letters count twice.
pub(super) fn shortened(text: &str, cells: usize) -> String {
    let width = |c: char| if u32::from(c) >= 0x1100 { 2 } else { 1 };
    let clean: Vec<char> = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if clean.iter().map(|c| width(*c)).sum::<usize>() <= cells {
        return clean.into_iter().collect();
    }
    let mut used = 1;
    let mut short: String = clean
        .into_iter()
        .take_while(|c| {
            used += width(*c);
            used <= cells
        })
        .collect();
    short.push('…');
    short
}
