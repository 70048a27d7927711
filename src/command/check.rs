//! `netsplit check`: is a recorded history consistent, and if not, why?

use super::output::PartialFile;
use super::scenario::read_text;
use super::{Ended, say};
use crate::checker::files::{CannotCheck, CheckedFile, Consistency, Fail, NAMES};
use crate::checker::{Budget, Progress, Verdict, Witness};
use crate::history::{Datum, RecordedHistory};
use crate::time::parse_span;
use anyhow::{Result, anyhow, bail};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The arguments of `netsplit check`.
#[derive(clap::Args)]
#[command(
    after_help = "Exit status: 0 if the history is consistent, 1 if it is not, 3 if that is not known, 2 for bad input."
)]
pub(super) struct Options {
    /// A history: Jepsen's, as EDN, as JSON (a line each or one array) or as a text log
    file: PathBuf,
    /// What the clients used: register, cas-register, kv, counter, set, queue, priority-queue, stack, mutex, bank or log
    #[arg(long, value_name = "NAME")]
    spec: String,
    /// What it is to be: linearizable, sequential, read-your-writes, monotonic-reads, monotonic-writes or
    /// writes-follow-reads
    #[arg(long, value_name = "NAME", default_value = "linearizable")]
    consistency: String,
    /// The value before the first operation, as EDN: 0, nil, "x", {0 10, 1 10}
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    initial: Option<String>,
    /// A failed operation is an answer (the comparison did not match, the queue is empty), as in etcd's logs; without
    /// this it did not take place, as in Knossos' files
    #[arg(long)]
    fail_is_answer: bool,
    /// How long to try
    #[arg(long, value_name = "SPAN", default_value = "30s")]
    budget: String,
    /// Prints the verdict as JSON
    #[arg(long)]
    json: bool,
    /// Draws what is violated into this file, as SVG
    #[arg(long, value_name = "FILE.svg")]
    out: Option<PathBuf>,
}

/// Bytes to remember configurations in.
const MEMORY: usize = 2 << 30;

pub(super) fn check(options: &Options) -> Result<Ended> {
    let span = match options.budget.trim().parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => parse_span(&options.budget).map_err(|error| anyhow!("--budget: {error}"))?,
    };
    let consistency = consistency(&options.consistency)?;
    if !NAMES.contains(&&*options.spec) {
        bail!("--spec {}: there is no such specification{}", options.spec, expected(&options.spec, &NAMES));
    }
    let initial = options.initial.as_deref().map(initial).transpose()?;
    let text = read_text(&options.file, "a history as EDN, as JSON or as a Jepsen log")?;
    let place = |line: usize| format!("{}:{line}", options.file.display());
    let file =
        RecordedHistory::parse(&text).map_err(|error| anyhow!("{}: {}", place(error.line), error.what))?;
    let fail = if options.fail_is_answer { Fail::IsAnswer } else { Fail::DidNotTakePlace };
    let checked = CheckedFile { file: &file, specification: &options.spec, consistency, initial, fail };

    let patience = Patience::new(span);
    let stop = || patience.is_over();
    let budget = Budget { steps: u64::MAX, bytes: MEMORY, stop: Some(&stop) };
    let verdict = checked.check(&budget).map_err(|error| match error {
        CannotCheck::File(error) => anyhow!("{}: {}", place(error.line), error.what),
        CannotCheck::Asked(what) => anyhow!("{}: {what}", options.file.display()),
    })?;
    report(options, consistency, &file, &verdict)
}

