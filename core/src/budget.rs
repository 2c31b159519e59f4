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
    /// Steps of the conditions on attestations.
    ConditionSteps,
    /// Bytes in memory at once: see [`hold`].
    HeldBytes,
}

impl Work {
    const ALL: [Self; 6] = [
        Self::SignatureChecks,
        Self::HashedBytes,
        Self::DecodedBytes,
        Self::PathSteps,
        Self::ConditionSteps,
        Self::HeldBytes,
    ];
    const KINDS: usize = Self::ALL.len();

    fn index(self) -> usize {
        self as usize
    }

    fn name(self) -> &'static str {
        match self {
            Self::SignatureChecks => "signature checks",
            Self::HashedBytes => "hashed bytes",
            Self::DecodedBytes => "decoded bytes",
            Self::PathSteps => "steps of certificate paths",
            Self::ConditionSteps => "steps of conditions",
            Self::HeldBytes => "bytes in memory at once",
        }
    }

    /// What one verdict may take.
    fn whole(self) -> u64 {
        match self {
            Self::SignatureChecks => limits::SIGNATURE_CHECKS,
            Self::HashedBytes => limits::HASHED_BYTES,
            Self::DecodedBytes => limits::DECODED_BYTES,
            Self::PathSteps => limits::PATH_STEPS,
            Self::ConditionSteps => limits::CONDITION_STEPS,
            Self::HeldBytes => limits::HELD_BYTES,
        }
    }

    /// What one signature of it may take.
    fn share(self) -> u64 {
        match self {
            Self::SignatureChecks => limits::SIGNATURE_CHECKS_EACH,
            Self::HashedBytes => limits::HASHED_BYTES_EACH,
            Self::DecodedBytes => limits::DECODED_BYTES_EACH,
            Self::PathSteps => limits::PATH_STEPS_EACH,
            Self::ConditionSteps => limits::CONDITION_STEPS_EACH,
            Self::HeldBytes => limits::HELD_BYTES,
        }
    }

    /// Whose share a limit below the verdict's is.
    fn sharer(self) -> &'static str {
        match self {
            Self::ConditionSteps => "the conditions on one attestation",
            // What is held by others is theirs: the verdict goes on without it.
            Self::HeldBytes => "one verdict",
            _ => "one signature",
        }
    }
}

/// A limit was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} needs more than the {most} {} that {} may take",
    if *.whole { "the image with all that lies beside it" } else { "it" },
    .work.name(),
    if *.whole { "one verdict" } else { .work.sharer() }
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
    held: u64,
    /// What the parts up to the present one may take, if the verdict has parts.
    most: Option<[u64; Work::KINDS]>,
    exceeded: Option<Exceeded>,
    /// Whether any limit was met, also by a signature that others do not depend on.
    #[cfg_attr(
        not(any(test, feature = "internals")),
        allow(dead_code, reason = "for who asks what a verdict cost")
    )]
    any_exceeded: bool,
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
    run(verdict).0
}

fn run<T>(verdict: impl FnOnce() -> T) -> (T, Option<Meter>) {
    struct Restore(Option<Meter>);

    impl Drop for Restore {
        fn drop(&mut self) {
            METER.replace(self.0.take());
        }
    }

    let _restore = Restore(METER.replace(Some(Meter::default())));
    let verdict = verdict();
    (verdict, METER.take())
}

