//! Figures that compare settings by what the runs of each come to.

use super::PlotError;
use super::axis::Axis;
use super::colour::{BLUE, ORANGE, VERMILLION, of_share};
use super::frame::{Drawing, Drawn, Frame, LEFT, LINE, Mark};
use super::raster::text_width;
use super::rounded;
use super::runs::{PERCENTILES, Runs, WHOLE};
use super::sweep::{Counts, OverSeeds, Sweep, csv_values, estimate_cells, latency_axis, plain, share_text};
use crate::time::Duration;
use plotters::style::RGBColor;
use std::fmt::Write;

/// The percentiles of a run's latencies over the load that is offered: the operations that are invoked per
/// second.
pub(super) fn latency_against_load(sweep: &Sweep) -> Result<(Drawing, String), PlotError> {
    let columns = PERCENTILES.map(|(name, _)| format!("{name}_ms,{name}_low_ms,{name}_high_ms"));
    let mut csv = sweep.csv_head(&format!("invocations_per_s,{}", columns.join(",")));
    let mut settings: Vec<(&Runs, u64)> =
        sweep.settings.iter().filter_map(|runs| Some((*runs, runs.load()?.median))).collect();
    settings.sort_by_key(|(_, load)| *load);
    for (runs, load) in &settings {
        let percentiles = runs.percentiles().map(|percentile| estimate_cells(percentile, 1e6)).join(",");
        let _ = writeln!(csv, "{}{},{percentiles}", csv_values(runs), *load as f64 / WHOLE);
    }
    let line = |place: usize| -> Vec<(u64, OverSeeds)> {
        settings.iter().filter_map(|(runs, load)| Some((*load, runs.percentiles()[place]?))).collect()
    };
    let lines = [line(0), line(1), line(2)];
    let ranges = || lines.iter().flatten().map(|(_, value)| value.range());
    let colours = [BLUE, ORANGE, VERMILLION];
    let names = PERCENTILES.iter().zip(colours);
    let mut key: Vec<(Mark, String)> =
        names.map(|((name, _), colour)| (Mark::Line(colour), name.to_string())).collect();
    key.push((Mark::Nothing, format!("each the {}", sweep.medians())));
    let heaviest = settings.last().map_or(1, |(_, load)| *load);
    let frame = Frame {
        title: sweep.title,
        key,
        left: LEFT,
        bands: &[],
        x: Axis::quantity(&format!("operations offered per second, by {}", sweep.names()), 0, heaviest),
        y: latency_axis(ranges(), 0.05),
        absence: sweep.absence(ranges().next().is_none()),
    };
    let drawing = frame.draw(|plot| {
        let points = |line: &[(u64, OverSeeds)], of: fn(OverSeeds) -> u64| -> Vec<(f64, f64)> {
            line.iter().map(|(load, value)| (*load as f64, of(*value) as f64)).collect()
        };
        for (line, colour) in lines.iter().zip(colours).filter(|(line, _)| !line.is_empty()) {
            plot.between(
                colour,
                &points(line, |value| value.range().0),
                &points(line, |value| value.range().1),
            )?;
        }
        for (line, colour) in lines.iter().zip(colours).filter(|(line, _)| !line.is_empty()) {
            let medians = points(line, |value| value.median);
            plot.line(colour, LINE, &medians)?;
            medians.iter().try_for_each(|point| plot.mark(Mark::Disc(colour), plot.pixel(*point)))?;
        }
        Ok(())
    })?;
    Ok((drawing, csv))
}

/// A point for each setting that has reads, with the bands of both shares.
pub(super) fn availability_against_staleness(sweep: &Sweep) -> Result<(Drawing, String), PlotError> {
    let mut csv =
        sweep.csv_head("stale_share,stale_low,stale_high,availability,availability_low,availability_high");
    let mut points = Vec::new();
    for (index, runs) in sweep.settings.iter().enumerate() {
        let [stale, available] = [runs.stale(), runs.availability()];
        let cells = [stale, available].map(|value| estimate_cells(value, WHOLE)).join(",");
        let _ = writeln!(csv, "{}{cells}", csv_values(runs));
        if let (Some(stale), Some(available)) = (stale, available) {
            points.push((sweep.colour(index), runs.label(), stale, available));
        }
    }
    let most = points.iter().map(|(_, _, stale, _)| stale.range().1).max().unwrap_or(0);
    let least = points.iter().map(|(_, _, _, available)| available.range().0).min().unwrap_or(0);
    let whole = WHOLE as u64;
    let what = format!("medians over {}, with their 95 % bands", sweep.seeds());
    let what =
        if sweep.keys.is_empty() { what } else { format!("a point for each {}: {what}", sweep.names()) };
    let frame = Frame {
        title: sweep.title,
        key: vec![(Mark::Nothing, what)],
        left: LEFT,
        bands: &[],
        x: Axis::quantity("share of reads that were stale", 0, most.max(whole / 100)),
        y: Axis::quantity(&sweep.available(), least.min(whole - whole / 100), whole),
        absence: points.is_empty().then_some("no reads of keys and values"),
    };
    let drawing = frame.draw(|plot| {
        let mut drawn = Vec::new();
        for (colour, _, stale, available) in &points {
            let middle = (stale.median as f64, available.median as f64);
            let [(left, right), (low, high)] =
                [stale, available].map(|value| (value.range().0 as f64, value.range().1 as f64));
            let intervals = [[(left, middle.1), (right, middle.1)], [(middle.0, low), (middle.0, high)]];
            for [from, to] in intervals.into_iter().filter(|[from, to]| from != to) {
                plot.interval(*colour, from, to)?;
            }
            plot.mark(Mark::Disc(*colour), plot.pixel(middle))?;
            drawn.extend(intervals);
        }
        let labels = points.iter().map(|(_, label, stale, available)| {
            ((stale.median as f64, available.median as f64), label.as_str())
        });
        plot.label(&labels.collect::<Vec<_>>(), &drawn)
    })?;
    Ok((drawing, csv))
}

