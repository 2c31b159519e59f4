//! Lists that are never empty.

use std::ops::Deref;

/// A list with one item at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonEmpty<T>(Vec<T>);

impl<T> NonEmpty<T> {
    /// The list, unless it is empty.
    pub fn new(items: Vec<T>) -> Option<Self> {
        match items.is_empty() {
            true => None,
            false => Some(Self(items)),
        }
    }

    /// The items.
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }

    /// A list of what is made of each.
    pub(super) fn map<'a, U>(&'a self, make: impl FnMut(&'a T) -> U) -> NonEmpty<U> {
        NonEmpty(self.0.iter().map(make).collect())
    }

    /// A list of one item.
    pub fn of(item: T) -> Self {
        Self(vec![item])
    }
}

impl<T> Deref for NonEmpty<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T> IntoIterator for &'a NonEmpty<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
