//! A mutex with fencing tokens.

use crate::checker::Specification;

/// A mutex that one client holds at a time. Each that acquires it may be given a token, a number larger than all
/// before; what the mutex protects refuses whoever comes with a smaller one than it has seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mutex;

/// What a [`Mutex`], or what it protects, is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MutexOperation {
    /// Take it.
    Acquire,
    /// Give it back; with the token, where there is one.
    Release(Option<i64>),
    /// Do what it protects, with this token.
    Use(i64),
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MutexResponse {
    /// Done.
    Done,
    /// It is yours, and this is the token.
    Token(i64),
    /// To `Acquire`: somebody holds it. To `Release`: you do not. To `Use`: a larger token was here.
    Refused,
}

/// Who holds a [`Mutex`], and which tokens there were.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct MutexState {
    /// The holder's token, where it is known.
    held: Option<Option<i64>>,
    /// The largest that was given.
    given: Option<i64>,
    /// The largest that was used.
    used: Option<i64>,
}

use MutexOperation::{Acquire, Release, Use};
use MutexResponse::{Refused, Token};

impl Specification for Mutex {
    type State = MutexState;
    type Operation = MutexOperation;
    type Response = MutexResponse;

    fn initial(&self) -> MutexState {
        MutexState::default()
    }

    fn step(
        &self,
        state: &MutexState,
        operation: &MutexOperation,
        response: Option<&MutexResponse>,
    ) -> Option<MutexState> {
        let MutexState { held, given, used } = state.clone();
        let refused = response == Some(&Refused);
        let may = match operation {
            Acquire => held.is_none(),
            Release(token) => held.is_some_and(|held| token.is_none() || held.is_none() || held == *token),
            Use(token) => used.is_none_or(|used| used <= *token),
        };
        match operation {
            _ if may == refused => None,
            _ if refused => Some(state.clone()),
            Acquire => {
                let token = match response {
                    Some(Token(token)) => Some(*token),
                    _ => None,
                };
                let fresh = token.is_none() || given.is_none_or(|given| Some(given) < token);
                fresh.then(|| MutexState { held: Some(token), given: given.max(token), used })
            }
            Release(_) => Some(MutexState { held: None, given, used }),
            Use(token) => Some(MutexState { held, given, used: used.max(Some(*token)) }),
        }
    }

    fn reads(&self, _: &MutexOperation, response: Option<&MutexResponse>) -> bool {
        response == Some(&Refused)
    }

    fn describe(&self, operation: &MutexOperation, response: Option<&MutexResponse>) -> String {
        let what = match operation {
            Acquire => "acquire".to_string(),
            Release(None) => "release".to_string(),
            Release(Some(token)) => format!("release {token}"),
            Use(token) => format!("use {token}"),
        };
        match response {
            Some(Token(token)) => format!("{what}: token {token}"),
            Some(Refused) => format!("{what}: refused"),
            _ => what,
        }
    }
}
