//! `netsplit explore` as a user types it: what it prints, its exit status, and what it says to bad input.

use std::path::Path;
use std::process::{Command, Output};

fn explore(arguments: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("models/ lies in the root");
    let mut command = Command::new(env!("CARGO_BIN_EXE_netsplit"));
    command.current_dir(root).arg("explore").args(arguments).output().expect("the command can be started")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("{}", text(&output.stderr)))
}

fn json(arguments: &[&str]) -> (i32, serde_json::Value) {
    let output = explore(&[arguments, &["--json"]].concat());
    let json = serde_json::from_slice(&output.stdout);
    (status(&output), json.unwrap_or_else(|_| panic!("expected JSON:\n{}", text(&output.stderr))))
}

const TWO_PHASE: &str = "models/scenarios/two_phase.toml";
const PAXOS: &str = "models/scenarios/paxos_duel.toml";

#[test]
fn two_phase_holds_and_has_the_states_that_others_count() {
    let output = explore(&[TWO_PHASE, "--network", "set"]);
    let printed = text(&output.stdout);
    assert_eq!(status(&output), 0, "{printed}{}", text(&output.stderr));
    for line in ["distinct     288 states", "depth        11", "verdict      holds"] {
        assert!(printed.contains(line), "expected `{line}` in\n{printed}");
    }
    let (status, json) = json(&[TWO_PHASE, "--network", "set", "--set", "resources=5", "--threads", "2"]);
    assert_eq!(status, 0);
    assert_eq!((json["distinct"].as_u64(), json["verdict"].as_str()), (Some(8832), Some("holds")));
    assert!(json["states_per_second"].as_f64().is_some_and(|rate| rate > 0.0));
}

#[test]
fn what_must_happen_eventually_is_asked_for_with_a_flag() {
    let (ended, of_all) = json(&[TWO_PHASE, "--eventually"]);
    assert_eq!((ended, &of_all["left_out"]), (0, &serde_json::json!([])), "{of_all}");
    let output = explore(&[TWO_PHASE, "--eventually", "--drops", "1"]);
    let printed = text(&output.stdout);
    assert_eq!(status(&output), 1, "{printed}");
    for line in
        ["verdict      violated", "`everybody commits or aborts` is violated", "is lost", "resource-0"]
    {
        assert!(printed.contains(line), "expected `{line}` in\n{printed}");
    }
}

#[test]
fn a_bound_that_is_reached_first_is_no_verdict() {
    for bound in [["--max-states", "100"], ["--max-depth", "4"], ["--max-memory", "1"]] {
        let resources = ["--set", "resources=6", "--network", "set"];
        let (status, json) = json(&[&[TWO_PHASE][..], &resources, &bound].concat());
        assert_eq!((status, json["verdict"].as_str()), (3, Some("unknown")), "{bound:?}: {json}");
        assert!(json["bound"].as_str().is_some_and(|text| text.starts_with("the bound on")), "{json}");
    }
}

#[test]
fn a_model_with_a_log_is_searched_with_crashes() {
    let arguments =
        [PAXOS, "--timers", "1", "--crashes", "1", "--set", "acceptors=1", "--set", "proposers=1"];
    let one_place = ["--set", "topology.place.acceptor=[\"Home\"]"];
    let (status, json) = json(&[&arguments[..], &one_place].concat());
    assert_eq!((status, json["verdict"].as_str()), (0, Some("holds")), "{json}");
}

#[test]
fn bad_input_is_an_error_that_names_it() {
    for (arguments, expected) in [
        (&["models/scenarios/none.toml"][..], "none.toml"),
        (&[TWO_PHASE, "--max-states", "0"], "max-states"),
        (&[TWO_PHASE, "--max-depth", "0"], "max-depth"),
        (&[TWO_PHASE, "--threads", "0"], "threads"),
        (&[TWO_PHASE, "--network", "carrier-pigeon"], "carrier-pigeon"),
        (&[TWO_PHASE, "--set", "resources=0"], "resources is 0: expected 1 to 64"),
        (&[TWO_PHASE, "--drops", "-1"], "-1"),
        (&[TWO_PHASE, "--set", "resources=20", "--partitions", "1"], "at most 16 can be split"),
    ] {
        let output = explore(arguments);
        let said = text(&output.stderr);
        assert_eq!(status(&output), 2, "{arguments:?}: {said}");
        assert!(said.contains(expected) && !said.contains("panicked"), "{arguments:?}: {said}");
    }
}
