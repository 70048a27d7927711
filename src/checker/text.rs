//! A witness as text: the sentence, a drawing of a line a client, and the order that explains the rest.

use super::witness::{Bar, Witness};
use crate::history::{ClientId, Moment};
use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// A drawing is at most this wide, in characters.
const WIDTH: usize = 110;
/// A label is at most this long, in characters.
const LABEL: usize = 28;

/// Where each moment of some bars is drawn, in characters: as close as labels allow.
pub(super) struct Layout {
    columns: BTreeMap<Moment, usize>,
    pub width: usize,
}

impl Layout {
    pub fn new(bars: &[Bar], label_width: impl Fn(&Bar) -> usize) -> Layout {
        let mut moments: Vec<Moment> =
            bars.iter().flat_map(|bar| [Some(bar.invoked), bar.responded]).flatten().collect();
        moments.sort_unstable();
        moments.dedup();
        let mut layout = Layout { columns: BTreeMap::new(), width: 0 };
        let mut column = 0;
        for (place, moment) in moments.into_iter().enumerate() {
            if place > 0 {
                column += 2;
            }
            let ending = bars.iter().filter(|bar| bar.responded == Some(moment));
            for bar in ending {
                column = column.max(layout.columns[&bar.invoked] + label_width(bar) + 3);
            }
            layout.columns.insert(moment, column);
        }
        layout.width = column + 1;
        for bar in bars.iter().filter(|bar| bar.responded.is_none()) {
            layout.width = layout.width.max(layout.columns[&bar.invoked] + label_width(bar) + 3);
        }
        layout
    }

    /// From where to where a bar goes; one without a response goes to the end.
    pub fn span(&self, bar: &Bar) -> (usize, usize) {
        (self.columns[&bar.invoked], bar.responded.map_or(self.width, |moment| self.columns[&moment]))
    }

    pub fn column(&self, moment: &Moment) -> usize {
        self.columns[moment]
    }
}

/// At most `length` characters, the last of them an ellipsis if there were more.
pub(super) fn shortened(text: &str, length: usize) -> String {
    match text.chars().count() > length {
        true => text.chars().take(length - 1).chain(['…']).collect(),
        false => text.to_string(),
    }
}

/// The bars of each client.
pub(super) fn lanes(bars: &[Bar]) -> BTreeMap<ClientId, Vec<&Bar>> {
    let mut lanes: BTreeMap<ClientId, Vec<&Bar>> = BTreeMap::new();
    for bar in bars {
        lanes.entry(bar.client).or_default().push(bar);
    }
    lanes
}

impl Witness {
    /// A line a client, a bar an operation from its invocation to its response. The impossible one is marked with `!`, one
    /// of unknown outcome has no end. None if it would be wider than a terminal.
    pub fn draw(&self) -> Option<String> {
        let label = |bar: &Bar| shortened(&bar.label, LABEL);
        let layout = Layout::new(&self.bars, |bar| label(bar).chars().count());
        let lanes = lanes(&self.bars);
        let margin = lanes.keys().map(|client| client.to_string().len()).max().unwrap_or(0) + 9;
        if margin + layout.width > WIDTH {
            return None;
        }
        let mut text = String::new();
        for (client, bars) in lanes {
            let mut line = format!("{:<margin$}", format!("client {client}"));
            let mut at = 0;
            for bar in bars {
                let (from, to) = layout.span(bar);
                let fill = if bar.impossible { '!' } else { '-' };
                let label = label(bar);
                let room = to.saturating_sub(from + 1);
                let left = room.saturating_sub(label.chars().count()) / 2;
                let right = room.saturating_sub(label.chars().count() + left);
                let of = |count: usize| fill.to_string().repeat(count);
                let end = if bar.responded.is_some() { "|" } else { ">" };
                line.push_str(&" ".repeat(from.saturating_sub(at)));
                let _ = write!(line, "|{}{label}{}{end}", of(left), of(right));
                at = to + 1;
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        Some(text)
    }
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.sentence)?;
        if let Some(drawing) = self.draw() {
            writeln!(f, "{drawing}")?;
        }
        for bar in &self.bars {
            let until = match bar.responded {
                Some(moment) => format!("to {moment}"),
                None => "of unknown outcome".to_string(),
            };
            let place = match bar.place {
                _ if bar.impossible => "!".to_string(),
                Some(place) => format!("{place}."),
                None => "-".to_string(),
            };
            writeln!(f, "  {place:>3} client {}: {} ({} {until})", bar.client, bar.label, bar.invoked)?;
        }
        if let Some(prefix) = self.prefix {
            let responses = self.responses;
            write!(f, "the first {prefix} of {responses} responses have an order; the next has none")?;
        } else {
            write!(f, "{} of {} operations are enough to see it", self.operations.len(), self.responses)?;
        }
        Ok(())
    }
}
