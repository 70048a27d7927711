//! What can go wrong by a scenario file, as a user writes it.

use serde_json::Value as Json;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn netsplit_in(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netsplit"));
    command.current_dir(folder).args(arguments).output().expect("the command can be started")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A fresh folder for one test.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("faults-{name}"));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a folder for the test");
    path
}

const HEAD: &str = "model = \"multi-paxos\"\nduration = \"20s\"\n";

/// Runs multi-Paxos for twenty seconds with `entries`, and gives the faults of its trace.
fn faults(name: &str, entries: &str) -> (Output, Vec<Json>) {
    let folder = folder(name);
    fs::write(folder.join("scenario.toml"), format!("{HEAD}{entries}")).expect("a file");
    let output = netsplit_in(&folder, &["run", "scenario.toml", "--trace", "trace.jsonl"]);
    let trace = fs::read_to_string(folder.join("trace.jsonl")).unwrap_or_default();
    let records = trace.lines().map(|line| serde_json::from_str::<Json>(line).expect("a line of JSON"));
    (output, records.filter(|record| record["event"] == "fault").collect())
}

fn texts(faults: &[Json]) -> Vec<&str> {
    faults.iter().map(|fault| fault["text"].as_str().expect("a text")).collect()
}

#[test]
fn clocks_jump_drift_and_are_set_and_links_are_slow() {
    let (output, faults) = faults(
        "written",
        r#"
[[faults]]
at = "0s"
inert = "allowed"
clock = { node = "replica-0", jump = "-2s" }

[[faults]]
at = "1s"
for = "2s"
clock = { node = ["replica-1", "replica-2"], jump = "1.5s", drift = 200 }
inert = "allowed"

[[faults]]
at = "4s"
set_clock = "replica-0"

[[faults]]
at = "5s"
for = "1s"
slow = { node = "replica-1", by = "20ms" }

[[faults]]
at = "7s"
for = "1s"
slow = { between = ["client", "replica-1"], by = "20ms" }
one_way = true
inert = "allowed"
"#,
    );
    assert!(output.status.success(), "{}", said(&output));
    let expected = [
        "clock n0 -2s",
        "clock n1 +1.5s",
        "clock n1 +200ppm",
        "clock n2 +1.5s",
        "clock n2 +200ppm",
        "set clock n1",
        "set clock n2",
        "set clock n0",
        "slow {n1} | {n0 n2 n3 n4 n5} +20ms",
        "heal slow {n1} | {n0 n2 n3 n4 n5} +20ms",
        "slow {n3 n4 n5} > {n1} +20ms",
        "heal slow {n3 n4 n5} > {n1} +20ms",
    ];
    assert_eq!(texts(&faults), expected);
}

