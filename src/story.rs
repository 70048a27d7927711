//! The last few exchanges of a run, drawn: a column a node, time downward, an arrow a message.

use crate::network::Address;
use crate::node::NodeId;
use crate::process::Value;
use crate::record::{DropReason, Observer, Record, What, kind_of};
use crate::time::Time;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;

/// How many lines are kept.
const LINES: usize = 24;
/// Characters between two columns.
const WIDTH: usize = 14;
/// Characters for the time.
const MARGIN: usize = 14;

/// An observer that keeps the end of a run and draws it.
#[derive(Clone, Debug)]
pub struct Story<M> {
    names: BTreeMap<NodeId, String>,
    lines: VecDeque<(Time, Line<M>)>,
    kept: usize,
    /// Of a story of causes: how many lines there were when each message was sent.
    sent: Option<BTreeMap<Address, usize>>,
}

#[derive(Clone, Debug)]
enum Line<M> {
    Arrow { address: Address, copy: bool, message: M, lost: Option<DropReason> },
    Mark { node: Option<NodeId>, text: String },
}

impl<M> Default for Story<M> {
    fn default() -> Self {
        Story { names: BTreeMap::new(), lines: VecDeque::new(), kept: LINES, sent: None }
    }
}

impl<M: Value> Observer<M> for Story<M> {
    fn observe(&mut self, record: Record<'_, M>) {
        let line = match record.what {
            What::Added { node, name, .. } => {
                self.names.insert(node, name.to_string());
                return;
            }
            What::Sent { address, .. } => {
                let lines = self.lines.len();
                self.sent.as_mut().map(|sent| sent.insert(address, lines));
                return;
            }
            What::Delivered { address, copy, message } => {
                Line::Arrow { address, copy, message: message.clone(), lost: None }
            }
            What::Dropped { address, copy, message, reason } => {
                Line::Arrow { address, copy, message: message.clone(), lost: Some(reason) }
            }
            What::Fired { node, timer } => Line::Mark { node: Some(node), text: format!("timer {timer:?}") },
            What::Fault { fault, lost_writes, .. } => {
                let lost = match lost_writes {
                    0 => String::new(),
                    1 => " (1 write lost)".to_string(),
                    more => format!(" ({more} writes lost)"),
                };
                Line::Mark { node: None, text: format!("{fault}{lost}") }
            }
            What::Synced { node } => Line::Mark { node: Some(node), text: "writes are durable".to_string() },
            What::Noted { node, text } => Line::Mark { node: Some(node), text: format!("\"{text}\"") },
            _ => return,
        };
        if self.lines.len() == self.kept {
            self.lines.pop_front();
        }
        self.lines.push_back((record.time, line));
    }
}

impl<M: Value> Story<M> {
    /// Keeps the whole run and not only its end.
    pub fn whole() -> Self {
        Story { kept: usize::MAX, ..Story::default() }
    }

    /// Keeps the whole run, and draws what led to its end with [`Story::draw_causes`].
    pub fn of_causes() -> Self {
        Story { sent: Some(BTreeMap::new()), ..Story::whole() }
    }

    /// Draws only what led to the end, in this many lines at most: faults and the messages that an edit has lost
    /// first, then what the last event can have known of, then what is latest. Of a whole run it is a drawing of
    /// the same length.
    pub fn draw_causes(&self, lines: usize) -> String {
        let none = BTreeMap::new();
        let sent = self.sent.as_ref().unwrap_or(&none);
        // Of each node, the lines below this one are in the past of the last event.
        let mut past: BTreeMap<NodeId, usize> = BTreeMap::new();
        let mut ranked: Vec<(u8, usize)> = Vec::new();
        for (place, (_, line)) in self.lines.iter().enumerate().rev() {
            let knows = |node: &NodeId| past.get(node).is_some_and(|bound| place < *bound);
            let is_first = past.is_empty();
            let rank = match line {
                Line::Mark { node: None, .. } | Line::Arrow { lost: Some(DropReason::Edit), .. } => 0,
                Line::Arrow { address, lost: None, .. } if is_first || knows(&address.to) => {
                    past.entry(address.to).or_insert(place);
                    let known = past.entry(address.from).or_default();
                    *known = sent.get(address).copied().unwrap_or(0).max(*known);
                    1
                }
                Line::Mark { node: Some(node), text } if is_first || knows(node) => {
                    past.entry(*node).or_insert(place);
                    if text.starts_with('"') { 1 } else { 2 }
                }
                Line::Arrow { address, .. } if knows(&address.from) => 2,
                _ => 3,
            };
            ranked.push((rank, place));
        }
        // The latest of each rank come first.
        ranked.sort_by_key(|&(rank, _)| rank);
        let kept: BTreeSet<usize> = ranked.into_iter().take(lines).map(|(_, place)| place).collect();
        let lines = kept.into_iter().map(|place| self.lines[place].clone()).collect();
        Story { names: self.names.clone(), lines, kept: self.kept, sent: None }.draw()
    }

