//! Figures of a run, as SVG, as PNG and as the data they show: how long operations took, when, and whether they
//! took place at all; and what nodes counted meanwhile.
//!
//! A figure is a pure function of [`Metrics`], or for [`spans()`] of the spans it is given: the same data gives
//! the same bytes, with no fonts, files or libraries of the system involved. It knows operations and faults, and
//! no protocol.
//!
//! However many operations there are, a figure stays small enough to be opened. Lines keep what their
//! pixels show. Of the operations within a few pixels of each other, a scatter shows the fastest and the
//! slowest. The data beside a figure ([`Figure::csv`]) is always complete.

mod axis;
mod bands;
mod colour;
mod compare;
mod counts;
mod frame;
mod gauges;
mod labels;
mod over_time;
mod page;
mod raster;
mod runs;
mod spans;
pub mod sweep;

pub use gauges::gauges_over_time;
pub use spans::spans;

use crate::metrics::{Metrics, Operation, percentile};
use crate::process::Outcome;
use crate::time::{Duration, Time, format_span, nanoseconds_of};
use axis::Axis;
use colour::BLUE;
use frame::{Drawing, Drawn, Frame, LEFT, LINE, Mark, Plot};
use plotters::style::RGBColor;
use std::collections::BTreeMap;
use std::fmt::Write;

/// The names of all figures, as [`figure`] takes them.
pub const NAMES: [&str; 4] = ["latency-cdf", "latency-over-time", "availability", "gauges-over-time"];

/// What is over time, if operations are.
const INVOCATION: &str = "time of invocation";
/// The size in pixels of the cells in which a scatter shows two operations at most.
const CELL: i32 = 4;

/// A figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Its name, one of [`NAMES`], or `spans`.
    pub name: &'static str,
    /// The figure, as an SVG document.
    pub svg: String,
    /// The same figure as pixels, two for one of the SVG's in each direction.
    pub png: Vec<u8>,
    /// The data that it shows: one row of column names with their units, and then all rows, none left out.
    pub csv: String,
}

impl Figure {
    fn new(name: &'static str, Drawing { svg, png }: Drawing, csv: String) -> Figure {
        Figure { name, svg, png, csv }
    }
}

/// Why there is no figure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// There is no figure of that name.
    #[error("there is no figure `{name}`: expected {}", known.join(", "))]
    UnknownName {
        /// The name that was asked for.
        name: String,
        /// The names of the figures that there are.
        known: Vec<&'static str>,
    },
    /// The figure is of another kind of sweep.
    #[error("the figure `{name}` needs {needs}")]
    NotApplicable {
        /// Its name.
        name: &'static str,
        /// What would have to be varied.
        needs: &'static str,
    },
    /// The window of the availability is empty.
    #[error("the window of the availability is 0: expected a span of time, such as 1s")]
    EmptyWindow,
    /// The figure could not be drawn.
    #[error("the figure could not be drawn: {0}")]
    Drawing(String),
}

/// The figure called `name`, of a run that took `duration`. Availability is the share by `window`.
///
/// # Errors
/// If there is no figure of that name, or its own function reports an error.
///
/// # Panics
/// If a span is longer than 584 years.
pub fn figure(
    name: &str,
    metrics: &Metrics,
    title: &str,
    duration: Duration,
    window: Duration,
) -> Result<Figure, PlotError> {
    match name {
        "latency-cdf" => latency_cdf(metrics, title),
        "latency-over-time" => latency_over_time(metrics, title, duration),
        "availability" => availability(metrics, title, duration, window),
        "gauges-over-time" => gauges_over_time(metrics, title, duration),
        _ => Err(PlotError::UnknownName { name: name.to_string(), known: NAMES.to_vec() }),
    }
}

/// The distribution of latencies: which share of the operations that took place took how long or less,
/// with the median and the 99th percentile (nearest rank) marked. Operations that failed, or whose
/// outcome is unknown, have no latency; the key says how many operations there were.
///
/// The data is `latency_ms,share`, one row for each latency that occurred.
///
/// # Errors
/// If the figure cannot be drawn.
pub fn latency_cdf(metrics: &Metrics, title: &str) -> Result<Figure, PlotError> {
    let latencies = metrics.latencies();
    let mut csv = "latency_ms,share\n".to_string();
    let (mut curve, mut below) = (Vec::new(), 0);
    for equal in latencies.chunk_by(|a, b| a == b) {
        let latency = nanoseconds_of(equal[0]) as f64;
        let share = |count: usize| count as f64 / latencies.len() as f64;
        curve.push((latency, share(below)));
        below += equal.len();
        curve.push((latency, share(below)));
        let _ = writeln!(csv, "{},{}", milliseconds_text(equal[0]), share(below));
    }
    let frame = Frame {
        title,
        subtitle: None,
        key: vec![(Mark::Line(BLUE), taken_place(metrics))],
        left: LEFT,
        bands: &[],
        x: latency_axis(&latencies, 0.2),
        y: Axis::share("share of operations at or below"),
        absence: absence(metrics, latencies.is_empty()),
    };
    let drawing = frame.draw(|plot| {
        if curve.is_empty() {
            Ok(())
        } else {
            draw_curve(plot, BLUE, &curve, |rank| percentile(&latencies, rank))
        }
    })?;
    Ok(Figure::new(NAMES[0], drawing, csv))
}

