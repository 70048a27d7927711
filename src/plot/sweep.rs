//! Figures over many seeds and settings: medians with their 95 % confidence bands, a line for each setting.
//!
//! | name | shows | needs |
//! |---|---|---|
//! | `latency-cdf` | the latencies of all operations | |
//! | `latency-over-time` | the median latency by windows of time | |
//! | `availability` | the share of operations that took place, by windows of time | |
//! | `gauges-over-time` | what nodes counted together: its mean by windows of time | |
//! | `latency-against-load` | p50, p90 and p99 over the operations that are invoked per second | one key, of quantities |
//! | `availability-against-staleness` | a point for each setting | reads of keys and values |
//! | `heat-map-availability`, `heat-map-latency`, `heat-map-staleness` | a cell for each setting; p99 latency | two keys |
//!
//! The data beside a figure has a column for each key, then what is shown, then the ends of its band, which
//! are empty if there are too few seeds. What runs have in a window of time is shown if at least half of them
//! have something there, so that few do not speak for all. A band is where the median of all seeds is to be
//! expected, not the runs.
//!
//! ```
//! use netsplit::metrics::Metrics;
//! use netsplit::plot::sweep::{self, Key, Runs, Sweep};
//! use netsplit::prelude::*;
//!
//! let key = Key { name: "replicas".to_string(), values: vec!["3".to_string(), "5".to_string()] };
//! let settings: Vec<Runs> = key
//!     .values
//!     .iter()
//!     .map(|value| {
//!         let mut runs = Runs::new(&[value.clone()], seconds(60), Some(seconds(1)));
//!         runs.add(&Metrics::default(), None); // for each seed: what an observer of its run has seen
//!         runs
//!     })
//!     .collect();
//! let sweep = Sweep { title: "Replicas", keys: &[key], settings: settings.iter().collect() };
//! let figure = sweep::figure("availability", &sweep)?;
//! assert!(figure.svg.contains("no operations finished"));
//! # Ok::<(), netsplit::plot::PlotError>(())
//! ```

use super::axis::Axis;
use super::colour::{COLOURS, GREY, of_line};
use super::counts::BAND_FROM;
pub use super::counts::{Counts, OverSeeds};
use super::frame::{Drawing, Frame, LEFT, LINE, Mark};
use super::runs::Measure;
pub use super::runs::Runs;
use super::{Figure, PlotError, compare, draw_curve, gauges, over_time, rounded};
use crate::metrics::Band;
use crate::time::{Duration, format_span};
use plotters::style::RGBColor;
use std::fmt::Write;

/// What the band of a median is.
pub(super) const BAND: &str = "95 % confidence band";

/// What is varied, and its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: String,
    /// Its values, in the order in which they are shown.
    pub values: Vec<String>,
}

/// What figures are made of.
#[derive(Clone, Debug)]
pub struct Sweep<'a> {
    /// The title of each figure.
    pub title: &'a str,
    /// What is varied; nothing if there is one setting.
    pub keys: &'a [Key],
    /// The runs of each combination of values.
    pub settings: Vec<&'a Runs>,
}

/// One kind of figure.
struct Kind {
    name: &'static str,
    needs: &'static str,
    applies: fn(&[Key]) -> bool,
    /// Whether there is something to be seen in it.
    shows: fn(&Sweep) -> bool,
    draw: Draw,
}

/// Draws a figure, and writes its data.
type Draw = fn(&Sweep) -> Result<(Drawing, String), PlotError>;

const KINDS: [Kind; 9] = [
    over_any("latency-cdf", is_short, latency_cdf),
    over_any("latency-over-time", is_short, |sweep| over_time::by_window(sweep, Measure::Latency)),
    over_any("availability", is_short, |sweep| over_time::by_window(sweep, Measure::Availability)),
    over_any("gauges-over-time", gauges::are_few, gauges::over_seeds),
    Kind {
        name: "latency-against-load",
        needs: "one varied key, whose values are numbers, spans or distributions",
        applies: |keys| matches!(keys, [key] if key.values.iter().all(|value| is_quantity(value))),
        shows: compare::loads_differ,
        draw: compare::latency_against_load,
    },
    over_any("availability-against-staleness", has_reads, compare::availability_against_staleness),
    over_two_keys(
        "heat-map-availability",
        |_| true,
        |sweep| compare::heat_map(sweep, &compare::AVAILABILITY),
    ),
    over_two_keys("heat-map-latency", |_| true, |sweep| compare::heat_map(sweep, &compare::LATENCY)),
    over_two_keys("heat-map-staleness", has_reads, |sweep| compare::heat_map(sweep, &compare::STALENESS)),
];

