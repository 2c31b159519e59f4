//! What many answers amount to, for people and for programs.

mod cases;
mod document;
mod sarif;
mod table;

use std::collections::BTreeMap;

use sealgate_core::Verdict;
use sealgate_core::verdict::Outcome;
use serde_json::Value;

use super::exit::Exit;
use super::manifests::Place;
use super::no_verdict::NoVerdict;
use crate::words::Refusal;

pub(super) use self::cases::junit;
pub(super) use self::document::{document, error};
pub(super) use self::sarif::sarif;
pub(super) use self::table::table;

/// What was answered about an image.
pub(super) struct Row {
    /// The image, as it was asked for.
    pub(super) image: String,
    pub(super) namespace: Option<String>,
    /// Where the manifests name it.
    pub(super) places: Vec<Place>,
    pub(super) answer: Result<Verdict, NoVerdict>,
}

impl Row {
    /// The outcome in a word: of a verdict, or that there is none.
    fn outcome(&self) -> &'static str {
        match &self.answer {
            Ok(verdict) => verdict.outcome.as_str(),
            Err(_) => "undecided",
        }
    }

    /// How a command with this answer alone ends.
    pub(super) fn exit(&self) -> Exit {
        exit(&self.answer)
    }

    /// Where the manifests name it, in a line each.
    pub(super) fn used_by(&self) -> String {
        let namespace = match &self.namespace {
            Some(namespace) => format!(" in the namespace {namespace}"),
            None => String::new(),
        };
        let line = |place: &Place| format!("used by {place}{namespace}\n");
        self.places.iter().map(line).collect()
    }

    /// The code that tells most, unless there is nothing to tell.
    fn code(&self) -> Option<&'static str> {
        match &self.answer {
            Ok(verdict) if verdict.outcome == Outcome::Verified => None,
            Ok(verdict) => match verdict.reasons.first() {
                Some(reason) => Some(reason.code.as_str()),
                None => Some(verdict.outcome.as_str()),
            },
            Err(none) => Some(none.code),
        }
    }

    /// In one sentence, what is said of an image that is not let in.
    fn sentence(&self) -> Option<String> {
        match &self.answer {
            Ok(verdict) => match Refusal::of(verdict) {
                Some(refusal) => Some(format!("the image {}", refusal.in_short())),
                None => verdict.reasons.first().map(ToString::to_string),
            },
            Err(none) => Some(format!("{}: {}", none.code, none.message)),
        }
    }

    /// Every reason, in a line each.
    fn reasons(&self) -> Vec<String> {
        match &self.answer {
            Ok(verdict) => verdict.reasons.iter().map(ToString::to_string).collect(),
            Err(none) => vec![format!("{}: {}", none.code, none.message)],
        }
    }
}

/// How a command with this answer ends.
pub(super) fn exit(answer: &Result<Verdict, NoVerdict>) -> Exit {
    match answer {
        Ok(verdict) if verdict.verified => Exit::Verified,
        Ok(_) => Exit::NotVerified,
        Err(_) => Exit::Undecided,
    }
}

/// All answers, and what was not looked at.
#[derive(Default)]
pub(super) struct Report {
    pub(super) rows: Vec<Row>,
    /// Objects, or parts of them, in which no image was looked for, and why.
    pub(super) not_looked_at: Vec<(Place, String)>,
}

impl Report {
    /// How many have which outcome, from `verified` to `undecided`.
    fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for row in &self.rows {
            *counts.entry(row.outcome()).or_default() += 1;
        }
        counts
    }

    /// How many there are of what, in lines for people.
    pub(super) fn summary(&self) -> String {
        let images = match self.rows.len() {
            1 => "1 image".to_owned(),
            n => format!("{n} images"),
        };
        let counts = self.counts();
        let refused = |exit: Exit| self.rows.iter().filter(|row| row.exit() == exit).count();
        let mut parts: Vec<_> = counts
            .iter()
            .map(|(outcome, count)| format!("{count} {}", outcome.replace('_', " ")))
            .collect();
        parts.sort_by_key(|part| !part.ends_with(" verified"));
        let mut text = format!("{images}: {}\n", parts.join(", "));
        if refused(Exit::NotVerified) + refused(Exit::Undecided) == 0 {
            text = text.trim_end().to_owned() + "; all would be let in\n";
        }
        text + &self.unread()
    }

    /// What was not looked at, by kind and reason.
    pub(super) fn unread(&self) -> String {
        let mut kinds: BTreeMap<(String, &str), (usize, &Place)> = BTreeMap::new();
        for (place, why) in &self.not_looked_at {
            let kind = place.object.split(' ').next().unwrap_or_default();
            let what = match place.part.is_empty() {
                true => kind.to_owned(),
                false => place.to_string(),
            };
            let entry = kinds.entry((what, why)).or_insert((0, place));
            entry.0 += 1;
        }
        let line = |((what, why), (count, first)): ((String, &str), (usize, &Place))| {
            let example = match (count, first.part.is_empty()) {
                (1, true) => {
                    let name = first.object.split_once(' ').map_or("", |(_, name)| name);
                    format!(" ({name})")
                }
                _ => String::new(),
            };
            format!("not looked at: {count} {what}{example}: {why}\n")
        };
        kinds.into_iter().map(line).collect()
    }
}

fn place(place: &Place) -> Value {
    serde_json::json!({
        "file": place.file,
        "line": place.line,
        "object": place.object,
        "part": place.part,
    })
}
