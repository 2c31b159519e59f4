//! `sealgate trust update`

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use sealgate_core::UnixTime;
use serde::Serialize;

use super::report::{Changes, State};
use super::{Output, in_force};
use crate::commands::exit::Exit;
use crate::commands::inputs::{configuration, wall_clock};
use crate::commands::usage::{self, UsageError};
use crate::config::{Config, Origin, TrustRoot, Tuf, TufWire, built_in};
use crate::rules::tuf::{LastGood, TufClient, TufError};

/// Renew trust roots from their TUF repositories, now
///
/// Exits with 0 if every root is up to date, 1 if a repository shows what does not verify (it
/// was rolled back, stands still, or is signed by others), 2 if one cannot be read.
#[derive(Clone, Debug, Args)]
pub struct Update {
    /// Which roots: of the configuration, or built in; absent: all of the configuration, or
    /// public-good
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// A configuration file of `serve`, for its trust roots and their cache
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The repository, or a mirror of it (https or file), for one root
    #[arg(long, value_name = "URL", help_heading = "Repository")]
    mirror: Option<String>,
    /// The root.json that trust begins with, for one root
    #[arg(long, value_name = "FILE", help_heading = "Repository")]
    root: Option<PathBuf>,
    /// The target that is the trust root [default: trusted_root.json]
    #[arg(long, value_name = "NAME", help_heading = "Repository")]
    target: Option<String>,
    /// Certificate authorities of the repository, PEM
    #[arg(long, value_name = "FILE", help_heading = "Repository")]
    ca: Option<PathBuf>,
    /// Ask without TLS: whoever is between can withhold news until they expire
    #[arg(long, help_heading = "Repository")]
    danger_plain_http: bool,
    /// How long one root may take [default: 60]
    #[arg(long, value_name = "SECONDS", help_heading = "Repository")]
    timeout: Option<u64>,
    /// Keep what is fetched in this directory, as `serve` does in trustCache
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Write the trust root to this file, for one root
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Judge as of this time instead of now
    #[arg(long, value_name = "RFC3339")]
    now: Option<UnixTime>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// What became of one root.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    name: String,
    repository: String,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<State>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<State>,
    changes: Changes,
}

#[derive(Serialize)]
struct Failure {
    code: &'static str,
    message: String,
}

impl Update {
    pub(super) async fn run(&self) -> Result<Exit, UsageError> {
        let config = configuration(self.config.as_deref())?;
        let now = self.now.map_or_else(wall_clock, Ok)?;
        let roots = self.roots(config.as_ref())?;
        let cache = self.cache.as_deref();
        let cache = cache.or_else(|| config.as_ref().and_then(|c| c.trust_cache.as_deref()));
        let mut worst = Exit::Verified;
        let mut reports = Vec::new();
        for root in &roots {
            let (exit, report) = self.update(root, cache, now).await?;
            worst = worst.max(exit);
            if self.output == Output::Text {
                usage::print(&report.text(now, cache, self.save.as_deref()));
            }
            reports.push(report);
        }
        if self.output == Output::Json {
            let json = serde_json::to_string_pretty(&reports);
            usage::print(&format!("{}\n", json.unwrap_or_default()));
        }
        Ok(worst)
    }

    async fn update(
        &self,
        root: &TrustRoot,
        cache: Option<&Path>,
        now: UnixTime,
    ) -> Result<(Exit, Report), UsageError> {
        let wrong = |error: &dyn ToString| UsageError::new(error.to_string());
        let Some(tuf) = root.tuf() else {
            return Err(UsageError::new(format!(
                "{} comes from a file, not from TUF",
                root.name
            )));
        };
        let client = TufClient::open(&root.name, tuf, cache).map_err(|error| wrong(&error))?;
        let before = in_force(root, Some(&client))?;
        let outcome = client.refresh(now).await;
        if let (Ok(good), Some(file)) = (&outcome, &self.save) {
            std::fs::write(file, &good.json)
                .map_err(|error| wrong(&format!("{}: {error}", file.display())))?;
        }
        let exit = match &outcome {
            Ok(_) => Exit::Verified,
            Err(error) if error.cause().is_unavailable() => Exit::Undecided,
            Err(_) => Exit::NotVerified,
        };
        Ok((exit, Report::new(&client, before, outcome, now)))
    }

