//! The zoo: known bugs are found and shrunk, correct models hold under the same faults, and what was shrunk is
//! replayed, printed as a test, and told of when it no longer fits. `NETSPLIT_REGENERATE=1` writes the printed tests
//! anew.

use netsplit::shrink::Case;
use netsplit_models::paxos::Paxos;
use netsplit_models::zoo::KNOWN_BUGS;
use serde_json::Value as Json;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_path_buf()
}

fn netsplit(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netsplit"));
    command.current_dir(root()).args(arguments).output().expect("the command can be started")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A fresh folder for one test.
fn folder(name: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("zoo-{name}"));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a folder for the test");
    path.display().to_string()
}

/// Those that are found within a few seeds, and that each repetition shrinks to their cause. `reports/zoo.md` takes all.
const QUICK: [&str; 9] = [
    "paxos_accepts_below_promise",
    "paxos_ignores_accepted",
    "commit_aborts_alone",
    "store_clock_skew",
    "store_repair_resurrects",
    "queue_redelivers_last",
    "log_applies_retries",
    "lock_no_fencing",
    "lock_trusts_clock",
];

#[test]
fn known_bugs_are_found_and_shrunk_to_their_cause() {
    let output = netsplit(&[&["zoo", "--repetitions", "1"], &QUICK[..]].concat());
    assert!(output.status.success(), "{}", said(&output));
    let rows = said(&output).lines().filter(|line| line.starts_with("| ")).count();
    assert_eq!(rows, 1 + QUICK.len());
}

