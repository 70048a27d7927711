//! A sequence that shares what it has in common with those it was made from.

use crate::fingerprint::fingerprint;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A list that grows and shrinks at its end. To add an element copies nothing; to compare two that are made from the
/// same looks only at what differs.
#[derive(Debug)]
pub struct Sequence<V>(Option<Arc<Link<V>>>);

#[derive(Debug)]
struct Link<V> {
    last: V,
    rest: Sequence<V>,
    len: usize,
    hash: u64,
}

impl<V> Sequence<V> {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |link| link.len)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The last element and what is before it.
    pub fn last(&self) -> Option<(&V, &Sequence<V>)> {
        self.0.as_deref().map(|link| (&link.last, &link.rest))
    }

    /// The elements from the last to the first.
    pub fn reversed(&self) -> impl Iterator<Item = &V> {
        let mut rest = self;
        std::iter::from_fn(move || {
            let (last, before) = rest.last()?;
            rest = before;
            Some(last)
        })
    }
}

impl<V: Hash> Sequence<V> {
    /// This one with one more element.
    #[must_use]
    pub fn with(&self, last: V) -> Self {
        let below = self.0.as_ref().map_or(0, |link| link.hash);
        let hash = fingerprint(&(below, &last)) as u64;
        Sequence(Some(Arc::new(Link { last, rest: self.clone(), len: self.len() + 1, hash })))
    }
}

impl<V> Default for Sequence<V> {
    fn default() -> Self {
        Sequence(None)
    }
}

impl<V> Clone for Sequence<V> {
    fn clone(&self) -> Self {
        Sequence(self.0.clone())
    }
}

impl<V: PartialEq> PartialEq for Sequence<V> {
    fn eq(&self, other: &Self) -> bool {
        let (mut a, mut b) = (self, other);
        loop {
            match (&a.0, &b.0) {
                (None, None) => return true,
                (Some(one), Some(two)) if Arc::ptr_eq(one, two) => return true,
                (Some(one), Some(two)) if one.hash == two.hash && one.len == two.len => {
                    if one.last != two.last {
                        return false;
                    }
                    (a, b) = (&one.rest, &two.rest);
                }
                _ => return false,
            }
        }
    }
}
impl<V: Eq> Eq for Sequence<V> {}

impl<V> Hash for Sequence<V> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_ref().map_or(0, |link| link.hash).hash(state);
    }
}

/// One link after the other: a long list must not take a long stack.
impl<V> Drop for Sequence<V> {
    fn drop(&mut self) {
        let mut next = self.0.take();
        while let Some(link) = next.and_then(Arc::into_inner) {
            let mut link = link;
            next = link.rest.0.take();
        }
    }
}