    /// The roots to renew.
    fn roots(&self, config: Option<&Config>) -> Result<Vec<TrustRoot>, UsageError> {
        let configured = config.map_or(&[][..], |config| &config.trust_roots);
        let from_tuf = configured.iter().filter(|root| root.tuf().is_some());
        let names: Vec<_> = match (self.names.is_empty(), config) {
            (false, _) => self.names.clone(),
            (true, Some(_)) => from_tuf.map(|root| root.name.clone()).collect(),
            (true, None) => vec!["public-good".to_owned()],
        };
        if names.is_empty() {
            return Err(UsageError::new(
                "no trust root of the configuration comes from TUF: give a NAME",
            ));
        }
        if names.len() > 1 && self.is_for_one() {
            return Err(UsageError::new(
                "--mirror, --root, --target, --ca and --save are for one root: give its NAME",
            ));
        }
        let find = |name: &String| {
            let found = configured.iter().find(|root| root.name == *name);
            self.overridden(name, found)
        };
        names.iter().map(find).collect()
    }

    fn is_for_one(&self) -> bool {
        let Self { root, ca, save, .. } = self;
        let named = self.mirror.is_some() || self.target.is_some();
        named || [root, ca, save].into_iter().any(Option::is_some)
    }

    /// What the configuration says about a root, or what is built in, and what the flags change.
    fn overridden(&self, name: &str, known: Option<&TrustRoot>) -> Result<TrustRoot, UsageError> {
        let mut wire = known
            .and_then(TrustRoot::tuf)
            .map_or_else(TufWire::default, |tuf| TufWire::from(tuf.clone()));
        let flags = self.clone();
        wire.url = flags.mirror.or(wire.url);
        wire.root = flags.root.or(wire.root);
        wire.target = flags.target.or(wire.target);
        wire.ca = flags.ca.or(wire.ca);
        wire.danger_plain_http |= flags.danger_plain_http;
        wire.timeout = flags.timeout.map(Duration::from_secs).or(wire.timeout);
        if known.is_none() && built_in(name).is_none() && wire.url.is_none() {
            return Err(UsageError::new(format!(
                "{name:?} is neither built in nor in a configuration: give --mirror and --root"
            )));
        }
        let tuf = Tuf::new(name, wire)
            .map_err(|why| UsageError::new(format!("the trust root {name}: {why}")))?;
        let tuf = Tuf {
            until_refreshed: known.and_then(TrustRoot::local_file).cloned(),
            ..tuf
        };
        Ok(TrustRoot {
            name: name.to_owned(),
            origin: Origin::Tuf(Box::new(tuf)),
        })
    }
}

impl Report {
    fn new(
        client: &TufClient,
        before: Option<State>,
        outcome: Result<LastGood, TufError>,
        now: UnixTime,
    ) -> Self {
        let report = Self {
            name: client.name().to_owned(),
            repository: client.repository().to_owned(),
            result: "failed",
            error: None,
            before,
            after: None,
            changes: Changes::default(),
        };
        let good = match outcome {
            Ok(good) => good,
            Err(error) => {
                let failure = Failure {
                    code: error.cause().code(),
                    message: error.to_string(),
                };
                return Self {
                    error: Some(failure),
                    ..report
                };
            }
        };
        let after = State::kept(client.repository(), &good);
        let same = |before: &State| before.is_same_as(&after);
        Self {
            result: match report.before.as_ref().is_some_and(same) {
                true => "unchanged",
                false => "updated",
            },
            changes: Changes::between(report.before.as_ref(), &after, now),
            after: Some(after),
            ..report
        }
    }

    fn text(&self, now: UnixTime, cache: Option<&Path>, save: Option<&Path>) -> String {
        let mut text = format!("{}: {}\n", self.name, self.result);
        if let Some(Failure { code, message }) = &self.error {
            text.push_str(&format!("  {message} ({code})\n"));
            match &self.before {
                Some(before) => text.push_str(&format!(
                    "  what is in force stays so:\n{}",
                    before.lines(now)
                )),
                None => text.push_str("  there is no other trust root of this name\n"),
            }
            return text;
        }
        if let Some(after) = &self.after {
            text.push_str(&after.lines(now));
        }
        text.push_str(&self.changes.lines());
        for kept in [cache, save].into_iter().flatten() {
            text.push_str(&format!("  kept in {}\n", kept.display()));
        }
        if cache.is_none() && save.is_none() {
            text.push_str(
                "  not kept: give --cache DIR, --save FILE, or a --config with trustCache\n",
            );
        }
        text
    }
}
