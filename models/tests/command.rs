//! The command as a user types it: what it prints, what it writes, and what it says to bad input.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The workspace's root, where users stand.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("models/ lies in the root").to_path_buf()
}

fn netsplit(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netsplit"));
    command.current_dir(root()).args(arguments).output().expect("the command can be started")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A fresh folder for one test.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a folder for the test");
    path
}

const BLOCKING: &str = "models/scenarios/two_phase_commit_blocking.toml";

fn digest_line(output: &Output) -> String {
    text(&output.stdout).lines().last().unwrap_or_default().to_string()
}

#[test]
fn list_names_models_parameters_and_scenarios() {
    let output = netsplit(&["list"]);
    assert!(output.status.success());
    let listed = text(&output.stdout);
    for word in
        ["multi-paxos", "@leader", "two-phase-commit", "election_timeout", "\"50ms\"", "paxos_aws.toml"]
    {
        assert!(listed.contains(word), "expected {word} in\n{listed}");
    }
    assert!(!listed.contains("error:"), "{listed}");
}

#[test]
fn every_scenario_that_ships_runs_and_holds() {
    for entry in fs::read_dir(root().join("models/scenarios")).expect("the scenarios") {
        let path = entry.expect("a readable folder").path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let path = path.to_string_lossy().into_owned();
            let output = netsplit(&["run", &path]);
            assert!(output.status.success(), "{path}\n{}{}", text(&output.stdout), text(&output.stderr));
        }
    }
}

#[test]
fn the_last_line_is_the_digest_and_belongs_to_the_seed() {
    let first = netsplit(&["run", BLOCKING]);
    let line = digest_line(&first);
    let hex = line.strip_prefix("digest ").expect("the last line is the digest");
    assert!(hex.len() == 32 && hex.chars().all(|c| c.is_ascii_hexdigit()), "{line}");
    assert_eq!(line, digest_line(&netsplit(&["run", BLOCKING, "--seed", "3"])));
    assert_ne!(line, digest_line(&netsplit(&["run", BLOCKING, "--seed", "2"])));
}