/// Latencies over time: a point for each operation that took place, at its invocation. Operations that
/// failed, whose outcome is unknown, or that are open at the end are marked along the top. The axis ends
/// at `duration`, or at the last invocation if that is later.
///
/// The data is `invoked_s,latency_ms,outcome`, one row for each operation in the order of invocation;
/// the outcome is `ok`, `failed`, `unknown` or `open`, and only `ok` has a latency.
///
/// # Errors
/// If the figure cannot be drawn.
///
/// # Panics
/// If a span is longer than 584 years.
pub fn latency_over_time(metrics: &Metrics, title: &str, duration: Duration) -> Result<Figure, PlotError> {
    let mut csv = "invoked_s,latency_ms,outcome\n".to_string();
    let mut counts: BTreeMap<Ending, usize> = BTreeMap::new();
    for operation in metrics.operations() {
        let latency = operation.latency().map(milliseconds_text).unwrap_or_default();
        let ending = Ending::of(operation);
        *counts.entry(ending).or_default() += 1;
        let _ = writeln!(csv, "{},{latency},{}", operation.invoked.as_seconds(), ending.name());
    }
    let latencies = metrics.latencies();
    let missed: Vec<Ending> = counts.keys().copied().filter(|ending| *ending != Ending::Ok).collect();
    let frame = Frame {
        title,
        subtitle: None,
        key: counts
            .iter()
            .map(|(ending, count)| (ending.mark(), format!("{} ({count})", ending.name())))
            .collect(),
        left: LEFT,
        bands: metrics.bands(),
        x: Axis::time(INVOCATION, end(metrics, duration)),
        y: latency_axis(&latencies, 0.04 + 0.05 * missed.len() as f64),
        absence: absence(metrics, latencies.is_empty()),
    };
    let drawing = frame.draw(|plot| {
        for (row, ending) in missed.iter().enumerate() {
            draw_missed(plot, metrics, *ending, row as i32)?;
        }
        draw_points(plot, metrics)
    })?;
    Ok(Figure::new(NAMES[1], drawing, csv))
}

/// Availability over time: the share of the operations invoked in each `window` of time that took place,
/// within their deadline if the metrics have one, those that are open at the end not counted. Where no
/// operation was invoked there is no line. The axis ends at `duration`, or at the last invocation if that is
/// later.
///
/// The data is `window_start_s,share`, one row for each window in which an operation was invoked.
///
/// # Errors
/// If the window is empty, or the figure cannot be drawn.
///
/// # Panics
/// If a span is longer than 584 years.
pub fn availability(
    metrics: &Metrics,
    title: &str,
    duration: Duration,
    window: Duration,
) -> Result<Figure, PlotError> {
    if window.is_zero() {
        return Err(PlotError::EmptyWindow);
    }
    let windows = metrics.availability(window);
    let mut csv = "window_start_s,share\n".to_string();
    for (start, share) in &windows {
        let _ = writeln!(csv, "{},{share}", start.as_seconds());
    }
    let end = end(metrics, duration);
    let within = metrics.deadline().map(|deadline| format!(" within {}", format_span(deadline)));
    let within = within.unwrap_or_default();
    let (ok, all) = (metrics.overall().ok, metrics.operations().len());
    let window_text = format_span(window);
    let key = format!("by windows of {window_text}: {ok} of {all} operations took place{within}");
    let mut key = vec![(Mark::Line(BLUE), key)];
    if has_gap(&windows, window, end) {
        key.push((Mark::Nothing, "no line: nothing ended".to_string()));
    }
    let frame = Frame {
        title,
        subtitle: None,
        key,
        left: LEFT,
        bands: metrics.bands(),
        x: Axis::time(INVOCATION, end),
        y: Axis::share(&format!("share of operations that took place{within}")),
        absence: absence(metrics, windows.is_empty()),
    };
    let drawing = frame.draw(|plot| draw_windows(plot, &windows, window, end))?;
    Ok(Figure::new(NAMES[2], drawing, csv))
}

/// What became of an operation, by the end of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    Ok,
    Failed,
    Unknown,
    Open,
}

impl Ending {
    fn of(operation: &Operation) -> Ending {
        match operation.responded {
            Some((_, Outcome::Ok)) => Ending::Ok,
            Some((_, Outcome::Failed)) => Ending::Failed,
            Some((_, Outcome::Unknown)) => Ending::Unknown,
            None => Ending::Open,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Ending::Ok => "ok",
            Ending::Failed => "failed",
            Ending::Unknown => "unknown",
            Ending::Open => "open",
        }
    }

    fn mark(self) -> Mark {
        match self {
            Ending::Ok => Mark::Point,
            Ending::Failed => Mark::Cross,
            Ending::Unknown => Mark::Stroke,
            Ending::Open => Mark::Triangle,
        }
    }
}