fn report(
    options: &Options,
    consistency: Consistency,
    file: &RecordedHistory,
    verdict: &Verdict,
) -> Result<Ended> {
    let operations = file.events().iter().filter(|event| event.kind == crate::history::Kind::Invoke).count();
    if let Verdict::Violated(witness) = verdict {
        write_svg(options.out.as_deref(), witness)?;
    }
    if options.json {
        say(&as_json(consistency, operations, verdict).to_string());
    } else {
        match verdict {
            Verdict::Holds => say(&format!("{} ({operations} operations)", consistency.name())),
            Verdict::Violated(witness) => say(&format!("violated: {witness}")),
            Verdict::Unknown(progress) => {
                say(&format!("unknown: {progress}; --budget {} was not enough", options.budget))
            }
        }
    }
    if let (Some(out), true) = (&options.out, !matches!(verdict, Verdict::Violated(_))) {
        eprintln!("warning: {} is not written: there is no violation to draw", out.display());
    }
    Ok(match verdict {
        Verdict::Holds => Ended::Holds,
        Verdict::Violated(_) => Ended::Violated,
        Verdict::Unknown(_) => Ended::Bounded,
    })
}

fn write_svg(out: Option<&Path>, witness: &Witness) -> Result<()> {
    let Some(out) = out else { return Ok(()) };
    let mut file = PartialFile::create(out)?;
    file.write_all(witness.svg().as_bytes())?;
    file.finish()
}

fn as_json(consistency: Consistency, operations: usize, verdict: &Verdict) -> serde_json::Value {
    let name = match verdict {
        Verdict::Holds => consistency.name(),
        Verdict::Violated(_) => "violated",
        Verdict::Unknown(_) => "unknown",
    };
    let mut json = json!({ "verdict": name, "consistency": consistency.name(), "operations": operations });
    match verdict {
        Verdict::Holds => {}
        Verdict::Violated(witness) => {
            let bars = witness.bars.iter().map(|bar| {
                json!({
                    "client": bar.client.to_string(),
                    "operation": bar.label,
                    "invoked": bar.invoked.to_string(),
                    "responded": bar.responded.map(|moment| moment.to_string()),
                    "place": bar.place,
                    "impossible": bar.impossible,
                })
            });
            json["witness"] = json!({
                "sentence": witness.sentence,
                "operations": bars.collect::<Vec<_>>(),
                "linearizable_prefix": witness.prefix,
                "responses": witness.responses,
            });
        }
        Verdict::Unknown(Progress { explained, responses, .. }) => {
            json["explained"] = json!(explained);
            json["responses"] = json!(responses);
        }
    }
    json
}

fn consistency(name: &str) -> Result<Consistency> {
    let names = Consistency::ALL.map(Consistency::name);
    let found = Consistency::ALL.into_iter().find(|consistency| consistency.name() == name);
    found.ok_or_else(|| anyhow!("--consistency {name}: there is no such model{}", expected(name, &names)))
}

fn expected(given: &str, names: &[&str]) -> String {
    let close = names.iter().map(|name| (changes(given, name), name)).min();
    match close {
        Some((changes, name)) if changes <= 2 => format!(": did you mean {name}?"),
        _ => format!(": expected one of {}", names.join(", ")),
    }
}

/// How many letters have to be added, removed or replaced to make one word of another.
fn changes(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (place, a) in (1..).zip(from.chars()) {
        let mut above_left = std::mem::replace(&mut row[0], place);
        for (column, b) in (1..).zip(to.chars()) {
            let replaced = above_left + usize::from(a != b);
            above_left = row[column];
            row[column] = replaced.min(row[column] + 1).min(row[column - 1] + 1);
        }
    }
    row[row.len() - 1]
}

fn initial(text: &str) -> Result<Datum> {
    Datum::parse(text)
        .map_err(|what| anyhow!("--initial {text}: {what}: expected one value, as EDN: 0, nil, \"x\""))
}

/// The wall clock, which the library does not know.
#[allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "how long a person waits; no run sees it"
)]
struct Patience {
    start: std::time::Instant,
    span: Duration,
}

#[allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "see the type")]
impl Patience {
    fn new(span: Duration) -> Self {
        Patience { start: std::time::Instant::now(), span }
    }

    fn is_over(&self) -> bool {
        self.start.elapsed() >= self.span
    }
}
