//! What is said of an image that is not let in, whoever asks: one table for every door.
//!
//! `/v1/verify`, which Kyverno asks, `/v1/mutate` and the command line say it in these words. The
//! Rego library has the same ones for Gatekeeper (`rego/lib/message.rego`), which must also speak
//! where no provider answers; `tests/tests/rego/words.rs` holds the two equal.

use std::fmt::Write as _;

use sealgate_core::policy::Mode;
use sealgate_core::verdict::{Outcome, Passed, PolicyReport, Signs};
use sealgate_core::{Code, Reason, Verdict};

/// Characters of a sentence where nothing forces more.
const MOST: usize = 300;

/// Characters of why that are left in any sentence.
const LEAST_OF_WHY: usize = 60;

/// What is the matter with an image, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// The end of a sentence that begins with the image.
    pub what: &'static str,
    /// What whoever deploys can do.
    pub todo: &'static str,
}

const fn words(what: &'static str, todo: &'static str) -> Words {
    Words { what, todo }
}

const MISSING: Words = words(
    "does not exist in its registry",
    "Correct the name, or push it and deploy again; an earlier answer may be remembered for a few minutes",
);

const BAD_KEY: Words = words(
    "cannot be asked about",
    "Correct the image name; if it is right, the platform team should look at the constraint's policy parameter",
);

/// What is said where nothing could be found out.
pub(crate) const UNDECIDED: Words = words(
    "could not be decided on, which says nothing against the image",
    "Retry in a moment; if it stays so, tell the platform team",
);

/// Nobody who asks can mend it, and to ask again does not help.
const TAMPERED_REGISTRY: Words = words(
    "could not be decided on: its registry gives out other bytes than it was asked for",
    "Do not retry; tell the platform team and whoever runs the registry",
);

/// What a refusal with this outcome says, if its leading reason says no more.
fn of_outcome(outcome: Outcome) -> Words {
    match outcome {
        Outcome::NoPolicy => words(
            "is covered by no trust policy",
            "Deploy an image that one covers, or ask the platform team for a policy",
        ),
        Outcome::Unsigned => words(
            "is not signed as the policy demands",
            "Sign it where it is built, and deploy again in a few minutes",
        ),
        Outcome::Untrusted => words(
            "is not signed by anyone whom the policy trusts",
            "Deploy one from a trusted pipeline, or ask the platform team",
        ),
        Outcome::Invalid => words(
            "carries a broken or forged signature",
            "Do not run it; tell the security team",
        ),
        _ => words(
            "is not verified",
            "Ask the platform team for the provider's audit log",
        ),
    }
}

/// What a reason says that tells more than its outcome.
fn of_code(code: Code) -> Option<Words> {
    Some(match code {
        Code::NoMatchingAttestation => words(
            "lacks an attestation",
            "Attest it where it is built, and deploy again",
        ),
        Code::ThresholdNotMet => words(
            "lacks a signature",
            "Have the missing one sign it, and deploy again",
        ),
        Code::AnnotationMismatch => words(
            "is not annotated as the policy demands",
            "Sign it with that annotation, and deploy again",
        ),
        Code::StaticFail => words(
            "is refused by the policy, whoever signed it",
            "Deploy another one, or ask the platform team",
        ),
        Code::ConditionFailed => words(
            "does not meet a condition of the policy",
            "Build it as the policy demands, or ask the platform team",
        ),
        Code::ConditionError => words(
            "meets a condition that cannot be evaluated",
            "Tell the platform team: the policy is broken, or does not fit the attestation",
        ),
        Code::SignatureTooOld => words(
            "was signed longer ago than the policy allows",
            "Build and sign it anew, and deploy again",
        ),
        Code::CertificateRevoked => words(
            "was signed with a certificate that is revoked",
            "Do not run it; tell the security team",
        ),
        Code::RevocationUnknown => words(
            "was signed with a certificate that may be revoked: nobody could tell",
            "Retry in a moment; if it stays so, tell the platform team",
        ),
        Code::LimitExceeded => words(
            "could not be judged to the end: there is too much beside it",
            "Take away what nobody needs, or tell the platform team",
        ),
        Code::KeyOutsideValidity
        | Code::CertificateOutsideValidity
        | Code::SignatureExpired
        | Code::LogOutsideValidity
        | Code::SctOutsideValidity
        | Code::TimestampOutsideValidity => words(
            "was signed with what was not valid at that time",
            "Sign it anew, and deploy again",
        ),
        Code::NoVerifiedTime
        | Code::TimestampThresholdNotMet
        | Code::LogThresholdNotMet
        | Code::SctThresholdNotMet => words(
            "is signed without the witnesses that the policy demands",
            "Sign it with a transparency log or a timestamp, as the policy says",
        ),
        Code::FormUnsupported | Code::PluginUnsupported | Code::SignatureKindMismatch => words(
            "is signed in a way that the policy does not take",
            "Sign it as the policy says, or ask the platform team",
        ),
        _ => return None,
    })
}

/// Why an image is refused, as far as one sentence says it.
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'a> {
    /// What is the matter, and what to do.
    pub words: Words,
    /// The reason that leads.
    pub reason: Option<&'a Reason>,
    policy: Option<&'a str>,
    verdict: &'a Verdict,
}