/// What a heat map shows.
pub(super) struct Heat {
    what: fn(&Sweep) -> String,
    column: &'static str,
    /// How many billionths a unit of the column has.
    scale: f64,
    of: fn(&Runs) -> Option<OverSeeds>,
    text: fn(u64) -> String,
    axis: fn(u64, u64) -> Axis,
    absence: &'static str,
}

pub(super) const AVAILABILITY: Heat = Heat {
    what: |sweep| sweep.available(),
    column: "availability",
    scale: WHOLE,
    of: Runs::availability,
    text: share_text,
    axis: |low, high| Axis::quantity("", low, high),
    absence: "no operations finished",
};
pub(super) const LATENCY: Heat = Heat {
    what: |_| "99th percentile of latency".to_string(),
    column: "p99_ms",
    scale: 1e6,
    of: |runs| runs.percentiles()[2],
    text: |latency| rounded(Duration::from_nanos(latency)),
    axis: |low, high| latency_axis([(low, high)].into_iter(), 0.0),
    absence: "no operation took place",
};
pub(super) const STALENESS: Heat = Heat {
    what: |_| "share of reads that were stale".to_string(),
    column: "stale_share",
    scale: WHOLE,
    of: Runs::stale,
    text: share_text,
    axis: |low, high| Axis::quantity("", low, high),
    absence: "no reads of keys and values",
};

/// A cell for each combination of two keys, in the colour of its median over seeds, with the number.
pub(super) fn heat_map(sweep: &Sweep, heat: &Heat) -> Result<(Drawing, String), PlotError> {
    let column = heat.column;
    let mut csv = sweep.csv_head(&format!("{column},{column}_low,{column}_high"));
    let mut all = Counts::default();
    for runs in &sweep.settings {
        let value = (heat.of)(runs);
        let _ = writeln!(csv, "{}{}", csv_values(runs), estimate_cells(value, heat.scale));
        value.into_iter().for_each(|value| all.add(value.median));
    }
    let (low, high) = (all.at_rank(0.0).unwrap_or(0), all.at_rank(1.0).unwrap_or(0));
    let colours = (heat.axis)(low, high);
    let colour = |value: u64| -> RGBColor {
        let share = colours.share_of(value as f64, (low as f64, high as f64));
        of_share(if low == high { 0.5 } else { share })
    };
    let [across, up] = [0, 1].map(|place: usize| {
        let labels: Vec<String> = sweep.keys[place].values.iter().map(|value| plain(value)).collect();
        (Axis::places(&sweep.keys[place].name, &labels), labels)
    });
    let widest = up.1.iter().map(|label| text_width(label, 16.0)).max().unwrap_or(0);
    let mut key = vec![(Mark::Nothing, format!("{}, median over {}:", (heat.what)(sweep), sweep.seeds()))];
    if all.total() > 0 {
        let mut ends = vec![low, high];
        ends.dedup();
        key.extend(ends.into_iter().map(|end| (Mark::Square(colour(end)), (heat.text)(end))));
    }
    let frame = Frame {
        title: sweep.title,
        key,
        left: LEFT.max(56 + widest).min(3 * LEFT),
        bands: &[],
        x: across.0,
        y: up.0,
        absence: (all.total() == 0).then_some(heat.absence),
    };
    let drawing = frame.draw(|plot| -> Drawn {
        for runs in &sweep.settings {
            let place = |key: usize| {
                let values = &sweep.keys[key].values;
                values.iter().position(|value| *value == runs.values[key]).unwrap_or(0) as f64
            };
            let Some(value) = (heat.of)(runs) else { continue };
            let (x, y) = (place(0), place(1));
            plot.cell(colour(value.median), (x, y), (x + 1.0, y + 1.0), &(heat.text)(value.median))?;
        }
        Ok(())
    })?;
    Ok((drawing, csv))
}
