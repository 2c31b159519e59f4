//! How much there is of something scarce, and who may have how much.

/// How much there is, and who may have how much of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// All there is.
    pub(crate) total: usize,
    /// The most of one party.
    pub(crate) share: usize,
    /// The most of all strangers.
    pub(crate) strangers: usize,
    /// What is no more than this counts as small.
    pub(crate) small: usize,
    /// The most of everything large, and of what is large of one party.
    pub(crate) large: (usize, usize),
    /// The most that wait.
    pub(crate) waiting: usize,
}

impl Bounds {
    /// Things that are all alike: a quarter for each party, half for strangers.
    pub(crate) fn alike(total: usize, waiting: usize) -> Self {
        let total = total.max(1);
        let share = total.div_ceil(4);
        Self {
            total,
            share,
            strangers: total.div_ceil(2),
            small: total,
            large: (total, share),
            waiting,
        }
    }

    /// Bytes, of which nobody takes more than `most` at once: a quarter for each party and half
    /// for strangers, but always enough for one of `most`; beside what is large there is room for
    /// what is small.
    pub(crate) fn bytes(total: usize, most: usize, small: usize, waiting: usize) -> Self {
        let total = total.max(1);
        let most = most.clamp(1, total);
        let share = (total / 4).max(most.saturating_add(most / 4)).min(total);
        Self {
            total,
            share,
            strangers: (total / 2).max(most),
            small,
            large: ((total - total / 8).max(most), (share - share / 5).max(most)),
            waiting,
        }
    }
}
