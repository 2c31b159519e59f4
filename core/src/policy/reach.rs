//! Policies that can never pass by the trust material there is.

use std::fmt;

use super::{AuthorityKind, Policies, ValidAt};
use crate::trust::{SigstoreRoot, StoreName, TrustMaterial};

/// Why an authority of a policy can never accept anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("policy {policy:?}, authority {authority:?}: {why}")]
pub struct OutOfReach {
    /// The policy.
    pub policy: String,
    /// The authority.
    pub authority: String,
    /// Why.
    pub why: Lacking,
}

/// What trust material lacks that an authority asks for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Lacking {
    /// There is no such trust root.
    #[error(
        "there is no trust root {0:?}; {built_in} are built in, others are configured under \
         trustRoots, or given with --trust-root {0}=FILE",
        built_in = SigstoreRoot::BUILT_IN.join(", ")
    )]
    Root(String),
    /// There is no such trust store.
    #[error(
        "there is no trust store {0}: put its certificates into x509/{kind}/{name} of the directory \
         given by trustStores or --trust-store",
        kind = .0.kind.as_str(),
        name = .0.name
    )]
    Store(StoreName),
    /// The trust root has fewer than the threshold asks for.
    #[error(
        "{field} asks for {threshold}, and the trust root {root:?} has {what} of {found} operator(s): \
         set its threshold to {found} at most{}",
        beside(.instead)
    )]
    Witnesses {
        /// The field with the threshold.
        field: &'static str,
        /// How many it asks for.
        threshold: usize,
        /// The trust root.
        root: String,
        /// What the root has too few of.
        what: &'static str,
        /// Of how many distinct operators it has some.
        found: usize,
        /// What the root has in place of them.
        instead: Option<&'static str>,
    },
    /// A keyless signature needs a verified time, and nobody tells one.
    #[error(
        "the trust root {0:?} has no transparency log and no timestamp authority: nobody can \
             tell when a certificate was used"
    )]
    NoTimes(String),
}

fn beside(field: &Option<&'static str>) -> impl fmt::Display {
    match field {
        Some(field) => format!(", and {field} to 1 in its place"),
        None => String::new(),
    }
}

impl Policies {
    /// What can never pass by this trust material: names of trust roots and trust stores that lead
    /// nowhere, and thresholds beyond what a trust root has.
    ///
    /// `is_awaited` says of a trust root that is not there whether it will be.
    ///
    /// Not checked: whether the logs and authorities of a root still count.
    pub fn out_of_reach(
        &self,
        trust: &TrustMaterial,
        is_awaited: impl Fn(&str) -> bool,
    ) -> Vec<OutOfReach> {
        let mut found = Vec::new();
        for policy in &self.policies {
            for authority in policy.authorities() {
                let lacking = lacking(&authority.trust, trust, &is_awaited);
                found.extend(lacking.into_iter().map(|why| OutOfReach {
                    policy: policy.name().to_owned(),
                    authority: authority.name.clone(),
                    why,
                }));
            }
        }
        found
    }
}

fn lacking(
    authority: &AuthorityKind,
    trust: &TrustMaterial,
    is_awaited: &impl Fn(&str) -> bool,
) -> Vec<Lacking> {
    let named = |name: &str| match trust.root(name) {
        Some(root) => Ok(Some(root)),
        None if is_awaited(name) => Ok(None),
        None => Err(vec![Lacking::Root(name.to_owned())]),
    };
    let by_root = |name: &str, logs, timestamps, certificates, needs_time| match named(name) {
        Err(missing) => missing,
        Ok(None) => Vec::new(),
        Ok(Some(root)) => {
            let asked = Asked {
                logs,
                timestamps,
                certificates,
                needs_time,
            };
            asked.lacking(name, root)
        }
    };
    match authority {
        AuthorityKind::Key(trusted) => match &trusted.witnesses {
            None => Vec::new(),
            Some(asked) => by_root(
                &asked.trust_root,
                asked.transparency_log,
                asked.signed_timestamp,
                0,
                false,
            ),
        },
        AuthorityKind::Keyless(asked) => by_root(
            &asked.trust_root,
            asked.transparency_log,
            asked.signed_timestamp,
            asked.certificate_transparency,
            asked.valid_at == ValidAt::VerifiedTimes,
        ),
        AuthorityKind::Static(_) => Vec::new(),
        AuthorityKind::Notation(asked) => {
            let stores = asked.trust_stores.iter();
            let missing = stores.filter(|store| trust.store(store).is_none());
            missing.cloned().map(Lacking::Store).collect()
        }
    }
}

/// What is asked of a trust root.
struct Asked {
    logs: usize,
    timestamps: usize,
    certificates: usize,
    needs_time: bool,
}

impl Asked {
    fn lacking(&self, name: &str, root: &SigstoreRoot) -> Vec<Lacking> {
        let count = |operators: &mut dyn Iterator<Item = &String>| {
            operators.collect::<std::collections::BTreeSet<_>>().len()
        };
        let logs = count(&mut root.logs.iter().map(|log| &log.operator));
        let timestamping = &root.timestamp_authorities;
        let timestamps = count(&mut timestamping.iter().map(|one| &one.operator));
        let certificates = count(&mut root.ct_logs.iter().map(|log| &log.operator));
        let rows = [
            ("transparencyLog", "transparency logs", self.logs, logs),
            (
                "signedTimestamp",
                "timestamp authorities",
                self.timestamps,
                timestamps,
            ),
            (
                "certificateTransparency",
                "certificate transparency logs",
                self.certificates,
                certificates,
            ),
        ];
        let short = rows
            .into_iter()
            .filter(|(_, _, asked, found)| asked > found);
        let mut lacking: Vec<_> = short
            .map(|(field, what, threshold, found)| Lacking::Witnesses {
                field,
                threshold,
                root: name.to_owned(),
                what,
                found,
                instead: (field == "transparencyLog"
                    && found == 0
                    && self.timestamps == 0
                    && timestamps > 0)
                    .then_some("signedTimestamp"),
            })
            .collect();
        if self.needs_time && logs == 0 && timestamps == 0 {
            lacking.push(Lacking::NoTimes(name.to_owned()));
        }
        lacking
    }
}
