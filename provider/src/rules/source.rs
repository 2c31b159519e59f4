//! Where rules come from: files that are looked at again and again, and trust roots from TUF.

use std::collections::BTreeSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sealgate_core::TrustMaterial;
use tokio_util::sync::CancellationToken;

use super::policies::{self, LoadedPolicies, Reading};
use super::trust::{self, LoadedTrust};
use super::tuf::TufRoots;
use super::{CurrentRules, Rules};
use crate::config::{Config, TrustRoot};
use crate::files::watched::{Look, Watched, off_thread};
use crate::observe::metrics::{Loaded, Metrics, ReloadResult};

/// Policies and trust material; what is in force is always complete and good.
#[derive(Debug)]
pub(crate) struct RulesSource {
    paths: Paths,
    policies: LoadedPolicies,
    trust: LoadedTrust,
    watched_policies: Watched,
    watched_trust: Watched,
    tuf: Arc<TufRoots>,
    /// The generation of `tuf` that was last put in force.
    tuf_generation: u64,
}

#[derive(Debug)]
struct Paths {
    policies: Vec<PathBuf>,
    reading: Reading,
    trust_roots: Vec<TrustRoot>,
    trust_stores: Option<PathBuf>,
}

/// Why rules cannot be loaded: every problem, one a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError(Vec<String>);

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for LoadError {}

impl LoadError {
    fn of<E: ToString>(problems: &[E]) -> Self {
        Self(problems.iter().map(E::to_string).collect())
    }
}

impl RulesSource {
    /// Loads policies and trust material for the first time.
    ///
    /// # Errors
    /// With every problem found: without rules there is nothing to judge by.
    pub(crate) fn load(config: &Config) -> Result<Self, LoadError> {
        let paths = Paths {
            policies: config.policies.clone(),
            reading: Reading::for_service(config),
            trust_roots: config.trust_roots.clone(),
            trust_stores: config.trust_stores.clone(),
        };
        let tuf = TufRoots::open(&config.trust_roots, config.trust_cache.as_deref())
            .map_err(|problems| LoadError::of(&problems));
        match (paths.load_policies(), paths.load_trust(), tuf) {
            (Ok(policies), Ok(trust), Ok(tuf)) => {
                let policies = paths.within_reach(policies, &trust.trust, &tuf)?;
                Ok(Self {
                    paths,
                    policies,
                    trust,
                    watched_policies: Watched::new(),
                    watched_trust: Watched::new(),
                    tuf_generation: tuf.generation(),
                    tuf: Arc::new(tuf),
                })
            }
            (policies, trust, tuf) => {
                let problems = [policies.err(), trust.err(), tuf.err()];
                let problems = problems.into_iter().flatten();
                Err(LoadError(problems.flat_map(|error| error.0).collect()))
            }
        }
    }

    /// What was loaded last.
    pub(crate) fn rules(&self) -> Rules {
        let mut trust = self.trust.trust.clone();
        self.tuf.insert_into(&mut trust);
        Rules::new(self.policies.policies.clone(), trust)
    }

    /// The trust roots that are to be renewed.
    pub(crate) fn tuf(&self) -> Arc<TufRoots> {
        Arc::clone(&self.tuf)
    }

