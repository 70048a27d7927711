//! `netsplit sweep` and `netsplit replay` as a user types them.

use serde_json::Value as Json;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn netsplit_in(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netsplit"));
    command.current_dir(folder).args(arguments).output().expect("the command can be started")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn said(output: &Output) -> String {
    text(&output.stdout) + &text(&output.stderr)
}

/// A fresh folder for one test, with the scenarios of these tests.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("sweep-{name}"));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a folder for the test");
    fs::write(path.join("commit.toml"), COMMIT).expect("a file");
    fs::write(path.join("duel.toml"), DUEL).expect("a file");
    fs::write(path.join("sites.csv"), "region,Home,East,West\nHome,1,80,80\nEast,80,1,80\nWest,80,80,1\n")
        .expect("a file");
    path
}

fn files(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry.expect("a file").file_name().to_string_lossy().into_owned()
    };
    let mut names: Vec<String> =
        fs::read_dir(folder).map(|entries| entries.map(name).collect()).unwrap_or_default();
    names.sort();
    names
}

/// Faults are drawn, and all checks hold.
const COMMIT: &str = r#"
model = "two-phase-commit"
duration = "12s"

[parameters]
participants = 3
clients = 2
think_time = "50ms"

[network]
delay = { uniform = ["1ms", "10ms"] }

[nemesis]
kinds = ["partitions", "crashes", "pauses"]
until = "4s"
"#;

/// With equal back-off nothing is ever chosen.
const DUEL: &str = r#"
model = "paxos"
duration = "2s"

[parameters]
acceptors = 3
proposers = 2
backoff_low = "5ms"
backoff_high = "5ms"
stagger = "10ms"

[topology]
round_trip_times = "sites.csv"
place = { acceptor = ["Home", "East", "West"], proposer = ["Home"] }
"#;

/// What is done to a failure file.
type Change<'a> = &'a dyn Fn(&mut Json);

#[test]
fn a_sweep_prints_and_writes_the_same_bytes_for_any_number_of_jobs() {
    let folder = folder("jobs");
    let sweep = |scenario: &str, jobs: &str| {
        let flags = ["--seeds", "3..12", "--jobs", jobs, "--vary", "clients=1,2", "--out", "out"];
        let output = netsplit_in(&folder, &[&["sweep", scenario], &flags[..]].concat());
        let out = folder.join("out");
        let written: Vec<_> = files(&out).iter().map(|name| fs::read(out.join(name)).ok()).collect();
        fs::remove_dir_all(&out).expect("the folder");
        (output.status.code(), said(&output), written)
    };
    let one = sweep("commit.toml", "1");
    assert_eq!(one.0, Some(0), "{}", one.1);
    // Five figures, three files each.
    assert_eq!(one.2.len(), 17);
    assert!(one == sweep("commit.toml", "2") && one == sweep("commit.toml", "7"));
}

#[test]
fn a_sweep_names_the_lowest_failing_seed_and_its_file_reproduces_it() {
    let folder = folder("duel");
    let output = netsplit_in(&folder, &["sweep", "duel.toml", "--seeds", "4..8", "--set", "stagger=9ms"]);
    let all = said(&output);
    assert_eq!(output.status.code(), Some(1), "{all}");
    assert!(all.contains("violated  eventually: a value is chosen"), "{all}");
    assert!(all.contains("in 4 of 4 seeds; the lowest is 4 (at no moment"), "{all}");
    assert!(all.contains("holds     always: at most one value is chosen"), "{all}");
    let line = "/netsplit run duel.toml --seed 4 --set stagger=9ms";
    assert!(all.contains(line), "{all}");

    let [name] = &files(&folder.join("netsplit-failures"))[..] else { panic!("one failure is saved\n{all}") };
    assert!(all.contains(&format!("/netsplit replay netsplit-failures/{name}")), "{all}");
    // The file is enough, without the scenario and its matrix.
    fs::rename(folder.join("netsplit-failures").join(name), folder.join("kept.json")).expect("the file");
    fs::remove_file(folder.join("duel.toml")).expect("the scenario");
    fs::remove_file(folder.join("sites.csv")).expect("the matrix");
    let replayed = netsplit_in(&folder, &["replay", "kept.json"]);
    let all = said(&replayed);
    assert_eq!(replayed.status.code(), Some(0), "{all}");
    assert!(all.contains("same     digest ") && all.contains("same     violated  eventually: "), "{all}");
    assert!(all.trim_end().ends_with("reproduced"), "{all}");
}

