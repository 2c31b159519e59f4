//! A TrustPolicy that accepts what verified, for an author to begin with.
//!
//! Only signers that verified are in it, exactly as they are. What did not verify is a comment. The
//! policy is read again and asked about the image before it is printed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use sealgate_core::inspect::{Inspection, Proven, Seen};
use sealgate_core::policy::file::{self, PolicyFile};
use sealgate_core::policy::{NoMatch, TrustedIdentities};
use sealgate_core::verdict::{Signer, Signs};
use sealgate_core::{Evidence, UnixTime};

use super::super::exit::Exit;
use super::super::plain::{plain, quoted};
use super::super::usage;
use super::trials::{Trials, Truster};
use crate::observe::log::misleads;

/// Prints it, or says why there is none.
pub(super) fn print(
    evidence: &Evidence,
    found: &Inspection,
    trials: &Trials,
    now: UnixTime,
) -> Exit {
    let text = match Skeleton::of(found, trials) {
        Some(skeleton) => skeleton.text(evidence, found),
        None => {
            eprintln!(
                "no policy can be made of this image: nothing attached to it verifies; without \
                 --policy-skeleton this command shows why, and --key, --trust-root and \
                 --trust-store give it more to try"
            );
            return Exit::NotVerified;
        }
    };
    if let Some(why) = refused(&text, evidence, trials, now) {
        eprintln!("no policy can be made of this image: {}", plain(&why));
        return Exit::NotVerified;
    }
    usage::print(&text);
    Exit::Verified
}

/// Why the policy cannot be read, or the image does not pass by it.
fn refused(text: &str, evidence: &Evidence, trials: &Trials, now: UnixTime) -> Option<String> {
    let file = PolicyFile {
        name: "skeleton".to_owned(),
        text: text.to_owned(),
    };
    let policies = match file::load(&[file], NoMatch::Deny, &file::only_inline_keys) {
        Ok(policies) => policies,
        Err(problems) => {
            let problems = problems.iter().map(ToString::to_string);
            return Some(problems.collect::<Vec<_>>().join("; "));
        }
    };
    let mut evidence = evidence.clone();
    evidence.request.policy = None;
    match sealgate_core::verify(&evidence, &policies, &trials.trust, now) {
        Ok(verdict) if verdict.verified => None,
        Ok(verdict) => Some(verdict.reasons.first().map_or_else(
            || "the policy made of it refuses it".to_owned(),
            ToString::to_string,
        )),
        Err(undecided) => Some(undecided.to_string()),
    }
}

/// Who is trusted by an authority of the policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Whom {
    /// The authority of the made-up policy.
    by: String,
    /// The issuer, of a certificate that names one.
    issuer: Option<String>,
    /// The subject of a certificate; nothing of a key.
    subject: Option<String>,
}

/// What is in the policy.
struct Skeleton<'a> {
    trials: &'a Trials,
    /// Those who signed or attested, each with the first that he did.
    authorities: BTreeMap<Whom, &'a Proven>,
    /// Those who signed the image.
    signed: BTreeSet<Whom>,
    /// Who attested what, with the first of it.
    attested: BTreeMap<String, (BTreeSet<Whom>, &'a Proven)>,
    unverified: Vec<&'a Seen>,
}

impl<'a> Skeleton<'a> {
    /// Of what verified; none if nothing did.
    fn of(found: &'a Inspection, trials: &'a Trials) -> Option<Self> {
        let mut skeleton = Self {
            trials,
            authorities: BTreeMap::new(),
            signed: BTreeSet::new(),
            attested: BTreeMap::new(),
            unverified: Vec::new(),
        };
        let artifacts = found.artifacts.iter();
        for seen in artifacts.flat_map(|artifact| &artifact.signatures) {
            let mut trials = seen.trials.iter();
            // One trust suffices: of several, the first.
            let verified = trials.find_map(|trial| Some((&trial.by, trial.verified.as_deref()?)));
            match verified {
                Some((by, proven)) => skeleton.add(by, proven),
                None => skeleton.unverified.push(seen),
            }
        }
        (!skeleton.authorities.is_empty()).then_some(skeleton)
    }