    /// The drawing.
    pub fn draw(&self) -> String {
        let mut nodes = BTreeSet::new();
        for (_, line) in &self.lines {
            match line {
                Line::Arrow { address, .. } => nodes.extend([address.from, address.to]),
                Line::Mark { node, .. } => nodes.extend(*node),
            }
        }
        let columns: BTreeMap<NodeId, usize> =
            nodes.into_iter().zip((0..).map(|i| MARGIN + i * WIDTH)).collect();
        let mut text = " ".repeat(MARGIN);
        for node in columns.keys() {
            let name: String = format!("{node} {}", self.names[node]).chars().take(WIDTH - 1).collect();
            let _ = write!(text, "{name:<WIDTH$}");
        }
        text = text.trim_end().to_string();
        for (time, line) in &self.lines {
            let mut row = Row::new(time, &columns);
            match line {
                Line::Arrow { address, copy, message, lost } => {
                    let (from, to) = (columns[&address.from], columns[&address.to]);
                    row.arrow(from, to, &kind_of(message), lost.is_some());
                    let copy = if *copy { "'" } else { "" };
                    let why = lost.map(|reason| format!(" lost: {reason:?}").to_lowercase());
                    row.remark(&format!("{address}{copy} {message:?}{}", why.unwrap_or_default()));
                }
                Line::Mark { node, text } => {
                    if let Some(node) = node {
                        row.put(columns[node], "*");
                    }
                    row.remark(&match node {
                        Some(node) => format!("{node} {text}"),
                        None => text.clone(),
                    });
                }
            }
            text.push('\n');
            text.push_str(&row.text());
        }
        text
    }
}

/// One line of the drawing.
struct Row {
    characters: Vec<char>,
}

impl Row {
    fn new(time: &Time, columns: &BTreeMap<NodeId, usize>) -> Self {
        let mut row = Row { characters: vec![' '; MARGIN + columns.len() * WIDTH] };
        let microseconds = time.as_nanoseconds() / 1_000;
        row.put(0, &format!("{:>5}.{:06}s", microseconds / 1_000_000, microseconds % 1_000_000));
        for &column in columns.values() {
            row.put(column, "|");
        }
        row
    }

    fn put(&mut self, at: usize, text: &str) {
        for (offset, character) in text.chars().enumerate() {
            if at + offset == self.characters.len() {
                self.characters.push(' ');
            }
            self.characters[at + offset] = character;
        }
    }

    fn arrow(&mut self, from: usize, to: usize, label: &str, lost: bool) {
        let (left, right) = (from.min(to), from.max(to));
        if left == right {
            return self.put(from, "@");
        }
        for at in left + 1..right {
            self.characters[at] = '-';
        }
        let room = WIDTH - 4;
        let label: String = label.chars().take(room).collect();
        // Beside the sender, so that crossing other columns does not hide it.
        let at = if from < to { from + 2 } else { from - 1 - label.chars().count() };
        self.put(at, &label);
        let head = match (lost, from < to) {
            (true, _) => "x",
            (false, true) => ">",
            (false, false) => "<",
        };
        self.put(if from < to { to - 1 } else { to + 1 }, head);
    }

    fn remark(&mut self, text: &str) {
        const LONGEST: usize = 90;
        let mut short: String = text.chars().take(LONGEST).collect();
        if text.chars().count() > LONGEST {
            short.push_str("...");
        }
        self.characters.push(' ');
        self.characters.extend(short.chars());
    }

    fn text(&self) -> String {
        self.characters.iter().collect::<String>().trim_end().to_string()
    }
}
