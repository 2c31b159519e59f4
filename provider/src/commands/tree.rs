//! Verdicts as trees, for people.

use std::io::IsTerminal as _;

use sealgate_core::verdict::{
    Outcome, Passed, PlatformVerdict, PolicyReport, Signer, SignerKind, Signs,
};
use sealgate_core::{Policies, Reason, Verdict};

use super::no_verdict::NoVerdict;
use super::plain::spelled;
use super::remedy;
use crate::words::{self, Refusal};

/// Whether to colour.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    colour: bool,
}

impl Style {
    /// Colour on a terminal, unless `NO_COLOR` is set.
    pub(super) fn of_stdout() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            colour: wanted && std::io::stdout().is_terminal(),
        }
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self.colour {
            true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        }
    }

    pub(super) fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    pub(super) fn doubtful(self, text: &str) -> String {
        self.paint("33", text)
    }

    fn mark(self, passed: Passed) -> String {
        match passed {
            Passed::Passed => self.good("✓"),
            Passed::Failed => self.bad("✗"),
            _ => self.doubtful("?"),
        }
    }
}

/// A verdict by these policies as a tree, with what would admit an image that they refuse.
pub(super) fn verdict(verdict: &Verdict, policies: &Policies, style: Style) -> String {
    let mut out = String::new();
    let word = match verdict.outcome {
        Outcome::Verified => style.good("verified"),
        outcome if outcome.admits() => style.doubtful(&outcome.as_str().replace('_', " ")),
        outcome => style.bad(&outcome.as_str().replace('_', " ")),
    };
    out.push_str(&format!("{}: {word}\n", verdict.image.requested));
    out.push_str(&format!("│ {}\n", verdict.image.reference));
    let asked = &verdict.request;
    for (what, name) in [("namespace", &asked.namespace), ("policy", &asked.policy)] {
        if let Some(name) = name {
            out.push_str(&format!("│ asked for the {what} {name}\n"));
        }
    }
    let mut branches: Vec<Vec<String>> = Vec::new();
    for report in &verdict.policies {
        branches.push(policy(report, verdict, style));
    }
    branches.extend(verdict.platforms.iter().map(|one| platform(one, style)));
    for attestation in &verdict.attestations {
        branches.push(vec![format!(
            "{} attestation {}: {}",
            style.good("✓"),
            attestation.rule,
            spelled(&attestation.predicate_type)
        )]);
    }
    let own = own_reasons(verdict);
    if !own.is_empty() {
        let mut lines = vec!["why".to_owned()];
        lines.extend(leaves(
            own.iter().map(|reason| vec![said(reason)]).collect(),
        ));
        branches.push(lines);
    }
    if let Some(until) = verdict.valid_until {
        branches.push(vec![format!("valid until {until}")]);
    }
    if let Some(refusal) = Refusal::of(verdict) {
        branches.push(vec![format!("the image {}", refusal.in_short())]);
    }
    let changes = remedy::changes(verdict, policies);
    if !changes.is_empty() {
        let mut lines = vec!["what would admit it".to_owned()];
        let branch = |change: remedy::Change| {
            let how = change.how.into_iter().map(|line| vec![line]).collect();
            let mut branch = vec![change.what];
            branch.extend(leaves(how));
            branch
        };
        lines.extend(leaves(changes.into_iter().map(branch).collect()));
        branches.push(lines);
    }
    for line in leaves(branches) {
        out.push_str(&line);
        out.push('\n');
    }
    out
}

/// An answer that could not be given.
pub(super) fn undecided(image: &str, none: &NoVerdict, style: Style) -> String {
    let words = words::without_verdict(none.code);
    let mut branches = vec![vec![format!("{}: {}", none.code, none.message)]];
    branches.extend(none.admin_hint.map(|hint| vec![hint.to_owned()]));
    branches.push(vec![format!("the image {}. {}.", words.what, words.todo)]);
    let lines = leaves(branches).join("\n");
    format!("{image}: {}\n{lines}\n", style.doubtful("undecided"))
}

