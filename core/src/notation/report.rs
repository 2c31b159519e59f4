//! The outcome of the checks, each enforced, logged or skipped.

use crate::bound::Bound;
use crate::digest::Digest;
use crate::judgement::{Judgement, Says, Unproven, Verified};
use crate::policy::{Action, CheckKind, NotationLevel};
use crate::reason::Reason;
use crate::time::UnixTime;
use crate::verdict::{Check, CheckResult, Signer};

/// What became of the checks so far.
pub(super) struct Report<'a> {
    level: &'a NotationLevel,
    authority: &'a str,
    artifact: Option<Digest>,
    checks: Vec<Check>,
    passed: Vec<CheckKind>,
    failures: Vec<Reason>,
    valid_until: Option<UnixTime>,
}

impl<'a> Report<'a> {
    /// Without any checks, about the signature of this artifact.
    pub(super) fn new(
        level: &'a NotationLevel,
        authority: &'a str,
        artifact: Option<Digest>,
    ) -> Self {
        Self {
            level,
            authority,
            artifact,
            checks: Vec::new(),
            passed: Vec::new(),
            failures: Vec::new(),
            valid_until: None,
        }
    }

    /// Makes a check unless the level skips it; gives its result if it passes.
    pub(super) fn check<T>(
        &mut self,
        kind: CheckKind,
        make: impl FnOnce() -> Result<T, Reason>,
    ) -> Option<T> {
        if self.level.action(kind) == Action::Skip {
            self.record(kind, CheckResult::Skipped, None);
            return None;
        }
        match make() {
            Ok(value) => {
                self.record(kind, CheckResult::Passed, None);
                self.passed.push(kind);
                Some(value)
            }
            Err(reason) => {
                self.record(kind, CheckResult::Failed, Some(reason.to_string()));
                if self.level.action(kind) == Action::Enforce {
                    self.failures.push(reason);
                }
                None
            }
        }
    }

    /// Whether this check was made and passed.
    pub(super) fn passed(&self, kind: CheckKind) -> bool {
        self.passed.contains(&kind)
    }

    /// Notes until when the result of a check surely stays the same.
    pub(super) fn until(&mut self, time: Option<UnixTime>) {
        self.valid_until = match (self.valid_until, time) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    /// The judgement: passed unless an enforced check failed.
    pub(super) fn judgement(self, bound: Bound<Says>, signer: Signer) -> Judgement {
        if self.failures.is_empty() {
            let verified = Verified::new(bound, signer, self.checks, self.valid_until);
            Judgement::Passed(Box::new(verified))
        } else {
            self.failed()
        }
    }

    /// The judgement of a signature by nobody known: unproven unless an enforced check failed.
    pub(super) fn unproven(self, bound: Bound<()>) -> Judgement {
        if !self.failures.is_empty() {
            return self.failed();
        }
        Judgement::Unproven(Unproven::new(bound, self.checks, self.valid_until))
    }

    /// The judgement of a signature whose checks cannot go on.
    pub(super) fn failed(self) -> Judgement {
        Judgement::Failed {
            reasons: self.failures,
            checks: self.checks,
        }
    }

    /// Every check, skipped.
    pub(super) fn all_skipped(mut self) -> Vec<Check> {
        for kind in CheckKind::ALL {
            self.record(kind, CheckResult::Skipped, None);
        }
        self.checks
    }

    fn record(&mut self, kind: CheckKind, result: CheckResult, detail: Option<String>) {
        self.checks.push(Check {
            artifact: self.artifact,
            name: format!("{}: {}", self.authority, kind.as_str()),
            action: self.level.action(kind),
            result,
            detail,
        });
    }
}
