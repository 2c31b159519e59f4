//! What is attached, as a tree. ✓ stands before what was verified; the rest is claims, and says so.

use sealgate_core::inspect::{
    Attached, ClaimedSigner, ClaimedSource, ClaimedTime, Claims, Inspection, Proven, Seen,
};
use sealgate_core::verdict::{Signer, SignerKind, Signs};
use serde_json::Value;

use super::super::plain::plain;
use super::super::tree::{Style, leaves};
use super::trials::Trials;

/// How much of a digest is shown.
const DIGITS: usize = 19;

/// What is attached to an image. `doubt` is why there may be more.
pub(super) fn tree(
    image: &str,
    reference: &str,
    found: &Inspection,
    trials: &Trials,
    doubt: Option<&str>,
    style: Style,
) -> String {
    let mut out = format!(
        "{}: {}\n│ {}\n",
        plain(image),
        style.doubtful("judged by no policy"),
        plain(reference)
    );
    out.push_str("│ ✓ was verified against what is named; what claims to be was not\n");
    let mut branches: Vec<Vec<String>> = Vec::new();
    for artifact in &found.artifacts {
        branches.push(attached(artifact, trials, style));
    }
    for one in &found.unsigned {
        let about = one
            .about
            .as_deref()
            .unwrap_or("a platform that it does not name");
        branches.push(vec![format!(
            "unsigned: in-toto statements that BuildKit put into the index, {}, {} bytes, about {}",
            short(&one.digest.to_string()),
            one.size,
            short(&plain(about))
        )]);
    }
    let unread = found.unreadable.iter();
    branches.extend(unread.map(|why| vec![format!("cannot be read: {}", plain(&why.to_string()))]));
    if let Some(doubt) = doubt {
        branches.push(vec![format!("there may be more: {}", plain(doubt))]);
    }
    if branches.is_empty() {
        branches.push(vec!["nothing is attached".to_owned()]);
    }
    for line in leaves(branches) {
        out.push_str(&line);
        out.push('\n');
    }
    out
}

fn attached(artifact: &Attached, trials: &Trials, style: Style) -> Vec<String> {
    let place = match artifact.source {
        "cosign_signature_tag" => "under cosign's tag .sig",
        "cosign_attestation_tag" => "under cosign's tag .att",
        "referrers_api" => "a referrer",
        _ => "a referrer, by the fallback tag",
    };
    let kind = artifact.artifact_type.as_deref();
    let mut lines = vec![format!(
        "{} {place}, {}, {} bytes",
        short(&artifact.digest.to_string()),
        plain(kind.unwrap_or("no manifest that can be read")),
        artifact.size
    )];
    let signatures = artifact.signatures.iter();
    let mut branches: Vec<_> = signatures
        .map(|one| signature(one, trials, style))
        .collect();
    if branches.is_empty() {
        branches.push(vec![
            "no signature that sealgate reads, or one shown above".to_owned(),
        ]);
    }
    lines.extend(leaves(branches));
    lines
}

fn signature(seen: &Seen, trials: &Trials, style: Style) -> Vec<String> {
    let Some(claims) = &seen.claims else {
        let why = seen.unreadable.as_ref().map(ToString::to_string);
        let why = plain(&why.unwrap_or_default());
        return vec![format!("{} cannot be read: {why}", style.doubtful("?"))];
    };
    let format = claims.format;
    let proven = seen
        .trials
        .iter()
        .find_map(|trial| trial.verified.as_deref());
    let Some(first) = proven else {
        let mut lines = vec![format!(
            "{} {format}, {}, not verified",
            style.doubtful("?"),
            style.doubtful("claims only")
        )];
        let mut branches = claimed(claims);
        branches.extend(failed(seen, trials));
        lines.extend(leaves(branches));
        return lines;
    };
    let what = match first.signer.signs {
        Signs::Image => "image signature",
        Signs::Attestation => "attestation",
    };
    let mut lines = vec![format!("{} {what}, {format}", style.good("✓"))];
    let mut branches = Vec::new();
    for trial in &seen.trials {
        if let Some(proven) = &trial.verified {
            let who = who(&proven.signer);
            let mut branch = vec![plain(&format!("verified against {}: {who}", trial.by))];
            branch.extend(leaves(details(proven)));
            branches.push(branch);
        }
    }
    let vouched: Vec<_> = first.signer.times.iter().map(|one| one.time).collect();
    let times = claims.times.iter();
    let unvouched = times.filter(|one| one.time.is_some_and(|time| !vouched.contains(&time)));
    branches.extend(unvouched.map(|one| vec![time(one)]));
    lines.extend(leaves(branches));
    lines
}

fn who(signer: &Signer) -> String {
    match signer.kind {
        SignerKind::Key => "by the holder of this key".to_owned(),
        SignerKind::Keyless => format!(
            "{} by {}",
            signer.subject.as_deref().unwrap_or("?"),
            signer.issuer.as_deref().unwrap_or("no OIDC issuer")
        ),
        SignerKind::Notation => signer.x509_subject.clone().unwrap_or_default(),
    }
}

