//! Which image signatures a policy takes.

use super::non_empty::NonEmpty;

/// Which image signatures a policy takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Require {
    /// So many of these authorities must have signed.
    AtLeast(Threshold),
    /// No image signature: the attestation rules suffice, and there is at least one.
    AttestationsOnly,
}

/// At least so many of these authorities (by their places among
/// [`Policy::authorities`](super::Policy::authorities)) must have signed, each by a signer of its
/// own.
///
/// One at least, and no more than are listed, each once: what nobody signed meets no threshold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threshold {
    count: usize,
    of: Vec<usize>,
}

impl Threshold {
    /// At least `count` of the authorities `of`.
    ///
    /// # Errors
    /// If that is none, more than are listed, or one is listed twice.
    pub fn new(count: usize, of: Vec<usize>) -> Result<Self, ThresholdError> {
        let mut distinct = of.clone();
        distinct.sort_unstable();
        distinct.dedup();
        if distinct.len() != of.len() {
            return Err(ThresholdError::Twice);
        }
        if count == 0 || count > of.len() {
            let most = of.len();
            return Err(ThresholdError::Count { count, most });
        }
        Ok(Self { count, of })
    }

    /// Any one of all these authorities.
    pub(super) fn any_of<T>(authorities: &NonEmpty<T>) -> Self {
        Self {
            count: 1,
            of: (0..authorities.len()).collect(),
        }
    }

    /// How many must have signed: one at least.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Which of them count.
    pub fn of(&self) -> &[usize] {
        &self.of
    }
}

/// Why some numbers are no threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ThresholdError {
    /// None, or too many.
    #[error("expected a count from 1 to {most}, the number of listed authorities, found {count}")]
    Count {
        /// How many are asked for.
        count: usize,
        /// How many are listed.
        most: usize,
    },
    /// One would count twice.
    #[error("an authority is listed twice, and would count twice")]
    Twice,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_threshold_is_met_by_nobody_and_none_is_out_of_reach() {
        for (count, of, fits) in [
            (0, vec![], false),
            (0, vec![0], false),
            (1, vec![], false),
            (2, vec![0], false),
            (2, vec![1, 1], false),
            (1, vec![1, 1], false),
            (1, vec![0], true),
            (2, vec![3, 1], true),
        ] {
            assert_eq!(
                Threshold::new(count, of.clone()).is_ok(),
                fits,
                "{count} of {of:?}"
            );
        }
    }
}
