//! Single-decree Paxos on Stateright's actors, with its clients and its history: the model of its `examples/paxos.rs`.

use stateright::actor::register::{RegisterActor, RegisterMsg};
use stateright::actor::{Actor, ActorModel, Id, Network, Out, majority, model_peers};
use stateright::semantics::LinearizabilityTester;
use stateright::semantics::register::Register;
use stateright::{Checker, Expectation, Model};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

type Ballot = (u64, Id);
type Proposal = (u64, Id, char);
type Accepted = Option<(Ballot, Proposal)>;

#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Internal {
    Prepare(Ballot),
    Prepared(Ballot, Accepted),
    Accept(Ballot, Proposal),
    Accepted(Ballot),
    Decided(Ballot, Proposal),
}
use Internal::*;

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct State {
    ballot: Ballot,
    proposal: Option<Proposal>,
    prepares: BTreeMap<Id, Accepted>,
    accepts: BTreeSet<Id>,
    accepted: Accepted,
    decided: bool,
}

#[derive(Clone)]
struct Server {
    others: Vec<Id>,
}

type Message = RegisterMsg<u64, char, Internal>;

impl Actor for Server {
    type Msg = Message;
    type Timer = ();
    type State = State;
    type Storage = ();
    type Random = ();

    fn on_start(&self, _: Id, _: &Option<()>, _: &mut Out<Self>) -> State {
        State {
            ballot: (0, Id::from(0)),
            proposal: None,
            prepares: BTreeMap::new(),
            accepts: BTreeSet::new(),
            accepted: None,
            decided: false,
        }
    }

    fn on_msg(&self, id: Id, state: &mut Cow<State>, from: Id, message: Message, out: &mut Out<Self>) {
        let is_majority = |count| count == majority(self.others.len() + 1);
        if state.decided {
            if let (RegisterMsg::Get(number), Some((_, (_, _, value)))) = (message, state.accepted) {
                out.send(from, RegisterMsg::GetOk(number, value));
            }
            return;
        }
        match message {
            RegisterMsg::Put(number, value) if state.proposal.is_none() => {
                let state = state.to_mut();
                state.proposal = Some((number, from, value));
                state.ballot = (state.ballot.0 + 1, id);
                state.prepares = BTreeMap::from([(id, state.accepted)]);
                state.accepts = BTreeSet::new();
                out.broadcast(&self.others, &RegisterMsg::Internal(Prepare(state.ballot)));
            }
            RegisterMsg::Internal(Prepare(ballot)) if state.ballot < ballot => {
                state.to_mut().ballot = ballot;
                out.send(from, RegisterMsg::Internal(Prepared(ballot, state.accepted)));
            }
            RegisterMsg::Internal(Prepared(ballot, accepted)) if ballot == state.ballot => {
                let state = state.to_mut();
                state.prepares.insert(from, accepted);
                if is_majority(state.prepares.len()) {
                    let last = state.prepares.values().max().copied().flatten();
                    let proposal = last.map(|(_, proposal)| proposal).or(state.proposal);
                    let proposal = proposal.expect("something to propose");
                    state.proposal = Some(proposal);
                    state.accepted = Some((ballot, proposal));
                    state.accepts.insert(id);
                    out.broadcast(&self.others, &RegisterMsg::Internal(Accept(ballot, proposal)));
                }
            }
            RegisterMsg::Internal(Accept(ballot, proposal)) if state.ballot <= ballot => {
                let state = state.to_mut();
                state.ballot = ballot;
                state.accepted = Some((ballot, proposal));
                out.send(from, RegisterMsg::Internal(Accepted(ballot)));
            }
            RegisterMsg::Internal(Accepted(ballot)) if ballot == state.ballot => {
                let state = state.to_mut();
                state.accepts.insert(from);
                if is_majority(state.accepts.len()) {
                    state.decided = true;
                    let proposal = state.proposal.expect("something to propose");
                    out.broadcast(&self.others, &RegisterMsg::Internal(Decided(ballot, proposal)));
                    out.send(proposal.1, RegisterMsg::PutOk(proposal.0));
                }
            }
            RegisterMsg::Internal(Decided(ballot, proposal)) => {
                let state = state.to_mut();
                state.ballot = ballot;
                state.accepted = Some((ballot, proposal));
                state.decided = true;
            }
            _ => {}
        }
    }
}

/// Distinct and generated states, with three servers.
pub fn search(clients: usize, threads: usize) -> (u64, u64) {
    const SERVERS: usize = 3;
    let model = ActorModel::new((), LinearizabilityTester::new(Register(char::default())))
        .actors((0..SERVERS).map(|at| RegisterActor::Server(Server { others: model_peers(at, SERVERS) })))
        .actors((0..clients).map(|_| RegisterActor::Client { put_count: 1, server_count: SERVERS }))
        .init_network(Network::new_unordered_nonduplicating([]))
        .property(Expectation::Always, "linearizable", |_, state| {
            state.history.serialized_history().is_some()
        })
        .record_msg_in(RegisterMsg::record_returns)
        .record_msg_out(RegisterMsg::record_invocations);
    let checker = model.checker().threads(threads).spawn_bfs().join();
    checker.assert_properties();
    (checker.unique_state_count() as u64, checker.state_count() as u64)
}
