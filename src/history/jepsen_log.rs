//! Jepsen's text logs: `INFO  jepsen.util - PROCESS :type :f value`, the parts apart by tabs or spaces.
//!
//! What others log is left out: a line counts as an event if it is of `jepsen.util` and names a process.

use super::notation::Reader;
use super::recorded::{HistoryError, Kind, Recorded};

const EXPECTED: &str = "expected `INFO  jepsen.util - PROCESS :type :f value`";

pub(super) fn parse(text: &str) -> Result<Vec<Recorded>, HistoryError> {
    let mut events = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        events.extend(event(text.trim(), line)?);
    }
    Ok(events)
}

fn event(text: &str, line: usize) -> Result<Option<Recorded>, HistoryError> {
    let wrong = |what: &str| Err(HistoryError { line, what: format!("{what}: {EXPECTED}") });
    const LEVELS: [&str; 5] = ["INFO", "WARN", "ERROR", "DEBUG", "TRACE"];
    let words: Vec<&str> = text.split_whitespace().collect();
    match words[..] {
        [] => return Ok(None),
        [level, ..] if !LEVELS.contains(&level) => return wrong("this is no line of a log"),
        [_, "jepsen.util", "-", ..] => {}
        [_, _, "-", ..] => return Ok(None),
        _ => return wrong("the line is truncated"),
    }
    let [_, _, _, process, kind, f, _, ..] = words[..] else {
        return match words.get(3) {
            Some(&":nemesis") => Ok(None),
            _ => wrong("the line is truncated"),
        };
    };
    if process == ":nemesis" {
        return Ok(None);
    }
    let Ok(process) = process.parse() else { return wrong("the process is no whole number") };
    let Some(kind) = kind.strip_prefix(':').and_then(Kind::named) else {
        return wrong("the type is not :invoke, :ok, :fail or :info");
    };
    let Some(f) = f.strip_prefix(':') else { return wrong("the operation is no `:name`") };
    // Behind the sixth word, with the white space that is in it.
    let value =
        words[..6].iter().fold(text, |rest, word| rest.trim_start().strip_prefix(word).unwrap_or(rest));
    let mut reader = Reader::new(value);
    let value = reader.value().map_err(|wrong| HistoryError { line, what: wrong.what })?;
    Ok(Some(Recorded { line, process, kind, f: f.to_string(), value, key: None, time: None }))
}
