//! Where the bands of a figure and their labels are, so that none hides another.
//!
//! A row above the plot belongs, over the length of its bands, to one label. Labels share a row if their
//! bands and texts are apart. If that takes too many rows, the bands are labelled by their kind alone.

use super::frame::{LEFT, RIGHT, shorten};
use super::raster::text_width;
use crate::metrics::Band;
use std::collections::BTreeMap;

/// How many rows there are at most, unless there are more kinds of faults.
const ROWS: usize = 6;
/// The size of a label, in pixels.
pub(super) const LABEL_SIZE: f64 = 15.0;
/// Free pixels between what stands in one row.
const GAP: i32 = 10;

/// From a pixel to a pixel, horizontally.
pub(super) type Span = (i32, i32);

/// All bands with one label, and where it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lane {
    /// The first word of the label: `crash`.
    pub kind: String,
    /// The label.
    pub label: String,
    /// The bands, apart from each other and in order.
    pub spans: Vec<Span>,
    /// Where the label begins: at a band where it has room, and at the first in any case.
    pub texts: Vec<i32>,
    /// The row, counted from zero at the top.
    pub row: usize,
}

/// The bands by kind: the shades of the plot.
pub(super) fn shades(bands: &[Band], span: impl Fn(&Band) -> Option<Span>) -> Vec<Lane> {
    lanes(bands, span, kind)
}

/// The bands by label: the rows above the plot.
pub(super) fn rows(bands: &[Band], span: impl Fn(&Band) -> Option<Span>) -> Vec<Lane> {
    let lanes = lanes(bands, &span, |label| label);
    if lanes.iter().any(|lane| lane.row >= ROWS) { shades(bands, span) } else { lanes }
}

/// The first word of a label.
fn kind(label: &str) -> &str {
    label.split_whitespace().next().unwrap_or_default()
}

fn lanes(bands: &[Band], span: impl Fn(&Band) -> Option<Span>, name: fn(&str) -> &str) -> Vec<Lane> {
    let mut spans: BTreeMap<&str, Vec<Span>> = BTreeMap::new();
    for band in bands {
        if let Some(span) = span(band) {
            spans.entry(name(&band.label)).or_default().push(span);
        }
    }
    let mut lanes: Vec<Lane> = spans.into_iter().map(|(label, spans)| Lane::new(label, spans)).collect();
    lanes.sort_by_key(|lane| lane.extent().0);
    place(&mut lanes);
    lanes
}

/// Gives each lane the first row that is free where it begins.
fn place(lanes: &mut [Lane]) {
    let mut ends: Vec<i32> = Vec::new();
    for lane in lanes {
        let (from, to) = lane.extent();
        lane.row = ends.iter().position(|end| end + GAP <= from).unwrap_or(ends.len());
        if lane.row == ends.len() {
            ends.push(to);
        }
        ends[lane.row] = to;
    }
}

impl Lane {
    fn new(label: &str, spans: Vec<Span>) -> Lane {
        let kind = kind(label).to_string();
        let (label, spans) = (shorten(label, LABEL_SIZE, RIGHT - LEFT), union(spans));
        let width = text_width(&label, LABEL_SIZE);
        let mut texts: Vec<i32> = Vec::new();
        for (from, _) in &spans {
            let begin = (*from).min(RIGHT - width).max(LEFT);
            if texts.last().is_none_or(|last| last + width + GAP <= begin) {
                texts.push(begin);
            }
        }
        Lane { kind, label, spans, texts, row: 0 }
    }

    /// From the first pixel of its bands and texts to the last.
    fn extent(&self) -> Span {
        let begins = self.spans.iter().map(|span| span.0).chain(self.texts.iter().copied());
        let width = text_width(&self.label, LABEL_SIZE);
        let ends = self.spans.iter().map(|span| span.1).chain(self.texts.iter().map(|begin| begin + width));
        (begins.min().unwrap_or(LEFT), ends.max().unwrap_or(LEFT))
    }
}

/// The same pixels as spans that are apart, in order.
fn union(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut apart: Vec<Span> = Vec::new();
    for (from, to) in spans {
        match apart.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => apart.push((from, to)),
        }
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Time;

    fn band(label: &str, from: u64, to: u64) -> Band {
        let time = Time::from_nanoseconds;
        Band { label: label.to_string(), from: time(from), to: Some(time(to)) }
    }

    /// A nanosecond is a pixel.
    fn pixels(band: &Band) -> Option<Span> {
        Some((band.from.as_nanoseconds() as i32, band.to?.as_nanoseconds() as i32))
    }

    #[test]
    fn what_overlaps_stands_in_rows_of_its_own() {
        let bands = [band("crash a", 200, 300), band("partition", 250, 400), band("crash a", 700, 800)];
        let lanes = rows(&bands, pixels);
        assert_eq!(lanes[0].spans, [(200, 300), (700, 800)]);
        assert_eq!(lanes[0].texts, [200, 700]);
        assert_eq!((lanes[0].row, lanes[1].row), (0, 1));
        let apart = rows(&[band("crash a", 200, 300), band("pause b", 500, 600)], pixels);
        assert!(apart.iter().all(|lane| lane.row == 0));
    }

    #[test]
    fn a_label_at_the_right_end_is_moved_to_the_left() {
        let lanes = rows(&[band("crash replica-0", RIGHT as u64 - 5, RIGHT as u64)], pixels);
        assert_eq!(lanes[0].texts, [RIGHT - text_width("crash replica-0", LABEL_SIZE)]);
    }

    #[test]
    fn many_labels_are_shown_by_kind() {
        let bands: Vec<Band> = (0..20).map(|node| band(&format!("crash n{node}"), 200, 300)).collect();
        let lanes = rows(&bands, pixels);
        assert_eq!(lanes.len(), 1);
        assert_eq!(lanes[0].label, "crash");
    }
}
