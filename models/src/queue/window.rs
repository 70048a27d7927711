//! Which numbers a receiver has met: what makes a repetition known as one.
//!
//! The sender says with every message which of its numbers is the lowest that is still open. Everything below
//! is settled, and forgotten but for the border. So the memory is as large as what is open at a time, whatever
//! was lost on the way.

use std::collections::BTreeMap;

/// The numbers of one sender that a receiver has met, each with what became of it.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub struct Window<K, T> {
    /// None before the sender has said anything.
    first_open: Option<K>,
    met: BTreeMap<K, T>,
}

/// What a receiver knows of a number.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Known<T> {
    /// It has not been met.
    New,
    /// It has been met, and this became of it.
    Met(T),
    /// The sender has settled it, whether or not it was ever met here.
    Settled,
}

impl<K, T> Default for Window<K, T> {
    fn default() -> Self {
        Window { first_open: None, met: BTreeMap::new() }
    }
}

impl<K: Ord + Copy, T: Copy> Window<K, T> {
    /// The sender has settled everything below `first_open`. An older word changes nothing.
    pub fn settle_below(&mut self, first_open: K) {
        if self.first_open < Some(first_open) {
            self.first_open = Some(first_open);
            while let Some(entry) = self.met.first_entry()
                && *entry.key() < first_open
            {
                entry.remove();
            }
        }
    }

    /// What is known of `number`.
    pub fn get(&self, number: K) -> Known<T> {
        match self.met.get(&number) {
            _ if Some(number) < self.first_open => Known::Settled,
            Some(&became) => Known::Met(became),
            None => Known::New,
        }
    }

    /// `number` is met, and this becomes of it; nothing if it is settled.
    pub fn set(&mut self, number: K, became: T) {
        if Some(number) >= self.first_open {
            self.met.insert(number, became);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_new_once_and_settled_for_ever() {
        let mut window = Window::default();
        assert_eq!(window.get(3), Known::New);
        window.set(3, 'a');
        assert_eq!(window.get(3), Known::Met('a'));
        window.settle_below(3);
        assert_eq!((window.get(2), window.get(3)), (Known::Settled, Known::Met('a')));
        window.settle_below(5);
        window.settle_below(4);
        window.set(4, 'b');
        assert_eq!(
            (window.get(3), window.get(4), window.get(5)),
            (Known::Settled, Known::Settled, Known::New)
        );
        assert!(window.met.is_empty());
    }
}
