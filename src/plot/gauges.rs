//! What nodes counted over time, all of them together: how long a line was, how many transactions were in doubt.

use super::axis::Axis;
use super::colour::{COLOURS, GREY, of_line};
use super::frame::{Drawing, Frame, LEFT, LINE, Mark, THIN};
use super::over_time::{self, Line, Step};
use super::runs::WHOLE;
use super::sweep::{Sweep, csv_cell, csv_values, estimate_cells};
use super::{Figure, NAMES, PlotError};
use crate::metrics::{Gauge, Metrics};
use crate::time::{Duration, Time};
use std::collections::BTreeSet;
use std::fmt::Write;

/// What a figure says if it has nothing to show.
const ABSENCE: Option<&str> = Some("no node counts anything");

/// What all nodes together counted under each name, with its mean and its maximum. The axis ends at `duration`,
/// or at the last step if that is later.
///
/// The data is `gauge,from_s,value`, one row for each step.
///
/// # Errors
/// If the figure cannot be drawn.
///
/// # Panics
/// If a span is longer than 584 years.
pub fn gauges_over_time(metrics: &Metrics, title: &str, duration: Duration) -> Result<Figure, PlotError> {
    let gauges: Vec<(&str, Gauge)> = metrics.totals().into_iter().collect();
    let mut csv = "gauge,from_s,value\n".to_string();
    let mut end = Time::ZERO + duration;
    for (name, gauge) in &gauges {
        for (time, value) in gauge.steps() {
            let _ = writeln!(csv, "{},{},{value}", csv_cell(name), time.as_seconds());
            end = end.max(*time);
        }
    }
    let names: Vec<&str> = gauges.iter().map(|(name, _)| *name).collect();
    let colour = |index| of_line(index, gauges.len());
    let meaning = |(index, (name, gauge)): (usize, &(&str, Gauge))| {
        let level = gauge.over(Time::ZERO..end);
        let meaning = format!("{name}: mean {:.3}, at most {}", level.mean, level.maximum);
        (Mark::Line(colour(index)), meaning)
    };
    let values = gauges.iter().flat_map(|(_, gauge)| gauge.steps()).map(|(_, value)| billionths(*value));
    let frame = Frame {
        title,
        subtitle: None,
        key: gauges.iter().enumerate().map(meaning).collect(),
        left: LEFT,
        bands: metrics.bands(),
        x: Axis::time("time", end),
        y: count_axis(&names, "", values.max()),
        absence: ABSENCE.filter(|_| gauges.is_empty()),
    };
    let drawing = frame.draw(|plot| {
        gauges.iter().enumerate().try_for_each(|(index, (_, gauge))| {
            let mut points = vec![(0.0, 0.0)];
            let mut go_on = |time: Time, value: u64| {
                let (time, before) = (time.as_nanoseconds() as f64, points[points.len() - 1].1);
                points.extend([(time, before), (time, billionths(value) as f64)]);
            };
            gauge.steps().iter().for_each(|(time, value)| go_on(*time, *value));
            go_on(end, gauge.last());
            plot.line(colour(index), LINE, &points)
        })
    })?;
    Ok(Figure::new(NAMES[3], drawing, csv))
}

/// The mean of each window of time: a line for each setting in its colour, thin for all names but the first; of
/// one setting, a line in a colour of its own for each name.
pub(super) fn over_seeds(sweep: &Sweep) -> Result<(Drawing, String), PlotError> {
    let mut csv = sweep.csv_head("gauge,window_start_s,mean,mean_low,mean_high,seeds");
    let names = names(sweep);
    let alone = sweep.keys.is_empty();
    let mut lines = Vec::new();
    for (index, runs) in sweep.settings.iter().enumerate() {
        for (place, name) in names.iter().enumerate() {
            let steps = runs.gauge_by_window(name);
            for Step { from, value, seeds, .. } in &steps {
                let head = format!("{}{},{}", csv_values(runs), csv_cell(name), from.as_seconds());
                let _ = writeln!(csv, "{head},{},{seeds}", estimate_cells(Some(*value), WHOLE));
            }
            let (colour, width) = match (alone, place) {
                (true, _) => (of_line(place, names.len()), LINE),
                (false, 0) => (sweep.colour(index), LINE),
                (false, _) => (sweep.colour(index), THIN),
            };
            lines.push(Line::new(colour, width, runs, &steps));
        }
    }
    let mut key: Vec<(Mark, String)> = match alone {
        true => {
            lines.iter().zip(&names).map(|(line, name)| (Mark::Line(line.colour), name.to_string())).collect()
        }
        false => sweep.key(|_, runs| match runs.gauges().next() {
            Some(_) => runs.label(),
            None => format!("{}: never counted", runs.label()),
        }),
    };
    if let ([first, others @ ..], false) = (&names[..], alone || names.len() == 1) {
        key.push((Mark::Line(GREY), first.to_string()));
        key.push((Mark::Thin(GREY), others.join(", ")));
    }
    key.push(sweep.mark_of_medians());
    let bands = sweep.bands();
    let highest = over_time::ranges(&lines).map(|range| range.1).max();
    let frame = Frame {
        title: sweep.title,
        subtitle: sweep.subtitle(),
        key,
        left: LEFT,
        bands: &bands,
        x: Axis::time("time", over_time::end(sweep)),
        y: count_axis(&names, ", mean of each window", highest),
        absence: ABSENCE.filter(|_| highest.is_none()),
    };
    Ok((over_time::draw(&frame, &lines, 1.0)?, csv))
}

/// Whether there are gauges, and each line looks different.
pub(super) fn are_few(sweep: &Sweep) -> bool {
    let (names, settings) = (names(sweep).len(), sweep.settings.len());
    (1..=COLOURS).contains(&names) && settings <= COLOURS && (names <= 2 || sweep.keys.is_empty())
}

/// What the runs of any setting counted.
fn names(sweep: &Sweep) -> Vec<&'static str> {
    let names: BTreeSet<_> =
        sweep.settings.iter().flat_map(|runs| runs.gauges()).map(|(name, _)| name).collect();
    names.into_iter().collect()
}

/// From zero to the highest count, in billionths, of which it shows `what`.
fn count_axis(names: &[&str], what: &str, highest: Option<u64>) -> Axis {
    let name = if let [name] = names { name } else { "count" };
    let title = format!("{name}, all nodes together{what}");
    Axis::quantity(&title, 0, highest.unwrap_or(0).max(WHOLE as u64))
}

fn billionths(count: u64) -> u64 {
    count.saturating_mul(WHOLE as u64)
}
