//! Cases as text, a line for each thing, so that a file of them outlives the code and a person can read it.

use super::{Base, Case, Spell};
use crate::clock::Offset;
use crate::fault::{Change, Edit, Fault};
use crate::links::Links;
use crate::node::NodeId;
use crate::time::{Time, format_span, parse_span};
use std::fmt;
use std::str::FromStr;

impl fmt::Display for Spell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.fault, self.at)?;
        self.until.map_or(Ok(()), |until| write!(f, " until {until}"))
    }
}

/// `drop n3>n1#4 (Accept)`, `delay n3>n1#4 (Accept) 20ms`, `duplicate n3>n1#4 (Accept) 20ms`.
impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.change {
            Change::Drop => "drop",
            Change::Delay(_) => "delay",
            Change::Duplicate(_) => "duplicate",
        };
        write!(f, "{word} {}", self.address)?;
        if let Some(kind) = &self.kind {
            write!(f, " ({kind})")?;
        }
        match self.change {
            Change::Drop => Ok(()),
            Change::Delay(span) | Change::Duplicate(span) => write!(f, " {}", format_span(span)),
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}", self.seed)?;
        match self.base {
            Base::Drawn => {}
            Base::Lossless => write!(f, "\nlose nothing")?,
            Base::Constant(delay) => write!(f, "\ndelay of all {}", format_span(delay))?,
        }
        self.faults.iter().try_for_each(|spell| write!(f, "\n{spell}"))?;
        self.edits.iter().try_for_each(|edit| write!(f, "\n{edit}"))?;
        self.absent.iter().try_for_each(|node| write!(f, "\nwithout {node}"))?;
        for (client, operations) in &self.operations {
            let all: Vec<String> =
                operations.iter().map(|(number, at)| format!("{number} at {at}")).collect();
            write!(f, "\noperations of {client}: {}", all.join(", "))?;
        }
        Ok(())
    }
}

/// Why a text is no case: the line, counted from one, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseCaseError {
    /// Counted from one.
    pub line: usize,
    /// What was expected.
    pub problem: String,
}

impl fmt::Display for ParseCaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl std::error::Error for ParseCaseError {}

impl FromStr for Case {
    type Err = ParseCaseError;
    fn from_str(text: &str) -> Result<Case, ParseCaseError> {
        let mut case = Case::default();
        let mut has_seed = false;
        for (place, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            has_seed |= line.starts_with("seed ");
            read_line(&mut case, line.trim()).ok_or_else(|| ParseCaseError {
                line: place + 1,
                problem: format!(
                    "`{line}`: expected a fault such as `crash n2 at 1.2s until 1.5s`, an edit such as `drop \
                     n3>n1#4 (Accept)`, `seed 17`, `delay of all 5ms`, `lose nothing`, `without n4`, or \
                     `operations of n5: 3 at 1.2s`"
                ),
            })?;
        }
        match has_seed {
            true => Ok(case),
            false => Err(ParseCaseError { line: 1, problem: "there is no `seed`".to_string() }),
        }
    }
}

fn read_line(case: &mut Case, line: &str) -> Option<()> {
    let (word, rest) = line.split_once(' ')?;
    match word {
        "seed" => case.seed = rest.parse().ok()?,
        "lose" => case.base = (rest == "nothing").then_some(Base::Lossless)?,
        "without" => {
            case.absent.insert(rest.parse().ok()?);
        }
        "operations" => {
            let (client, list) = rest.strip_prefix("of ")?.split_once(':')?;
            let mut operations = Vec::new();
            for text in list.split(',').filter(|_| !list.trim().is_empty()) {
                let (number, at) = text.trim().split_once(" at ")?;
                operations.push((number.parse().ok()?, time(at)?));
            }
            case.operations.insert(client.parse().ok()?, operations);
        }
        "delay" if rest.starts_with("of all ") => {
            case.base = Base::Constant(parse_span(rest.strip_prefix("of all ")?).ok()?);
        }
        "drop" | "delay" | "duplicate" => case.edits.push(edit(word, rest)?),
        _ => case.faults.push(spell(line)?),
    }
    Some(())
}

fn time(text: &str) -> Option<Time> {
    Some(Time::ZERO + parse_span(text).ok()?)
}

fn edit(word: &str, rest: &str) -> Option<Edit> {
    let (address, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let (kind, span) = match rest.strip_prefix('(') {
        Some(rest) => {
            let (kind, span) = rest.split_once(')')?;
            (Some(kind.to_string()), span.trim())
        }
        None => (None, rest),
    };
    let change = match word {
        "drop" => span.is_empty().then_some(Change::Drop)?,
        "delay" => Change::Delay(parse_span(span).ok()?),
        _ => Change::Duplicate(parse_span(span).ok()?),
    };
    Some(Edit { address: address.parse().ok()?, kind, change })
}

fn spell(line: &str) -> Option<Spell> {
    let (fault, times) = line.rsplit_once(" at ")?;
    let (at, until) = match times.split_once(" until ") {
        Some((at, until)) => (time(at)?, Some(time(until)?)),
        None => (time(times)?, None),
    };
    Some(Spell { at, until, fault: read_fault(fault)? })
}

fn read_fault(text: &str) -> Option<Fault> {
    let (word, rest) = text.split_once(' ')?;
    Some(match word {
        "partition" => Fault::Partition(links(rest)?),
        "slow" => {
            let (sides, by) = rest.rsplit_once(" +")?;
            Fault::SlowLinks { links: links(sides)?, by: parse_span(by).ok()? }
        }
        "crash" => Fault::Crash(rest.parse().ok()?),
        "pause" => Fault::Pause(rest.parse().ok()?),
        "clock" => {
            let (node, how) = rest.split_once(' ')?;
            let node = node.parse().ok()?;
            match how.strip_suffix("ppm") {
                Some(drift) => Fault::DriftClock { node, parts_per_million: drift.parse().ok()? },
                None => Fault::JumpClock { node, by: how.parse::<Offset>().ok()? },
            }
        }
        _ => return None,
    })
}

fn links(text: &str) -> Option<Links> {
    let one_way = text.contains('>');
    let (from, to) = text.split_once(if one_way { '>' } else { '|' })?;
    let side = |text: &str| -> Option<Vec<NodeId>> {
        let mut nodes = Vec::new();
        for node in text.trim().strip_prefix('{')?.strip_suffix('}')?.split_whitespace() {
            nodes.push(node.parse().ok()?);
        }
        Some(nodes)
    };
    Some(Links { from: side(from)?, to: side(to)?, one_way })
}
