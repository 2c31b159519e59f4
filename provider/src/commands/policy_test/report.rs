//! What came of the cases, in words.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::super::exit::Exit;
use super::super::junit::{self, Said, Suite};
use super::suite::{Case, Ending, Expect};

/// A case that was run.
pub(super) struct Ran {
    pub(super) case: Case,
    pub(super) ended: Ended,
}

/// How a case ended.
pub(super) enum Ended {
    /// As expected.
    Passed,
    /// Otherwise.
    Otherwise {
        found: Expect,
        /// The reasons for what was found.
        reasons: Vec<String>,
    },
    /// It cannot be run: this is wrong with its policies, its pack or its trust material.
    Broken(String),
}

impl Ended {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Passed => Exit::Verified,
            Self::Otherwise { found, .. } if found.outcome == Ending::Undecided => Exit::Undecided,
            Self::Otherwise { .. } => Exit::NotVerified,
            Self::Broken(_) => Exit::Usage,
        }
    }

    fn word(&self) -> &'static str {
        match self.exit() {
            Exit::Verified => "passed",
            Exit::NotVerified => "failed",
            Exit::Undecided => "undecided",
            _ => "broken",
        }
    }
}

/// The line of a case, with what differs below it.
pub(super) fn line(ran: &Ran) -> String {
    let word = match ran.ended {
        Ended::Passed => "ok",
        _ => ran.ended.word(),
    };
    let place = format!("{}:{}", ran.case.file.display(), ran.case.line);
    let mut text = format!("{word:9} {} ({place})\n", ran.case.name);
    for difference in differences(ran) {
        for line in difference.lines() {
            let _ = writeln!(text, "          {line}");
        }
    }
    text
}

fn differences(ran: &Ran) -> Vec<String> {
    match &ran.ended {
        Ended::Passed => Vec::new(),
        Ended::Otherwise { found, reasons } => {
            let mut lines = vec![
                format!("expected  {}", ran.case.expect),
                format!("found     {found}"),
            ];
            lines.extend(reasons.iter().map(|reason| format!("because   {reason}")));
            lines
        }
        Ended::Broken(why) => vec![why.clone()],
    }
}

/// How many ended how.
pub(super) fn summary(all: &[Ran]) -> String {
    let cases = match all.len() {
        1 => "1 case".to_owned(),
        n => format!("{n} cases"),
    };
    let counted: Vec<_> = counts(all)
        .into_iter()
        .filter(|(word, count)| *count > 0 || *word == "passed")
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    format!("{cases}: {}\n", counted.join(", "))
}

fn counts(all: &[Ran]) -> [(&'static str, usize); 4] {
    ["passed", "failed", "undecided", "broken"].map(|word| {
        let ended = all.iter().filter(|ran| ran.ended.word() == word);
        (word, ended.count())
    })
}

/// Everything as one document.
pub(super) fn json(all: &[Ran]) -> String {
    let case = |ran: &Ran| {
        let mut case = json!({
            "file": ran.case.file.display().to_string(),
            "line": ran.case.line,
            "name": ran.case.name,
            "result": ran.ended.word(),
            "expected": ran.case.expect,
        });
        let more = match &ran.ended {
            Ended::Passed => Vec::new(),
            Ended::Otherwise { found, reasons } => {
                vec![("found", json!(found)), ("reasons", json!(reasons))]
            }
            Ended::Broken(why) => vec![("problem", json!(why))],
        };
        if let Some(case) = case.as_object_mut() {
            case.extend(
                more.into_iter()
                    .map(|(name, value)| (name.to_owned(), value)),
            );
        }
        case
    };
    let counts = counts(all).into_iter();
    let counts: serde_json::Map<String, Value> = counts
        .map(|(word, count)| (word.to_owned(), count.into()))
        .collect();
    let cases: Vec<_> = all.iter().map(case).collect();
    json!({"summary": counts, "cases": cases}).to_string() + "\n"
}

/// Everything as JUnit's XML: a suite for each file.
pub(super) fn junit(all: &[Ran]) -> String {
    let mut suites: Vec<Suite> = Vec::new();
    for ran in all {
        let file = ran.case.file.display().to_string();
        let case = junit::Case {
            name: ran.case.name.clone(),
            ended: ended(ran),
        };
        match suites.last_mut() {
            Some(suite) if suite.name == file => suite.cases.push(case),
            _ => suites.push(Suite {
                name: file,
                cases: vec![case],
            }),
        }
    }
    junit::report(&suites)
}

fn ended(ran: &Ran) -> junit::Ended {
    let text = differences(ran).join("\n");
    match &ran.ended {
        Ended::Passed => junit::Ended::Passed,
        Ended::Otherwise { found, .. } => {
            let said = Said {
                kind: found.outcome.as_str().to_owned(),
                message: format!("expected {}, found {found}", ran.case.expect),
                text,
            };
            match ran.ended.exit() {
                Exit::NotVerified => junit::Ended::Failed(said),
                _ => junit::Ended::Error(said),
            }
        }
        Ended::Broken(why) => junit::Ended::Error(Said {
            kind: "broken".to_owned(),
            message: why.lines().next().unwrap_or_default().to_owned(),
            text,
        }),
    }
}