/// What was spent on a verdict.
#[cfg(any(test, feature = "internals"))]
#[derive(Clone, Debug)]
pub(crate) struct Costs {
    /// Kinds of work by name, with what was spent and the most that may be.
    pub(crate) work: Vec<(&'static str, u64, u64)>,
    /// Whether a limit was met.
    pub(crate) limit_met: bool,
}

/// As [`metered`], and says what was spent.
#[cfg(any(test, feature = "internals"))]
pub(crate) fn metered_at_cost<T>(verdict: impl FnOnce() -> T) -> (T, Costs) {
    let (verdict, meter) = run(verdict);
    let meter = meter.unwrap_or_default();
    let spent = Work::ALL.iter().zip(meter.whole);
    let costs = Costs {
        work: spent
            .map(|(work, spent)| (work.name(), spent, work.whole()))
            .collect(),
        limit_met: meter.any_exceeded,
    };
    (verdict, costs)
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

/// Does one of so many parts of a verdict that are left. It may take its equal share of what is left,
/// and what it leaves is for the others: no part takes what they need.
pub(crate) fn portion<T>(parts: usize, work: impl FnOnce() -> T) -> T {
    with(|meter| meter.begin_portion(parts));
    let done = work();
    with(|meter| {
        meter.most = None;
        meter.exceeded = None;
    });
    done
}

/// Counts work that is about to be done.
///
/// # Errors
/// If it must not be done.
pub(crate) fn charge(work: Work, amount: u64) -> Result<(), Exceeded> {
    with(|meter| meter.charge(work, amount)).unwrap_or(Ok(()))
}

/// Bytes that are held in memory, given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Room(u64);

impl Drop for Room {
    fn drop(&mut self) {
        with(|meter| meter.held = meter.held.saturating_sub(self.0));
    }
}

/// Makes room for bytes before they are held.
///
/// What does not fit fails alone, for what others hold is given back.
///
/// # Errors
/// If there is no room.
pub(crate) fn hold(bytes: u64) -> Result<Room, Exceeded> {
    with(|meter| meter.hold(bytes)).unwrap_or(Ok(()))?;
    Ok(Room(bytes))
}

/// Makes room for bytes of what can be left out: without room nothing is held, and no limit is met.
pub(crate) fn spare(bytes: u64) -> Option<Room> {
    let fits = with(|meter| meter.held.saturating_add(bytes) <= limits::HELD_BYTES);
    match fits.unwrap_or(true) {
        true => hold(bytes).ok(),
        false => None,
    }
}

/// Whether a limit was met, so that what was found meanwhile says nothing.
pub(crate) fn is_exceeded() -> bool {
    exceeded().is_some()
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

/// The limit that was met, if one was.
pub(crate) fn exceeded() -> Option<Exceeded> {
    with(|meter| meter.exceeded).flatten()
}

/// Nothing outside of [`metered`].
fn with<T>(use_meter: impl FnOnce(&mut Meter) -> T) -> Option<T> {
    METER.with_borrow_mut(|meter| meter.as_mut().map(use_meter))
}

impl Meter {
    fn begin_portion(&mut self, parts: usize) {
        let parts = u64::try_from(parts).unwrap_or(u64::MAX).max(1);
        let mut most = self.whole;
        for (most, work) in most.iter_mut().zip(Work::ALL) {
            *most += work.whole().saturating_sub(*most) / parts;
        }
        self.most = Some(most);
        self.exceeded = None;
    }

    fn charge(&mut self, work: Work, amount: u64) -> Result<(), Exceeded> {
        if let Some(exceeded) = self.exceeded {
            return Err(exceeded);
        }
        let most = self.most.and_then(|most| most.get(work.index()).copied());
        let counters = [
            (&mut self.whole, most.unwrap_or(work.whole()), true),
            (&mut self.share, work.share(), false),
        ];
        for (spent, most, whole) in counters {
            let Some(spent) = spent.get_mut(work.index()) else {
                continue;
            };
            let more = spent.saturating_add(amount);
            if more > most {
                let exceeded = Exceeded { work, most, whole };
                self.exceeded = Some(exceeded);
                self.any_exceeded = true;
                return Err(exceeded);
            }
            *spent = more;
        }
        Ok(())
    }

    fn hold(&mut self, bytes: u64) -> Result<(), Exceeded> {
        if let Some(exceeded) = self.exceeded {
            return Err(exceeded);
        }
        let held = self.held.saturating_add(bytes);
        if held > limits::HELD_BYTES {
            let exceeded = Exceeded {
                work: Work::HeldBytes,
                most: limits::HELD_BYTES,
                whole: false,
            };
            self.exceeded = Some(exceeded);
            self.any_exceeded = true;
            return Err(exceeded);
        }
        self.held = held;
        if let Some(most) = self.whole.get_mut(Work::HeldBytes.index()) {
            *most = held.max(*most);
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

    /// Whatever becomes of a verdict, the thread goes on as it was before.
    #[test]
    fn a_budget_ends_with_its_verdict() {
        let all = || charge(Work::HashedBytes, limits::HASHED_BYTES_EACH);
        let cut_short = std::panic::catch_unwind(|| {
            metered(|| {
                assert!(all().is_ok() && all().is_err());
                std::panic::resume_unwind(Box::new(()))
            })
        });
        assert!(cut_short.is_err());
        assert!(all().is_ok() && all().is_ok(), "nothing is counted here");
        metered(|| {
            assert!(all().is_ok());
            assert!(metered(all).is_ok());
            assert!(all().is_err());
        });
    }

    #[test]
    fn what_is_remembered_is_bounded_by_its_bytes() {
        /// How often checks of so many bytes are made if each is asked for twice.
        fn calls(sizes: &[usize]) -> usize {
            let mut calls = 0;
            metered(|| {
                for bytes in sizes.iter().chain(sizes) {
                    let (key, signature) = (b"k", b"si");
                    let message = vec![0; bytes - key.len() - signature.len()];
                    let asked = SignatureCheck {
                        scheme: "one",
                        cost: 1,
                        key,
                        message: &message,
                        signature,
                    };
                    assert!(check_signature(asked, || {
                        calls += 1;
                        true
                    }));
                }
            });
            calls
        }
        let all = limits::REMEMBERED_BYTES;
        assert_eq!(calls(&[all]), 1);
        assert_eq!(calls(&[all + 1]), 2);
        assert_eq!(calls(&[all, 10]), 3);
        assert_eq!(calls(&[all - 10, 10]), 2);
        assert_eq!(calls(&[all - 10, 11]), 3);
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
    fn what_can_be_left_out_meets_no_limit() {
        let most = limits::HELD_BYTES;
        let ((), costs) = metered_at_cost(|| {
            let first = spare(most - 1).unwrap();
            assert!(spare(2).is_none());
            assert!(!is_exceeded());
            assert!(spare(1).is_some());
            drop(first);
            assert!(spare(most).is_some());
        });
        assert!(!costs.limit_met);
    }

    #[test]
    fn what_is_held_is_given_back_and_what_does_not_fit_fails_alone() {
        let most = limits::HELD_BYTES;
        let ((), costs) = metered_at_cost(|| {
            let first = share(|| hold(most - 1)).unwrap().unwrap();
            let second = share(|| hold(2).map(drop));
            let reason = Reason::from(second.unwrap_err());
            assert_eq!(reason.code, Code::LimitExceeded);
            let words = format!("the {most} bytes in memory at once that one verdict may take");
            assert!(reason.message.contains(&words), "{}", reason.message);
            assert!(share(|| hold(1)).unwrap().is_ok(), "smaller ones still fit");
            drop(first);
            assert!(share(|| hold(most)).unwrap().is_ok());
        });
        assert!(costs.limit_met);
        let held = costs.work.iter().find(|(name, ..)| name.contains("memory"));
        assert_eq!(held, Some(&("bytes in memory at once", most, most)));
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
