//! The exceptions of a rule: each stands in a table with its reason, and none stays there that is
//! gone from the sources.

use std::collections::BTreeSet;

/// Where, what, and why.
pub(crate) type Row = (&'static str, &'static str, &'static str);

/// A table of exceptions, and what the sources were found to hold.
pub(crate) struct Allowed {
    rows: &'static [Row],
    seen: BTreeSet<Row>,
    beside: Vec<String>,
}

impl Allowed {
    pub(crate) fn new(rows: &'static [Row]) -> Self {
        Self {
            rows,
            seen: BTreeSet::new(),
            beside: Vec::new(),
        }
    }

    /// Notes a find, and the row whose place and thing `is` it; without one it is `told`.
    pub(crate) fn note(&mut self, is: impl Fn(&str, &str) -> bool, told: String) {
        match self.rows.iter().find(|(place, what, _)| is(place, what)) {
            Some(row) => {
                self.seen.insert(*row);
            }
            None => self.beside.push(told),
        }
    }

    /// Every find has its row, and every row was found.
    pub(crate) fn assert_exact(&self, rule: &str) {
        let beside = &self.beside;
        assert!(beside.is_empty(), "{rule}:\n{}", beside.join("\n"));
        let rows = self.rows.iter();
        let gone: Vec<_> = rows.filter(|row| !self.seen.contains(*row)).collect();
        assert!(gone.is_empty(), "allowed, and not there: {gone:?}");
    }
}
