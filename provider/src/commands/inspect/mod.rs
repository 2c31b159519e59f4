//! `sealgate inspect IMAGE|PACK`

mod skeleton;
mod tree;
mod trials;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use sealgate_core::inspect::Inspection;
use sealgate_core::{Evidence, UnixTime};
use serde_json::json;

use self::trials::Trials;
use super::answer;
use super::exit::Exit;
use super::inputs::{self, TrustInputs};
use super::no_verdict::NoVerdict;
use super::pack;
use super::registries::Registries;
use super::tree::Style;
use super::usage::{self, UsageError};

/// Show what is attached to an image, by whom it claims to be, and what of it verifies
///
/// Each signature is tried against the built-in trust roots and against what is given. That one
/// verifies says who made it, and not that anybody should trust him: this is judged by no policy,
/// and nothing here lets an image in.
///
/// Exit code: 0 looked at, 1 no policy can be made of it (--policy-skeleton), 2 it could not be
/// fetched, or not all of it, 64 usage.
#[derive(Clone, Debug, clap::Args)]
pub struct InspectArgs {
    /// An image, as in a Pod, or the file of an evidence pack
    #[arg(value_name = "IMAGE|PACK")]
    what: String,
    /// Print a TrustPolicy that accepts what verifies, and nobody else
    #[arg(long, conflicts_with = "output")]
    policy_skeleton: bool,
    /// How to print what there is
    #[arg(short, long, value_enum, default_value_t = Format::Tree)]
    output: Format,
    /// A public key to try signatures against
    #[arg(long, value_name = "FILE", help_heading = "Trust")]
    key: Vec<PathBuf>,
    #[command(flatten)]
    given: TrustInputs,
    /// Try as of this time instead of now
    #[arg(long, value_name = "RFC3339", help_heading = "Trust")]
    now: Option<UnixTime>,
    #[command(flatten)]
    registries: Registries,
    /// A configuration file of `serve`, for its trust and registries
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// How to print what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A tree for people
    Tree,
    /// One JSON document
    Json,
}

/// What is looked at.
struct Found {
    evidence: Evidence,
    /// Why there may be more.
    doubt: Option<NoVerdict>,
}

impl InspectArgs {
    /// Runs the command.
    pub async fn run(self) -> Exit {
        usage::exit(self.try_run().await)
    }

    async fn try_run(self) -> Result<Exit, UsageError> {
        let config = inputs::configuration(self.config.as_deref())?;
        let trials = Trials::new(self.given.trust(config.as_ref())?, &self.key)?;
        let now = self.now.map_or_else(inputs::wall_clock, Ok)?;
        let found = match self.found(config, &trials, now).await? {
            Ok(found) => found,
            Err(none) => return Ok(undecided(&none)),
        };
        let (policies, trust) = (&trials.policies, &trials.trust);
        let looked = sealgate_core::inspect::inspect(&found.evidence, policies, trust, now);
        let inspection = match looked {
            Ok(inspection) => inspection,
            Err(error) => return Ok(undecided(&error.into())),
        };
        if let Some(mismatch) = &inspection.mismatch {
            eprintln!("undecided: {mismatch}");
            return Ok(Exit::Undecided);
        }
        if self.policy_skeleton {
            let none = found.doubt.as_ref();
            return match none.map(undecided) {
                Some(exit) => Ok(exit),
                None => Ok(skeleton::print(&found.evidence, &inspection, &trials, now)),
            };
        }
        let inspection = trials.named(inspection);
        usage::print(&self.text(&found, &inspection, &trials));
        Ok(match found.doubt {
            Some(_) => Exit::Undecided,
            None => Exit::Verified,
        })
    }

    /// A pack, or what a registry has; why that could not be fetched.
    async fn found(
        &self,
        config: Option<crate::config::Config>,
        trials: &Trials,
        now: UnixTime,
    ) -> Result<Result<Found, NoVerdict>, UsageError> {
        let path = Path::new(&self.what);
        if path.is_file() {
            let carried = pack::read(path)?;
            let asked = carried.question().clone();
            let evidence = carried.answering(asked).map_err(NoVerdict::from);
            return Ok(evidence.map(|evidence| Found {
                evidence,
                doubt: None,
            }));
        }
        let questions = answer::questions(std::slice::from_ref(&self.what), None)?;
        let references: Vec<_> = questions.iter().map(|q| q.reference.clone()).collect();
        let trust = trials.trust.clone();
        let fetcher = self.registries.fetcher(config, &references, trust, now)?;
        let Some(question) = questions.first() else {
            return Err(UsageError::new("expected an image, or the file of a pack"));
        };
        let progress = answer::progress(&self.what);
        let fetched = fetcher.fetch(question, self.registries.deadline()).await;
        progress.finish_and_clear();
        Ok(fetched.map(|fetched| Found {
            evidence: fetched.evidence,
            doubt: fetched.doubt.map(NoVerdict::from),
        }))
    }

    fn text(&self, found: &Found, inspection: &Inspection, trials: &Trials) -> String {
        let image = &found.evidence.request.image;
        let reference = &found.evidence.subject.reference;
        let reference = reference.at(inspection.digest).to_string();
        let doubt = found.doubt.as_ref().map(|doubt| doubt.message.as_str());
        match self.output {
            Format::Tree => tree::tree(
                image,
                &reference,
                inspection,
                trials,
                doubt,
                Style::of_stdout(),
            ),
            Format::Json => {
                let document = json!({
                    "judgedBy": "no policy",
                    "image": {"requested": image, "reference": reference},
                    "found": inspection,
                    "mayBeMore": doubt,
                });
                document.to_string() + "\n"
            }
        }
    }
}

fn undecided(none: &NoVerdict) -> Exit {
    eprintln!("undecided: {} ({})", none.message, none.code);
    Exit::Undecided
}