fn details(proven: &Proven) -> Vec<Vec<String>> {
    let signer = &proven.signer;
    let mut details = Vec::new();
    if let Some(kind) = &proven.predicate_type {
        details.push(format!("predicate type {kind}"));
    }
    details.extend(facts(proven.facts.as_ref()));
    let claims = signer.claims.iter();
    details.extend(claims.map(|(name, value)| format!("{name}: {value}")));
    let annotations = signer.annotations.iter();
    details.extend(annotations.map(|(name, value)| format!("annotation {name}={value}")));
    let times = signer.times.iter();
    details.extend(times.map(|one| format!("{} by {} {}", one.time, one.source, one.name)));
    for log in &signer.logs {
        details.push(match (&log.index, &log.shard_index) {
            (Some(index), _) => format!("{} index {index}", log.log),
            (None, Some(index)) => format!("{} index {index} of a shard", log.log),
            (None, None) => log.log.clone(),
        });
    }
    if signer.times.is_empty() {
        details.push("nobody vouches for its time".to_owned());
    }
    details.into_iter().map(|line| vec![plain(&line)]).collect()
}

fn facts(facts: Option<&Value>) -> Vec<String> {
    let fields = facts.and_then(Value::as_object).into_iter().flatten();
    fields
        .map(|(name, value)| format!("says {name}: {value}"))
        .collect()
}

/// What a signature claims of which nothing was verified.
fn claimed(claims: &Claims) -> Vec<Vec<String>> {
    let mut lines = vec![format!("claims to be {}", claimed_signer(&claims.signer))];
    match &claims.signer {
        ClaimedSigner::Certificate { claims, .. } => {
            let claims = claims.iter();
            lines.extend(claims.map(|(name, value)| format!("claims {name}: {value}")));
        }
        ClaimedSigner::Notation {
            plugin: Some(plugin),
            ..
        } => {
            lines.push(format!("claims to need the plugin {plugin}"));
        }
        _ => {}
    }
    if let Some(content) = &claims.content {
        let about = content.digests.iter().map(|digest| short(digest));
        let about = about.collect::<Vec<_>>().join(", ");
        lines.push(match (&content.predicate_type, about.is_empty()) {
            (Some(kind), _) => format!("claims to attest {kind} of {about}"),
            (None, false) => format!("claims to sign {about}"),
            (None, true) => "claims to sign this image".to_owned(),
        });
        let facts = facts(content.facts.as_ref()).into_iter();
        lines.extend(facts.map(|fact| format!("claims, and {fact}")));
    }
    lines.extend(claims.times.iter().map(time));
    let unread = claims.unreadable.iter();
    lines.extend(unread.map(|why| format!("cannot be read: {why}")));
    lines.into_iter().map(|line| vec![plain(&line)]).collect()
}

fn claimed_signer(signer: &ClaimedSigner) -> String {
    match signer {
        ClaimedSigner::Key { hint: Some(hint) } => format!("by a key of the name {hint}"),
        ClaimedSigner::Key { hint: None } => "by a key, and does not say which".to_owned(),
        ClaimedSigner::Certificate {
            subjects,
            issuer,
            authority,
            ..
        } => format!(
            "{} by {}, in a certificate by {authority}",
            match subjects.is_empty() {
                true => "nobody who can be read".to_owned(),
                false => subjects.join(", "),
            },
            issuer.as_deref().unwrap_or("no OIDC issuer")
        ),
        ClaimedSigner::Notation { chain, .. } => {
            format!("by {}", chain.join(", issued by "))
        }
        _ => "by somebody".to_owned(),
    }
}

fn time(time: &ClaimedTime) -> String {
    let whose = match time.by {
        ClaimedSource::Signer => "the signer",
        ClaimedSource::SigningAuthority => "a signing authority",
        ClaimedSource::TimestampAuthority => "a timestamp authority",
        _ => "a transparency log",
    };
    let index = time.index.as_ref();
    let index = index.map_or_else(String::new, |index| format!(", under the index {index}"));
    match time.time {
        Some(time) => format!("claims to be of {time}, as {whose} is said to say{index}"),
        None => format!("claims to be known to {whose}{index}"),
    }
}

/// Why it did not verify, those of one reason together.
fn failed(seen: &Seen, trials: &Trials) -> Vec<Vec<String>> {
    if seen.trials.is_empty() {
        let missing = match seen.claims.as_ref().map(|claims| &claims.signer) {
            Some(ClaimedSigner::Key { .. }) => "give its public key with --key FILE",
            Some(ClaimedSigner::Notation { .. }) => "give its trust store with --trust-store DIR",
            _ => "no trust root is one for it",
        };
        return vec![vec![format!("tried against nothing: {missing}")]];
    }
    let mut reasons: Vec<(String, Vec<&str>)> = Vec::new();
    for trial in &seen.trials {
        let why = trial.reasons.iter().map(ToString::to_string);
        let why = why.collect::<Vec<_>>().join("; ");
        match reasons.iter_mut().find(|(known, _)| *known == why) {
            Some((_, by)) => by.push(&trial.by),
            None => reasons.push((why, vec![&trial.by])),
        }
    }
    let line = |(why, by): (String, Vec<&str>)| {
        let by = match by.join(", ") {
            all if all == trials.roots() => format!("any of {all}"),
            some => some,
        };
        vec![plain(&format!("not verified against {by}: {why}"))]
    };
    reasons.into_iter().map(line).collect()
}

/// A digest with as many digits as tell it apart.
fn short(digest: &str) -> String {
    let shown: String = digest.chars().take(DIGITS).collect();
    match shown.len() < digest.len() {
        true => format!("{shown}…"),
        false => shown,
    }
}
