//! Threads that take numbered tasks in order, a progress bar, and Ctrl-C.

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Set by the first Ctrl-C; the second ends the process at once, with status 130.
#[derive(Clone, Debug, Default)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on.
    pub(super) fn listen() -> Result<Interrupt> {
        let interrupt = Interrupt::default();
        let flag = interrupt.clone();
        let handler = move || {
            if flag.0.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
        };
        ctrlc::set_handler(handler).context("Ctrl-C cannot be listened for")?;
        Ok(interrupt)
    }

    pub(super) fn happened(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Does the tasks 0 to `tasks` - 1 on `threads` threads, until one fails or an interrupt. Tasks are begun in
/// order and finished once begun, so those that are done are the first ones. How many that is.
///
/// # Errors
/// That of the lowest task that fails.
pub(super) fn work(
    tasks: u64,
    threads: usize,
    interrupt: &Interrupt,
    task: impl Fn(u64) -> Result<()> + Sync,
) -> Result<u64> {
    let next = AtomicU64::new(0);
    let failed: Mutex<Option<(u64, anyhow::Error)>> = Mutex::new(None);
    let stop = AtomicBool::new(false);
    // Hidden if stderr is no terminal.
    let bar = ProgressBar::with_draw_target(Some(tasks), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} runs, {eta} to go") {
        bar.set_style(style);
    }
    let worker = || {
        while !interrupt.happened() && !stop.load(Ordering::SeqCst) {
            let number = next.fetch_add(1, Ordering::SeqCst);
            if number >= tasks {
                return;
            }
            if let Err(error) = task(number) {
                let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                if failed.as_ref().is_none_or(|(lowest, _)| number < *lowest) {
                    *failed = Some((number, error));
                }
                stop.store(true, Ordering::SeqCst);
            }
            bar.inc(1);
        }
    };
    let threads = threads.min(usize::try_from(tasks).unwrap_or(usize::MAX));
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
    bar.finish_and_clear();
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        None => Ok(next.into_inner().min(tasks)),
    }
}
