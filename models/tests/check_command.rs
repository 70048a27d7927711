//! `netsplit check` as a user types it: verdicts, exit status, witnesses, and what it says to bad input.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn histories() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/histories")
}

fn check(file: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netsplit"));
    let Output { status, stdout, stderr } =
        command.arg("check").arg(file).args(arguments).output().expect("the command can be started");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (status.code().expect("an exit status"), text(stdout), text(stderr))
}

/// A file of this test, with this content.
fn written(name: &str, content: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("check");
    fs::create_dir_all(&folder).expect("a folder for the test");
    fs::write(folder.join(name), content).expect("a file for the test");
    folder.join(name)
}

#[test]
fn a_recorded_history_has_its_published_verdict_as_exit_status() {
    for (file, arguments, status, first) in [
        ("etcd_000.log", "--spec cas-register --fail-is-answer", 1, "violated: client "),
        ("etcd_002.log", "--spec cas-register --fail-is-answer", 0, "linearizable"),
        ("c01-ok.txt", "--spec kv", 0, "linearizable"),
        ("c01-bad.txt", "--spec kv", 1, "violated: "),
        ("rethink-fail-minimal.edn", "--spec cas-register", 1, "violated: client 1 read 3"),
        ("memstress3-20.edn", "--spec cas-register --initial 0", 0, "linearizable"),
    ] {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let (found, out, error) = check(&histories().join(file), &arguments);
        assert_eq!((found, error.as_str()), (status, ""), "{file}: {out}");
        assert!(out.starts_with(first), "{file}: {out}");
    }
}

#[test]
fn a_violation_is_drawn_and_told_as_json() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("check-drawn");
    fs::create_dir_all(&folder).expect("a folder for the test");
    let svg = folder.join("witness.svg");
    let arguments =
        ["--spec", "cas-register", "--fail-is-answer", "--json", "--out", svg.to_str().expect("a path")];
    let (status, out, _) = check(&histories().join("etcd_000.log"), &arguments);
    let json: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((status, json["verdict"].as_str()), (1, Some("violated")));
    let bars = json["witness"]["operations"].as_array().expect("operations");
    assert_eq!(bars.iter().filter(|bar| bar["impossible"] == true).count(), 1);
    let drawn = fs::read_to_string(&svg).expect("a drawing");
    assert!(drawn.starts_with("<svg ") && drawn.ends_with("</svg>\n"), "{drawn}");
    assert_eq!(drawn.matches("<rect ").count(), bars.len() + 1);
}

#[test]
fn a_budget_that_is_spent_is_neither_yes_nor_no() {
    // Thirty additions at once, and a sum that no part of them has; one is negative, so that no sum is too large.
    fn event(process: i64, kind: &str, f: &str, value: i64) -> String {
        format!("{{:process {process}, :type :{kind}, :f :{f}, :value {value}}}\n")
    }
    let amount = |process: i64| if process == 0 { -1 } else { 1 << process };
    let all =
        |kind: &str| (0..30).map(|process| event(process, kind, "add", amount(process))).collect::<String>();
    let read = event(30, "invoke", "read", 0) + &event(30, "ok", "read", 1 << 31);
    let text = all("invoke") + &read + &all("ok");
    let (status, out, _) = check(&written("hard.edn", &text), &["--spec", "counter", "--budget", "100ms"]);
    assert_eq!(status, 3, "{out}");
    assert!(out.starts_with("unknown: the first "), "{out}");
}

#[test]
fn bad_input_is_an_error_with_file_line_and_what_was_expected() {
    let read = "{:process 1 :type :invoke :f :read :value nil}\n";
    for (name, content, line, expected) in [
        ("response.edn", "{:process 1 :type :ok :f :read :value 2}", 1, "a response without an invocation"),
        ("two.edn", &format!("{read}{read}"), 2, "expected one operation of a process at a time"),
        (
            "unknown.edn",
            &format!("{read}{{:process 2 :type :invoke :f :raed}}"),
            2,
            "expected :read, :write or :cas",
        ),
        ("truncated.edn", &format!("[{read}"), 2, "truncated"),
        ("truncated.jsonl", "{\"process\": 1, \"type\": \"invoke\", \"f\": \"re", 1, "truncated"),
        (
            "truncated.log",
            "INFO  jepsen.util - 4\t:invoke\t:read\tnil\nINFO  jepsen.util - 4\t:ok",
            2,
            "truncated",
        ),
        ("text.txt", "hello\n", 1, "no line of a log"),
        ("empty.edn", "", 1, "there is no operation"),
    ] {
        let file = written(name, content);
        let (status, out, error) = check(&file, &["--spec", "cas-register"]);
        assert_eq!((status, out.as_str()), (2, ""), "{name}: {error}");
        assert!(error.contains(&format!("{name}:{line}: ")) && error.contains(expected), "{error}");
    }
    let good = histories().join("c01-ok.txt");
    for (arguments, expected) in [
        (&["--spec", "kvv"][..], "did you mean kv?"),
        (&["--spec", "kv", "--consistency", "linearisable"], "did you mean linearizable?"),
        (&["--spec", "kv", "--initial", "{1"], "--initial"),
        (&["--spec", "kv", "--budget", "soon"], "--budget"),
        (&["--spec", "queue"], "c01-ok.txt:1: unknown operation :append"),
        (&["--spec", "kv", "--consistency", "monotonic-reads"], "is neither"),
        (&[], "--spec"),
    ] {
        let (status, out, error) = check(&good, arguments);
        assert_eq!((status, out.as_str()), (2, ""), "{arguments:?}: {error}");
        assert!(error.contains(expected), "{error}");
    }
}