const fn over_any(name: &'static str, shows: fn(&Sweep) -> bool, draw: Draw) -> Kind {
    Kind { name, needs: "a sweep", applies: |_| true, shows, draw }
}

const fn over_two_keys(name: &'static str, shows: fn(&Sweep) -> bool, draw: Draw) -> Kind {
    Kind { name, needs: "two varied keys", applies: |keys| keys.len() == 2, shows, draw }
}

/// Whether each setting has a line of its own colour.
fn is_short(sweep: &Sweep) -> bool {
    sweep.settings.len() <= COLOURS
}

fn has_reads(sweep: &Sweep) -> bool {
    sweep.settings.iter().any(|runs| runs.stale().is_some())
}

/// A number, a span or a distribution, and no name.
fn is_quantity(value: &str) -> bool {
    value.trim_start_matches('"').starts_with(|c: char| c.is_ascii_digit() || "{.".contains(c))
}

/// The names of all figures, as [`figure`] takes them.
pub fn names() -> Vec<&'static str> {
    KINDS.iter().map(|kind| kind.name).collect()
}

/// Whether the figure called `name` can be made of a sweep over `keys`.
///
/// # Errors
/// If there is no figure of that name, or something else would have to be varied.
pub fn applies(name: &str, keys: &[Key]) -> Result<(), PlotError> {
    kind(name, keys).map(|_| ())
}

/// The names of the figures that show something of `sweep`.
pub fn suitable(sweep: &Sweep) -> Vec<&'static str> {
    let suits = |kind: &&Kind| (kind.applies)(sweep.keys) && (kind.shows)(sweep);
    KINDS.iter().filter(suits).map(|kind| kind.name).collect()
}

/// The figure called `name`, one of [`names`].
///
/// # Errors
/// If there is no figure of that name, it does not [apply](applies), or it cannot be drawn.
pub fn figure(name: &str, sweep: &Sweep) -> Result<Figure, PlotError> {
    let kind = kind(name, sweep.keys)?;
    let (drawing, csv) = (kind.draw)(sweep)?;
    Ok(Figure::new(kind.name, drawing, csv))
}

fn kind(name: &str, keys: &[Key]) -> Result<&'static Kind, PlotError> {
    let unknown = || PlotError::UnknownName { name: name.to_string(), known: names() };
    let kind = KINDS.iter().find(|kind| kind.name == name).ok_or_else(unknown)?;
    match (kind.applies)(keys) {
        true => Ok(kind),
        false => Err(PlotError::NotApplicable { name: kind.name, needs: kind.needs }),
    }
}

