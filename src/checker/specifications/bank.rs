//! Bank accounts, which are never overdrawn.

use super::Content;
use crate::checker::Specification;
use std::collections::BTreeMap;

/// Accounts and their balances. An account that is not named has nothing.
#[derive(Clone, Debug, Default)]
pub struct Bank<K> {
    /// The balances at first.
    pub initial: BTreeMap<K, i64>,
}

/// What a [`Bank`] is asked for. Amounts are not negative.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the fields are named by what they are")]
pub enum BankOperation<K> {
    /// All balances.
    Read,
    /// The balance of one account.
    Balance(K),
    /// Put money in.
    Deposit { to: K, amount: i64 },
    /// Take money out.
    Withdraw { from: K, amount: i64 },
    /// Move money.
    Transfer { from: K, to: K, amount: i64 },
}

/// What a [`Bank`] answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BankResponse<K> {
    /// These; accounts that are not named have nothing.
    Balances(BTreeMap<K, i64>),
    /// This.
    Balance(i64),
    /// Done.
    Done,
    /// There is not enough.
    Refused,
}

use BankOperation::{Balance, Deposit, Read, Transfer, Withdraw};

impl<K: Content + Ord> Specification for Bank<K> {
    /// Without accounts that have nothing.
    type State = BTreeMap<K, i64>;
    type Operation = BankOperation<K>;
    type Response = BankResponse<K>;

    fn initial(&self) -> BTreeMap<K, i64> {
        self.initial.clone().into_iter().filter(|(_, balance)| *balance != 0).collect()
    }

    fn step(
        &self,
        state: &BTreeMap<K, i64>,
        operation: &BankOperation<K>,
        response: Option<&BankResponse<K>>,
    ) -> Option<BTreeMap<K, i64>> {
        let (taken, given) = match operation {
            Read => {
                let told = match response {
                    Some(BankResponse::Balances(told)) => {
                        told.iter().filter(|(_, balance)| **balance != 0).eq(state.iter())
                    }
                    _ => true,
                };
                return told.then(|| state.clone());
            }
            Balance(account) => {
                let balance = state.get(account).copied().unwrap_or(0);
                let told = !matches!(response, Some(BankResponse::Balance(told)) if *told != balance);
                return told.then(|| state.clone());
            }
            Deposit { to, amount } => (None, Some((to, *amount))),
            Withdraw { from, amount } => (Some((from, *amount)), None),
            Transfer { from, to, amount } => (Some((from, *amount)), Some((to, *amount))),
        };
        let enough = taken.is_none_or(|(from, amount)| state.get(from).copied().unwrap_or(0) >= amount);
        if response.is_some() && enough == (response == Some(&BankResponse::Refused)) {
            return None;
        }
        let mut state = state.clone();
        if enough {
            let changes = [taken.map(|(from, amount)| (from, -amount)), given];
            for (account, change) in changes.into_iter().flatten() {
                let balance = state.get(account).copied().unwrap_or(0).checked_add(change)?;
                match balance {
                    0 => drop(state.remove(account)),
                    _ => drop(state.insert(account.clone(), balance)),
                }
            }
        }
        Some(state)
    }

    fn reads(&self, operation: &BankOperation<K>, response: Option<&BankResponse<K>>) -> bool {
        matches!(operation, Read | Balance(_)) || response == Some(&BankResponse::Refused)
    }

    fn describe(&self, operation: &BankOperation<K>, response: Option<&BankResponse<K>>) -> String {
        let what = match operation {
            Read => "read".to_string(),
            Balance(account) => format!("balance of {account:?}"),
            Deposit { to, amount } => format!("deposit {amount} to {to:?}"),
            Withdraw { from, amount } => format!("withdraw {amount} from {from:?}"),
            Transfer { from, to, amount } => format!("transfer {amount} from {from:?} to {to:?}"),
        };
        match response {
            Some(BankResponse::Balances(balances)) => format!("{what} {balances:?}"),
            Some(BankResponse::Balance(balance)) => format!("{what}: {balance}"),
            Some(BankResponse::Refused) => format!("{what}: refused"),
            _ => what,
        }
    }

    fn bytes(&self, state: &BTreeMap<K, i64>) -> usize {
        64 + state.len() * (size_of::<K>() + 24)
    }
}
