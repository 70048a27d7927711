//! What all figures have in common: the page with its title, key, bands and axes, and how lines and marks
//! are put on it. It knows pixels and values, and no operations.

use super::PlotError;
use super::axis::Axis;
use super::bands::{self, LABEL_SIZE, Lane, Span};
use super::page::Page;
use super::raster::Raster;
use crate::metrics::Band;
use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, Cross, PathElement, Rectangle, TriangleMarker};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{BLACK, Color, IntoFont, RGBColor, ShapeStyle, TextStyle, WHITE};

const WIDTH: i32 = 1000;
const HEIGHT: i32 = 640;
/// The plot's left edge, in pixels.
pub(super) const LEFT: i32 = 108;
/// The plot's right edge, in pixels.
pub(super) const RIGHT: i32 = 964;
const BOTTOM: i32 = HEIGHT - 72;
const ROW_HEIGHT: i32 = 26;
const MARGIN: i32 = 10;

/// The colours of Okabe and Ito, which colour-blind readers can tell apart.
const BLUE: RGBColor = RGBColor(0, 114, 178);
const VERMILLION: RGBColor = RGBColor(213, 94, 0);
const ORANGE: RGBColor = RGBColor(230, 159, 0);
const GREEN: RGBColor = RGBColor(0, 158, 115);
const PURPLE: RGBColor = RGBColor(204, 121, 167);
const GREY: RGBColor = RGBColor(110, 110, 110);

type Area<'a> = DrawingArea<Page<'a>, Shift>;
/// Drawing into a string fails only if plotters has a defect.
pub(super) type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// How something is marked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mark {
    Line,
    Point,
    Cross,
    Stroke,
    Triangle,
}

/// What stands around a figure's data.
pub(super) struct Frame<'a> {
    pub title: &'a str,
    /// What the marks mean.
    pub key: Vec<(Mark, String)>,
    /// What was wrong, over a horizontal axis of time.
    pub bands: &'a [Band],
    pub x: Axis,
    pub y: Axis,
    /// What is said in the place of data.
    pub absence: Option<&'static str>,
}

/// A page that is drawn.
pub(super) struct Drawing {
    pub svg: String,
    pub png: Vec<u8>,
}

/// The plot of a frame: what a figure draws its data on.
pub(super) struct Plot<'a, 'b> {
    area: &'b Area<'a>,
    x: &'b Axis,
    y: &'b Axis,
    top: i32,
}