/// The distribution of the latencies of all seeds together, to four digits.
fn latency_cdf(sweep: &Sweep) -> Result<(Drawing, String), PlotError> {
    let mut csv = sweep.csv_head("latency_ms,share");
    let mut curves = Vec::new();
    for runs in &sweep.settings {
        let all = runs.latencies().total() as f64;
        let (mut curve, mut below) = (Vec::new(), 0);
        for (latency, count) in runs.latencies().iter() {
            curve.push((latency as f64, below as f64 / all));
            below += count;
            curve.push((latency as f64, below as f64 / all));
            let _ = writeln!(csv, "{}{},{}", csv_values(runs), latency as f64 / 1e6, below as f64 / all);
        }
        curves.push(curve);
    }
    let ends = curves.iter().filter_map(|curve| Some((curve.first()?.0 as u64, curve.last()?.0 as u64)));
    let latencies = |runs: &Runs| match (runs.latency(0.5), runs.latency(0.99)) {
        (Some(p50), Some(p99)) => format!("p50 {}, p99 {}", rounded(p50), rounded(p99)),
        _ => runs.nothing().to_string(),
    };
    let alone = sweep.keys.is_empty();
    let meaning = |runs: &Runs| match alone {
        true => format!("the {} operations of {} that took place", runs.latencies().total(), sweep.seeds()),
        false => format!("{}: {}", runs.label(), latencies(runs)),
    };
    let frame = Frame {
        title: sweep.title,
        subtitle: sweep.subtitle(),
        key: sweep.key(|_, runs| meaning(runs)),
        left: LEFT,
        bands: &[],
        // With room for the label of the last percentile.
        x: latency_axis(ends.clone(), if alone { 0.2 } else { 0.05 }),
        y: Axis::share("share of operations at or below"),
        absence: sweep.absence(ends.clone().next().is_none()),
    };
    let drawing = frame.draw(|plot| {
        for (index, curve) in curves.iter().enumerate().filter(|(_, curve)| !curve.is_empty()) {
            let at_rank = |rank| sweep.settings[index].latency(rank).filter(|_| alone);
            draw_curve(plot, sweep.colour(index), curve, at_rank)?;
        }
        Ok(())
    })?;
    Ok((drawing, csv))
}

impl Sweep<'_> {
    /// The colour of the setting at `index`.
    pub(super) fn colour(&self, index: usize) -> RGBColor {
        of_line(index, self.settings.len())
    }

    /// The width of the line of the setting at `index`. Stores are often all available, and their lines
    /// coincide: those on top are narrower, so that all are seen.
    pub(super) fn width(&self, index: usize, measure: Measure) -> u32 {
        let above = (self.settings.len() - 1 - index) as u32;
        match (measure, self.settings.len()) {
            (Measure::Availability, 2..=4) => 2 + 2 * above,
            (Measure::Availability, 5..=COLOURS) => 2 + above,
            _ => LINE,
        }
    }

    /// What is varied, which the title may say otherwise.
    pub(super) fn subtitle(&self) -> Option<String> {
        (!self.keys.is_empty()).then(|| format!("varied: {}", self.names()))
    }

    /// A line for each setting.
    pub(super) fn key(&self, meaning: impl Fn(usize, &Runs) -> String) -> Vec<(Mark, String)> {
        let settings = self.settings.iter().enumerate();
        settings.map(|(index, runs)| (Mark::Line(self.colour(index)), meaning(index, runs))).collect()
    }

    /// The same of medians and their bands.
    pub(super) fn key_of_medians(&self, meaning: impl Fn(usize, &Runs) -> String) -> Vec<(Mark, String)> {
        if self.keys.is_empty() {
            let line = (Mark::Line(self.colour(0)), format!("median over {}", self.seeds()));
            let band = (Mark::Area(self.colour(0)), format!("{BAND} of the median"));
            return [line].into_iter().chain(self.has_bands().then_some(band)).collect();
        }
        let mut key = self.key(meaning);
        key.push(self.mark_of_medians());
        key
    }

    /// What lines and areas of any colour are.
    pub(super) fn mark_of_medians(&self) -> (Mark, String) {
        (if self.has_bands() { Mark::Area(GREY) } else { Mark::Nothing }, self.medians())
    }

    /// What a value is, in words.
    pub(super) fn medians(&self) -> String {
        let band = if self.has_bands() { format!(", with the {BAND} of the median") } else { String::new() };
        format!("median over {}{band}", self.seeds())
    }

    fn has_bands(&self) -> bool {
        self.settings.iter().any(|runs| runs.count() >= BAND_FROM)
    }

    /// What availability is, in words.
    pub(super) fn available(&self) -> String {
        format!("share of operations that took place{}", self.within())
    }

    /// In what time operations have to take place to count, in words; nothing if at any.
    pub(super) fn within(&self) -> String {
        let deadline = self.settings.first().and_then(|runs| runs.deadline);
        let same = deadline.filter(|_| self.settings.iter().all(|runs| runs.deadline == deadline));
        same.map(|deadline| format!(" within {}", format_span(deadline))).unwrap_or_default()
    }

    /// What is counted over all of a run, in words.
    pub(super) fn whole(&self) -> String {
        match self.settings.split_first() {
            Some((first, rest)) if rest.iter().all(|runs| runs.duration == first.duration) => {
                format!("over the whole run of {}", format_span(first.duration))
            }
            _ => "over whole runs".to_string(),
        }
    }

    /// The names of what is varied.
    pub(super) fn names(&self) -> String {
        self.keys.iter().map(|key| key.name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// How many seeds there are, in words.
    pub(super) fn seeds(&self) -> String {
        let counts = || self.settings.iter().map(|runs| runs.count());
        match (counts().min().unwrap_or(0), counts().max().unwrap_or(0)) {
            (1, 1) => "1 seed".to_string(),
            (fewest, most) if fewest == most => format!("{most} seeds"),
            // Interrupted.
            (fewest, most) => format!("{fewest} to {most} seeds"),
        }
    }

    /// The head of a table with a column for each key, and `columns`.
    pub(super) fn csv_head(&self, columns: &str) -> String {
        let keys: String = self.keys.iter().map(|key| csv_cell(&key.name) + ",").collect();
        format!("{keys}{columns}\n")
    }

    /// What a figure says if it has nothing to show.
    pub(super) fn absence(&self, nothing: bool) -> Option<&'static str> {
        let finished = self.settings.iter().any(|runs| runs.availability().is_some());
        match (nothing, finished) {
            (false, _) => None,
            (true, true) => Some("no operation took place"),
            (true, false) => Some("no operations finished"),
        }
    }

    /// What was wrong at the same time in every run of every setting.
    pub(super) fn bands(&self) -> Vec<Band> {
        let mut settings = self.settings.iter().filter(|runs| runs.count() > 0).map(|runs| runs.bands());
        let mut bands = settings.next().unwrap_or_default();
        settings.for_each(|others| bands.retain(|band| others.contains(band)));
        bands
    }
}

