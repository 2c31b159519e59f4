//! What one verdict may cost: work is counted where it is done, and ends at a limit.
//!
//! A stranger may put anything beside an image, so the cost of a verdict must not depend on
//! what he puts there. [`metered`] counts the work of one verdict, and [`share`] that of one
//! signature within it: no signature takes what the others need. Signatures are checked and
//! bytes hashed in `crypto` alone, which counts them here, so that no caller can forget
//! to. The limits are [`crate::limits`].
//!
//! Counted is what the evidence makes us do, never time: natively and in wasm the work of a
//! verdict is the same and ends at the same point. Whatever was judged while a limit was met
//! counts as failed, with [`Code::LimitExceeded`].
//!
//! A signature that was checked before, by the same key over the same bytes, is not checked
//! again: five authorities and a hundred copies ask the same question.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::limits;
use crate::reason::{Code, Reason};

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Checks of signatures, in checks of ECDSA P-256.
    SignatureChecks,
    /// Bytes hashed.
    HashedBytes,
    /// Bytes of evidence read into something else.
    DecodedBytes,
    /// Certificates tried as the issuer of another one.
    PathSteps,
}

impl Work {
    const KINDS: usize = 4;

    fn index(self) -> usize {
        self as usize
    }

    fn name(self) -> &'static str {
        match self {
            Self::SignatureChecks => "signature checks",
            Self::HashedBytes => "hashed bytes",
            Self::DecodedBytes => "decoded bytes",
            Self::PathSteps => "steps of certificate paths",
        }
    }

    /// What one verdict may take.
    fn whole(self) -> u64 {
        match self {
            Self::SignatureChecks => limits::SIGNATURE_CHECKS,
            Self::HashedBytes => limits::HASHED_BYTES,
            Self::DecodedBytes => limits::DECODED_BYTES,
            Self::PathSteps => limits::PATH_STEPS,
        }
    }

    /// What one signature of it may take.
    fn share(self) -> u64 {
        match self {
            Self::SignatureChecks => limits::SIGNATURE_CHECKS_EACH,
            Self::HashedBytes => limits::HASHED_BYTES_EACH,
            Self::DecodedBytes => limits::DECODED_BYTES_EACH,
            Self::PathSteps => limits::PATH_STEPS_EACH,
        }
    }
}

/// A limit was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} needs more than the {most} {} that {} may take",
    if *.whole { "the image with all that lies beside it" } else { "it" },
    .work.name(),
    if *.whole { "one verdict" } else { "one signature" }
)]
pub(crate) struct Exceeded {
    work: Work,
    most: u64,
    whole: bool,
}

impl Exceeded {
    /// Whether nothing more can be done in this verdict.
    pub(crate) fn is_of_verdict(self) -> bool {
        self.whole
    }
}

impl From<Exceeded> for Reason {
    fn from(exceeded: Exceeded) -> Self {
        Self::new(Code::LimitExceeded, exceeded.to_string())
    }
}

/// What has been spent, and which signatures were checked.
#[derive(Default)]
struct Meter {
    whole: [u64; Work::KINDS],
    share: [u64; Work::KINDS],
    exceeded: Option<Exceeded>,
    checked: BTreeMap<Vec<u8>, Vec<Checked>>,
    checked_bytes: usize,
}

/// A signature that was checked.
struct Checked {
    scheme: &'static str,
    key: Vec<u8>,
    message: Vec<u8>,
    holds: bool,
}

/// A question to a key: is this its signature?
#[derive(Clone, Copy)]
pub(crate) struct SignatureCheck<'a> {
    /// The name of the scheme by which the signature must be made.
    pub(crate) scheme: &'static str,
    /// What the check costs, in checks of ECDSA P-256.
    pub(crate) cost: u64,
    /// The key, and how it is asked.
    pub(crate) key: &'a [u8],
    /// What was signed.
    pub(crate) message: &'a [u8],
    /// The signature.
    pub(crate) signature: &'a [u8],
}

thread_local! {
    /// One verdict is made on one thread. The primitives below rustls-webpki take no argument
    /// that a counter could be handed down in.
    static METER: RefCell<Option<Meter>> = const { RefCell::new(None) };
}

/// Counts the work of `verdict`. Nothing is counted outside of this.
pub(crate) fn metered<T>(verdict: impl FnOnce() -> T) -> T {
    struct Restore(Option<Meter>);

    impl Drop for Restore {
        fn drop(&mut self) {
            METER.replace(self.0.take());
        }
    }

    let _restore = Restore(METER.replace(Some(Meter::default())));
    verdict()
}

/// Does work that is not counted: what a blob knows of itself, made at most once per blob,
/// before or during a verdict.
pub(crate) fn uncounted<T>(work: impl FnOnce() -> T) -> T {
    let meter = METER.take();
    let done = work();
    METER.set(meter);
    done
}

/// Does the work of one signature within its share.
///
/// # Errors
/// If a limit was met, meanwhile or by the verdict before; then what was done does not count.
pub(crate) fn share<T>(work: impl FnOnce() -> T) -> Result<T, Exceeded> {
    with(|meter| {
        meter.share = Default::default();
        meter.exceeded = meter.exceeded.filter(|exceeded| exceeded.whole);
    });
    exceeded().map_or(Ok(()), Err)?;
    let done = work();
    exceeded().map_or(Ok(done), Err)
}