impl Frame<'_> {
    /// Draws the frame, and then the data by `series`.
    pub fn draw(&self, series: impl FnOnce(&Plot) -> Drawn) -> Result<Drawing, PlotError> {
        let size = (WIDTH as u32, HEIGHT as u32);
        let (mut svg, mut raster) = (String::new(), Raster::new(size));
        let area = Page::new(size, &mut svg, &mut raster).into_drawing_area();
        self.draw_on(&area, series).map_err(|error| PlotError::Drawing(error.to_string()))?;
        drop(area);
        Ok(Drawing { svg, png: raster.encode()? })
    }

    fn draw_on(&self, area: &Area, series: impl FnOnce(&Plot) -> Drawn) -> Drawn {
        area.fill(&WHITE)?;
        let width = RIGHT - LEFT;
        let size = if text_width(self.title, 23.0) <= width { 23.0 } else { 17.0 };
        let title = shorten(self.title, size, width);
        area.draw_text(&title, &text(size, HPos::Left, VPos::Top), (LEFT, 16))?;
        self.draw_key(area)?;
        let rows = bands::rows(self.bands, |band| self.span(band));
        let count = rows.iter().map(|lane| lane.row + 1).max().unwrap_or(0) as i32;
        let top = 86 + count * ROW_HEIGHT;
        for lane in bands::shades(self.bands, |band| self.span(band)) {
            for (from, to) in lane.spans {
                let shade = colour(&lane.kind).mix(0.22).filled();
                area.draw(&Rectangle::new([(from, top), (to, BOTTOM)], shade))?;
            }
        }
        self.draw_axes(area, top)?;
        for lane in &rows {
            draw_labels(area, lane, top - (count - lane.row as i32) * ROW_HEIGHT)?;
        }
        if let Some(absence) = self.absence {
            let middle = ((LEFT + RIGHT) / 2, (top + BOTTOM) / 2);
            area.draw_text(absence, &text(24.0, HPos::Center, VPos::Center), middle)?;
        }
        series(&Plot { area, x: &self.x, y: &self.y, top })
    }

    fn draw_key(&self, area: &Area) -> Drawn {
        let mut x = LEFT;
        for (mark, meaning) in &self.key {
            draw_mark(area, *mark, (x + 8, 60))?;
            area.draw_text(meaning, &text(16.0, HPos::Left, VPos::Center), (x + 22, 60))?;
            x += 22 + text_width(meaning, 16.0) + 2 * MARGIN;
        }
        Ok(())
    }

    fn draw_axes(&self, area: &Area, top: i32) -> Drawn {
        let mut chart = ChartBuilder::on(area)
            .margin_left(MARGIN)
            .margin_right(WIDTH - RIGHT)
            .margin_top(top)
            .margin_bottom(MARGIN)
            .x_label_area_size(HEIGHT - BOTTOM - MARGIN)
            .y_label_area_size(LEFT - MARGIN)
            .build_cartesian_2d(self.x.clone(), self.y.clone())?;
        chart
            .configure_mesh()
            .light_line_style(BLACK.mix(0.0))
            .bold_line_style(BLACK.mix(0.2))
            .axis_style(BLACK.stroke_width(2))
            .label_style(text(16.0, HPos::Left, VPos::Top))
            .axis_desc_style(text(18.0, HPos::Left, VPos::Top))
            .x_desc(&self.x.title)
            .y_desc(&self.y.title)
            .draw()
    }

    /// The pixels of a band; none if it begins after the end.
    fn span(&self, band: &Band) -> Option<Span> {
        let pixel = |time: f64| self.x.pixel(time, (LEFT, RIGHT));
        let from = band.from.as_nanoseconds() as f64;
        let to = band.to.map_or(self.x.end(), |to| to.as_nanoseconds() as f64).min(self.x.end());
        // A fault that was repaired at once is still seen.
        (from <= self.x.end())
            .then(|| (pixel(from).min(RIGHT - 2), pixel(to).max(pixel(from) + 2).min(RIGHT)))
    }
}

impl Plot<'_, '_> {
    /// The pixel of a point.
    pub fn pixel(&self, (x, y): (f64, f64)) -> (i32, i32) {
        (self.x.pixel(x, (LEFT, RIGHT)), self.y.pixel(y, (BOTTOM, self.top)))
    }

    /// Draws a line through the points, which are in the order of x.
    ///
    /// Of all points on one column of pixels, the first, the lowest, the highest and the last are kept:
    /// the line covers the same pixels (Jugel et al., "M4: A Visualization-Oriented Time Series Data
    /// Aggregation", VLDB 2014). A line of one pixel is drawn wide enough to be seen.
    pub fn line(&self, points: &[(f64, f64)]) -> Drawn {
        let pixels: Vec<(i32, i32)> = points.iter().map(|point| self.pixel(*point)).collect();
        let mut kept = Vec::new();
        for column in pixels.chunk_by(|a, b| a.0 == b.0) {
            let by_height = |index: &usize| column[*index].1;
            let lowest = (0..column.len()).max_by_key(by_height).unwrap_or(0);
            let highest = (0..column.len()).min_by_key(by_height).unwrap_or(0);
            let mut indices = [0, lowest, highest, column.len() - 1];
            indices.sort_unstable();
            kept.extend(indices.map(|index| column[index]));
        }
        kept.dedup();
        if let [(x, y)] = kept[..] {
            kept = vec![(x - 1, y), (x + 1, y)];
        }
        self.area.draw(&PathElement::new(kept, BLUE.stroke_width(3)))
    }