/// An axis for latencies in nanoseconds, each from a low to a high one, of which a share `room` is left free.
pub(super) fn latency_axis(ranges: impl Iterator<Item = (u64, u64)> + Clone, room: f64) -> Axis {
    let fastest = ranges.clone().map(|range| range.0).min().unwrap_or(0);
    let slowest = ranges.map(|range| range.1).max().unwrap_or(100_000_000);
    Axis::latency(Duration::from_nanos(fastest), Duration::from_nanos(slowest), room)
}

impl Runs {
    /// The values of what is varied, in words.
    pub(super) fn label(&self) -> String {
        self.values.iter().map(|value| plain(value)).collect::<Vec<_>>().join(", ")
    }

    /// Why there is no latency, in words.
    pub(super) fn nothing(&self) -> &'static str {
        if self.availability().is_none() { "nothing ended" } else { "nothing took place" }
    }
}

/// A value without the marks of its notation: `exponential 40ms`.
pub(super) fn plain(value: &str) -> String {
    let plain = value.replace(['"', '{', '}', '[', ']'], "").replace('=', " ");
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The values of a setting, as the first cells of a line.
pub(super) fn csv_values(runs: &Runs) -> String {
    runs.values.iter().map(|value| csv_cell(value) + ",").collect()
}

/// A median and its band as three cells, empty if there is none, in units of `scale` billionths.
pub(crate) fn estimate_cells(value: Option<OverSeeds>, scale: f64) -> String {
    let cell = |value: Option<u64>| value.map(|value| (value as f64 / scale).to_string()).unwrap_or_default();
    let band = value.and_then(|value| value.band);
    let cells = [value.map(|value| value.median), band.map(|band| band.0), band.map(|band| band.1)];
    cells.map(cell).join(",")
}

/// A share in billionths, to four places, and 1 only if it is all.
pub(crate) fn share_text(share: u64) -> String {
    ((share / 100_000) as f64 / 10_000.0).to_string()
}

/// A text as a cell of a table.
pub(crate) fn csv_cell(text: &str) -> String {
    match text.contains([',', '"', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_string(),
    }
}
