//! Evidence packs that are judged without network.

use std::path::Path;

use sealgate_core::evidence::{Carried, Request};
use sealgate_core::{Evidence, Verdict};

use super::answer;
use super::inputs::Rules;
use super::no_verdict::NoVerdict;
use super::usage::UsageError;

/// What is asked of a pack in place of what it says itself.
pub(super) struct Asked<'a> {
    pub(super) image: Option<&'a str>,
    pub(super) namespace: Option<&'a str>,
    /// It must cover the image.
    pub(super) policy: Option<&'a str>,
}

impl Asked<'_> {
    /// The question about a pack: its own, but for what is asked.
    pub(super) fn of(&self, carried: &Carried) -> Request {
        let mut asked = carried.question().clone();
        if let Some(image) = self.image {
            asked.image = image.to_owned();
        }
        if let Some(namespace) = self.namespace {
            asked.namespace = Some(namespace.to_owned());
        }
        if let Some(policy) = self.policy {
            asked.policy = Some(policy.to_owned());
            asked.beyond_scope = false;
        }
        asked
    }
}

/// Reads a pack.
pub(super) fn read(path: &Path) -> Result<Carried, UsageError> {
    let wrong = |why: String| UsageError::new(format!("{}: {why}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    Evidence::from_pack(&bytes).map_err(|error| wrong(error.to_string()))
}

/// Judges what a pack carries as the answer to a question.
pub(super) fn judge(carried: Carried, asked: Request, rules: &Rules) -> Result<Verdict, NoVerdict> {
    answer::verdict(&carried.answering(asked)?, rules)
}
