//! How long something takes, by the size of something: what a message costs as systems grow.

use super::axis::Axis;
use super::colour::of_line;
use super::frame::{Frame, LEFT, LINE, Mark};
use super::{Figure, PlotError};
use crate::time::{Duration, nanoseconds_of};
use std::fmt::Write;

/// A line for each name, over the sizes at equal distances: `size` says what they are, and `span` what takes so
/// long. Sizes are ascending and each is some times the one before, so that the horizontal axis is logarithmic.
///
/// The data is `SIZE,NAME_ns,…`, one row for each size.
///
/// # Errors
/// If the figure cannot be drawn.
///
/// # Panics
/// If a line has not one span for each size, or one is longer than 584 years.
#[track_caller]
pub fn spans(
    title: &str,
    (size, sizes): (&str, &[u64]),
    span: &str,
    lines: &[(&str, Vec<Duration>)],
) -> Result<Figure, PlotError> {
    for (name, line) in lines {
        assert!(line.len() == sizes.len(), "{name}: {} spans for {} sizes", line.len(), sizes.len());
    }
    let columns: String = lines.iter().map(|(name, _)| format!(",{name}_ns")).collect();
    let mut csv = format!("{size}{columns}\n");
    for (place, size) in sizes.iter().enumerate() {
        let _ = write!(csv, "{size}");
        lines.iter().for_each(|(_, line)| _ = write!(csv, ",{}", nanoseconds_of(line[place])));
        csv.push('\n');
    }
    let all = || lines.iter().flat_map(|(_, line)| line.iter().copied());
    let shortest = all().min().unwrap_or_default();
    let mut y = Axis::latency(shortest, all().max().unwrap_or(Duration::from_millis(100)), 0.02);
    y.title = y.title.replacen("latency", span, 1);
    let labels: Vec<String> = sizes.iter().map(|size| grouped(*size)).collect();
    let colour = |index| of_line(index, lines.len());
    let meaning = |(index, (name, _)): (usize, &(&str, _))| (Mark::Disc(colour(index)), name.to_string());
    let frame = Frame {
        title,
        subtitle: None,
        key: lines.iter().enumerate().map(meaning).collect(),
        left: LEFT,
        bands: &[],
        x: Axis::places(size, &labels),
        y,
        absence: (sizes.is_empty() || lines.is_empty()).then_some("nothing was measured"),
    };
    let drawing = frame.draw(|plot| {
        lines.iter().enumerate().try_for_each(|(index, (_, line))| {
            let point =
                |(place, span): (usize, &Duration)| (place as f64 + 0.5, nanoseconds_of(*span) as f64);
            let points: Vec<(f64, f64)> = line.iter().enumerate().map(point).collect();
            plot.line(colour(index), LINE, &points)?;
            points.iter().try_for_each(|point| plot.mark(Mark::Disc(colour(index)), plot.pixel(*point)))
        })
    })?;
    Ok(Figure::new("spans", drawing, csv))
}

/// A number with a comma between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figure_says_what_is_measured_and_keeps_its_data() {
        let line = |nanoseconds: [u64; 2]| nanoseconds.map(Duration::from_nanos).to_vec();
        let lines = [("ours", line([200, 4_000])), ("theirs", line([50, 1_500]))];
        let figure = spans("Growth", ("nodes", &[10, 1_000_000]), "time", &lines).expect("a figure");
        assert_eq!(figure.csv, "nodes,ours_ns,theirs_ns\n10,200,50\n1000000,4000,1500\n");
        for text in ["Growth", "nodes", "1,000,000", "time (log scale)", "ours", "theirs", "100ns", "1us"] {
            assert!(figure.svg.contains(text), "{text}");
        }
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(
            [1, 999, 1_000, 100_000, 1_000_000].map(grouped).join(" "),
            "1 999 1,000 100,000 1,000,000"
        );
    }
}
