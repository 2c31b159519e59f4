//! `sealgate policy test DIR`: judges packs or images as cases say, and compares.

mod report;
mod suite;

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::ValueEnum;
use sealgate_core::Verdict;

use self::report::{Ended, Ran};
use self::suite::{Case, Ending, Expect};
use super::answer;
use super::exit::Exit;
use super::inputs::{self, Rules};
use super::no_verdict::NoVerdict;
use super::pack::{self, Asked};
use super::registries::Registries;
use super::usage::{self, UsageError};
use crate::config::TrustRoot;
use crate::files::Pipes;
use crate::question::Question;
use crate::rules::policies::{self, Reading};
use crate::rules::trust;

/// Judge evidence packs or images as the cases of tests say, and compare
///
/// Exit code: 0 all as expected, 1 something else came of a case, 2 one could not be decided, 64
/// usage, or a case that cannot be run.
#[derive(Clone, Debug, clap::Args)]
pub struct PolicyTest {
    /// A directory of files of cases (kind PolicyTest), or one such file
    #[arg(value_name = "DIR")]
    path: PathBuf,
    /// How to print what came of them
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
    #[command(flatten)]
    registries: Registries,
}

/// How to print what came of the cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line a case, and what differs
    Text,
    /// One JSON document
    Json,
    /// JUnit's XML
    Junit,
}

impl PolicyTest {
    /// Runs the cases.
    pub(super) async fn run(&self) -> Result<Exit, UsageError> {
        let cases = suite::load(&self.path).map_err(UsageError::all)?;
        let mut all = Vec::with_capacity(cases.len());
        for case in cases {
            let ended = self.ended(&case).await;
            let ran = Ran { case, ended };
            if self.output == Format::Text {
                usage::print(&report::line(&ran));
            }
            all.push(ran);
        }
        usage::print(&match self.output {
            Format::Text => report::summary(&all),
            Format::Json => report::json(&all),
            Format::Junit => report::junit(&all),
        });
        let worst = all.iter().map(|ran| ran.ended.exit()).max();
        Ok(worst.unwrap_or(Exit::Usage))
    }

    async fn ended(&self, case: &Case) -> Ended {
        let answer = match self.answer(case).await {
            Ok(answer) => answer,
            Err(error) => return Ended::Broken(error.to_string()),
        };
        let (found, reasons) = match &answer {
            Ok(verdict) => of_verdict(verdict),
            Err(none) => (
                Expect {
                    outcome: Ending::Undecided,
                    codes: BTreeSet::from([none.code.to_owned()]),
                },
                vec![format!("{}: {}", none.code, none.message)],
            ),
        };
        if found == case.expect {
            return Ended::Passed;
        }
        Ended::Otherwise { found, reasons }
    }

    /// What comes of a case; an error if it cannot be run.
    async fn answer(&self, case: &Case) -> Result<Result<Verdict, NoVerdict>, UsageError> {
        let rules = rules(case)?;
        let Some(file) = &case.pack else {
            let image = case.image.as_deref().unwrap_or_default();
            let namespace = case.namespace.as_deref();
            let question = Question::new(image, namespace, case.policy_name.as_deref());
            let question = question.map_err(|error| UsageError::new(error.to_string()))?;
            let references = [question.reference.clone()];
            let trust = rules.trust.clone();
            let fetcher = self
                .registries
                .fetcher(None, &references, trust, rules.now)?
                .for_policies(&rules.policies);
            let deadline = self.registries.deadline();
            return Ok(answer::of_image(&fetcher, &rules, &question, deadline).await);
        };
        let carried = pack::read(file)?;
        let asked = Asked {
            image: case.image.as_deref(),
            namespace: case.namespace.as_deref(),
            policy: case.policy_name.as_deref(),
        };
        let asked = asked.of(&carried);
        Ok(pack::judge(carried, asked, &rules))
    }
}

/// By what a case is judged.
fn rules(case: &Case) -> Result<Rules, UsageError> {
    let reading = Reading::for_command(case.no_match.into());
    let policies = policies::load(&case.policies, reading).map_err(UsageError::all)?;
    let roots: Vec<_> = case
        .trust_roots
        .iter()
        .map(|(name, file)| TrustRoot::file(name, file))
        .collect();
    let loaded = trust::load(&roots, case.trust_stores.as_deref(), Pipes::Awaited);
    let mut trust = loaded.map_err(UsageError::all)?.trust;
    policies.policies.complete(&mut trust);
    Ok(Rules {
        policies: policies.policies,
        trust,
        now: case.now.map_or_else(inputs::wall_clock, Ok)?,
    })
}

fn of_verdict(verdict: &Verdict) -> (Expect, Vec<String>) {
    let codes = verdict.reasons.iter();
    let codes = codes.map(|reason| reason.code.as_str().to_owned());
    let found = Expect {
        outcome: Ending::Decided(verdict.outcome),
        codes: codes.collect(),
    };
    let reasons = verdict.reasons.iter().map(ToString::to_string);
    (found, reasons.collect())
}