#[test]
fn the_correct_models_hold_under_the_same_faults() {
    let seeds = if cfg!(debug_assertions) { "4" } else { "400" };
    let output = netsplit(&["zoo", "--correct", seeds]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(said(&output).matches("  holds     ").count(), 19, "{}", said(&output));
}

#[test]
fn the_exit_status_says_whether_each_bug_is_found_and_small() {
    let status = |more: &[&str]| {
        let output = netsplit(&[&["zoo", "--repetitions", "1"], more].concat());
        (output.status.code(), said(&output))
    };
    let (code, found) = status(&["lock_no_fencing"]);
    assert!(code == Some(0) && found.contains("shrinking took "), "{found}");
    let (code, missed) = status(&["lock_no_fencing", "--most-seeds", "1"]);
    assert!(code == Some(1) && missed.contains("| lock_no_fencing | not found |"), "{missed}");
    let (code, large) = status(&["lock_no_fencing", "--shrink-runs", "1"]);
    assert!(code == Some(1) && !large.contains("not found"), "{large}");
    let one_holds = netsplit(&["zoo", "lock_no_fencing", "--correct", "3"]);
    assert_eq!(one_holds.status.code(), Some(0), "{}", said(&one_holds));
    assert!(said(&one_holds).contains("holds     lock_no_fencing with mistake=none: 3 seeds"));
}

/// How a run of a scenario of the zoo with this case violates the check, if it does.
fn violation(scenario: &str, check: &str, case: &Case) -> Option<String> {
    let judge = || {
        netsplit::command::expect(&Paxos, scenario, case.seed, check, |sim| {
            case.apply(sim).expect("a case of this scenario");
            Duration::ZERO
        });
    };
    let panic = std::panic::catch_unwind(judge).err()?;
    Some(panic.downcast_ref::<String>().expect("a message").clone())
}

#[test]
fn ballots_are_counted_together_if_two_accepts_reach_one_acceptor_each_and_the_first_answer_is_late() {
    let bug = KNOWN_BUGS.iter().find(|bug| bug.name == "paxos_mixed_ballots").expect("a known bug");
    let check = "what a proposer has learned is chosen";
    let case: Case = "seed 0\n\
                      delay of all 20ms\n\
                      partition {n3} > {n1 n2} at 0.05s until 0.1s\n\
                      partition {n3} > {n0 n2} at 0.162s until 0.3s\n\
                      delay n0>n3#2 (Accepted) 120ms\n\
                      without n4\n\
                      without n5"
        .parse()
        .expect("a case");
    assert_eq!(case.items(), bug.cause.len());
    let found = violation(bug.scenario, check, &case).expect("it is violated");
    assert!(found.contains("`what a proposer has learned is chosen` is violated"), "{found}");
    for place in 0..2 {
        let mut less = case.clone();
        less.faults.remove(place);
        assert_eq!(violation(bug.scenario, check, &less), None, "{less}");
    }
    let in_time = Case { edits: Vec::new(), ..case };
    assert_eq!(violation(bug.scenario, check, &in_time), None, "{in_time}");
}

#[cfg(unix)]
#[test]
fn an_interrupt_says_under_how_many_seeds_the_correct_models_hold() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netsplit"));
    command.current_dir(root()).args(["zoo", "lock_no_fencing", "lock_trusts_clock", "--correct", "1000000"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command");
    let interrupt = format!("sleep 2; kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &interrupt]).status().expect("a shell").success());
    let output = child.wait_with_output().expect("the command ends");
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    let said = said(&output);
    let seeds: Vec<u64> = said
        .lines()
        .map(|line| {
            line.rsplit_once(": ").and_then(|(_, seeds)| seeds.strip_suffix(" seeds")).expect("seeds")
        })
        .map(|seeds| seeds.parse().expect("a number"))
        .collect();
    let [first, second] = &seeds[..] else { panic!("{said}") };
    assert!(*first > 0 && *first < 1_000_000 && first - second <= 1, "{said}");
}

#[test]
fn a_bug_that_nobody_knows_is_refused() {
    let output = netsplit(&["zoo", "unknown"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("there is no known bug `unknown`: expected some of paxos_"),
        "{}",
        said(&output)
    );
}

/// Saves the failure of a scenario of the zoo: the path of its file.
fn failure(name: &str, seed: u64, folder: &str, more: &[&str]) -> PathBuf {
    let scenario = format!("models/scenarios/zoo/{name}.toml");
    let seed = seed.to_string();
    let run = [&["run", &scenario, "--seed", &seed, "--out", folder], more].concat();
    let output = netsplit(&run);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let mut files = fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("a file").path());
    files.find(|path| path.to_string_lossy().contains("-seed-")).expect("a failure file")
}

#[test]
fn a_shrunk_failure_is_replayed_and_shrinks_no_further() {
    let folder = folder("replay");
    let file = failure("log_applies_retries", 0, &folder, &[]);
    let file = file.to_string_lossy();
    let small = netsplit(&["replay", &file]);
    assert!(small.status.success() && said(&small).contains("drop n"), "{}", said(&small));
    let whole = netsplit(&["replay", &file, "--whole"]);
    assert!(whole.status.success() && !said(&whole).contains("drop n"), "{}", said(&whole));
    let again = netsplit(&["shrink", &file, "--jobs", "1", "--out", &folder]);
    assert!(again.status.success() && said(&again).contains("to 0 faults, 1 message"), "{}", said(&again));
    let more = netsplit(&["shrink", &file, "--jobs", "3", "--out", &folder]);
    let case = |output: &Output| said(output).split("\n  replay").next().map(str::to_string);
    assert_eq!(case(&again), case(&more));
}

/// What is done to a failure file, as JSON.
type Change<'a> = &'a dyn Fn(&mut Json);

#[test]
fn a_replay_says_what_has_become_of_a_failure() {
    let folder = folder("stale");
    let file = failure("log_applies_retries", 0, &folder, &[]);
    let saved = fs::read_to_string(&file).expect("a failure");
    let replay = |change: Change<'_>| {
        let mut json: Json = serde_json::from_str(&saved).expect("JSON");
        change(&mut json);
        fs::write(&file, json.to_string()).expect("it can be written");
        netsplit(&["replay", &file.to_string_lossy()])
    };
    let lines = |json: &mut Json, change: &dyn Fn(&str) -> String| {
        for line in json["shrunk"]["case"].as_array_mut().expect("lines") {
            *line = change(line.as_str().expect("a line")).into();
        }
    };
    let text = |json: &mut Json, from: &str, to: &str| {
        let text = json["text"].as_str().expect("a text").to_string();
        assert!(text.contains(from), "{text}");
        json["text"] = text.replace(from, to).into();
    };
    let correct = replay(&|json| text(json, "mistake = \"applies_retries\"", "mistake = \"none\""));
    assert_eq!(correct.status.code(), Some(1));
    assert!(said(&correct).contains("gone     violated  always"), "{}", said(&correct));
    assert!(said(&correct).contains("not reproduced"), "{}", said(&correct));
    let stale = replay(&|json| lines(json, &|line| line.replace("(Done)", "(Finished)")));
    assert_eq!(stale.status.code(), Some(1));
    assert!(said(&stale).contains("stale    drop n"), "{}", said(&stale));
    // Unrelated changes of the model move the run and not the failure.
    let other = replay(&|json| text(json, "mistake =", "heartbeat_interval = \"49ms\"\nmistake ="));
    assert_eq!(other.status.code(), Some(0), "{}", said(&other));
    assert!(said(&other).contains("reproduced, by another run"), "{}", said(&other));
    let bad: [(Change<'_>, &str); 4] = [
        (&|json| lines(json, &|line| line.replace("drop n0", "drop n99")), "there is no n99 among"),
        (&|json| lines(json, &|line| line.replace("drop ", "drip ")), "expected a fault such as"),
        (&|json| lines(json, &|line| line.replace("seed ", "sea ")), "expected a fault such as"),
        (&|json| json["shrunk"]["case"] = "nothing".into(), "invalid type"),
    ];
    for (change, expected) in bad {
        let output = replay(change);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(expected), "{expected}: {}", said(&output));
    }
}

/// What is printed as tests: scenarios and seeds.
const PRINTED: [(&str, u64); 5] = [
    ("lock_no_fencing", 15),
    ("log_applies_retries", 0),
    ("store_clock_skew", 0),
    ("commit_aborts_alone", 0),
    ("queue_acknowledges_first", 0),
];

#[test]
fn printed_tests_are_those_that_are_compiled_and_run() {
    let head = "//! Tests as `netsplit shrink` prints them, each with a line that says how it fails. Written by\n\
                //! `NETSPLIT_REGENERATE=1 cargo test -p netsplit-models --test zoo`.\n\n#![cfg_attr(rustfmt, rustfmt_skip)]\n";
    let mut file = head.to_string();
    for (name, seed) in PRINTED {
        let folder = folder(name);
        let saved = failure(name, seed, &folder, &["--no-shrink"]);
        let output = netsplit(&["shrink", &saved.to_string_lossy(), "--out", &folder]);
        let all = said(&output);
        let (_, test) = all.split_once("As a test:\n\n").expect("a test");
        let (test, _) = test.split_once("\n}\n").expect("the end of a test");
        file += &format!("\n{test}\n}}\n")
            .replace("#[test]\n", "#[test]\n#[should_panic(expected = \"is violated\")]\n");
    }
    let path = root().join("models/tests/printed.rs");
    if std::env::var_os("NETSPLIT_REGENERATE").is_some() {
        fs::write(&path, &file).expect("it can be written");
    }
    let kept = fs::read_to_string(&path).expect("the printed tests");
    assert!(
        kept == file,
        "models/tests/printed.rs is out of date: NETSPLIT_REGENERATE=1 writes it anew\n{file}"
    );
}
