//! `netsplit explore` as a user types it: what it prints, its exit status, and what it says to bad input.

use std::path::Path;
use std::process::{Command, Output};

fn explore(arguments: &[&str]) -> Output {
    netsplit(&[&["explore"], arguments].concat())
}

fn netsplit(arguments: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("models/ lies in the root");
    let mut command = Command::new(env!("CARGO_BIN_EXE_netsplit"));
    command.current_dir(root).args(arguments).output().expect("the command can be started")
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
    let output = explore(&[TWO_PHASE, "--network", "set", "--no-reduction"]);
    let printed = text(&output.stdout);
    assert_eq!(status(&output), 0, "{printed}{}", text(&output.stderr));
    for line in ["distinct     288 states", "depth        11", "verdict      holds"] {
        assert!(printed.contains(line), "expected `{line}` in\n{printed}");
    }
    let set = [TWO_PHASE, "--network", "set", "--set", "resources=5", "--threads", "2"];
    let (status, json) = json(&[&set[..], &["--no-reduction"]].concat());
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

/// Equal resource managers are searched once, with the same verdict at the same depth.
#[test]
fn the_command_leaves_out_what_makes_no_difference_unless_told_not_to() {
    for more in [&[][..], &["--drops", "1"], &["--crashes", "1"], &["--drops", "1", "--eventually"]] {
        let all = json(&[&[TWO_PHASE, "--no-reduction"], more].concat());
        let reduced = json(&[&[TWO_PHASE], more].concat());
        let said = |(status, json): &(i32, serde_json::Value)| (*status, json["depth"].as_u64());
        assert_eq!(said(&all), said(&reduced), "{more:?}");
        let distinct = |json: &serde_json::Value| json["distinct"].as_u64().expect("a count");
        assert!(distinct(&reduced.1) * 2 < distinct(&all.1), "{more:?}: {} {}", reduced.1, all.1);
    }
    let split =
        |more: &[&str]| json(&[&[TWO_PHASE, "--partitions", "1"], more].concat()).1["distinct"].clone();
    assert_eq!(split(&[]), split(&["--no-reduction"]));
}

/// Each a check, a file of the zoo, and the bounds within which it is violated.
const BROKEN: [(&str, &str, &[&str]); 5] = [
    ("no transaction commits at one node and aborts at another", "commit_aborts_alone", &["--timers", "3"]),
    (
        "no transaction commits at one node and aborts at another",
        "commit_presumed",
        &["--timers", "3", "--crashes", "1"],
    ),
    ("a majority has what a client has read", "store_no_write_back", &["--timers", "2"]),
    (
        "a majority has what a client was told is written",
        "store_announced_first",
        &["--timers", "1", "--crashes", "1"],
    ),
    ("at most one value is chosen", "paxos_ignores_accepted", &["--timers", "1", "--set", "acceptors=2"]),
];

#[test]
fn what_is_found_is_run_in_time_and_saved_and_replayed_and_shrunk() {
    let folder = std::env::temp_dir().join(format!("netsplit-explore-{}", std::process::id()));
    for (check, name, bounds) in BROKEN {
        let scenario = format!("models/scenarios/zoo/{name}.toml");
        let out = folder.join(name);
        let out = out.to_str().expect("a path in UTF-8");
        let (ended, found) = json(&[&[&*scenario, "--out", out, "--no-shrink"], bounds].concat());
        assert_eq!(
            (ended, found["counterexample"]["property"].as_str()),
            (1, Some(check)),
            "{name}: {found}"
        );
        let file = found["failure_file"].as_str().unwrap_or_else(|| panic!("{name}: {found}"));
        let replayed = netsplit(&["replay", file]);
        let printed = text(&replayed.stdout);
        assert_eq!(status(&replayed), 0, "{printed}{}", text(&replayed.stderr));
        assert!(printed.contains(check) && printed.ends_with("\nreproduced\n"), "{printed}");
        let shrunk = netsplit(&["shrink", file, "--runs", "300", "--out", out]);
        let printed = text(&shrunk.stdout);
        assert_eq!(status(&shrunk), 0, "{printed}{}", text(&shrunk.stderr));
        assert!(printed.contains("As a test:") && printed.contains("replay  "), "{printed}");
        let whole = netsplit(&["replay", file, "--whole"]);
        assert_eq!(status(&whole), 2);
        assert!(text(&whole.stderr).contains("found by exhaustive search"), "{}", text(&whole.stderr));
    }
    std::fs::remove_dir_all(folder).expect("its own folder");
}

#[test]
fn what_has_no_run_in_time_is_said_to_have_none() {
    let (ended, found) = json(&[TWO_PHASE, "--eventually", "--drops", "1"]);
    assert_eq!(ended, 1);
    let obstacle = found["not_replayed"].as_str().unwrap_or_else(|| panic!("{found}"));
    assert!(!obstacle.is_empty() && found["failure_file"].is_null(), "{found}");
}

/// One acceptor, and a proposer that does not care what it has accepted.
#[test]
fn what_clients_see_is_asked_of_every_state() {
    let broken = ["models/scenarios/zoo/paxos_ignores_accepted.toml", "--timers", "1", "--no-shrink"];
    let small = ["--set", "acceptors=1", "--set", "checks=[\"the history is linearizable\"]"];
    let folder = std::env::temp_dir().join(format!("netsplit-promise-{}", std::process::id()));
    let out = ["--out", folder.to_str().expect("a path in UTF-8")];
    let (ended, found) = json(&[&broken[..], &small, &out].concat());
    assert_eq!(ended, 1, "{found}");
    assert_eq!(found["counterexample"]["property"].as_str(), Some("the history is linearizable"));
    assert!(found["failure_file"].is_string(), "{found}");
    std::fs::remove_dir_all(folder).expect("its own folder");
    let (ended, correct) = json(&[&broken[..], &small, &["--set", "mistake=none"]].concat());
    assert_eq!((ended, &correct["left_out"]), (0, &serde_json::json!([])), "{correct}");
}

#[test]
fn a_bound_that_is_reached_first_is_no_verdict() {
    for bound in [["--max-states", "100"], ["--max-depth", "4"], ["--max-memory", "1"]] {
        let resources = ["--set", "resources=6", "--network", "set", "--no-reduction"];
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
