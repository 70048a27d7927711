//! The `netsplit` command with the classic models.

use std::process::ExitCode;

fn main() -> ExitCode {
    netsplit::command::main(netsplit_models::all())
}