#[test]
fn json_is_one_object_with_the_same_digest() {
    let output = netsplit(&["run", BLOCKING, "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    for key in ["model", "scenario", "seed", "engine", "digest", "checks", "metrics"] {
        assert!(json.get(key).is_some(), "{key} is missing");
    }
    let digest = format!("digest {}", json["digest"].as_str().expect("a string"));
    assert_eq!(digest, digest_line(&netsplit(&["run", BLOCKING])));
    assert!(json["metrics"]["operations"]["ok"].as_u64().expect("a number") > 100);
}

#[test]
fn out_holds_plots_data_and_summary_and_they_are_the_same_bytes_again() {
    let (one, two) = (folder("out-one"), folder("out-two"));
    for out in [&one, &two] {
        let output = netsplit(&["run", BLOCKING, "--out", &out.to_string_lossy()]);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    let mut names: Vec<_> =
        fs::read_dir(&one).expect("the folder").map(|e| e.expect("a file").file_name()).collect();
    names.sort();
    let files = |figure: &str| ["csv", "png", "svg"].map(|ending| format!("{figure}.{ending}"));
    let figures =
        ["availability", "gauges-over-time", "latency-cdf", "latency-over-time"].map(files).concat();
    let expected = [figures, vec!["summary.json".to_string()]].concat();
    assert_eq!(names, expected.iter().map(OsString::from).collect::<Vec<_>>());
    for name in names {
        let read = |folder: &Path| fs::read(folder.join(&name)).expect("a file");
        assert_eq!(read(&one), read(&two), "{name:?}");
    }
}

#[test]
fn a_trace_has_a_line_of_json_for_each_event() {
    let file = folder("trace").join("run.jsonl");
    let output = netsplit(&["run", BLOCKING, "--trace", &file.to_string_lossy()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let lines = fs::read_to_string(&file).expect("the trace");
    let mut events = std::collections::BTreeMap::new();
    for line in lines.lines() {
        let record: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        *events.entry(record["event"].as_str().expect("an event").to_string()).or_insert(0) += 1;
        assert!(record["nanoseconds"].is_u64());
    }
    assert_eq!(events["fault"], 4);
    assert!(events["gauge"] > 0);
    assert!(events["sent"] >= events["delivered"]);
}

#[test]
fn set_changes_parameters_and_settings() {
    let json = |settings: &[&str]| -> serde_json::Value {
        let mut arguments = vec!["run", BLOCKING, "--json"];
        settings.iter().for_each(|setting| arguments.extend(["--set", setting]));
        let output = netsplit(&arguments);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)))
    };
    let plain = json(&[]);
    let changed =
        json(&["participants=2", "duration=25s", "network.loss_probability=0.2", "storage.sync_latency=0ms"]);
    assert_ne!(plain["digest"], changed["digest"]);
    let sent = |json: &serde_json::Value| json["metrics"]["messages"]["sent"].as_u64().expect("a number");
    assert!(sent(&changed) < sent(&plain));
}

#[test]
fn availability_is_the_share_within_the_deadline_and_unknown_outcomes_stand_apart() {
    let json = |setting: &str| -> serde_json::Value {
        let output = netsplit(&["run", "models/scenarios/paxos_aws.toml", "--json", "--set", setting]);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text_of_both(&output)))
    };
    let share = |json: &serde_json::Value, name: &str| {
        json["metrics"]["availability"][name].as_f64().unwrap_or_else(|| panic!("{name} in {json}"))
    };
    let (without, with) = (json("duration=60s"), json("deadline=200ms"));
    assert!(without["metrics"]["availability"]["deadline_ms"].is_null());
    assert_eq!(share(&with, "deadline_ms"), 200.0);
    assert!(share(&with, "share") < share(&without, "share"), "{without} {with}");
    assert_eq!((share(&without, "late"), share(&with, "late") > 0.0), (0.0, true));
    assert!(share(&without, "unknown_share") > 0.0);
    // An operation that is still open when its deadline has passed counts with one.
    assert!((share(&with, "unknown_share") - share(&without, "unknown_share")).abs() < 0.001);
    assert_eq!(without["digest"], with["digest"]);
    let said = text(&netsplit(&["run", BLOCKING, "--set", "deadline=1s"]).stdout);
    assert!(said.contains(" % took place within 1s; "), "{said}");
}

