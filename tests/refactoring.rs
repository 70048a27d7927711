//! A failure that is kept outlives a change of its model: a note that is new, a field that has another name, one more
//! heartbeat. The model is a primary that answers before its backup has what it was told, and a backup that takes over.

use netsplit::fault::{Fault, FaultPlan};
use netsplit::prelude::*;
use netsplit::time::Time;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(Clone, Debug, Hash, PartialEq)]
enum Message {
    Put(u64),
    Done(u64),
    Copy(u64),
    Heartbeat,
}

/// What wakes a node.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
enum Timer {
    Beat,
    TakeOver,
}

const INTERVAL: std::time::Duration = std::time::Duration::from_millis(50);

macro_rules! primary_and_backup {
    ($module:ident, stored in $stored:ident, $heartbeats:literal at the start, note $note:expr) => {
        mod $module {
            use super::{INTERVAL, Message, Timer, User};
            use netsplit::prelude::*;
            use std::collections::BTreeSet;

            #[derive(Clone, Debug, Default, Hash)]
            struct Store {
                backup: Option<NodeId>,
                $stored: BTreeSet<u64>,
                leads: bool,
            }

            impl Process for Store {
                type Message = Message;
                type Timer = Timer;

                fn on_start(&mut self, ctx: &mut Context<Self>) {
                    match self.backup {
                        Some(backup) => {
                            (0..$heartbeats).for_each(|_| ctx.send(backup, Message::Heartbeat));
                            ctx.set_timer(Timer::Beat, INTERVAL);
                        }
                        None => ctx.set_timer(Timer::TakeOver, INTERVAL * 6),
                    }
                }

                fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Context<Self>) {
                    match (message, self.backup) {
                        // The mistake: the backup may never get it.
                        (Message::Put(value), Some(backup)) => {
                            self.$stored.insert(value);
                            ctx.send(backup, Message::Copy(value));
                            ctx.send(from, Message::Done(value));
                        }
                        (Message::Copy(value), _) => {
                            self.$stored.insert(value);
                            let note: Option<&str> = $note;
                            note.into_iter().for_each(|note| ctx.note(note));
                        }
                        (Message::Heartbeat, _) => ctx.set_timer(Timer::TakeOver, INTERVAL * 6),
                        _ => {}
                    }
                }

                fn on_timer(&mut self, timer: Timer, ctx: &mut Context<Self>) {
                    match (timer, self.backup) {
                        (Timer::Beat, Some(backup)) => {
                            ctx.send(backup, Message::Heartbeat);
                            ctx.set_timer(Timer::Beat, INTERVAL);
                        }
                        _ => self.leads = true,
                    }
                }

                /// It has lost everything, and takes no part any more.
                fn on_restart(&mut self, _: &mut Context<Self>) {}
            }

            pub fn cluster(seed: u64) -> Simulation<Message> {
                let mut sim = Simulation::new(seed);
                sim.set_loss(0.05);
                let backup = sim.add("backup", Store::default()).id();
                let primary = sim.add("primary", Store { backup: Some(backup), ..Store::default() }).id();
                sim.add_clients("user", 1, |_, _| User { primary, asked: 0, done: BTreeSet::new() });
                sim
            }

            pub fn knows_what_was_told(world: &World<Message>) -> bool {
                let told = world.each::<User>().flat_map(|user| user.done.clone()).collect::<BTreeSet<u64>>();
                world
                    .each::<Store>()
                    .filter(|store| store.leads)
                    .all(|store| store.$stored.is_superset(&told))
            }
        }
    };
}

primary_and_backup!(before, stored in stored, 1 at the start, note None);
primary_and_backup!(after, stored in entries, 2 at the start, note Some("stored"));

/// Puts a value every 100 ms.
#[derive(Clone, Debug, Hash)]
struct User {
    primary: NodeId,
    asked: u64,
    done: std::collections::BTreeSet<u64>,
}

impl Process for User {
    type Message = Message;
    type Timer = ();

    fn on_start(&mut self, ctx: &mut Context<Self>) {
        ctx.set_timer((), milliseconds(100));
    }

    fn on_message(&mut self, _: NodeId, message: Message, _: &mut Context<Self>) {
        if let Message::Done(value) = message {
            self.done.insert(value);
        }
    }

    fn on_timer(&mut self, (): (), ctx: &mut Context<Self>) {
        self.asked += 1;
        ctx.send(self.primary, Message::Put(self.asked));
        if self.asked < 5 {
            ctx.set_timer((), milliseconds(100));
        }
    }
}

/// Fails if it is asked to, by another process: this test, and no other.
#[test]
fn a_backup_that_takes_over_knows_what_was_told() {
    let Ok(model) = std::env::var("NETSPLIT_TEST_MODEL") else { return };
    let mut plan = FaultPlan::default();
    plan.add(Time::ZERO + seconds(1), Fault::Crash(NodeId::new(1)));
    let name = "who leads knows what was told";
    let check = match &*model {
        "before" => netsplit::check(before::cluster).seeds(0..200).always(name, before::knows_what_was_told),
        // So few seeds that only what is kept can fail.
        _ => netsplit::check(after::cluster).seeds(0..1).always(name, after::knows_what_was_told),
    };
    check.lasting(seconds(2)).plan(&plan).run();
}

fn run_it(model: &str) -> (bool, String) {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["a_backup_that_takes_over_knows_what_was_told", "--exact", "--nocapture"]);
    command.env("NETSPLIT_TEST_MODEL", model).env("NETSPLIT_KEEP", "1").env("RUST_BACKTRACE", "0");
    let output = command.output().expect("it can be run");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// The files that are kept of the test above: other tests of other files keep theirs beside them.
fn kept() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/regressions");
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("a file").path());
    paths.filter(|path| path.to_string_lossy().contains("a_backup_that_takes_over")).collect()
}

#[test]
fn a_kept_failure_survives_a_note_a_renamed_field_and_one_more_heartbeat() {
    kept().iter().for_each(|file| fs::remove_file(file).expect("it can be removed"));
    let (holds, said) = run_it("before");
    assert!(!holds && said.contains("kept as"), "{said}");
    let files = kept();
    let [file] = &files[..] else { panic!("{files:?}") };
    let text = fs::read_to_string(file).expect("a text");
    let number = |text: &str| -> u64 {
        let (_, rest) = text.split_once("drop n1>n0#").unwrap_or_else(|| panic!("no copy is lost: {text}"));
        let (number, _) = rest.split_once(" (Copy)").expect("a copy is lost");
        number.parse().expect("a number")
    };
    let (holds, said) = run_it("after");
    assert!(!holds && said.contains("fails again: `who leads knows what was told`"), "{said}");
    assert_eq!(number(&said), number(&text) + 1, "the copy comes one later:\n{said}");

    // What is not there any more is told of, and fails nothing.
    fs::write(file, text.replace("(Copy)", "(Replicate)")).expect("it can be written");
    let (holds, said) = run_it("after");
    assert!(holds && said.contains("stale: drop n1>n0#"), "{said}");
    fs::remove_file(file).expect("it can be removed");
    let _ = file.parent().map(fs::remove_dir);
}