#[test]
fn a_fault_that_is_aimed_hits_whoever_leads_and_a_failure_file_says_whom() {
    let folder = folder("aimed");
    let entries = r#"
seed = 3
[parameters]
replicas = 5

[nemesis]
kinds = ["crashes@leader", "clock_drifts@leader"]
until = "10s"

[[faults]]
at = "12s"
for = "2s"
isolate = "@leader"

# Nothing comes of this: it violates the run.
[[faults]]
at = "15s"
clock = { node = "@leader", jump = "5s" }
"#;
    fs::write(folder.join("scenario.toml"), format!("{HEAD}{entries}")).expect("a file");
    let output = netsplit_in(&folder, &["run", "scenario.toml", "--out", "out", "--no-shrink"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("clock @leader at 15s touched nothing"), "{}", said(&output));
    let saved = fs::read_dir(folder.join("out")).expect("the folder").filter_map(Result::ok);
    let saved = saved.map(|entry| entry.path()).find(|path| path.to_string_lossy().contains("seed-3"));
    let saved = saved.expect("a failure file");
    let text = fs::read_to_string(&saved).expect("the file");
    let json: Json = serde_json::from_str(&text).expect("JSON");
    let plan = json["plan"]["faults"].as_array().expect("a plan");
    let hit = |kind: &str| plan.iter().filter(|planned| planned["fault"].get(kind).is_some()).count();
    assert!(hit("crash") > 1 && hit("drift_clock") > 1, "{text}");
    assert_eq!([hit("partition"), hit("heal_partition"), hit("jump_clock")], [1, 1, 1], "{text}");
    let replayed = netsplit_in(&folder, &["replay", &saved.to_string_lossy()]);
    assert!(replayed.status.success() && said(&replayed).contains("reproduced"), "{}", said(&replayed));
}

#[test]
fn a_nemesis_takes_every_kind_and_a_sweep_counts_each() {
    let folder = folder("nemesis");
    let entries = r#"
[parameters]
replicas = 5
[nemesis]
kinds = ["halves", "isolations", "one_way_partitions", "majorities_ring", "bridges", "flapping",
    "clock_drifts", "slow_links"]
until = "8s"
"#;
    fs::write(folder.join("scenario.toml"), format!("{HEAD}{entries}")).expect("a file");
    let output = netsplit_in(&folder, &["sweep", "scenario.toml", "--seeds", "0..3"]);
    assert!(output.status.success(), "{}", said(&output));
    for kind in ["partition", "clock", "slow"] {
        assert!(said(&output).contains(kind), "{}", said(&output));
    }
    // No replica reads its clock: a jump touches nothing, and the sweep says so.
    let jumps = "nemesis.kinds=[\"clock_jumps\"]";
    let output = netsplit_in(&folder, &["sweep", "scenario.toml", "--seeds", "0..3", "--set", jumps]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("clock"), "{}", said(&output));
}

#[test]
fn links_and_processing_are_set_by_role() {
    let folder = folder("roles");
    let entries = r#"
[parameters]
replicas = 1
clients = 1
client.arrivals = { closed = "10ms" }
[network]
delay = "1ms"
[storage]
sync_latency = "0ms"
[[links]]
from = "client"
to = "replica"
delay = "30ms"
[processing]
replica = "7ms"
"#;
    fs::write(folder.join("scenario.toml"), format!("{HEAD}{entries}")).expect("a file");
    let latency = |settings: &[&str]| {
        let mut arguments = vec!["run", "scenario.toml", "--json"];
        settings.iter().for_each(|setting| arguments.extend(["--set", setting]));
        let output = netsplit_in(&folder, &arguments);
        let json: Json =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
        json["metrics"]["latency"]["p50_ms"].as_f64().expect("a number")
    };
    // There, and back.
    assert_eq!(latency(&["processing.replica=0ms"]), 30.0 + 1.0);
    assert_eq!(latency(&[]), 30.0 + 7.0 + 1.0);
}

/// Entries, the line that is named, and what was expected.
const BAD: [(&str, &str, &str); 20] = [
    ("partition = [[\"replica-0\"], [\"replica-1\"], [\"replica-2\"]]", ":5:", "3 sides: expected two"),
    ("clock = { node = \"replica-0\" }", ":5:", "expected a `jump`, a `drift`, or both"),
    ("clock = { node = \"replica-0\", jump = \"2\" }", ":5:", "`2` is not an offset: expected a span"),
    ("clock = { node = \"replica-0\", jump = 2 }", ":5:", "expected text in quotes"),
    ("clock = { node = \"replica-9\", jump = \"2s\" }", ":5:", "there is no node `replica-9`: the nodes are"),
    (
        "clock = { node = \"replica-0\", drift = -1_000_000 }",
        ":5:",
        "drifts by -999999 parts per million or more",
    ),
    ("clock = { node = \"replica-0\", drift = 0 }", ":5:", "a drift is not zero"),
    ("clock = { jump = \"2s\" }", ":5:", "missing field `node`"),
    ("set_clock = \"replica-0\"\nfor = \"1s\"", ":3:", "`for` goes with crash, pause"),
    ("slow = { by = \"1s\" }", ":5:", "expected one of `node` and `between`"),
    ("slow = { node = \"replica-0\" }", ":5:", "missing field `by`"),
    (
        "slow = { node = \"replica-0\", by = \"1s\" }\none_way = true",
        ":3:",
        "`one_way` goes with a partition",
    ),
    ("slow = { between = [\"replica\", \"n0\"], by = \"1s\" }", ":3:", "n0 is on both sides"),
    ("crash = \"@king\"", ":5:", "there is no target `@king`: expected one of the model's: @leader"),
    ("heal = true\n[nemesis]\nuntil = \"5s\"\nkinds = [\"crashes@king\"]", ":8:", "no target `@king`"),
    ("heal = true\n[nemesis]\nuntil = \"5s\"\nkinds = [\"halves@leader\"]", ":8:", "do not hit one node"),
    ("heal = true\n[nemesis]\nuntil = \"5s\"\nkinds = [\"floods\"]", ":8:", "`majorities_ring`"),
    ("heal = true\n[processing]\nbroker = \"1ms\"", ":7:", "no node has the role `broker`"),
    (
        "heal = true\n[[links]]\nfrom = \"replica\"\nto = \"broker\"\ndelay = \"1ms\"",
        ":8:",
        "no node has the role",
    ),
    ("heal = true\n[[links]]\nfrom = \"replica\"\nto = \"client\"", ":6:", "missing field `delay`"),
];

#[test]
fn a_bad_fault_or_role_gets_one_error_with_its_line() {
    let folder = folder("bad");
    let file = folder.join("bad.toml");
    for (entry, place, expected) in BAD {
        fs::write(&file, format!("{HEAD}[[faults]]\nat = \"1s\"\n{entry}\n")).expect("a file");
        let output = netsplit_in(&folder, &["run", "bad.toml"]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{entry}\n{said}");
        assert_eq!(said.matches("error:").count(), 1, "{said}");
        assert!(said.contains(place) && said.contains(expected), "expected {place} {expected} in\n{said}");
    }
}
