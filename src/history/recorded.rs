//! Histories in files: Jepsen's format as EDN and as JSON, and Jepsen's text logs.
//!
//! ```text
//! {:process 0, :type :invoke, :f :write, :value 3}              EDN, with or without [ ] around all of it
//! {"process": 0, "type": "ok", "f": "write", "value": 3}        JSON, a line each, or in one array
//! INFO  jepsen.util - 0    :ok    :write    3                   a log
//! ```
//!
//! Events are in their order. `:type` is `:invoke`, `:ok`, `:fail` or `:info`; with `:info` the outcome is unknown,
//! and the process goes on as a new client. `:key` names an independent object; `:time` is in nanoseconds. What the
//! nemesis does is left out. It does not know what operations mean: `checker::files` does.

use super::jepsen_log;
use super::notation::{Reader, Wrong};
use super::{ClientId, Datum};
use crate::time::Time;
use std::collections::BTreeMap;
use std::fmt;

/// What an event of a file says of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It was invoked.
    Invoke,
    /// It took place.
    Ok,
    /// It did not take place, or it took place and its answer is no: there are two conventions.
    Fail,
    /// Nobody knows.
    Info,
}

impl Kind {
    const ALL: [Kind; 4] = [Kind::Invoke, Kind::Ok, Kind::Fail, Kind::Info];

    /// As Jepsen calls it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Invoke => "invoke",
            Kind::Ok => "ok",
            Kind::Fail => "fail",
            Kind::Info => "info",
        }
    }

    pub(super) fn named(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One event of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Where it is in the file, from one.
    pub line: usize,
    /// Whose it is.
    pub process: u64,
    /// What it says.
    pub kind: Kind,
    /// The operation: `read`.
    pub f: String,
    /// What it carries.
    pub value: Datum,
    /// The object, where there are several.
    pub key: Option<Datum>,
    /// When, if the file says so.
    pub time: Option<Time>,
}

/// The events of a file, of which each response has its invocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordedHistory {
    events: Vec<Recorded>,
}

/// What is wrong with a file, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryError {
    /// The line, from one.
    pub line: usize,
    /// What is wrong, and what was expected.
    pub what: String,
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for HistoryError {}

impl From<Wrong> for HistoryError {
    fn from(Wrong { line, what }: Wrong) -> Self {
        HistoryError { line, what }
    }
}

/// One operation of a file: its invocation, its response if there is one, and the client.
pub(crate) type Pair<'a> = (ClientId, &'a Recorded, Option<&'a Recorded>);

impl RecordedHistory {
    /// Reads a file of any of the formats.
    ///
    /// # Errors
    /// If it is none of them or is truncated, or if a response has no invocation, or if a process invokes an
    /// operation while it has another one open.
    pub fn parse(text: &str) -> Result<RecordedHistory, HistoryError> {
        let mut reader = Reader::new(text);
        let events = match reader.peek() {
            None => Vec::new(),
            Some('[' | '(' | '{') => read_maps(&mut reader)?,
            Some(_) => jepsen_log::parse(text)?,
        };
        if events.is_empty() {
            let what = "there is no operation: expected a history as EDN, as JSON or as a Jepsen log";
            return Err(HistoryError { line: reader.line, what: what.to_string() });
        }
        let history = RecordedHistory { events };
        history.pairs()?;
        Ok(history)
    }

    /// A history of these events.
    ///
    /// # Errors
    /// If a response has no invocation, or a process has two operations open.
    pub fn new(events: Vec<Recorded>) -> Result<RecordedHistory, HistoryError> {
        let history = RecordedHistory { events };
        history.pairs()?;
        Ok(history)
    }

    /// The events, in their order.
    pub fn events(&self) -> &[Recorded] {
        &self.events
    }

    /// As EDN, a map a line.
    pub fn to_edn(&self) -> String {
        self.lines(|event| {
            let Recorded { process, kind, f, value, .. } = event;
            let mut line = format!("{{:process {process}, :type :{}, :f :{f}", kind.name());
            if let Some(key) = &event.key {
                line += &format!(", :key {key}");
            }
            line += &format!(", :value {value}");
            line + &event.time.map_or(String::new(), |time| format!(", :time {}", time.as_nanoseconds()))
                + "}"
        })
    }