#[test]
fn gauges_are_summed_up() {
    let output = netsplit(&["run", BLOCKING, "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let in_doubt = &json["metrics"]["gauges"]["in doubt"];
    let [mean, max, above_zero] =
        ["mean", "max", "above_zero_s"].map(|key| in_doubt[key].as_f64().expect(key));
    // Twelve clients with one transaction each, at three participants; the coordinator is down for six seconds.
    assert!(mean > 0.0 && mean <= max && max <= 36.0, "{in_doubt}");
    assert!(above_zero > 6.0 && above_zero <= 30.0, "{in_doubt}");
    let said = text(&netsplit(&["run", BLOCKING]).stdout);
    assert!(said.contains("gauges       in doubt: mean "), "{said}");
}

#[test]
fn bursts_make_a_longer_line_than_a_steady_stream_of_the_same_rate() {
    let bursts = ["run", "models/scenarios/queue_bursts.toml", "--json"];
    let steady = ["--set", "off=0s", "--set", r#"arrivals={exponential="40ms"}"#];
    let metrics = |arguments: &[&str]| -> (f64, f64) {
        let output = netsplit(arguments);
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
        let number = |value: &serde_json::Value| value.as_f64().expect("a number");
        let metrics = &json["metrics"];
        (number(&metrics["operations"]["ok"]), number(&metrics["gauges"]["line"]["mean"]))
    };
    let ((of_bursts, long), (of_stream, short)) =
        (metrics(&bursts), metrics(&[&bursts[..], &steady].concat()));
    assert!((of_bursts / of_stream - 1.0).abs() < 0.05, "{of_bursts} and {of_stream} messages");
    assert!(long > 10.0 * short, "lines of {long} and {short}");
}

#[test]
fn a_violated_check_is_said_with_a_story_and_exit_status_one() {
    let duel = "models/scenarios/paxos_duel.toml";
    let setting = r#"checks=["a value is chosen, and every proposer that is up knows it"]"#;
    let out = folder("violated");
    let output = netsplit(&["run", duel, "--set", setting, "--out", &out.to_string_lossy()]);
    // `checks` is a key of the scenario's own.
    assert_eq!(output.status.code(), Some(1), "{}{}", text(&output.stdout), text(&output.stderr));
    let said = text(&output.stdout);
    assert!(
        said.contains("violated  eventually: a value is chosen, and every proposer that is up knows it"),
        "{said}"
    );
    assert!(said.contains("Prepare"), "{said}");
    assert!(said.contains("/netsplit run models/scenarios/paxos_duel.toml --seed 1 --set '"), "{said}");
    assert!(said.contains("/netsplit replay "), "{said}");
}

/// A scenario, as text, and what is said about it: where, and what was expected.
const BAD: [(&str, &str, &str); 19] = [
    ("", ":1:", "the scenario is empty"),
    ("model = ", ":1:", "expected"),
    ("duration = \"5s\"", ":1:", "missing field `model`"),
    ("model = \"paxos\"\nduration = \"5s\"\ndurations = 1", ":3:", "unknown field `durations`"),
    ("model = \"paxoss\"\nduration = \"5s\"", ":1:", "expected one of two-phase-commit, paxos"),
    ("model = \"paxos\"\nduration = \"5 parsecs\"", ":2:", "`5 parsecs` is not a span of time"),
    ("model = \"paxos\"\nduration = 5", ":2:", "5 has no unit"),
    (
        "model = \"paxos\"\nduration = \"5s\"\n[network]\nloss_probability = -0.1",
        ":4:",
        "-0.1 is not a probability",
    ),
    (
        "model = \"paxos\"\nduration = \"5s\"\n[network]\ndelay = { gamma = \"5ms\" }",
        ":4:",
        "expected one of `uniform`, `exponential`",
    ),
    (
        "model = \"paxos\"\nduration = \"5s\"\n[parameters]\nacceptors = \"many\"",
        ":4:",
        "expected a whole number",
    ),
    (
        "model = \"paxos\"\nduration = \"5s\"\n[parameters]\nacceptor = 3",
        ":4:",
        "unknown field `acceptor`, expected one of",
    ),
    ("model = \"paxos\"\nduration = \"5s\"\n[parameters]\nacceptors = 0", ":4:", "acceptors is 0"),
    (
        "model = \"paxos\"\nduration = \"5s\"\n[[faults]]\nat = \"1s\"\ncrash = \"acceptor-7\"",
        ":5:",
        "the nodes are acceptor-0",
    ),
    (
        "model = \"paxos\"\nduration = \"5s\"\n[[faults]]\nat = \"9s\"\ncrash = \"acceptor-1\"",
        ":4:",
        "after the end, at 5s",
    ),
    ("model = \"paxos\"\nduration = \"5s\"\n[[faults]]\nat = \"1s\"", ":3:", "expected one of crash"),
    ("model = \"paxos\"\nduration = \"5s\"\nchecks = [\"it works\"]", ":3:", "there is no check `it works`"),
    ("model = \"paxos\"\nduration = \"5s\"\nplots = [\"pie\"]", ":3:", "expected one of latency-cdf"),
    (
        "model = \"paxos\"\nduration = \"5s\"\n[topology]\nround_trip_times = \"bent.csv\"",
        "bent.csv:2:",
        "the matrix is square",
    ),
    (
        "model = \"paxos\"\nduration = \"5s\"\n[topology]\nround_trip_times = \"two.csv\"\nplace.acceptor = [\"Mars\"]",
        ":5:",
        "expected one of A, B",
    ),
];

#[test]
fn bad_input_gets_one_error_with_file_and_line_and_leaves_no_output() {
    let folder = folder("bad");
    fs::write(folder.join("bent.csv"), "region,A,B\nA,0\nB,1,0\n").expect("a file");
    fs::write(folder.join("two.csv"), "region,A,B\nA,0,1\nB,1,0\n").expect("a file");
    for (number, (scenario, place, expected)) in BAD.iter().enumerate() {
        let file = folder.join(format!("bad-{number}.toml"));
        fs::write(&file, scenario).expect("a file");
        let (out, trace) = (folder.join("out"), folder.join("trace.jsonl"));
        let output = netsplit(&[
            "run",
            &file.to_string_lossy(),
            "--out",
            &out.to_string_lossy(),
            "--trace",
            &trace.to_string_lossy(),
        ]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{scenario}\n{said}");
        assert_eq!(said.matches("error:").count(), 1, "{said}");
        assert!(said.contains(place) && said.contains(expected), "expected {place} {expected} in\n{said}");
        assert!(!said.contains("panicked"), "{said}");
        assert!(!out.exists() && !trace.exists(), "{scenario}: output was left behind");
        let left: Vec<_> = fs::read_dir(&folder).expect("the folder").filter_map(Result::ok).collect();
        assert!(left.iter().all(|e| !e.file_name().to_string_lossy().contains("partial")), "{left:?}");
    }
}

#[test]
fn a_file_that_is_missing_a_folder_or_not_text_is_said_to_be() {
    let folder = folder("unreadable");
    let latin = folder.join("latin.toml");
    fs::write(&latin, b"model = \"paxos\"\ndescription = \"caf\xe9\"\n").expect("a file");
    for (path, expected) in [
        (folder.join("missing.toml"), "expected a scenario"),
        (folder.clone(), "expected a scenario"),
        (latin, "latin.toml:2: not UTF-8"),
    ] {
        let output = netsplit(&["run", &path.to_string_lossy()]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(expected), "{}", text(&output.stderr));
    }
}

#[test]
fn an_output_folder_that_cannot_be_written_is_said_to_be_before_the_run() {
    let folder = folder("unwritable");
    let file = folder.join("file");
    fs::write(&file, "").expect("a file");
    let inside = file.join("out");
    for (flag, path) in [("--out", &file), ("--out", &inside), ("--trace", &inside), ("--trace", &folder)] {
        let output = netsplit(&["run", BLOCKING, flag, &path.to_string_lossy()]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{flag} {}", path.display());
        assert!(said.contains("cannot be written"), "{said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn what_a_run_reads_is_not_overwritten_and_a_device_stays_one() {
    let folder = folder("inputs");
    for name in ["paxos_duel.toml", "three_sites.csv"] {
        fs::copy(root().join("models/scenarios").join(name), folder.join(name)).expect("a copy");
    }
    let scenario = folder.join("paxos_duel.toml").to_string_lossy().into_owned();
    for input in ["paxos_duel.toml", "three_sites.csv"] {
        let path = folder.join(input);
        let before = fs::read(&path).expect("the input");
        let output = netsplit(&["run", &scenario, "--trace", &path.to_string_lossy()]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("is read by this run"), "{}", text(&output.stderr));
        assert_eq!(fs::read(&path).expect("the input"), before);
    }
    let null = Path::new("/dev/null");
    if null.exists() {
        let output = netsplit(&["run", &scenario, "--set", "duration=1s", "--trace", "/dev/null"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(!null.is_file(), "the device was replaced by a file");
    }
}

#[test]
fn a_bad_setting_names_the_flag() {
    for (setting, expected) in [
        ("participants", "expected key=value"),
        ("participants=none", "--set participants=none"),
        ("nobody=1", "--set nobody=1: unknown field `nobody`"),
        ("network.loss_probability=2", "--set network.loss_probability=2: 2 is not a probability"),
        ("duration=5", "--set duration=5"),
        ("deadline=0ms", "deadline is zero: expected a span of time"),
        ("deadline=5", "5 has no unit"),
        ("network..x=1", "is not a key"),
        ("network=5", "`network` is a section: expected a key in it"),
        ("faults=[]", "--set no_faults=true leaves out all faults"),
        ("participants=x", "expected a whole number, 0 or more"),
        (
            "network.delay={ uniform = [\"1ms\", \"2ms\", \"3ms\"] }",
            "uniform: 3 bounds: expected the lowest and",
        ),
    ] {
        let output = netsplit(&["run", BLOCKING, "--set", setting]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{setting}");
        assert!(said.contains(expected), "expected {expected} in\n{said}");
    }
}

#[test]
fn a_parameter_in_a_table_is_set_by_its_name_and_faults_can_be_left_out() {
    let partition = "models/scenarios/store_partition.toml";
    let run = |settings: &[&str]| {
        let mut arguments = vec!["run", partition, "--set", "duration=41s"];
        settings.iter().for_each(|setting| arguments.extend(["--set", setting]));
        text_of_both(&netsplit(&arguments))
    };
    assert!(run(&[]).contains("faults       partition"));
    let without = run(&["no_faults=true", "client.operations=1"]);
    assert!(!without.contains("faults ") && without.contains("5 ok, 0 failed"), "{without}");
}

/// All replicas crash, and their disks have kept nothing.
#[test]
fn a_stale_read_violates_a_store_that_promises_to_be_linearizable() {
    let folder = folder("stale");
    let scenario = "model = \"abd\"\nduration = \"6s\"\n[storage]\nignore_syncs = true\n\
                    [[faults]]\nat = \"2s\"\nfor = \"1s\"\ncrash = \"replica\"\n";
    fs::write(folder.join("forgets.toml"), scenario).expect("a file");
    let run = |settings: &[&str]| {
        let file = folder.join("forgets.toml").to_string_lossy().into_owned();
        let out = folder.join("out").to_string_lossy().into_owned();
        text_of_both(&netsplit(&[&["run", &file, "--out", &out], settings].concat()))
    };
    let forgets = run(&[]);
    assert!(forgets.contains("violated  history: the history is linearizable (client "), "{forgets}");
    assert!(forgets.contains("had been written and acknowledged by"), "{forgets}");
    let holds = run(&["--set", "storage.ignore_syncs=false"]);
    assert!(holds.contains("holds     history: the history is linearizable"), "{holds}");
    let only = run(&["--set", "checks=[\"clients are served\"]"]);
    assert!(!only.contains("linearizable"), "{only}");
}

#[test]
fn an_operation_that_hangs_until_the_end_is_late() {
    let folder = folder("hangs");
    let scenario = "model = \"abd\"\nduration = \"30s\"\ndeadline = \"1s\"\n[parameters.client]\n\
                    timeout = \"60s\"\n[[faults]]\nat = \"5s\"\ncrash = \"replica\"\n";
    fs::write(folder.join("hangs.toml"), scenario).expect("a file");
    let output = netsplit(&["run", &folder.join("hangs.toml").to_string_lossy(), "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["metrics"]["availability"]["late"], 3, "{}", json["metrics"]);
}

#[test]
fn a_mistyped_command_or_flag_has_exit_status_two() {
    for arguments in
        [&["rnu"][..], &["run"], &["run", BLOCKING, "--sed", "1"], &["run", BLOCKING, "--seed", "x"]]
    {
        assert_eq!(netsplit(arguments).status.code(), Some(2), "{arguments:?}");
    }
    assert!(netsplit(&["--help"]).status.success());
}

fn text_of_both(output: &Output) -> String {
    text(&output.stdout) + &text(&output.stderr)
}
