//! Figures that compare settings by what the runs of each come to.

use super::PlotError;
use super::axis::Axis;
use super::colour::{BLUE, GREY, ORANGE, VERMILLION, of_share};
use super::frame::{Drawing, Drawn, Frame, LEFT, LINE, Mark, Plot};
use super::raster::text_width;
use super::rounded;
use super::runs::{PERCENTILES, Runs, WHOLE};
use super::sweep::{Counts, OverSeeds, Sweep, csv_values, estimate_cells, latency_axis, plain, share_text};
use crate::time::Duration;
use plotters::style::RGBColor;
use std::fmt::Write;

/// The share of operations from which on latencies speak for the system: those of the others are not known.
const ENOUGH: u64 = 990_000_000;

/// A percentile of one setting.
#[derive(Clone, Copy)]
struct Point {
    load: u64,
    value: OverSeeds,
    /// Whether many operations did not take place.
    hollow: bool,
}

impl Point {
    fn at(self, value: u64) -> (f64, f64) {
        (self.load as f64, value as f64)
    }

    fn median(self) -> (f64, f64) {
        self.at(self.value.median)
    }
}

/// The percentiles of a run's latencies over the load that is offered: the operations that are invoked per
/// second. Hollow and dashed where many of them did not take place, which have no latency.
pub(super) fn latency_against_load(sweep: &Sweep) -> Result<(Drawing, String), PlotError> {
    let columns = PERCENTILES.map(|(name, _)| format!("{name}_ms,{name}_low_ms,{name}_high_ms"));
    let available = "availability,availability_low,availability_high";
    let mut csv = sweep.csv_head(&format!("invocations_per_s,{},{available}", columns.join(",")));
    let mut settings: Vec<(&Runs, u64)> =
        sweep.settings.iter().filter_map(|runs| Some((*runs, runs.load()?.median))).collect();
    settings.sort_by_key(|(_, load)| *load);
    for (runs, load) in &settings {
        let percentiles = runs.percentiles().map(|percentile| estimate_cells(percentile, 1e6)).join(",");
        let available = estimate_cells(runs.availability(), WHOLE);
        let _ = writeln!(csv, "{}{},{percentiles},{available}", csv_values(runs), *load as f64 / WHOLE);
    }
    let line = |place: usize| -> Vec<Point> {
        let point = |(runs, load): &(&Runs, u64)| {
            let hollow = runs.availability().is_some_and(|share| share.median < ENOUGH);
            Some(Point { load: *load, value: runs.percentiles()[place]?, hollow })
        };
        settings.iter().filter_map(point).collect()
    };
    let lines = [line(0), line(1), line(2)];
    let ranges = || lines.iter().flatten().map(|point| point.value.range());
    let colours = [BLUE, ORANGE, VERMILLION];
    let names = PERCENTILES.iter().zip(colours);
    let mut key: Vec<(Mark, String)> =
        names.map(|((name, _), colour)| (Mark::Line(colour), name.to_string())).collect();
    key.push((Mark::Nothing, "of the operations that took place".to_string()));
    if lines.iter().flatten().any(|point| point.hollow) {
        key.push((Mark::Ring(GREY), format!("fewer than 99 % did{}", sweep.within())));
    }
    let without = settings.iter().filter(|(runs, _)| runs.latencies().total() == 0);
    key.extend(without.map(|(runs, _)| (Mark::Nothing, format!("{}: {}", runs.label(), runs.nothing()))));
    key.push((Mark::Nothing, format!("each the {}", sweep.medians())));
    let heaviest = settings.last().map_or(1, |(_, load)| *load);
    let frame = Frame {
        title: sweep.title,
        subtitle: sweep.subtitle(),
        key,
        left: LEFT,
        bands: &[],
        x: Axis::quantity(&format!("operations offered per second, by {}", sweep.names()), 0, heaviest),
        y: latency_axis(ranges(), 0.05),
        absence: sweep.absence(ranges().next().is_none()),
    };
    let drawing = frame.draw(|plot| {
        for (line, colour) in lines.iter().zip(colours).filter(|(line, _)| !line.is_empty()) {
            let [low, high] = [0, 1].map(|end| -> Vec<(f64, f64)> {
                line.iter()
                    .map(|point| point.at([point.value.range().0, point.value.range().1][end]))
                    .collect()
            });
            plot.between(colour, &low, &high)?;
        }
        lines.iter().zip(colours).try_for_each(|(line, colour)| draw_percentile(plot, colour, line))
    })?;
    Ok((drawing, csv))
}

/// Draws a line through the points, in dashes to and from hollow ones.
fn draw_percentile(plot: &Plot, colour: RGBColor, line: &[Point]) -> Drawn {
    for pair in line.windows(2) {
        let [from, to] = [pair[0].median(), pair[1].median()];
        match pair.iter().any(|point| point.hollow) {
            true => plot.dashes(colour, from, to)?,
            false => plot.line(colour, LINE, &[from, to])?,
        }
    }
    line.iter().try_for_each(|point| {
        let mark = if point.hollow { Mark::Ring(colour) } else { Mark::Disc(colour) };
        plot.mark(mark, plot.pixel(point.median()))
    })
}

