//! What one verdict may cost: work is counted where it is done, and ends at a limit.
//!
//! A stranger may put anything beside an image, so the cost of a verdict must not depend on
//! what he puts there. [`metered`] counts the work of one verdict, and [`share`] that of one
//! signature within it: no signature takes what the others need. Signatures are checked and
//! bytes hashed in [`crate::crypto`] alone, which counts them here, so that no caller can forget
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

use crate::crypto::{KeyKind, Scheme};
use crate::limits;
use crate::reason::{Code, Reason};

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Checks of signatures, in checks of ECDSA P-256: see [`units`].
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
    scheme: Scheme,
    key: Vec<u8>,
    message: Vec<u8>,
    holds: bool,
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
pub(crate) fn check_signature(
    scheme: Scheme,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
    check: impl FnOnce() -> bool,
) -> bool {
    let known = with(|meter| meter.known(scheme, key, message, signature)).flatten();
    if let Some(holds) = known {
        return holds;
    }
    let length = u64::try_from(message.len()).unwrap_or(u64::MAX);
    if charge(Work::SignatureChecks, units(scheme)).is_err()
        || charge(Work::HashedBytes, length).is_err()
    {
        return false;
    }
    let holds = check();
    with(|meter| meter.remember(scheme, key, message, signature, holds));
    holds
}

/// What a check costs, in checks of ECDSA P-256: measured with AWS-LC, rounded up.
fn units(scheme: Scheme) -> u64 {
    match scheme.kind() {
        KeyKind::EcdsaP256 | KeyKind::Ed25519 | KeyKind::Rsa => 1,
        KeyKind::EcdsaP384 => 4,
        KeyKind::EcdsaP521 => 8,
    }
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

    fn known(&self, scheme: Scheme, key: &[u8], message: &[u8], signature: &[u8]) -> Option<bool> {
        let same = |checked: &&Checked| {
            checked.scheme == scheme && checked.key == key && checked.message == message
        };
        let checked = self.checked.get(signature)?.iter().find(same)?;
        Some(checked.holds)
    }

    /// Remembers a check while there is room: a bound in bytes, so that the same checks are
    /// remembered everywhere.
    fn remember(
        &mut self,
        scheme: Scheme,
        key: &[u8],
        message: &[u8],
        signature: &[u8],
        holds: bool,
    ) {
        let bytes = key.len() + message.len() + signature.len();
        if self.checked_bytes + bytes > limits::REMEMBERED_BYTES {
            return;
        }
        self.checked_bytes += bytes;
        let checked = Checked {
            scheme,
            key: key.to_vec(),
            message: message.to_vec(),
            holds,
        };
        let entry = self.checked.entry(signature.to_vec());
        entry.or_default().push(checked);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const P256: Scheme = Scheme::EcdsaP256Sha256;

    fn check(signature: &[u8], calls: &mut u32) -> bool {
        check_signature(P256, b"key", b"message", signature, || {
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
            let other = |scheme, key: &[u8], message: &[u8]| {
                check_signature(scheme, key, message, b"a", || false)
            };
            assert!(!other(Scheme::EcdsaP256Sha384, b"key", b"message"));
            assert!(!other(P256, b"other", b"message"));
            assert!(!other(P256, b"key", b"other"));
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