    fn add(&mut self, by: &str, proven: &'a Proven) {
        let signer = &proven.signer;
        let whom = Whom {
            by: by.to_owned(),
            issuer: signer.issuer.clone(),
            subject: signer.subject.clone().or(signer.x509_subject.clone()),
        };
        self.authorities.entry(whom.clone()).or_insert(proven);
        match (signer.signs, &proven.predicate_type) {
            (Signs::Attestation, Some(kind)) => {
                let entry = self.attested.entry(kind.clone());
                let (by, _) = entry.or_insert((BTreeSet::new(), proven));
                by.insert(whom);
            }
            _ => {
                self.signed.insert(whom);
            }
        }
    }

    /// The names of the authorities, by whom they trust.
    fn names(&self) -> BTreeMap<&Whom, String> {
        let mut names = BTreeMap::new();
        for (index, whom) in self.authorities.keys().enumerate() {
            let kind = match self.trials.truster(&whom.by) {
                Some(Truster::Root { .. }) => "keyless",
                Some(Truster::Store { .. }) => "notary",
                _ => "key",
            };
            names.insert(whom, format!("{kind}-{}", index + 1));
        }
        names
    }

    fn text(&self, evidence: &Evidence, found: &Inspection) -> String {
        let names = self.names();
        let repository = evidence.subject.reference.repository();
        let mut text = format!(
            "# What verified of {}, as a policy. Who signed is not yet who may sign: look at\n\
             # every name below before you use it.\n\
             apiVersion: sealgate.dev/v1alpha1\n\
             kind: TrustPolicy\n\
             metadata:\n  name: {}\n\
             spec:\n  images:\n  # All tags of this repository. Are there others that the same people sign?\n  \
             - glob: {}\n  authorities:\n",
            plain(&evidence.subject.reference.at(found.digest).to_string()),
            policy_name(repository.path()),
            quoted(&repository.to_string()),
        );
        for (whom, proven) in &self.authorities {
            let name = names.get(whom).map_or("", String::as_str);
            self.authority(&mut text, name, whom, &proven.signer);
        }
        self.require(&mut text, &names);
        self.attestations(&mut text, &names);
        self.comments(&mut text);
        text
    }

    fn authority(&self, text: &mut String, name: &str, whom: &Whom, signer: &Signer) {
        let _ = writeln!(text, "  - name: {name}");
        match self.trials.truster(&whom.by) {
            Some(Truster::Root {
                name, thresholds, ..
            }) => {
                keyless(text, name, signer);
                for (field, count) in thresholds {
                    let _ = writeln!(text, "      {field}: {{threshold: {count}}}");
                }
            }
            Some(Truster::Key { file, text: pem }) => {
                let _ = writeln!(
                    text,
                    "    # Whose key is it, and who else has its private half?\n    keys:\n    \
                     - name: {}\n      data: {}",
                    quoted(&file.display().to_string()),
                    quoted(pem)
                );
            }
            Some(Truster::Store { name, timestamping }) => {
                notary(text, name, timestamping, whom);
            }
            None => {}
        }
    }

    fn require(&self, text: &mut String, names: &BTreeMap<&Whom, String>) {
        if self.signed.is_empty() {
            text.push_str(
                "  # Nobody signed the image itself: the attestations below suffice.\n  \
                 require: attestationsOnly\n",
            );
            return;
        }
        let signed: Vec<_> = self
            .signed
            .iter()
            .filter_map(|whom| names.get(whom))
            .collect();
        let list = signed.iter().map(|name| name.as_str()).collect::<Vec<_>>();
        if signed.len() > 1 {
            text.push_str("  # One of them suffices; for all of them write allOf.\n");
        }
        let _ = writeln!(text, "  require: {{anyOf: [{}]}}", list.join(", "));
    }

    fn attestations(&self, text: &mut String, names: &BTreeMap<&Whom, String>) {
        if self.attested.is_empty() {
            return;
        }
        text.push_str("  # All of them are needed: leave out what need not be there.\n");
        text.push_str("  attestations:\n");
        for (index, (kind, (by, proven))) in self.attested.iter().enumerate() {
            let from: Vec<_> = by.iter().filter_map(|whom| names.get(whom)).collect();
            let from = from.iter().map(|name| name.as_str()).collect::<Vec<_>>();
            let _ = writeln!(
                text,
                "  - name: attestation-{}\n    predicateType: {}\n    from: [{}]",
                index + 1,
                quoted(kind),
                from.join(", ")
            );
            let facts = proven.facts.as_ref().and_then(|facts| facts.as_object());
            let mut facts = facts.into_iter().flatten().peekable();
            if facts.peek().is_some() {
                text.push_str("    # It says, and conditions may ask for:\n");
            }
            for (name, value) in facts {
                let _ = writeln!(text, "    #   facts.{name}: {}", plain(&value.to_string()));
            }
        }
    }