/// Draws a distribution of latencies, and those of its percentiles that there are.
fn draw_curve(
    plot: &Plot,
    colour: RGBColor,
    curve: &[(f64, f64)],
    at_rank: impl Fn(f64) -> Option<Duration>,
) -> Drawn {
    let percentile = |(name, rank): (&str, f64)| {
        let latency = at_rank(rank)?;
        // At its rank a percentile is on the curve, and two that are equal are still apart.
        Some((format!("{name} {}", rounded(latency)), (nanoseconds_of(latency) as f64, rank)))
    };
    let percentiles: Vec<_> = [("p50", 0.5), ("p99", 0.99)].into_iter().filter_map(percentile).collect();
    percentiles.iter().try_for_each(|(_, point)| plot.guide(*point))?;
    plot.line(colour, LINE, curve)?;
    percentiles.iter().try_for_each(|(label, point)| plot.point_out(label, *point))
}

/// Marks the operations of one ending in a row along the top, one for each pixel at most.
fn draw_missed(plot: &Plot, metrics: &Metrics, ending: Ending, row: i32) -> Drawn {
    let mut columns: BTreeMap<i32, f64> = BTreeMap::new();
    for operation in metrics.operations().iter().filter(|operation| Ending::of(operation) == ending) {
        let time = operation.invoked.as_nanoseconds() as f64;
        columns.entry(plot.pixel((time, 0.0)).0).or_insert(time);
    }
    columns.into_values().try_for_each(|time| plot.mark_above(ending.mark(), time, row))
}

/// Draws a point for each operation that took place; of those in one cell, the fastest and the slowest.
fn draw_points(plot: &Plot, metrics: &Metrics) -> Drawn {
    let mut cells: BTreeMap<(i32, i32), [(i32, i32); 2]> = BTreeMap::new();
    for operation in metrics.operations() {
        let Some(latency) = operation.latency() else { continue };
        let time = operation.invoked.as_nanoseconds() as f64;
        let pixel = plot.pixel((time, nanoseconds_of(latency) as f64));
        let [slowest, fastest] = cells.entry((pixel.0 / CELL, pixel.1 / CELL)).or_insert([pixel; 2]);
        // Down the page is faster.
        *slowest = if pixel.1 < slowest.1 { pixel } else { *slowest };
        *fastest = if pixel.1 > fastest.1 { pixel } else { *fastest };
    }
    for [slowest, fastest] in cells.into_values() {
        plot.mark(Mark::Point, slowest)?;
        if fastest != slowest {
            plot.mark(Mark::Point, fastest)?;
        }
    }
    Ok(())
}

/// Draws a step for each window; a line goes on until there is a gap to be seen.
fn draw_windows(plot: &Plot, windows: &[(Time, f64)], window: Duration, end: Time) -> Drawn {
    let step = |&(start, share): &(Time, f64)| {
        [start, (start + window).min(end)].map(|time| (time.as_nanoseconds() as f64, share))
    };
    let steps: Vec<[(f64, f64); 2]> = windows.iter().map(step).collect();
    let no_gap = |a: &[(f64, f64); 2], b: &[(f64, f64); 2]| plot.pixel(b[0]).0 <= plot.pixel(a[1]).0;
    steps.chunk_by(no_gap).try_for_each(|line| plot.line(BLUE, LINE, line.as_flattened()))
}

/// Whether there are windows, and not all there could be.
fn has_gap(windows: &[(Time, f64)], window: Duration, end: Time) -> bool {
    let all = end.as_nanoseconds().div_ceil(nanoseconds_of(window));
    !windows.is_empty() && (windows.len() as u64) < all
}

fn latency_axis(latencies: &[Duration], room: f64) -> Axis {
    let fastest = latencies.first().copied().unwrap_or_default();
    let slowest = latencies.last().copied().unwrap_or(Duration::from_millis(100));
    Axis::latency(fastest, slowest, room)
}

/// Where the axis of time ends.
fn end(metrics: &Metrics, duration: Duration) -> Time {
    let last = metrics.operations().last().map_or(Time::ZERO, |operation| operation.invoked);
    last.max(Time::ZERO + duration)
}

/// What a figure says if it has nothing to show.
fn absence(metrics: &Metrics, nothing: bool) -> Option<&'static str> {
    let finished = metrics.operations().iter().any(|operation| operation.responded.is_some());
    match (nothing, finished) {
        (false, _) => None,
        (true, true) => Some("no operation took place"),
        (true, false) => Some("no operations finished"),
    }
}

fn taken_place(metrics: &Metrics) -> String {
    format!("{} of {} operations took place", metrics.count(Outcome::Ok), metrics.operations().len())
}

/// A span in milliseconds, exactly.
fn milliseconds_text(span: Duration) -> String {
    (nanoseconds_of(span) as f64 / 1e6).to_string()
}

/// A span to three digits, with its unit.
fn rounded(span: Duration) -> String {
    let nanoseconds = nanoseconds_of(span);
    let last = 10u64.pow(nanoseconds.max(1).ilog10().saturating_sub(2));
    format_span(Duration::from_nanos((nanoseconds + last / 2) / last * last))
}
