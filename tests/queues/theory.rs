//! The closed forms that queues and retries are measured against.

#![allow(dead_code, reason = "the test and the example use different parts")]

/// Erlang's second formula: the share of customers that wait in M/M/c, at this load per consumer. By the
/// recursion of his first, B(k) = a B(k-1) / (k + a B(k-1)), with a = c x load.
pub fn erlang_c(consumers: usize, load: f64) -> f64 {
    let offered = consumers as f64 * load;
    let blocked = (1..=consumers).fold(1.0, |b, k| offered * b / (k as f64 + offered * b));
    blocked / (1.0 - load * (1.0 - blocked))
}

/// The standard deviation of the mean sojourn of this many successive customers of M/M/1 with service rate 1,
/// for many customers (Daley, "The serial correlation coefficients of waiting times in a stationary single
/// server queue", 1968). It is that of the mean wait and a little more, for the service.
pub fn deviation_of_mean_sojourn(load: f64, customers: f64) -> f64 {
    let wait = load * (2.0 + 5.0 * load - 4.0 * load * load + load * load * load);
    (wait / (1.0 - load).powi(4) / customers).sqrt()
}

/// What becomes of a message that is published up to 1 + `retries` times, where a publication is lost with
/// probability `loss` and a confirmation with probability `confirmation_loss`.
pub struct Retries {
    pub loss: f64,
    pub confirmation_loss: f64,
    pub retries: i32,
}

impl Retries {
    /// A publication is not confirmed.
    fn failure(&self) -> f64 {
        1.0 - (1.0 - self.loss) * (1.0 - self.confirmation_loss)
    }

    pub fn never_arrives(&self) -> f64 {
        self.loss.powi(self.retries + 1)
    }

    pub fn not_confirmed(&self) -> f64 {
        self.failure().powi(self.retries + 1)
    }

    pub fn publications(&self) -> f64 {
        (1.0 - self.not_confirmed()) / (1.0 - self.failure())
    }

    pub fn copies(&self) -> f64 {
        (1.0 - self.loss) * self.publications()
    }

    /// Exactly one copy arrives: it is the last publication, and confirmed, and those before it were lost; or
    /// it is not confirmed, and all others are lost, down to the last.
    pub fn two_or_more_copies(&self) -> f64 {
        let (arrives, unconfirmed) = (1.0 - self.loss, self.confirmation_loss);
        let mut one = 0.0;
        for place in 0..=self.retries {
            let before = self.loss.powi(place);
            one += before * arrives * (1.0 - unconfirmed);
            // Not confirmed: the rest is lost; for the last one there is no rest.
            one += before * arrives * unconfirmed * self.loss.powi(self.retries - place);
        }
        1.0 - self.never_arrives() - one
    }
}
