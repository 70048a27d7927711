//! Which faults are in force, by what has happened: what impact and metrics keep, each with a place of its own.

use super::Fault;

/// The faults in force, oldest first, each with what its keeper knows it by.
#[derive(Clone, Debug)]
pub(crate) struct InForce<T> {
    faults: Vec<(Fault, T)>,
}

impl<T> Default for InForce<T> {
    fn default() -> Self {
        InForce { faults: Vec::new() }
    }
}

impl<T> InForce<T> {
    /// Ends what `fault` ends, and adds it if it is something that goes wrong. What has ended.
    pub(crate) fn happen(&mut self, fault: &Fault, key: T) -> Vec<T> {
        let fault = fault.normalized();
        // Of two partitions that are the same, one ends.
        let once = matches!(fault, Fault::HealPartition(_) | Fault::HealSlowLinks { .. });
        let mut ended = Vec::new();
        let ends = |(other, _): &mut (Fault, T)| ends(&fault, other);
        match once {
            true => {
                let place = self.faults.iter_mut().position(ends);
                ended.extend(place.map(|place| self.faults.remove(place).1));
            }
            false => ended.extend(self.faults.extract_if(.., ends).map(|(_, key)| key)),
        }
        if fault.kind().is_some() {
            self.faults.push((fault, key));
        }
        ended
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &(Fault, T)> {
        self.faults.iter()
    }
}

/// Whether `fault` ends `other`, if that is in force.
fn ends(fault: &Fault, other: &Fault) -> bool {
    match (fault, other) {
        (Fault::Heal, Fault::Partition(_) | Fault::SlowLinks { .. }) => true,
        // A node that is down is not paused.
        (Fault::Crash(node), Fault::Pause(paused)) => node == paused,
        // A drift takes the place of another.
        (Fault::DriftClock { node, .. }, Fault::DriftClock { node: drifts, .. }) => node == drifts,
        _ => other.repair().is_some_and(|repair| repair == *fault),
    }
}
