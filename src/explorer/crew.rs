//! Threads that stay as long as a search lasts. To start one and to wait for its end takes a quarter of a millisecond,
//! as long as to expand five hundred states, and a search would do it hundreds of times.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, RecvError, Sender, channel};
use std::thread::{Scope, yield_now};

/// How often a thread looks whether there is something for it before it sleeps: to be woken takes longer than the
/// others mostly need to get as far. Each time it lets others go first who want its processor.
const PATIENCE: usize = 1 << 10;

/// Threads that take jobs, one each. A job owns what it changes and shares what it reads.
pub(super) struct Crew<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    /// Where each takes its jobs from.
    desks: Vec<Sender<Job<'scope>>>,
}

type Job<'scope> = Box<dyn FnOnce() + Send + 'scope>;

impl<'scope, 'env> Crew<'scope, 'env> {
    /// Nobody yet: who is needed comes with the first jobs, and stays until the crew is dropped.
    pub(super) fn new(scope: &'scope Scope<'scope, 'env>) -> Self {
        Crew { scope, desks: Vec::new() }
    }

    /// Runs the jobs, each on a thread but the last, which is run here. The same thread always has the same place.
    pub(super) fn run<R, J>(&mut self, mut jobs: Vec<J>) -> Vec<R>
    where
        R: Send + 'scope,
        J: FnOnce() -> R + Send + 'scope,
    {
        let Some(last) = jobs.pop() else { return Vec::new() };
        while self.desks.len() < jobs.len() {
            let (desk, mine) = channel::<Job<'scope>>();
            self.scope.spawn(move || {
                while let Ok(job) = soon(&mine) {
                    job();
                }
            });
            self.desks.push(desk);
        }
        let give = |(job, desk): (J, &Sender<Job<'scope>>)| {
            let (sender, result) = channel();
            let job = move || drop(sender.send(catch_unwind(AssertUnwindSafe(job))));
            desk.send(Box::new(job)).expect("a thread that waits for jobs");
            result
        };
        let given: Vec<_> = jobs.into_iter().zip(&self.desks).map(give).collect();
        let last = last();
        let results = given.into_iter().map(|result| match soon(&result).expect("a job that ends") {
            Ok(result) => result,
            Err(panic) => resume_unwind(panic),
        });
        results.chain(std::iter::once(last)).collect()
    }
}

fn soon<T>(from: &Receiver<T>) -> Result<T, RecvError> {
    for _ in 0..PATIENCE {
        if let Ok(there) = from.try_recv() {
            return Ok(there);
        }
        yield_now();
    }
    from.recv()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_come_back_in_their_order_and_so_does_a_panic() {
        let seen = std::thread::scope(|scope| {
            let mut crew = Crew::new(scope);
            let job = |number: usize| move || number * number;
            let mut squares = |count| crew.run((0..count).map(job).collect());
            assert_eq!((squares(3), squares(0), squares(1)), (vec![0, 1, 4], vec![], vec![0]));
            assert_eq!(squares(5), vec![0, 1, 4, 9, 16]);
            let job = |number: usize| move || assert!(number != 1, "the second job panics");
            catch_unwind(AssertUnwindSafe(|| crew.run((0..3).map(job).collect()))).expect_err("a panic")
        });
        assert_eq!(seen.downcast_ref(), Some(&"the second job panics"));
    }
}