/// Whether the loads of the settings are so different that a line over them shows something: by 5 %.
pub(super) fn loads_differ(sweep: &Sweep) -> bool {
    let loads = || sweep.settings.iter().filter_map(|runs| Some(runs.load()?.median));
    let (least, most) = (loads().min().unwrap_or(0), loads().max().unwrap_or(0));
    most > least + least / 20
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
    let medians: Vec<_> =
        points.iter().map(|(_, _, stale, available)| (stale.median, available.median)).collect();
    let many = points.len() > ALL_LABELLED;
    let is_labelled = |place: &usize| {
        let median = medians[*place];
        !many || !medians.iter().any(|other| beats(*other, median)) && !medians[..*place].contains(&median)
    };
    let labelled: Vec<(usize, String)> = (0..points.len())
        .filter(is_labelled)
        .map(|place| match medians.iter().filter(|other| **other == medians[place]).count() {
            same if many && same > 1 => (place, format!("{} and {} more", points[place].1, same - 1)),
            _ => (place, points[place].1.clone()),
        })
        .collect();
    let mut what =
        vec![format!("each the {}", sweep.medians()), sweep.whole(), "better: up and left".to_string()];
    if many {
        what.push("named: those that no other beats".to_string());
    }
    let frame = Frame {
        title: sweep.title,
        subtitle: sweep.subtitle(),
        key: what.into_iter().map(|what| (Mark::Nothing, what)).collect(),
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
        let labels = labelled.iter().map(|(place, label)| {
            let (stale, available) = medians[*place];
            ((stale as f64, available as f64), label.as_str())
        });
        plot.label(&labels.collect::<Vec<_>>(), &drawn)
    })?;
    Ok((drawing, csv))
}

/// Of more points than these, only those are labelled that no other beats.
const ALL_LABELLED: usize = 12;

/// Whether one point, its stale reads and its availability, is as good as another in both and better in one.
fn beats(one: (u64, u64), other: (u64, u64)) -> bool {
    one != other && one.0 <= other.0 && one.1 >= other.1
}

/// The colour of a cell without a value.
const PAPER: RGBColor = RGBColor(235, 235, 235);

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
    /// Whether less is better. What is better is lighter.
    less: bool,
}

pub(super) const AVAILABILITY: Heat = Heat {
    what: |sweep| sweep.available(),
    column: "availability",
    scale: WHOLE,
    of: Runs::availability,
    text: share_text,
    axis: |low, high| Axis::quantity("", low, high),
    absence: "no operations finished",
    less: false,
};
pub(super) const LATENCY: Heat = Heat {
    what: |_| "99th percentile of latency".to_string(),
    column: "p99_ms",
    scale: 1e6,
    of: |runs| runs.percentiles()[2],
    text: |latency| rounded(Duration::from_nanos(latency)),
    axis: |low, high| latency_axis([(low, high)].into_iter(), 0.0),
    absence: "no operation took place",
    less: true,
};
pub(super) const STALENESS: Heat = Heat {
    what: |_| "share of reads that were stale".to_string(),
    column: "stale_share",
    scale: WHOLE,
    of: Runs::stale,
    text: share_text,
    axis: |low, high| Axis::quantity("", low, high),
    absence: "no reads of keys and values",
    less: true,
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
        of_share(if low == high {
            0.5
        } else if heat.less {
            1.0 - share
        } else {
            share
        })
    };
    let [across, up] = [0, 1].map(|place: usize| {
        let labels: Vec<String> = sweep.keys[place].values.iter().map(|value| plain(value)).collect();
        (Axis::places(&sweep.keys[place].name, &labels), labels)
    });
    let widest = up.1.iter().map(|label| text_width(label, 16.0)).max().unwrap_or(0);
    let what = format!("{}, median over {} (lighter is better):", (heat.what)(sweep), sweep.seeds());
    let mut key = vec![(Mark::Nothing, what)];
    if all.total() > 0 {
        let mut ends = vec![low, high];
        ends.dedup();
        key.extend(ends.into_iter().map(|end| (Mark::Square(colour(end)), (heat.text)(end))));
    }
    let frame = Frame {
        title: sweep.title,
        subtitle: sweep.subtitle(),
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
            let (x, y) = (place(0), place(1));
            let (colour, text) = match (heat.of)(runs) {
                Some(value) => (colour(value.median), (heat.text)(value.median)),
                None if all.total() > 0 => (PAPER, "none".to_string()),
                None => continue,
            };
            plot.cell(colour, (x, y), (x + 1.0, y + 1.0), &text)?;
        }
        Ok(())
    })?;
    Ok((drawing, csv))
}
