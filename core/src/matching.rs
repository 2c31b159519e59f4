//! Matchings of a bipartite graph: to whom each can be given something that nobody else has.

use std::collections::BTreeMap;

/// What has been given to whom.
#[derive(Clone, Debug, Default)]
pub(crate) struct Matching(BTreeMap<usize, usize>);

impl Matching {
    /// Gives one of its `options` to `who`, if need be one that another can do without (an
    /// augmenting path). Whoever had something has something afterwards; without success nothing
    /// has changed.
    pub(crate) fn give(&mut self, who: usize, options: &[Vec<usize>]) -> bool {
        let mut tried = vec![false; options.len()];
        self.find(who, options, &mut tried)
    }

    fn find(&mut self, who: usize, options: &[Vec<usize>], tried: &mut [bool]) -> bool {
        match tried.get_mut(who) {
            Some(seen) if !*seen => *seen = true,
            _ => return false,
        }
        let own = options.get(who).map_or(&[][..], Vec::as_slice);
        for option in own {
            let free = match self.0.get(option).copied() {
                None => true,
                Some(other) => self.find(other, options, tried),
            };
            if free {
                self.0.insert(*option, who);
                return true;
            }
        }
        false
    }
}

/// How many can be given something at once.
pub(crate) fn largest(options: &[Vec<usize>]) -> usize {
    let mut matching = Matching::default();
    (0..options.len())
        .filter(|who| matching.give(*who, options))
        .count()
}