    /// What is attached as well, and not in the policy.
    fn comments(&self, text: &mut String) {
        if self.unverified.is_empty() {
            return;
        }
        text.push_str("# Not in this policy, for it did not verify:\n");
        for seen in &self.unverified {
            let claims = seen.claims.as_ref();
            let format = claims.map_or("unreadable", |claims| claims.format.as_str());
            let trials = seen.trials.iter().flat_map(|trial| &trial.reasons);
            let why = seen.unreadable.iter().chain(trials).next();
            let why = why.map_or_else(
                || "it was tried against nothing".to_owned(),
                ToString::to_string,
            );
            let _ = writeln!(text, "#   {format}: {}", plain(&why));
        }
    }
}

fn keyless(text: &mut String, root: &str, signer: &Signer) {
    let _ = writeln!(text, "    keyless:");
    if !sealgate_core::trust::SigstoreRoot::BUILT_IN.contains(&root) {
        let flag = plain(root);
        let _ = writeln!(
            text,
            "      # Give it with --trust-root {flag}=FILE, or under trustRoots."
        );
    }
    let _ = writeln!(text, "      trustRoot: {}\n      identities:", quoted(root));
    match &signer.issuer {
        Some(issuer) => {
            let _ = writeln!(text, "      - issuer: {}", quoted(issuer));
        }
        None => text.push_str("      - withoutIssuer: true\n"),
    }
    let subject = signer.subject.as_deref().unwrap_or_default();
    if let Some((workflow, pattern)) = for_all_refs(subject) {
        let _ = writeln!(
            text,
            "        # The subject ends with the ref of this one build. For {workflow}:\n        \
             # subjectRegExp: '{pattern}'"
        );
    }
    let _ = writeln!(text, "        subject: {}", quoted(subject));
    if !signer.claims.is_empty() {
        text.push_str("        # Claims that may be asked for, too:\n");
    }
    for (name, value) in &signer.claims {
        let value = plain(&quoted(value));
        let _ = writeln!(text, "        #   {}: {value}", plain(name));
    }
}

/// Whose subjects an expression for all refs of this kind would be, and the expression.
fn for_all_refs(subject: &str) -> Option<(&'static str, String)> {
    let kinds = [
        ("@refs/tags/", "every tag"),
        ("@refs/heads/", "every branch"),
    ];
    let (workflow, kind, words) = kinds.into_iter().find_map(|(kind, words)| {
        let (workflow, _) = subject.split_once(kind)?;
        Some((workflow, kind, words))
    })?;
    // What is no plain text is better not offered.
    let plain = |c: char| !misleads(c) && c != '\'';
    subject.chars().all(plain).then(|| {
        (
            words,
            format!("{}.+", escaped(&format!("{workflow}{kind}"))),
        )
    })
}

/// The text as an expression that matches it alone.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn notary(text: &mut String, store: &str, timestamping: &[String], whom: &Whom) {
    let stores = std::iter::once(store).chain(timestamping.iter().map(String::as_str));
    let stores: Vec<_> = stores.map(quoted).collect();
    let subject = whom.subject.as_deref().unwrap_or_default();
    let identity = format!("x509.subject: {subject}");
    let identity = match TrustedIdentities::parse(std::slice::from_ref(&identity)) {
        Ok(_) => quoted(&identity),
        Err(why) => {
            let why: Vec<_> = why.iter().map(ToString::to_string).collect();
            let _ = writeln!(
                text,
                "    # Everybody in the trust store is trusted here, for the signer cannot be named:\n    \
                 # {}",
                plain(&why.join("; "))
            );
            quoted("*")
        }
    };
    let _ = writeln!(
        text,
        "    notation:\n      trustStores: [{}]\n      trustedIdentities: [{identity}]",
        stores.join(", ")
    );
    if !timestamping.is_empty() {
        text.push_str("      verifyTimestamp: afterCertExpiry\n");
    }
}

/// The name of a policy about this repository.
fn policy_name(path: &str) -> String {
    let name: String = path
        .chars()
        .map(|c| match c {
            'a'..='z' | '0'..='9' => c,
            _ => '-',
        })
        .collect();
    match name.trim_matches('-') {
        "" => "skeleton".to_owned(),
        name => name.to_owned(),
    }
}