    /// Draws a mark at a point.
    pub fn mark(&self, mark: Mark, pixel: (i32, i32)) -> Drawn {
        draw_mark(self.area, mark, pixel)
    }

    /// Draws a mark at `time`, in the row `row` below the upper edge of the plot.
    pub fn mark_above(&self, mark: Mark, time: f64, row: i32) -> Drawn {
        self.mark(mark, (self.x.pixel(time, (LEFT, RIGHT)), self.top + 12 + 18 * row))
    }

    /// Draws a thin line from a point down to the axis.
    pub fn guide(&self, point: (f64, f64)) -> Drawn {
        let (x, y) = self.pixel(point);
        self.area.draw(&PathElement::new(vec![(x, y), (x, BOTTOM)], GREY.stroke_width(2)))
    }

    /// Marks a point of a rising curve and writes `label` on its lower right, where no such curve is, on
    /// white, so that no guide or grid line runs through it.
    pub fn point_out(&self, label: &str, point: (f64, f64)) -> Drawn {
        let (x, y) = self.pixel(point);
        self.area.draw(&Circle::new((x, y), 6, BLACK.filled()))?;
        let paper = [(x + 7, y + 6), (x + 12 + text_width(label, 16.0), y + 26)];
        self.area.draw(&Rectangle::new(paper, WHITE.filled()))?;
        self.area.draw_text(label, &text(16.0, HPos::Left, VPos::Top), (x + 10, y + 8))
    }
}

/// Draws a lane's bars and labels in the row that begins at `top`.
fn draw_labels(area: &Area, lane: &Lane, top: i32) -> Drawn {
    for &(from, to) in &lane.spans {
        let bar = [(from, top + ROW_HEIGHT - 7), (to, top + ROW_HEIGHT - 2)];
        area.draw(&Rectangle::new(bar, colour(&lane.kind).filled()))?;
    }
    for &begin in &lane.texts {
        area.draw_text(&lane.label, &text(LABEL_SIZE, HPos::Left, VPos::Top), (begin, top + 3))?;
    }
    Ok(())
}

fn draw_mark(area: &Area, mark: Mark, (x, y): (i32, i32)) -> Drawn {
    match mark {
        Mark::Line => area.draw(&PathElement::new(vec![(x - 8, y), (x + 8, y)], BLUE.stroke_width(3))),
        Mark::Point => area.draw(&Circle::new((x, y), 3, BLUE.filled())),
        Mark::Cross => area.draw(&Cross::new((x, y), 5, VERMILLION.stroke_width(2))),
        Mark::Stroke => area.draw(&PathElement::new(vec![(x, y - 6), (x, y + 6)], BLACK.stroke_width(2))),
        Mark::Triangle => area.draw(&TriangleMarker::new((x, y), 6, ShapeStyle::from(&GREY))),
    }
}

fn colour(kind: &str) -> RGBColor {
    match kind {
        "crash" => ORANGE,
        "partition" | "isolate" => PURPLE,
        "pause" => GREEN,
        _ => GREY,
    }
}

/// The width of a text in pixels, generously: there are no fonts to measure with.
pub(super) fn text_width(text: &str, size: f64) -> i32 {
    let width = |character: char| if character.is_ascii() { 0.6 } else { 1.0 };
    (text.chars().map(width).sum::<f64>() * size).ceil() as i32
}

/// The text without the characters that XML cannot hold, cut to fit into a width in pixels.
pub(super) fn shorten(text: &str, size: f64, width: i32) -> String {
    let of_xml = |c: char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
    let mut short: String = text.chars().map(|c| if of_xml(c) { c } else { ' ' }).collect();
    if text_width(&short, size) <= width {
        return short;
    }
    while text_width(&short, size) > width - size as i32 {
        short.pop();
    }
    short + "…"
}

fn text(size: f64, horizontal: HPos, vertical: VPos) -> TextStyle<'static> {
    // The backend divides by 1.24, so that this is the size in pixels.
    let font = ("sans-serif", size * 1.24).into_font();
    TextStyle::from(font).color(&BLACK).pos(Pos::new(horizontal, vertical))
}