/// Counts work that is about to be done.
///
/// # Errors
/// If it must not be done.
pub(crate) fn charge(work: Work, amount: u64) -> Result<(), Exceeded> {
    with(|meter| meter.charge(work, amount)).unwrap_or(Ok(()))
}

/// Checks a signature by `check`, unless that was done before.
///
/// Beyond a limit no signature holds.
pub(crate) fn check_signature(asked: SignatureCheck<'_>, check: impl FnOnce() -> bool) -> bool {
    if let Some(holds) = with(|meter| meter.known(asked)).flatten() {
        return holds;
    }
    let length = u64::try_from(asked.message.len()).unwrap_or(u64::MAX);
    if charge(Work::SignatureChecks, asked.cost).is_err()
        || charge(Work::HashedBytes, length).is_err()
    {
        return false;
    }
    let holds = check();
    with(|meter| meter.remember(asked, holds));
    holds
}

fn exceeded() -> Option<Exceeded> {
    with(|meter| meter.exceeded).flatten()
}

/// Nothing outside of [`metered`].
fn with<T>(use_meter: impl FnOnce(&mut Meter) -> T) -> Option<T> {
    METER.with_borrow_mut(|meter| meter.as_mut().map(use_meter))
}

impl Meter {
    fn charge(&mut self, work: Work, amount: u64) -> Result<(), Exceeded> {
        if let Some(exceeded) = self.exceeded {
            return Err(exceeded);
        }
        let counters = [
            (&mut self.whole, work.whole(), true),
            (&mut self.share, work.share(), false),
        ];
        for (spent, most, whole) in counters {
            let Some(spent) = spent.get_mut(work.index()) else {
                continue;
            };
            *spent = spent.saturating_add(amount);
            if *spent > most {
                let exceeded = Exceeded { work, most, whole };
                self.exceeded = Some(exceeded);
                return Err(exceeded);
            }
        }
        Ok(())
    }

    fn known(&self, asked: SignatureCheck<'_>) -> Option<bool> {
        let same = |checked: &&Checked| {
            checked.scheme == asked.scheme
                && checked.key == asked.key
                && checked.message == asked.message
        };
        let checked = self.checked.get(asked.signature)?.iter().find(same)?;
        Some(checked.holds)
    }

    /// Remembers a check while there is room: a bound in bytes, so that the same checks are
    /// remembered everywhere.
    fn remember(&mut self, asked: SignatureCheck<'_>, holds: bool) {
        let bytes = asked.key.len() + asked.message.len() + asked.signature.len();
        if self.checked_bytes + bytes > limits::REMEMBERED_BYTES {
            return;
        }
        self.checked_bytes += bytes;
        let checked = Checked {
            scheme: asked.scheme,
            key: asked.key.to_vec(),
            message: asked.message.to_vec(),
            holds,
        };
        let entry = self.checked.entry(asked.signature.to_vec());
        entry.or_default().push(checked);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn asked<'a>(signature: &'a [u8]) -> SignatureCheck<'a> {
        SignatureCheck {
            scheme: "one",
            cost: 1,
            key: b"key",
            message: b"message",
            signature,
        }
    }

    fn check(signature: &[u8], calls: &mut u32) -> bool {
        check_signature(asked(signature), || {
            *calls += 1;
            true
        })
    }

    #[test]
    fn a_signature_is_checked_once_in_a_verdict() {
        let mut calls = 0;
        metered(|| {
            assert!(check(b"a", &mut calls) && check(b"a", &mut calls));
            assert!(check(b"b", &mut calls));
            let question = asked(b"a");
            for other in [
                SignatureCheck {
                    scheme: "another",
                    ..question
                },
                SignatureCheck {
                    key: b"other",
                    ..question
                },
                SignatureCheck {
                    message: b"other",
                    ..question
                },
            ] {
                assert!(!check_signature(other, || false));
            }
        });
        assert_eq!(calls, 2);
        assert!(check(b"a", &mut calls) && check(b"a", &mut calls));
        assert_eq!(calls, 4);
    }

    #[test]
    fn one_signature_cannot_take_what_others_need() {
        let each = limits::PATH_STEPS_EACH;
        metered(|| {
            let greedy = share(|| charge(Work::PathSteps, each + 1));
            let expected = Exceeded {
                work: Work::PathSteps,
                most: each,
                whole: false,
            };
            assert_eq!(greedy, Err(expected));
            assert_eq!(share(|| charge(Work::PathSteps, each)), Ok(Ok(())));
        });
    }

    #[test]
    fn beyond_a_limit_nothing_holds() {
        let mut calls = 0;
        metered(|| {
            let most = limits::HASHED_BYTES;
            assert!(charge(Work::HashedBytes, most + 1).is_err());
            assert!(!check(b"a", &mut calls));
            let exceeded = share(|| ()).unwrap_err();
            let reason = Reason::from(exceeded);
            assert_eq!(reason.code, Code::LimitExceeded);
            let words = format!("more than the {most} hashed bytes that one verdict may take");
            assert!(reason.message.contains(&words), "{}", reason.message);
        });
        assert_eq!(calls, 0);
        assert!(metered(|| check(b"a", &mut calls)));
    }
}
