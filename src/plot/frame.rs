//! What all figures have in common: the page with its title, key, bands and axes, and how lines and marks
//! are put on it. It knows pixels and values, and no operations.

use super::PlotError;
use super::axis::Axis;
use super::bands::{self, LABEL_SIZE, Lane, Span};
use super::colour::{BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION, YELLOW, is_light};
use super::labels::{self, Rect};
use super::page::Page;
use super::raster::{Raster, text_width};
use crate::metrics::Band;
use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, Cross, PathElement, Polygon, Rectangle, TriangleMarker};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{BLACK, Color, IntoFont, RGBColor, ShapeStyle, TextStyle, WHITE};

const WIDTH: i32 = 1000;
const HEIGHT: i32 = 640;
/// The plot's left edge, in pixels.
pub(super) const LEFT: i32 = 108;
/// The plot's right edge, in pixels.
pub(super) const RIGHT: i32 = 964;
/// The width of a line.
pub(super) const LINE: u32 = 3;
/// That of a line of another kind in the same colour.
pub(super) const THIN: u32 = 1;
const BOTTOM: i32 = HEIGHT - 72;
const ROW_HEIGHT: i32 = 26;
const MARGIN: i32 = 10;
/// Where the key's first line is.
const KEY: i32 = 60;
const KEY_HEIGHT: i32 = 24;
const KEY_LINES: i32 = 5;
const KEY_SIZE: f64 = 16.0;

/// The length of a dash and the space after it, in pixels.
const DASH: f64 = 14.0;
/// How opaque an area is.
const PALE: f64 = 0.2;

type Area<'a> = DrawingArea<Page<'a>, Shift>;
/// Drawing into a string fails only if plotters has a defect.
pub(super) type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// How something is marked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mark {
    /// Words alone.
    Nothing,
    Line(RGBColor),
    Thin(RGBColor),
    /// What a line may as well be: a paler area.
    Area(RGBColor),
    Square(RGBColor),
    Disc(RGBColor),
    /// A disc that is hollow.
    Ring(RGBColor),
    Point,
    Cross,
    Stroke,
    Triangle,
}