#[test]
fn a_replay_notices_another_digest_another_violation_and_another_engine() {
    let folder = folder("tampered");
    let failed = netsplit_in(&folder, &["run", "duel.toml", "--seed", "7", "--out", "out", "--no-shrink"]);
    assert_eq!(failed.status.code(), Some(1), "{}", said(&failed));
    let name =
        files(&folder.join("out")).into_iter().find(|name| name.contains("seed-7")).expect("a failure");
    let saved = fs::read_to_string(folder.join("out").join(name)).expect("a failure");
    let changed = |change: Change<'_>| {
        let mut json: Json = serde_json::from_str(&saved).expect("JSON");
        change(&mut json);
        fs::write(folder.join("changed.json"), json.to_string()).expect("a file");
        netsplit_in(&folder, &["replay", "changed.json"])
    };

    assert_eq!(changed(&|_| {}).status.code(), Some(0));
    let output = changed(&|json| json["digest"] = "00".repeat(16).into());
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("differs  digest "), "{}", said(&output));
    let output = changed(&|json| json["violations"][0]["at"] = "1s".into());
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("differs  violated  eventually: "), "{}", said(&output));
    let output = changed(&|json| json["engine"] = 0.into());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(text(&output.stderr).contains("saved by engine 0"), "{}", said(&output));

    let bad: [(Change<'_>, &str); 5] = [
        (&|json| json["version"] = 1.into(), "its format has version 1: expected 2"),
        (&|json| json["format"] = "picture".into(), "expected a failure file"),
        (&|json| json["seed"] = "seven".into(), "invalid type"),
        (&|json| json["text"] = "model = \"raft\"\nduration = \"1s\"".into(), "there is no model `raft`"),
        (
            &|json| json["plan"] = serde_json::json!({"faults": [{"at": "1s", "fault": {"crash": "n99"}}]}),
            "there is no n99",
        ),
    ];
    for (change, expected) in bad {
        let output = changed(change);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(output.stdout.is_empty());
        let error = text(&output.stderr);
        assert!(error.contains(expected) && error.matches("error:").count() == 1, "{expected}: {error}");
    }
    fs::write(folder.join("short.json"), &saved[..saved.len() / 2]).expect("a file");
    let output = netsplit_in(&folder, &["replay", "short.json"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("the file is truncated: expected a failure file"));
    assert_eq!(netsplit_in(&folder, &["replay", "missing.json"]).status.code(), Some(2));
}

#[test]
fn a_varied_parameter_has_a_row_for_each_value() {
    let folder = folder("vary");
    let flags = ["--vary", "backoff_high=5ms,80ms", "--vary", "acceptors=3,5", "--out", "out"];
    let output = netsplit_in(&folder, &[&["sweep", "duel.toml", "--seeds", "0..6"], &flags[..]].concat());
    let all = said(&output);
    assert_eq!(output.status.code(), Some(1), "{all}");
    let csv = fs::read_to_string(folder.join("out/sweep.csv")).expect("the table");
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0][..4], ["backoff_high", "acceptors", "seeds", "failing_seeds"]);
    let keys: Vec<_> = rows[1..].iter().map(|row| (row[0], row[1], row[2])).collect();
    let expected = [("5ms", "3", "6"), ("5ms", "5", "6"), ("80ms", "3", "6"), ("80ms", "5", "6")];
    assert_eq!(keys, expected);
    assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{csv}");
    assert!(all.contains("backoff_high=5ms acceptors=3\n  violated"), "{all}");
    assert!(all.contains("--set backoff_high=5ms --set acceptors=3"), "{all}");
    let summary = fs::read_to_string(folder.join("out/summary.json")).expect("the summary");
    let json: Json = serde_json::from_str(&summary).expect("JSON");
    assert_eq!(json["rows"].as_array().map(Vec::len), Some(4));
}