    /// Looks at the files again and again until `stop`, and puts what they hold, and what TUF
    /// has renewed, in force.
    pub(crate) async fn watch(
        mut self,
        current: CurrentRules,
        every: Duration,
        stop: CancellationToken,
        metrics: Arc<Metrics>,
    ) {
        let tuf = self.tuf();
        loop {
            let (current, same) = (current.clone(), Arc::clone(&metrics));
            let looking = off_thread(
                move || {
                    self.renew(&current, &same);
                    self
                },
                &stop,
                |stuck| {
                    for what in [Loaded::Policies, Loaded::Trust] {
                        metrics.set_stuck(what, stuck);
                    }
                },
            );
            self = match looking.await {
                Some(Ok(source)) => source,
                // It catches its own defects.
                Some(Err(_)) | None => return,
            };
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = tuf.changed() => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Looks once, and puts what is new in force.
    fn renew(&mut self, current: &CurrentRules, metrics: &Metrics) {
        // A defect must not end the watch: what is in force would stay so for ever.
        let looked = catch_unwind(AssertUnwindSafe(|| {
            self.look(metrics).then(|| self.rules())
        }));
        let Ok(rules) = looked else {
            return metrics.reload(Loaded::Policies, ReloadResult::Broken);
        };
        let Some(rules) = rules.filter(|rules| rules.revision != current.get().revision) else {
            return;
        };
        tracing::info!(
            policies = rules.policies.policies.len(),
            policies_revision = %rules.policies_revision,
            trust_revision = %rules.trust_revision,
            "new rules are in force"
        );
        current.replace(rules);
    }

    /// Whether anything is new.
    fn look(&mut self, metrics: &Metrics) -> bool {
        let paths = &self.paths;
        let known = || with(&self.trust.files, &paths.trust_stores);
        let trust = self.watched_trust.look(known, || paths.load_trust());
        let trust = accept(trust, Loaded::Trust, metrics);
        let in_force = trust.as_ref().unwrap_or(&self.trust);
        // What a policy names may come with it, or after it.
        let known = || {
            let with_trust = with(&self.policies.files, &in_force.files);
            with(&with(&with_trust, &paths.policies), &paths.trust_stores)
        };
        let policies = self.watched_policies.look(known, || {
            paths.within_reach(paths.load_policies()?, &in_force.trust, &self.tuf)
        });
        let policies = accept(policies, Loaded::Policies, metrics);
        let generation = self.tuf.generation();
        let renewed = std::mem::replace(&mut self.tuf_generation, generation) != generation;
        let changed = policies.is_some() || trust.is_some() || renewed;
        if let Some(policies) = policies {
            self.policies = policies;
        }
        if let Some(trust) = trust {
            self.trust = trust;
        }
        changed
    }
}

impl Paths {
    fn load_policies(&self) -> Result<LoadedPolicies, LoadError> {
        policies::load(&self.policies, self.reading).map_err(|problems| LoadError::of(&problems))
    }

    /// The policies, unless they can never pass by this trust material.
    fn within_reach(
        &self,
        policies: LoadedPolicies,
        files: &TrustMaterial,
        tuf: &TufRoots,
    ) -> Result<LoadedPolicies, LoadError> {
        let mut trust = files.clone();
        tuf.insert_into(&mut trust);
        policies.policies.complete(&mut trust);
        let is_awaited = |name: &str| self.trust_roots.iter().any(|root| root.name == name);
        match policies.policies.out_of_reach(&trust, is_awaited) {
            none if none.is_empty() => Ok(policies),
            found => Err(LoadError::of(&found)),
        }
    }

    fn load_trust(&self) -> Result<LoadedTrust, LoadError> {
        trust::load(
            &self.trust_roots,
            self.trust_stores.as_deref(),
            self.reading.pipes,
        )
        .map_err(|problems| LoadError::of(&problems))
    }
}

fn with<'a>(
    files: &'a BTreeSet<PathBuf>,
    more: impl IntoIterator<Item = &'a PathBuf>,
) -> BTreeSet<PathBuf> {
    files.iter().chain(more).cloned().collect()
}

fn accept<T>(look: Look<T, LoadError>, what: Loaded, metrics: &Metrics) -> Option<T> {
    match look {
        Look::Loaded(loaded) => {
            metrics.reload(what, ReloadResult::Ok);
            Some(loaded)
        }
        Look::Broken(error) => {
            metrics.reload(what, ReloadResult::Broken);
            for error in error.0 {
                tracing::error!(
                    what = what.as_str(),
                    error,
                    "cannot be used, the last good ones stay"
                );
            }
            None
        }
        Look::Same | Look::Unsettled => None,
    }
}
