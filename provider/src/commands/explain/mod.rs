//! `sealgate explain CODE…`: what a code means, and what to do.

mod table;

use std::fmt::Write as _;

use super::exit::Exit;
use super::usage::{self, UsageError};

/// What a code of a verdict, an answer or the log means, and what to do about it
#[derive(Clone, Debug, clap::Args)]
pub struct Explain {
    /// The codes, as in "signature_invalid"; none prints all there are
    #[arg(value_name = "CODE")]
    codes: Vec<String>,
}

/// Codes that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// What they have in common.
    pub title: &'static str,
    /// A sentence about all of them.
    pub about: &'static str,
    /// The codes.
    pub rows: &'static [Row],
}

/// What is to be said of one code.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The stable code.
    pub code: &'static str,
    /// What it says.
    pub means: &'static str,
    /// What usually is behind it.
    pub cause: &'static str,
    /// What to do.
    pub remedy: &'static str,
    /// Who can.
    pub who: Who,
}

/// Who can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Whoever deploys, or asks.
    Caller,
    /// Whoever builds and signs the image.
    Signer,
    /// Whoever runs sealgate and writes its policies.
    Platform,
    /// Whoever runs the registry.
    Registry,
}

impl Who {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "whoever deploys or asks",
            Self::Signer => "whoever builds and signs the image",
            Self::Platform => "the platform team",
            Self::Registry => "whoever runs the registry",
        }
    }
}

/// All codes, by what they have in common.
pub fn groups() -> &'static [Group] {
    table::GROUPS
}

/// What is to be said of each code, in the order of the groups.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    groups().iter().flat_map(|group| group.rows)
}

/// What is to be said of a code.
pub fn row(code: &str) -> Option<&'static Row> {
    rows().find(|row| row.code == code)
}

impl Explain {
    /// Runs the command.
    pub(crate) fn run(&self) -> Exit {
        usage::exit(self.try_run())
    }

    fn try_run(&self) -> Result<Exit, UsageError> {
        if self.codes.is_empty() {
            usage::print(&overview());
            return Ok(Exit::Verified);
        }
        let mut texts = Vec::new();
        let mut unknown = Vec::new();
        for code in &self.codes {
            // As it is copied out of a message: `[signature_invalid]`, `signature_invalid:`.
            let bare = code.trim_matches(|c: char| !c.is_ascii_alphanumeric());
            match row(bare) {
                Some(row) => texts.push(text(row)),
                None => unknown.push(format!(
                    "there is no code {code:?}{}; sealgate explain lists all",
                    likely(bare)
                )),
            }
        }
        usage::print(&texts.join("\n"));
        match unknown.is_empty() {
            true => Ok(Exit::Verified),
            false => Err(UsageError::all(unknown)),
        }
    }
}

fn overview() -> String {
    let mut text = String::new();
    for group in groups() {
        let _ = writeln!(text, "{}", group.title);
        for row in group.rows {
            let _ = writeln!(text, "  {:34} {}", row.code, row.means);
        }
        text.push('\n');
    }
    text.push_str("sealgate explain CODE says what is behind one, and what to do.\n");
    text
}

fn text(row: &Row) -> String {
    format!(
        "{}\n  {}\n  usually  {}\n  do       {}\n  who      {}\n",
        row.code,
        row.means,
        row.cause,
        row.remedy,
        row.who.as_str()
    )
}

/// Codes that share a word with this one.
pub(super) fn likely(code: &str) -> String {
    let close: Vec<_> = rows()
        .map(|row| row.code)
        .filter(|known| {
            code.split('_')
                .any(|word| word.len() > 3 && known.split('_').any(|own| own.starts_with(word)))
        })
        .take(4)
        .collect();
    match close.is_empty() {
        true => String::new(),
        false => format!(" (did you mean {}?)", close.join(", ")),
    }
}

/// The page `docs/reasons.md`.
pub fn page() -> String {
    let mut page = String::from(
        "# What the codes mean\n\n\
         Every refusal, error and outcome has a stable code. `sealgate explain CODE` prints the same on a terminal.\n\
         This page is written from `provider/src/commands/explain/table.rs` by the test that checks it.\n",
    );
    for group in groups() {
        let _ = write!(page, "\n## {}\n\n{}\n\n", group.title, group.about);
        page.push_str("| code | what it means | what usually is behind it | what to do | who |\n");
        page.push_str("|---|---|---|---|---|\n");
        for row in group.rows {
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | {} | {} |",
                row.code,
                row.means,
                row.cause,
                row.remedy,
                row.who.as_str()
            );
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sealgate_core::{Class, Code};

    use super::*;
    use crate::registry::Cause;

    #[test]
    fn every_reason_is_explained_among_those_of_its_class() {
        for code in Code::ALL {
            let class = match code.class() {
                Class::NoPolicy | Class::Unsigned => "Unsigned",
                Class::Untrusted => "Untrusted",
                Class::Invalid => "Invalid",
                _ => "no class that is known here",
            };
            let group = groups()
                .iter()
                .find(|group| group.rows.iter().any(|row| row.code == code.as_str()));
            let title = group.map_or("none", |group| group.title);
            assert!(title.starts_with(class), "{code}: explained under {title}");
        }
    }

    #[test]
    fn every_cause_of_the_registry_is_explained() {
        for cause in Cause::ALL {
            assert!(row(cause.code()).is_some(), "{}", cause.code());
        }
    }

    #[test]
    fn no_code_is_explained_twice_and_no_sentence_is_missing() {
        let all: Vec<_> = rows().map(|row| row.code).collect();
        let distinct: BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        for row in rows() {
            for sentence in [row.means, row.cause, row.remedy] {
                assert!(sentence.ends_with(['.', '…']), "{}: {sentence}", row.code);
                assert!(!sentence.contains('|'), "{}: {sentence}", row.code);
            }
        }
    }

    #[test]
    fn a_code_is_found_as_it_is_copied_and_a_wrong_one_is_told() {
        let explain = |code: &str| {
            let codes = vec![code.to_owned()];
            Explain { codes }.try_run()
        };
        assert!(matches!(explain("[signature_invalid]"), Ok(Exit::Verified)));
        let error = explain("signature_wrong").map_err(|error| error.to_string());
        assert!(error.is_err_and(|text| text.contains("signature_invalid")));
    }
}