/// What stands around a figure's data.
pub(super) struct Frame<'a> {
    pub title: &'a str,
    /// What is different from what the title says.
    pub subtitle: Option<String>,
    /// What the marks mean.
    pub key: Vec<(Mark, String)>,
    /// The plot's left edge, in pixels.
    pub left: i32,
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
    left: i32,
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
        let mut below = KEY;
        if let Some(subtitle) = &self.subtitle {
            let subtitle = shorten(subtitle, KEY_SIZE, width);
            area.draw_text(&subtitle, &text(KEY_SIZE, HPos::Left, VPos::Center), (LEFT, KEY - 6))?;
            below += KEY_HEIGHT - 6;
        }
        let below_key = self.draw_key(area, below)?;
        let rows = bands::rows(self.bands, |band| self.span(band));
        let count = rows.iter().map(|lane| lane.row + 1).max().unwrap_or(0) as i32;
        let top = below_key + count * ROW_HEIGHT;
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
        series(&Plot { area, x: &self.x, y: &self.y, left: self.left, top })
    }

    /// Draws the key from `top` on, on as many lines as it takes or else as there are; where it ends.
    fn draw_key(&self, area: &Area, top: i32) -> Result<i32, DrawingAreaErrorKind<std::io::Error>> {
        let (mut x, mut y) = (LEFT, top);
        for (place, (mark, meaning)) in self.key.iter().enumerate() {
            let beside = if matches!(mark, Mark::Nothing) { 0 } else { 22 };
            let meaning = shorten(meaning, KEY_SIZE, RIGHT - LEFT - beside);
            let width = beside + text_width(&meaning, KEY_SIZE);
            if x > LEFT && x + width > RIGHT {
                (x, y) = (LEFT, y + KEY_HEIGHT);
            }
            let style = text(KEY_SIZE, HPos::Left, VPos::Center);
            if y >= top + KEY_LINES * KEY_HEIGHT {
                let more = format!("… and {} more", self.key.len() - place);
                area.draw_text(&more, &style, (x, y))?;
                break;
            }
            draw_mark(area, *mark, (x + 8, y))?;
            area.draw_text(&meaning, &style, (x + beside, y))?;
            x += width + 2 * MARGIN;
        }
        Ok(y + 26)
    }

    fn draw_axes(&self, area: &Area, top: i32) -> Drawn {
        let mut chart = ChartBuilder::on(area)
            .margin_left(MARGIN)
            .margin_right(WIDTH - RIGHT)
            .margin_top(top)
            .margin_bottom(MARGIN)
            .x_label_area_size(HEIGHT - BOTTOM - MARGIN)
            .y_label_area_size(self.left - MARGIN)
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
        let pixel = |time: f64| self.x.pixel(time, (self.left, RIGHT));
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
        (self.x.pixel(x, (self.left, RIGHT)), self.y.pixel(y, (BOTTOM, self.top)))
    }

    /// Draws a line through the points, which are in the order of x. A line of one pixel is drawn wide enough to
    /// be seen.
    pub fn line(&self, colour: RGBColor, width: u32, points: &[(f64, f64)]) -> Drawn {
        let mut kept = self.kept(points);
        if let [(x, y)] = kept[..] {
            kept = vec![(x - 1, y), (x + 1, y)];
        }
        self.area.draw(&PathElement::new(kept, colour.stroke_width(width)))
    }

    /// Draws a straight line in dashes.
    pub fn dashes(&self, colour: RGBColor, from: (f64, f64), to: (f64, f64)) -> Drawn {
        let (from, to) = (self.pixel(from), self.pixel(to));
        let (x, y) = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
        let length = (x * x + y * y).sqrt();
        let at = |way: f64| {
            let share = (way / length).min(1.0);
            (from.0 + (x * share).round() as i32, from.1 + (y * share).round() as i32)
        };
        (0..(length / DASH).ceil() as i32).map(|dash| DASH * f64::from(dash)).try_for_each(|begin| {
            let ends = vec![at(begin), at(begin + 0.6 * DASH)];
            self.area.draw(&PathElement::new(ends, colour.stroke_width(LINE)))
        })
    }

    /// Shades what lies between two lines, each in the order of x.
    pub fn between(&self, colour: RGBColor, low: &[(f64, f64)], high: &[(f64, f64)]) -> Drawn {
        let back = self.kept(low).into_iter().rev();
        let outline: Vec<(i32, i32)> = self.kept(high).into_iter().chain(back).collect();
        self.area.draw(&Polygon::new(outline, colour.mix(PALE)))
    }

    /// The pixels of a line that are enough to draw it.
    ///
    /// Of all points on one column of pixels, the first, the lowest, the highest and the last are kept:
    /// the line covers the same pixels (Jugel et al., "M4: A Visualization-Oriented Time Series Data
    /// Aggregation", VLDB 2014).
    fn kept(&self, points: &[(f64, f64)]) -> Vec<(i32, i32)> {
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
        kept
    }

    /// Draws an interval, from one point to another, across or up.
    pub fn interval(&self, colour: RGBColor, from: (f64, f64), to: (f64, f64)) -> Drawn {
        let (from, to) = (self.pixel(from), self.pixel(to));
        let end = if from.1 == to.1 { (0, 5) } else { (5, 0) };
        for (x, y) in [from, to] {
            let stop = vec![(x - end.0, y - end.1), (x + end.0, y + end.1)];
            self.area.draw(&PathElement::new(stop, colour.stroke_width(2)))?;
        }
        self.area.draw(&PathElement::new(vec![from, to], colour.stroke_width(2)))
    }

    /// Fills a rectangle between two corners and writes into the middle of it, as large as there is room.
    pub fn cell(&self, colour: RGBColor, from: (f64, f64), to: (f64, f64), label: &str) -> Drawn {
        let ((left, bottom), (right, top)) = (self.pixel(from), self.pixel(to));
        self.area.draw(&Rectangle::new([(left, top), (right, bottom)], colour.filled()))?;
        self.area.draw(&Rectangle::new([(left, top), (right, bottom)], WHITE.stroke_width(2)))?;
        let fits = |size: &f64| text_width(label, *size) < right - left && *size < f64::from(bottom - top);
        let Some(size) = [22.0, 18.0, 15.0, 12.0, 9.0].into_iter().find(fits) else { return Ok(()) };
        let ink = if is_light(colour) { BLACK } else { WHITE };
        let style = text(size, HPos::Center, VPos::Center).color(&ink);
        self.area.draw_text(label, &style, ((left + right) / 2, (top + bottom) / 2))
    }

    /// Writes a label beside each point where it hides neither another nor what is drawn from corner to corner,
    /// with a thin line to its point if that is not right beside it.
    pub fn label(&self, points: &[((f64, f64), &str)], drawn: &[[(f64, f64); 2]]) -> Drawn {
        let around = |[one, other]: &[(f64, f64); 2]| {
            let ((left, bottom), (right, top)) = (self.pixel(*one), self.pixel(*other));
            ((left - 8, top - 8), (right + 8, bottom + 8))
        };
        let mut taken: Vec<Rect> = drawn.iter().map(around).collect();
        for (point, label) in points {
            let (x, y) = self.pixel(*point);
            let size = (text_width(label, KEY_SIZE), 20);
            let inside = ((self.left + 2, self.top + 2), (RIGHT, BOTTOM - 2));
            let corner = labels::place((x, y), size, inside, &taken);
            taken.push((corner, (corner.0 + size.0, corner.1 + size.1)));
            let middle = corner.1 + size.1 / 2;
            if (middle - y).abs() > size.1 {
                let end = if corner.0 > x { corner.0 - 2 } else { corner.0 + size.0 + 2 };
                self.area.draw(&PathElement::new(vec![(x, y), (end, middle)], GREY.stroke_width(1)))?;
            }
            let style = text(KEY_SIZE, HPos::Left, VPos::Center);
            self.area.draw_text(label, &style, (corner.0, middle))?;
        }
        Ok(())
    }

    /// Draws a mark at a point.
    pub fn mark(&self, mark: Mark, pixel: (i32, i32)) -> Drawn {
        draw_mark(self.area, mark, pixel)
    }

    /// Draws a mark at `time`, in the row `row` below the upper edge of the plot.
    pub fn mark_above(&self, mark: Mark, time: f64, row: i32) -> Drawn {
        self.mark(mark, (self.x.pixel(time, (self.left, RIGHT)), self.top + 12 + 18 * row))
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
        Mark::Nothing => Ok(()),
        Mark::Line(colour) => {
            area.draw(&PathElement::new(vec![(x - 8, y), (x + 8, y)], colour.stroke_width(LINE)))
        }
        Mark::Thin(colour) => {
            area.draw(&PathElement::new(vec![(x - 8, y), (x + 8, y)], colour.stroke_width(THIN)))
        }
        Mark::Area(colour) => area.draw(&square((x, y), colour.mix(PALE).filled())),
        Mark::Square(colour) => area.draw(&square((x, y), colour.filled())),
        Mark::Disc(colour) => area.draw(&Circle::new((x, y), 7, colour.filled())),
        Mark::Ring(colour) => {
            area.draw(&Circle::new((x, y), 7, colour.filled()))?;
            area.draw(&Circle::new((x, y), 4, WHITE.filled()))
        }
        Mark::Point => area.draw(&Circle::new((x, y), 3, BLUE.filled())),
        Mark::Cross => area.draw(&Cross::new((x, y), 5, VERMILLION.stroke_width(2))),
        Mark::Stroke => area.draw(&PathElement::new(vec![(x, y - 6), (x, y + 6)], BLACK.stroke_width(2))),
        Mark::Triangle => area.draw(&TriangleMarker::new((x, y), 6, ShapeStyle::from(&GREY))),
    }
}

fn square((x, y): (i32, i32), style: ShapeStyle) -> Rectangle<(i32, i32)> {
    Rectangle::new([(x - 8, y - 8), (x + 8, y + 8)], style)
}

fn colour(kind: &str) -> RGBColor {
    match kind {
        "crash" => ORANGE,
        "partition" | "isolate" => PURPLE,
        "pause" => GREEN,
        "clock" => SKY,
        "slow" => YELLOW,
        _ => GREY,
    }
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