/// One platform of an index, and who vouches for it.
fn platform(part: &PlatformVerdict, style: Style) -> Vec<String> {
    let mark = match part.outcome {
        Outcome::Verified => style.good("✓"),
        outcome if outcome.admits() => style.doubtful("?"),
        _ => style.bad("✗"),
    };
    let names = match part.names.is_empty() {
        true => "without a name".to_owned(),
        false => part.names.join(", "),
    };
    let mut lines = vec![format!("{mark} platform {names} ({})", part.digest)];
    let mut branches = Vec::new();
    for signer in &part.signers {
        let mut lines = signer_lines(signer);
        lines.insert(0, signer.authority.clone());
        branches.push(vec![lines.join(": ")]);
    }
    branches.extend(part.reasons.iter().map(|reason| vec![reason.to_string()]));
    lines.extend(leaves(branches));
    lines
}

fn policy(report: &PolicyReport, verdict: &Verdict, style: Style) -> Vec<String> {
    let mut lines = vec![format!(
        "{} policy {} ({})",
        style.mark(report.outcome),
        report.name,
        report.mode.as_str()
    )];
    let mut branches: Vec<Vec<String>> = Vec::new();
    for authority in &report.authorities {
        let name = format!("{}/{}", report.name, authority.name);
        let signers = verdict.signers.iter();
        let signers: Vec<_> = signers.filter(|one| one.authority == name).collect();
        let attests_only =
            !signers.is_empty() && signers.iter().all(|one| one.signs == Signs::Attestation);
        let mut branch = vec![format!(
            "{} {}{}",
            style.mark(authority.outcome),
            authority.name,
            match attests_only {
                true => " (attestation only)",
                false => "",
            }
        )];
        let mut details: Vec<_> = signers.into_iter().map(signer_lines).collect();
        details.extend(authority.reasons.iter().map(|reason| vec![said(reason)]));
        if details.is_empty() && authority.outcome == Passed::Failed {
            details.push(vec!["found nothing by this authority".to_owned()]);
        }
        branch.extend(leaves(details));
        branches.push(branch);
    }
    branches.extend(report.reasons.iter().map(|reason| vec![said(reason)]));
    lines.extend(leaves(branches));
    lines
}

fn signer_lines(signer: &Signer) -> Vec<String> {
    let who = match signer.kind {
        SignerKind::Key => format!("key {}", signer.key.as_deref().unwrap_or("?")),
        SignerKind::Keyless => format!(
            "{} by {}",
            signer.subject.as_deref().unwrap_or("?"),
            signer.issuer.as_deref().unwrap_or("no OIDC issuer")
        ),
        SignerKind::Notation => {
            let profile = signer.signing_profile.as_ref();
            profile
                .or(signer.x509_subject.as_ref())
                .cloned()
                .unwrap_or_default()
        }
    };
    let mut lines = vec![spelled(&who)];
    let mut details = vec![vec![format!("{}, {}", signer.format, signer.scheme)]];
    let times = signer.times.iter();
    details
        .extend(times.map(|time| vec![format!("{} by {} {}", time.time, time.source, time.name)]));
    let logs = signer.logs.iter();
    details.extend(logs.map(|log| {
        vec![match (&log.index, &log.shard_index) {
            (Some(index), _) => format!("{} index {index}", log.log),
            (None, Some(index)) => format!("{} index {index} of a shard", log.log),
            (None, None) => log.log.clone(),
        }]
    }));
    let claims = signer.annotations.iter();
    details.extend(claims.map(|(key, value)| vec![spelled(&format!("annotation {key}={value}"))]));
    lines.extend(leaves(details));
    lines
}

/// A reason, which may quote strangers.
fn said(reason: &Reason) -> String {
    spelled(&reason.to_string())
}

/// Reasons that no policy shows already.
fn own_reasons(verdict: &Verdict) -> Vec<&Reason> {
    let shown = |reason: &&Reason| {
        verdict.policies.iter().any(|policy| {
            policy.reasons.contains(reason)
                || policy
                    .authorities
                    .iter()
                    .any(|a| a.reasons.contains(reason))
        })
    };
    verdict
        .reasons
        .iter()
        .filter(|reason| !shown(reason))
        .collect()
}

/// Draws branches below one another.
pub(super) fn leaves(branches: Vec<Vec<String>>) -> Vec<String> {
    let count = branches.len();
    let mut lines = Vec::new();
    for (i, branch) in branches.into_iter().enumerate() {
        let last = i + 1 == count;
        for (j, line) in branch.into_iter().enumerate() {
            let stem = match (j, last) {
                (0, false) => "├─ ",
                (0, true) => "└─ ",
                (_, false) => "│  ",
                (_, true) => "   ",
            };
            lines.push(format!("{stem}{line}"));
        }
    }
    lines
}