impl<'a> Refusal<'a> {
    /// Of a verdict that refuses its image.
    pub fn of(verdict: &'a Verdict) -> Option<Self> {
        if verdict.verified {
            return None;
        }
        let reason = lead(verdict);
        let more = reason.and_then(|reason| of_code(reason.code));
        Some(Self {
            words: more.unwrap_or(of_outcome(verdict.outcome)),
            reason,
            policy: refusing(verdict).next().map(|policy| policy.name.as_str()),
            verdict,
        })
    }

    /// The whole sentence: which image, what is the matter, by which policy about which digest, why,
    /// the code, and what to do. It has no more than three hundred characters unless the names do.
    pub fn sentence(&self) -> String {
        let digest = short(&self.verdict.image.digest.to_string());
        let by = match self.policy {
            Some(policy) => format!("policy {}, {digest}", cut(&quoted(policy), 64)),
            None => digest,
        };
        let why = self.reason.map(|reason| reason.message.as_str());
        let code = self.reason.map(|reason| reason.code.as_str());
        sentence(&self.verdict.image.requested, self.words, &by, why, code)
    }

    /// What is the matter, the code, and what to do.
    pub fn in_short(&self) -> String {
        let code = self.reason.map(|reason| reason.code.as_str());
        format!(
            "{}{}. {}.",
            self.words.what,
            bracketed(code),
            self.words.todo
        )
    }
}

/// What is said of an image that cannot be asked about, by the stable code of why.
pub fn wrong_key(image: &str, code: &str, why: &str) -> String {
    match code {
        "image_not_found" => sentence(image, MISSING, "", None, None),
        _ => sentence(image, BAD_KEY, "", Some(&format!("{code}: {why}")), None),
    }
}

/// What to do where there is no verdict, by the stable code of why.
pub(crate) fn without_verdict(code: &str) -> Words {
    match code {
        "image_not_found" => MISSING,
        "digest_mismatch" => TAMPERED_REGISTRY,
        _ => UNDECIDED,
    }
}

/// What to do where some images are undecided, by the stable codes of why.
pub fn of_causes<'a>(codes: impl IntoIterator<Item = &'a str>) -> Words {
    let words = codes.into_iter().map(without_verdict);
    let found = words.into_iter().find(|words| *words != UNDECIDED);
    found.unwrap_or(UNDECIDED)
}

fn sentence(image: &str, words: Words, by: &str, why: Option<&str>, code: Option<&str>) -> String {
    let before = format!("image {} {}", cut(&quoted(image), 300), words.what);
    let after = format!("{}. {}.", bracketed(code), words.todo);
    let room = MOST.saturating_sub(characters(&before) + characters(&after) + characters(by));
    let marks = if by.is_empty() { 4 } else { 6 };
    let why = why.map(|why| cut(&plain(why), room.saturating_sub(marks).max(LEAST_OF_WHY)));
    let mut sentence = before;
    // Writing into memory cannot fail.
    let _ = match (by, why.as_deref()) {
        ("", None | Some("")) => Ok(()),
        ("", Some(why)) => write!(sentence, " ({why})"),
        (by, None | Some("")) => write!(sentence, " ({by})"),
        (by, Some(why)) => write!(sentence, " ({by}: {why})"),
    };
    sentence + &after
}

/// The reason that leads. Who signed as he should is no stranger: what is missing beside him leads
/// then, unless something is broken or forged.
fn lead(verdict: &Verdict) -> Option<&Reason> {
    let signed = refusing(verdict).any(|policy| {
        let demands = policy.demands.iter();
        demands
            .filter(|one| one.signs == Signs::Image)
            .any(|one| !one.by.is_empty())
    });
    let own = match signed && verdict.outcome != Outcome::Invalid {
        true => refusing(verdict).flat_map(|policy| &policy.reasons).next(),
        false => None,
    };
    own.or(verdict.reasons.first())
}

/// The policies that refuse the image.
pub(crate) fn refusing(verdict: &Verdict) -> impl Iterator<Item = &PolicyReport> {
    let policies = verdict.policies.iter();
    policies.filter(|one| one.outcome == Passed::Failed && one.mode == Mode::Enforce)
}

fn bracketed(code: Option<&str>) -> String {
    code.map_or_else(String::new, |code| format!(" [{code}]"))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Without what could disturb a terminal, and with digests that are as long as tells them apart.
fn plain(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut control = false;
    for c in text.chars() {
        if c.is_control() {
            if !control {
                clean.push(' ');
            }
        } else {
            clean.push(c);
        }
        control = c.is_control();
    }
    short(clean.strip_suffix('.').unwrap_or(&clean))
}

/// The text with each digest cut to its first twelve digits.
fn short(text: &str) -> String {
    const SHOWN: usize = 12;
    const LONG: usize = 20;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("sha") {
        let (before, found) = rest.split_at(at);
        out.push_str(before);
        let name = ["sha256:", "sha512:"]
            .into_iter()
            .find(|name| found.starts_with(name));
        let name = name.unwrap_or("sha");
        let digits = found.get(name.len()..).unwrap_or_default();
        let is_digit = |c: &char| matches!(c, '0'..='9' | 'a'..='f');
        let length = match name {
            "sha" => 0,
            _ => digits.chars().take_while(is_digit).count(),
        };
        out.push_str(name);
        if length >= SHOWN + LONG {
            out.push_str(digits.get(..SHOWN).unwrap_or_default());
            out.push('…');
        } else {
            out.push_str(digits.get(..length).unwrap_or_default());
        }
        rest = digits.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

fn characters(text: &str) -> usize {
    text.chars().count()
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}