/// With the names of the files that belong to each figure.
fn of_figures(names: &[&str]) -> Vec<String> {
    let files = |name: &&str| ["csv", "png", "svg"].map(|ending| format!("{name}.{ending}"));
    let mut files: Vec<String> = names.iter().flat_map(files).collect();
    files.extend(["summary.json", "sweep.csv"].map(String::from));
    files.sort();
    files
}

#[test]
fn a_sweep_draws_what_the_scenario_asks_for_and_else_what_suits_it() {
    let folder = folder("figures");
    let over_time = ["availability", "gauges-over-time", "latency-cdf", "latency-over-time"];
    let all: [(&[&str], &[&str]); 4] = [
        (&[], &over_time),
        (&["--vary", "clients=1,2"], &[&over_time[..], &["latency-against-load"]].concat()),
        (
            &["--vary", "clients=1,2", "--vary", "participants=2,3,4,5,6"],
            &["heat-map-availability", "heat-map-latency"],
        ),
        (&["--set", r#"plots=["latency-cdf"]"#, "--vary", "clients=1,2"], &["latency-cdf"]),
    ];
    let named = format!("plots = [\"latency-cdf\"]\n{COMMIT}");
    fs::write(folder.join("named.toml"), named).expect("a file");
    let arguments = ["sweep", "named.toml", "--seeds", "0..2", "--vary", "clients=1,2", "--out", "named"];
    let output = said(&netsplit_in(&folder, &arguments));
    let others = "not drawn, as the scenario names its plots: latency-over-time, availability, \
                  gauges-over-time, latency-against-load; --set 'plots=[]' draws what suits";
    assert!(output.contains(others), "{output}");
    for (flags, figures) in all {
        let arguments = [&["sweep", "commit.toml", "--seeds", "0..2", "--out", "out"], flags].concat();
        let output = netsplit_in(&folder, &arguments);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        assert_eq!(files(&folder.join("out")), of_figures(figures), "{flags:?}");
        assert!(!said(&output).contains("not drawn"), "{flags:?}");
        fs::remove_dir_all(folder.join("out")).expect("the folder");
    }
}

#[test]
fn a_plot_that_there_is_not_or_that_this_sweep_has_not_is_an_error_before_anything_runs() {
    let folder = folder("plots");
    let file = |plots: &str| fs::write(folder.join("plots.toml"), format!("plots = {plots}\n{COMMIT}"));
    file(r#"["availability", "heat-map-latency"]"#).expect("a file");
    let sweep = |flags: &[&str]| {
        let arguments = [&["sweep", "plots.toml", "--seeds", "0..1000000", "--out", "out"], flags].concat();
        let output = netsplit_in(&folder, &arguments);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(!folder.join("out").exists());
        text(&output.stderr)
    };
    let error = sweep(&["--vary", "clients=1,2"]);
    let expected =
        "plots.toml:1: the plot `heat-map-latency` needs two varied keys: expected a --vary KEY=A,B,C";
    assert!(error.contains(expected), "{error}");
    let error = sweep(&["--set", r#"plots=["latency-against-load"]"#, "--vary", "model=queue,paxos"]);
    assert!(error.contains("needs one varied key, whose values are numbers, spans"), "{error}");
    file(r#"["pie"]"#).expect("a file");
    let error = sweep(&[]);
    let expected = "plots.toml:1: there is no plot `pie`: expected one of latency-cdf, latency-over-time, \
                    availability, gauges-over-time, latency-against-load, availability-against-staleness, heat-map-";
    assert!(error.contains(expected), "{error}");

    // One run has no second key, and draws the others.
    file(r#"["availability", "heat-map-latency"]"#).expect("a file");
    let output = netsplit_in(&folder, &["run", "plots.toml", "--out", "out"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("left out heat-map-latency: `netsplit sweep` draws that"));
    assert!(!files(&folder.join("out")).iter().any(|name| name.starts_with("heat")));
}

#[test]
fn a_bad_range_flag_or_key_gets_one_error_and_no_output() {
    let folder = folder("bad");
    for (flags, expected) in [
        (&["--seeds", "9..3"][..], "the range is backward: expected A..B"),
        (&["--seeds", "5..5"], "the range is empty: expected A..B"),
        (&["--seeds", "a..b"], "`a` is not a seed: expected A..B"),
        (&["--seeds", "17"], "expected A..B"),
        (&["--seeds", "0..2", "--jobs", "0"], "expected a number from 1 to 1024"),
        (&["--seeds", "0..2", "--vary", "clients"], "expected key=a,b,c"),
        (&["--seeds", "0..2", "--vary", "clients=1,,2"], "a value is empty"),
        (&["--seeds", "0..2", "--vary", "nobody=1,2"], "--vary nobody=1: unknown field `nobody`"),
        (&["--seeds", "0..2", "--vary", "clients=1,many"], "--vary clients=many: "),
        (&["--seeds", "0..2", "--vary", "clients=1", "--vary", "clients=2"], "varied twice"),
        (&["--seeds", "0..2", "--vary", "clients=1", "--vary", "parameters.clients=2"], "varied twice"),
        (&["--seeds", "0..2", "--vary", "clients=1,1"], "`1` is there twice"),
        (&["--seeds", "0..2", "--vary", "seed=1,2"], "a sweep has the seeds that --seeds says"),
        (&["--seeds", "0..2", "--set", "nemesis.until=1h"], "--set nemesis.until=1h: the nemesis ends"),
        (&["--seeds", "0..2", "--set", "nemesis.kinds=[\"floods\"]"], "unknown variant `floods`"),
        (&["--seeds", "0..2", "--set", "nemesis.kinds=[]"], "kinds: expected some of"),
        (&["--seeds", "0..2", "--set", "nemesis.kinds=[\"pauses\",\"pauses\"]"], "in the list already"),
        (&[], "--seeds"),
    ] {
        let arguments = [&["sweep", "commit.toml", "--out", "out"], flags].concat();
        let output = netsplit_in(&folder, &arguments);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{flags:?}\n{error}");
        assert!(error.contains(expected), "expected {expected} in\n{error}");
        assert_eq!(error.matches("error:").count(), 1, "{error}");
        assert!(output.stdout.is_empty() && !folder.join("out").exists(), "{flags:?}");
    }
}

#[test]
fn a_written_fault_that_touches_nothing_fails_the_run_unless_it_is_allowed_to() {
    let folder = folder("inert");
    // Nobody has anything in flight or in mind any more.
    let late = "model = \"paxos\"\nduration = \"10s\"\nchecks = [\"at most one value is chosen\"]\n\
                [[faults]]\nat = \"9s\"\nfor = \"500ms\"\nisolate = \"acceptor-0\"\n";
    fs::write(folder.join("late.toml"), late).expect("a file");
    let output = netsplit_in(&folder, &["run", "late.toml", "--out", "out"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("partition acceptor-0 at 9s touched nothing"), "{}", said(&output));
    let file =
        files(&folder.join("out")).into_iter().find(|name| name.contains("seed-1-")).expect("a failure");
    let replayed = netsplit_in(&folder, &["replay", &format!("out/{file}")]);
    assert_eq!(replayed.status.code(), Some(0), "{}", said(&replayed));

    let output = netsplit_in(&folder, &["sweep", "late.toml", "--seeds", "0..4"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("nothing is touched by partition in any seed"), "{}", said(&output));

    fs::write(folder.join("late.toml"), format!("{late}inert = \"allowed\"\n")).expect("a file");
    for arguments in [&["run", "late.toml"][..], &["sweep", "late.toml", "--seeds", "0..4"]] {
        let output = netsplit_in(&folder, arguments);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_keeps_what_is_finished_and_says_how_much_that_is() {
    let folder = folder("interrupt");
    let child = Command::new(env!("CARGO_BIN_EXE_netsplit"))
        .current_dir(&folder)
        .args(["sweep", "commit.toml", "--seeds", "0..1000000", "--jobs", "2", "--out", "out", "--json"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the command can be started");
    let interrupt = format!("sleep 2; kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &interrupt]).status().expect("a shell").success());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    let json: Json = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(json["interrupted"], true);
    let seeds = json["rows"][0]["seeds"].as_u64().expect("a number");
    assert!((1..1_000_000).contains(&seeds), "{seeds}");
    let written = files(&folder.join("out"));
    assert!(written.contains(&"availability.svg".to_string()), "{written:?}");

    // The same seeds, asked for in the first place, come to the same.
    let range = format!("0..{seeds}");
    let whole = netsplit_in(&folder, &["sweep", "commit.toml", "--seeds", &range, "--json"]);
    let whole: Json = serde_json::from_slice(&whole.stdout).expect("one JSON object");
    assert_eq!(whole["rows"], json["rows"]);
}

#[cfg(unix)]
#[test]
fn rows_take_turns_so_that_an_interrupt_leaves_each_with_as_many_seeds() {
    let folder = folder("turns");
    let child = Command::new(env!("CARGO_BIN_EXE_netsplit"))
        .current_dir(&folder)
        .args(["sweep", "commit.toml", "--seeds", "0..1000000", "--jobs", "2", "--out", "out"])
        .args(["--vary", "clients=1,2,3"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the command can be started");
    let interrupt = format!("sleep 2; kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &interrupt]).status().expect("a shell").success());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    assert!(said(&output).contains("no check is violated in any row so far"), "{}", said(&output));
    let summary = fs::read_to_string(folder.join("out/summary.json")).expect("the summary");
    let json: Json = serde_json::from_str(&summary).expect("JSON");
    let seeds = |row: usize| json["rows"][row]["seeds"].as_u64().expect("a number");
    assert!(seeds(2) > 0 && (0..3).all(|row| (seeds(2)..=seeds(2) + 1).contains(&seeds(row))), "{summary}");
}

/// A thousand seeds each are for `--release`; see the README.
#[test]
fn every_scenario_with_drawn_faults_holds_and_each_kind_touches_something() {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let drawn: Vec<String> =
        files(&scenarios).into_iter().filter(|name| name.ends_with("_nemesis.toml")).collect();
    assert_eq!(drawn.len(), 5, "{drawn:?}");
    for name in drawn {
        let path = scenarios.join(&name).to_string_lossy().into_owned();
        let output = netsplit_in(&folder("nemesis"), &["sweep", &path, "--seeds", "0..10"]);
        assert!(output.status.success(), "{}", said(&output));
    }
}

#[test]
fn a_sweep_says_over_seeds_what_nodes_counted() {
    let folder = folder("gauges");
    let output = netsplit_in(&folder, &["sweep", "commit.toml", "--seeds", "0..7", "--json"]);
    let json: Json = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
    let in_doubt = &json["rows"][0]["metrics"]["gauges_per_seed"]["in doubt"];
    let median = |what: &str| in_doubt[what]["median"].as_f64().expect("a number");
    let band = in_doubt["mean"]["band_95"].as_array().expect("seven seeds have a band");
    assert!(band[0].as_f64() <= Some(median("mean")) && Some(median("mean")) <= band[1].as_f64());
    assert!(median("mean") > 0.0 && median("above_zero_ms") <= 12_000.0, "{in_doubt}");
    let output = netsplit_in(&folder, &["sweep", "commit.toml", "--seeds", "0..7", "--out", "out"]);
    let csv = fs::read_to_string(folder.join("out/sweep.csv")).expect("the table");
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    let column = rows[0].iter().position(|name| *name == "seed_in_doubt_mean_median").expect("a column");
    assert_eq!(rows[1][column].parse::<f64>().ok(), Some(median("mean")));
    assert_eq!(
        (rows[0].len(), *rows[0].last().expect("a name")),
        (rows[1].len(), "seed_in_doubt_above_zero_high_ms")
    );
    assert!(said(&output).contains("in doubt (mean over time) median"), "{}", said(&output));
}
