//! Lines over time: medians over seeds by windows of time, with their bands and their gaps.

use super::axis::Axis;
use super::frame::{Drawing, Frame, LEFT, Mark};
use super::runs::{Measure, Runs, WHOLE};
use super::sweep::{OverSeeds, Sweep, csv_values, estimate_cells, latency_axis};
use super::{INVOCATION, PlotError};
use crate::time::{Duration, Time};
use plotters::style::RGBColor;
use std::fmt::Write;

/// A line, with gaps where too few runs have something.
pub(super) struct Line {
    pub colour: RGBColor,
    pub width: u32,
    steps: Vec<Step>,
    /// Whether some have something in a gap.
    few: bool,
}

/// What a line shows in one window of time, in billionths.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub from: Time,
    pub to: Time,
    pub value: OverSeeds,
    /// In how many runs there is a value.
    pub seeds: u64,
}

impl Line {
    /// The line of those steps in which half of the runs have a value.
    pub fn new(colour: RGBColor, width: u32, runs: &Runs, steps: &[Step]) -> Line {
        let shown: Vec<Step> = steps.iter().filter(|step| 2 * step.seeds >= runs.count()).copied().collect();
        Line { colour, width, few: shown.len() < steps.len(), steps: shown }
    }

    /// Lines without gaps.
    fn parts(&self) -> impl Iterator<Item = &[Step]> {
        self.steps.chunk_by(|a, b| a.to == b.from)
    }

    fn has_gap(&self, end: Time) -> bool {
        let (Some(first), Some(last)) = (self.steps.first(), self.steps.last()) else { return false };
        first.from > Time::ZERO || last.to < end || self.parts().count() > 1
    }
}

/// From the lowest to the highest value of each step of all lines.
pub(super) fn ranges(lines: &[Line]) -> impl Iterator<Item = (u64, u64)> + Clone + '_ {
    lines.iter().flat_map(|line| &line.steps).map(|step| step.value.range())
}

/// A measure by windows of time.
pub(super) fn by_window(sweep: &Sweep, measure: Measure) -> Result<(Drawing, String), PlotError> {
    let (column, scale, nothing) = match measure {
        Measure::Availability => ("share", WHOLE, "nothing ended"),
        Measure::Latency => ("latency_ms", 1e6, "nothing took place"),
    };
    let mut csv = sweep.csv_head(&format!("window_start_s,{column},{column}_low,{column}_high,seeds"));
    let mut lines = Vec::new();
    for (index, runs) in sweep.settings.iter().enumerate() {
        let steps = runs.by_window(measure);
        for Step { from, value, seeds, .. } in &steps {
            let cells = estimate_cells(Some(*value), scale);
            let _ = writeln!(csv, "{}{},{cells},{seeds}", csv_values(runs), from.as_seconds());
        }
        lines.push(Line::new(sweep.colour(index), sweep.width(index, measure), runs, &steps));
    }
    let meaning = |index: usize, runs: &Runs| match &lines[index] {
        line if !line.steps.is_empty() => runs.label(),
        line if line.few => format!("{}: something in too few seeds", runs.label()),
        _ => format!("{}: {}", runs.label(), runs.nothing()),
    };
    let mut key = sweep.key_of_medians(meaning);
    let end = end(sweep);
    if lines.iter().any(|line| line.has_gap(end)) {
        let most = if lines.iter().any(|line| line.few) { " in most seeds" } else { "" };
        key.push((Mark::Nothing, format!("no line: {nothing}{most}")));
    }
    let (y, unit) = match measure {
        Measure::Availability => (Axis::share(&sweep.available()), WHOLE),
        Measure::Latency => {
            let mut axis = latency_axis(ranges(&lines), 0.05);
            axis.title = format!("median {}", axis.title);
            (axis, 1.0)
        }
    };
    let absence = sweep.absence(ranges(&lines).next().is_none());
    let bands = sweep.bands();
    let frame = Frame {
        title: sweep.title,
        subtitle: sweep.subtitle(),
        key,
        left: LEFT,
        bands: &bands,
        x: Axis::time(INVOCATION, end),
        y,
        absence,
    };
    Ok((draw(&frame, &lines, unit)?, csv))
}

/// The lines with their bands, on an axis of which a unit has `unit` billionths.
pub(super) fn draw(frame: &Frame, lines: &[Line], unit: f64) -> Result<Drawing, PlotError> {
    let points = |steps: &[Step], of: fn(OverSeeds) -> u64| -> Vec<(f64, f64)> {
        let ends = |step: &Step| {
            [step.from, step.to].map(|time| (time.as_nanoseconds() as f64, of(step.value) as f64 / unit))
        };
        steps.iter().flat_map(ends).collect()
    };
    let parts = || lines.iter().flat_map(|line| line.parts().map(move |steps| (line, steps)));
    frame.draw(|plot| {
        parts().try_for_each(|(line, steps)| {
            let [low, high] = [|value: OverSeeds| value.range().0, |value: OverSeeds| value.range().1];
            plot.between(line.colour, &points(steps, low), &points(steps, high))
        })?;
        parts().try_for_each(|(line, steps)| {
            plot.line(line.colour, line.width, &points(steps, |value| value.median))
        })
    })
}

/// Where the axis of time ends.
pub(super) fn end(sweep: &Sweep) -> Time {
    Time::ZERO + sweep.settings.iter().map(|runs| runs.duration).max().unwrap_or(Duration::ZERO)
}