    /// As JSON, an object a line.
    pub fn to_json_lines(&self) -> String {
        self.lines(|event| {
            let name = |name: &str| Datum::Text(name.to_string());
            let mut pairs = vec![
                (name("process"), Datum::Int(event.process as i64)),
                (name("type"), name(event.kind.name())),
                (name("f"), name(&event.f)),
            ];
            pairs.extend(event.key.iter().map(|key| (name("key"), key.clone())));
            pairs.push((name("value"), event.value.clone()));
            pairs.extend(event.time.map(|time| (name("time"), Datum::Int(time.as_nanoseconds() as i64))));
            Datum::Map(pairs).json()
        })
    }

    fn lines(&self, line: impl Fn(&Recorded) -> String) -> String {
        self.events.iter().map(|event| line(event) + "\n").collect()
    }

    /// The operations, in the order of invocation.
    pub(crate) fn pairs(&self) -> Result<Vec<Pair<'_>>, HistoryError> {
        let mut pairs: Vec<Pair<'_>> = Vec::new();
        let mut open: BTreeMap<u64, usize> = BTreeMap::new();
        let mut numbers: BTreeMap<u64, u32> = BTreeMap::new();
        for event in &self.events {
            let Recorded { line, process, f, kind, .. } = event;
            let wrong = |what| Err(HistoryError { line: *line, what });
            if event.kind == Kind::Invoke {
                if let Some(&other) = open.get(process) {
                    let (_, invoked, _) = pairs[other];
                    return wrong(format!(
                        "process {process} invokes :{f} while its :{} of line {} is open: expected one operation \
                         of a process at a time",
                        invoked.f, invoked.line
                    ));
                }
                let number = numbers.get(process).copied().unwrap_or(0);
                open.insert(*process, pairs.len());
                pairs.push((ClientId { node: *process, number }, event, None));
                continue;
            }
            let Some(index) = open.remove(process) else {
                return wrong(format!(
                    "a response without an invocation: :{} :{f} of process {process}, which has no operation open",
                    kind.name()
                ));
            };
            let invoked = pairs[index].1;
            if invoked.f != *f {
                return wrong(format!(
                    "process {process} responds to :{f}, but it invoked :{} on line {}",
                    invoked.f, invoked.line
                ));
            }
            pairs[index].2 = Some(event);
            if *kind == Kind::Info {
                *numbers.entry(*process).or_default() += 1;
            }
        }
        Ok(pairs)
    }
}

/// Maps one after another, or all in one list.
fn read_maps(reader: &mut Reader<'_>) -> Result<Vec<Recorded>, HistoryError> {
    let end = match reader.peek() {
        Some('[') => Some(']'),
        Some('(') => Some(')'),
        _ => None,
    };
    if end.is_some() {
        reader.take();
    }
    let mut events = Vec::new();
    loop {
        let next = reader.peek();
        let line = reader.line;
        match next {
            Some(c) if Some(c) == end => {
                reader.take();
                match reader.peek() {
                    None => return Ok(events),
                    Some(c) => {
                        let what = format!("`{c}` after the end of the history: expected nothing more");
                        return Err(HistoryError { line: reader.line, what });
                    }
                }
            }
            None if end.is_none() => return Ok(events),
            None => {
                let what = format!("the file is truncated: expected `{}`", end.unwrap_or(']'));
                return Err(HistoryError { line, what });
            }
            Some(_) => events.extend(event(&reader.value()?, line)?),
        }
    }
}

