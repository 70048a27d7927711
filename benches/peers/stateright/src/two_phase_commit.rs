//! Two-phase commit as in TLA+, as one who knows Stateright would write it: a state with its natural types.

use stateright::{Checker, Model, Property};
use std::collections::BTreeSet;

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
enum Resource {
    Working,
    Prepared,
    Committed,
    Aborted,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
enum Message {
    Prepared(usize),
    Commit,
    Abort,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq)]
struct State {
    resources: Vec<Resource>,
    decided: Option<bool>,
    prepared: Vec<bool>,
    messages: BTreeSet<Message>,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
enum Action {
    ReceivePrepared(usize),
    Decide(bool),
    Prepare(usize),
    AbortAlone(usize),
    Receive(usize, bool),
}

struct TwoPhase(usize);

impl Model for TwoPhase {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            resources: vec![Resource::Working; self.0],
            decided: None,
            prepared: vec![false; self.0],
            messages: BTreeSet::new(),
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.decided.is_none() {
            if state.prepared.iter().all(|prepared| *prepared) {
                actions.push(Action::Decide(true));
            }
            actions.push(Action::Decide(false));
        }
        let commit = state.messages.contains(&Message::Commit);
        let abort = state.messages.contains(&Message::Abort);
        for at in 0..self.0 {
            if state.decided.is_none() && state.messages.contains(&Message::Prepared(at)) {
                actions.push(Action::ReceivePrepared(at));
            }
            if state.resources[at] == Resource::Working {
                actions.extend([Action::Prepare(at), Action::AbortAlone(at)]);
            }
            actions.extend(commit.then_some(Action::Receive(at, true)));
            actions.extend(abort.then_some(Action::Receive(at, false)));
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut state = state.clone();
        match action {
            Action::ReceivePrepared(at) => state.prepared[at] = true,
            Action::Decide(commit) => {
                state.decided = Some(commit);
                state.messages.insert(if commit { Message::Commit } else { Message::Abort });
            }
            Action::Prepare(at) => {
                state.resources[at] = Resource::Prepared;
                state.messages.insert(Message::Prepared(at));
            }
            Action::AbortAlone(at) => state.resources[at] = Resource::Aborted,
            Action::Receive(at, true) => state.resources[at] = Resource::Committed,
            Action::Receive(at, false) => state.resources[at] = Resource::Aborted,
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("consistent", |_, state: &State| {
            let any = |resource| state.resources.contains(&resource);
            !(any(Resource::Committed) && any(Resource::Aborted))
        })]
    }
}

/// Distinct and generated states.
pub fn search(resources: usize, threads: usize) -> (u64, u64) {
    let checker = TwoPhase(resources).checker().threads(threads).spawn_bfs().join();
    checker.assert_properties();
    (checker.unique_state_count() as u64, checker.state_count() as u64)
}
