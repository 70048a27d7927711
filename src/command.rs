//! The command line, as a library function, so that a user's own crate gets it for its own models:
//! `fn main() -> std::process::ExitCode { netsplit::command::main(models()) }`.
//!
//! Exit status: 0 if all checks hold, 1 if one is violated, 2 for bad input, 3 if a search reached a bound before its
//! end or a history cannot be judged within its budget, 130 after Ctrl-C in a sweep, a search or the zoo.

mod check;
mod execution;
mod explore;
mod failure;
mod faults;
mod figures;
mod list;
mod models;
mod output;
mod overrides;
mod printed;
mod run;
mod scenario;
mod shrink;
mod sweep;
mod sweep_report;
mod tally;
mod trace;
mod workers;
mod written;
mod zoo;

pub use explore::{Looked, look_for};
pub use models::{KnownBug, Models};
pub use printed::expect;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// A deterministic simulator for distributed systems: one seed, one run.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Lists the models with their parameters, and the scenarios
    List {
        /// The folder to look for scenarios in; models/scenarios unless given
        #[arg(long, value_name = "DIR")]
        scenarios: Option<PathBuf>,
    },
    /// Runs a scenario once
    Run(run::Options),
    /// Runs a scenario under many seeds
    Sweep(sweep::Options),
    /// Searches every run of a scenario within bounds, without time
    Explore(explore::Options),
    /// Runs a saved failure again, and says whether it is the same
    Replay(failure::Options),
    /// Says whether a recorded history is consistent, and if not, why
    Check(check::Options),
    /// Makes a saved failure smaller, until no single thing can be left out
    Shrink(shrink::Options),
    /// Finds every known bug of the models again, shrinks it, and prints the table
    ///
    /// Exit status: 0 if every repetition finds its bug, and what the middle one is shrunk to has at most five faults
    /// and messages and at most one more than the least cause that is known; with --correct, if no check is violated.
    /// Otherwise 1; 2 for bad input, and 130 after Ctrl-C, with what was finished by then.
    Zoo(zoo::Options),
}

/// How a command ended that was not given bad input.
enum Ended {
    Holds,
    Violated,
    /// A bound was reached before there was a verdict.
    Bounded,
    /// By Ctrl-C, with what was finished.
    Interrupted,
}

/// Runs the command with the arguments of this process, for these models.
pub fn main(models: Models) -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let ended = match arguments.command {
        Command::List { scenarios } => list::list(&models, scenarios.as_deref()).map(|()| Ended::Holds),
        Command::Run(options) => run::run(&models, &options),
        Command::Sweep(options) => sweep::sweep(&models, &options),
        Command::Explore(options) => explore::run(&models, &options),
        Command::Replay(options) => failure::replay(&models, &options),
        Command::Check(options) => check::check(&options),
        Command::Shrink(options) => shrink::shrink(&models, &options),
        Command::Zoo(options) => zoo::zoo(&models, &options),
    };
    match ended {
        Ok(Ended::Holds) => ExitCode::SUCCESS,
        Ok(Ended::Violated) => ExitCode::from(1),
        Ok(Ended::Bounded) => ExitCode::from(3),
        Ok(Ended::Interrupted) => ExitCode::from(130),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// How this program was called, for lines to be pasted: it may be a user's own, and on no path.
fn program() -> String {
    failure::quoted(&std::env::args().next().unwrap_or_else(|| "netsplit".to_string()))
}

/// Prints a line. Ends quietly when nobody reads any more (`netsplit list | head`), and with an error when it
/// cannot be written.
fn say(line: &str) {
    use std::io::{ErrorKind, Write};
    match writeln!(std::io::stdout(), "{line}") {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            eprintln!("error: standard output: {error}");
            std::process::exit(2);
        }
    }
}