/// One event; none if it is the nemesis'.
fn event(datum: &Datum, line: usize) -> Result<Option<Recorded>, HistoryError> {
    let wrong = |what: String| Err(HistoryError { line, what });
    if !matches!(datum, Datum::Map(_)) {
        return wrong(format!("{datum} is no event: expected {{:process P, :type T, :f F, :value V}}"));
    }
    let process = match datum.get("process") {
        Some(Datum::Int(process)) if *process >= 0 => *process as u64,
        Some(other) if other.name() == Some("nemesis") => return Ok(None),
        Some(other) => return wrong(format!("the process is {other}: expected a whole number, or :nemesis")),
        None => return wrong("there is no :process: expected a whole number".to_string()),
    };
    let name = |field: &str, expected: &str| match datum.get(field) {
        Some(value) => match value.name() {
            Some(name) => Ok(name.to_string()),
            None => Err(HistoryError { line, what: format!(":{field} is {value}: expected {expected}") }),
        },
        None => Err(HistoryError { line, what: format!("there is no :{field}: expected {expected}") }),
    };
    const KINDS: &str = ":invoke, :ok, :fail or :info";
    let kind = name("type", KINDS)?;
    let Some(kind) = Kind::named(&kind) else {
        return wrong(format!(":type is :{kind}: expected {KINDS}"));
    };
    let f = name("f", "the name of an operation")?;
    let time = datum.get("time").and_then(Datum::int).and_then(|time| u64::try_from(time).ok());
    let time = time.map(Time::from_nanoseconds);
    let value = datum.get("value").cloned().unwrap_or_default();
    Ok(Some(Recorded { line, process, kind, f, value, key: datum.get("key").cloned(), time }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDN: &str = "({:process 0, :type :invoke, :f :cas, :value [1 2], :time 5}\n ; a remark\n\
        {:process :nemesis :type :info :f :start :value nil}\n\
        {:process 0 :type :ok :f :cas :value [1 2] :key \"a \\\"b\\\"\"})\n";

    fn error(text: &str) -> String {
        RecordedHistory::parse(text).expect_err("an error").to_string()
    }

    #[test]
    fn what_is_written_is_read_back_in_every_format() {
        let history = RecordedHistory::parse(EDN).expect("a history");
        assert_eq!(history.events().len(), 2);
        assert_eq!(history.events()[1].line, 4);
        let without_lines = |history: &RecordedHistory| {
            let events = history.events().iter().cloned();
            events.map(|event| Recorded { line: 0, ..event }).collect::<Vec<_>>()
        };
        for text in [history.to_edn(), history.to_json_lines()] {
            let again = RecordedHistory::parse(&text).expect("a history");
            assert_eq!(without_lines(&again), without_lines(&history), "{text}");
        }
        let array = format!("[{}]", history.to_json_lines().trim().replace('\n', ",\n"));
        assert_eq!(without_lines(&RecordedHistory::parse(&array).unwrap()), without_lines(&history));
    }

    #[test]
    fn a_log_is_read_as_the_same_events() {
        let log =
            "INFO  jepsen.util - 3\t:invoke\t:read\tnil\nINFO  jepsen.util - 3\t:fail\t:read\t:timed-out\n";
        let history = RecordedHistory::parse(log).expect("a history");
        let kinds: Vec<Kind> = history.events().iter().map(|event| event.kind).collect();
        assert_eq!(kinds, [Kind::Invoke, Kind::Fail]);
        assert_eq!(history.events()[1].value, Datum::Name("timed-out".to_string()));
    }

    #[test]
    fn a_process_goes_on_as_a_new_client_after_an_unknown_outcome() {
        let text = "{:process 1 :type :invoke :f :write :value 1}\n{:process 1 :type :info :f :write :value 1}\n\
            {:process 1 :type :invoke :f :read :value nil}";
        let history = RecordedHistory::parse(text).expect("a history");
        let clients: Vec<String> =
            history.pairs().unwrap().iter().map(|(client, ..)| client.to_string()).collect();
        assert_eq!(clients, ["1", "1.1"]);
    }

    #[test]
    fn an_error_names_the_line_and_what_was_expected() {
        assert_eq!(
            error("[{:process 1 :type :ok :f :read :value 2}]"),
            "line 1: a response without an invocation: :ok :read of process 1, which has no operation open"
        );
        assert_eq!(
            error("{:process 1 :type :invoke :f :read}\n\n{:process 1 :type :invoke :f :write :value 2}"),
            "line 3: process 1 invokes :write while its :read of line 1 is open: expected one operation of a \
             process at a time"
        );
        assert_eq!(
            error("[{:process 1 :type :invoke :f :read}\n"),
            "line 2: the file is truncated: expected `]`"
        );
        assert_eq!(error("{:process 1 :type :inv"), "line 1: the file is truncated: expected `}`");
        assert!(error("{:process 1 :type :inv :f :read}").ends_with("expected :invoke, :ok, :fail or :info"));
        assert!(error("").contains("there is no operation"));
        assert!(error("INFO  jepsen.util - 3\t:invo").starts_with("line 1: "));
        assert!(error("[[[").contains("truncated"));
        assert!(error(&"[".repeat(100_000)).contains("nested"));
    }
}
