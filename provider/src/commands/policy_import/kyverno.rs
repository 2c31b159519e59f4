//! Kyverno's `verifyImages`: each entry becomes a policy.

use std::collections::BTreeSet;

use super::tree::Part;
use super::write;
use super::yaml::Yaml;
use super::{ImportError, Printed};

/// The API group.
pub(super) const GROUP: &str = "kyverno.io";

/// Translates a ClusterPolicy or a Policy.
pub(super) fn translate(
    document: &Part<'_>,
    names: &mut BTreeSet<String>,
) -> Result<Vec<Printed>, ImportError> {
    let kind = document.text_of("kind").unwrap_or_default();
    if !["ClusterPolicy", "Policy"].contains(&kind) {
        return Err(ImportError::Kind {
            expected: "a ClusterPolicy with verifyImages",
            found: kind.to_owned(),
        });
    }
    let metadata = document.take("metadata");
    let name = metadata
        .as_ref()
        .and_then(|metadata| metadata.text_of("name"));
    let name = name.ok_or(ImportError::Missing("a name in metadata"))?;
    let spec = document
        .take("spec")
        .ok_or(ImportError::Missing("a spec"))?;
    if kind == "Policy" {
        document.lose("a Policy is for its own namespace: say so in `namespaces`");
    }
    // What has to do with how Kyverno runs it.
    spec.lose_all_but(&[
        "rules",
        "validationFailureAction",
        "background",
        "failurePolicy",
        "webhookTimeoutSeconds",
        "webhookConfiguration",
    ]);
    let mut printed = Vec::new();
    for rule in spec.items_of("rules") {
        rule.lose_all_but(&["name", "verifyImages"]);
        let entries = rule.items_of("verifyImages");
        if entries.is_empty() {
            rule.lose("a rule without verifyImages");
        }
        for entry in entries {
            let action = ["failureAction", "validationFailureAction"];
            let action = action.iter().find_map(|name| entry.text_of(name));
            let action = action.or(spec.text_of("validationFailureAction"));
            // Kyverno's default.
            let enforces = action.is_some_and(|action| action.eq_ignore_ascii_case("enforce"));
            let own = match rule.text_of("name") {
                Some(rule) => format!("{name}-{rule}"),
                None => name.to_owned(),
            };
            let own = write::unique(&own, names);
            let document = entry_as_policy(&entry, &own, enforces)?;
            printed.push(Printed {
                document: Some(document),
                lost: entry.take_lost(),
            });
        }
    }
    match printed.is_empty() {
        true => Err(ImportError::Missing("a rule with verifyImages")),
        false => Ok(printed),
    }
}

fn entry_as_policy(entry: &Part<'_>, name: &str, enforces: bool) -> Result<Yaml, ImportError> {
    entry.lose_all_but(&[
        "imageReferences",
        "image",
        "attestors",
        "attestations",
        "type",
        "failureAction",
        "validationFailureAction",
        "required",
        "mutateDigest",
        "verifyDigest",
        "useCache",
    ]);
    if entry.text_of("required") == Some("false") {
        entry.lose("required: false lets unsigned images in; they are refused here");
    }
    let mut images: Vec<_> = entry
        .items_of("imageReferences")
        .iter()
        .filter_map(|one| one.text())
        .collect();
    images.extend(entry.text_of("image"));
    if images.is_empty() {
        return Err(ImportError::Missing("imageReferences"));
    }
    let globs = images.into_iter().map(|image| {
        if image.contains('?') {
            entry.lose("`?` in an image reference: `*` stands here");
        }
        Yaml::field("glob", Yaml::text(glob(image)))
    });
    let globs: Vec<_> = globs.collect();
    let mut signers = Signers {
        notary: entry.text_of("type") == Some("Notary"),
        ..Signers::default()
    };
    let groups: Vec<_> = entry
        .items_of("attestors")
        .iter()
        .map(|set| signers.set(set))
        .collect();
    let mut rules = Vec::new();
    for attestation in entry.items_of("attestations") {
        rules.extend(rule(&attestation, &mut signers, rules.len()));
    }
    let mut spec = Vec::new();
    if !enforces {
        spec.push(("mode", Yaml::Plain("warn".to_owned())));
    }
    spec.push(("images", Yaml::List(globs)));
    let require = match groups.len() {
        0 if !rules.is_empty() => Some(Yaml::Plain("attestationsOnly".to_owned())),
        0 => {
            entry.lose("no attestors: nobody is trusted");
            signers.nobody(entry);
            None
        }
        1 => groups.into_iter().next(),
        _ => Some(Yaml::field("allOf", Yaml::List(groups))),
    };
    spec.push(("authorities", Yaml::List(signers.authorities)));
    spec.extend(require.map(|require| ("require", require)));
    if !rules.is_empty() {
        spec.push(("attestations", Yaml::List(rules)));
    }
    Ok(write::document(name, spec))
}

/// Kyverno's `*` crosses slashes.
fn glob(image: &str) -> String {
    let mut glob = String::new();
    for c in image.chars() {
        match c {
            '*' | '?' if glob.ends_with('*') => {}
            '*' | '?' => glob.push_str("**"),
            c => glob.push(c),
        }
    }
    glob
}

/// Who signs, by the names that they are given.
#[derive(Default)]
struct Signers {
    authorities: Vec<Yaml>,
    /// Whether Notary's signatures are meant.
    notary: bool,
}

impl Signers {
    /// A set of attestors: so many of them, by default all.
    fn set(&mut self, set: &Part<'_>) -> Yaml {
        set.lose_all_but(&["count", "entries"]);
        let entries = set.items_of("entries");
        let members: Vec<_> = entries.iter().map(|entry| self.entry(entry)).collect();
        if members.is_empty() {
            return Yaml::field("anyOf", Yaml::texts([self.nobody(set)]));
        }
        let all = members.len();
        let count = set.text_of("count").and_then(|count| count.parse().ok());
        match count {
            Some(1) => Yaml::field("anyOf", Yaml::List(members)),
            Some(count) if (1..all).contains(&count) => write::at_least(count, Yaml::List(members)),
            _ => Yaml::field("allOf", Yaml::List(members)),
        }
    }

    fn entry(&mut self, entry: &Part<'_>) -> Yaml {
        entry.lose_all_but(&["keys", "keyless", "certificates", "attestor", "annotations"]);
        if let Some(attestor) = entry.take("attestor") {
            return self.set(&attestor);
        }
        let trust = match (entry.take("keys"), entry.take("keyless")) {
            _ if self.notary => None,
            (Some(keys), _) => key(&keys),
            (None, Some(one)) => keyless(&one),
            _ => None,
        };
        let Some(mut fields) = trust else {
            if let Some(certificates) = entry.take("certificates") {
                certificates
                    .lose("certificates of one's own: put them into a trust store or a trust root");
            }
            return Yaml::text(self.nobody(entry));
        };
        if let Some(annotations) = entry.take("annotations") {
            annotations.lose("annotations: say them in `annotations` of the authority");
        }
        let name = format!("authority-{}", self.authorities.len());
        fields.insert(0, ("name", Yaml::text(&name)));
        self.authorities.push(Yaml::Map(fields));
        Yaml::text(name)
    }

    /// An authority that accepts nobody, in the place of one that cannot be taken over.
    fn nobody(&mut self, part: &Part<'_>) -> String {
        part.lose("whom it trusts: nobody is trusted in their place");
        let name = format!("authority-{}", self.authorities.len());
        self.authorities.push(Yaml::Map(vec![
            ("name", Yaml::text(&name)),
            (
                "static",
                write::action("fail", Some("this attestor could not be taken over")),
            ),
        ]));
        name
    }
}

/// The logs that a signature needs, where the text does not say otherwise.
fn ignores(part: &Part<'_>, section: &str, flag: &str) -> bool {
    part.take(section)
        .is_some_and(|section| section.is_true(flag))
}

fn threshold(count: usize) -> Yaml {
    Yaml::field("threshold", Yaml::Plain(count.to_string()))
}

type Fields = Vec<(&'static str, Yaml)>;

fn key(keys: &Part<'_>) -> Option<Fields> {
    keys.lose_all_but(&["publicKeys", "signatureAlgorithm", "rekor", "ctlog"]);
    let pem = keys
        .text_of("publicKeys")
        .filter(|text| text.contains("-----BEGIN"))?;
    let parts: Vec<_> = pem
        .split_inclusive("-----END PUBLIC KEY-----")
        .filter(|part| part.contains("-----BEGIN"))
        .map(|part| Yaml::field("data", Yaml::Lines(lines(part))))
        .collect();
    let mut fields = match parts.len() {
        1 => vec![("key", parts.into_iter().next()?)],
        _ => vec![("keys", Yaml::List(parts))],
    };
    // Kyverno asks Sigstore's log unless it is told not to.
    if !ignores(keys, "rekor", "ignoreTlog") {
        fields.push(("trustRoot", Yaml::text("public-good")));
        fields.push(("transparencyLog", threshold(1)));
    }
    other_log(keys);
    Some(fields)
}

fn lines(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| format!("{line}\n")).collect()
}

fn other_log(part: &Part<'_>) {
    for (section, known) in [("rekor", "ignoreTlog"), ("ctlog", "ignoreSCT")] {
        if let Some(section) = part.take(section) {
            section.lose_all_but(&[known, "url"]);
            let url = section.text_of("url");
            if url.is_some_and(|url| url.trim_end_matches('/') != "https://rekor.sigstore.dev") {
                section.lose("a log of one's own: name a trust root with it in `trustRoot`");
            }
        }
    }
}

fn keyless(one: &Part<'_>) -> Option<Fields> {
    one.lose_all_but(&[
        "issuer",
        "issuerRegExp",
        "subject",
        "subjectRegExp",
        "rekor",
        "ctlog",
    ]);
    other_log(one);
    let identity = Yaml::Map(vec![
        matcher(one, "issuer", "issuerRegExp")?,
        matcher(one, "subject", "subjectRegExp")?,
    ]);
    let mut fields = vec![("identities", Yaml::List(vec![identity]))];
    if ignores(one, "rekor", "ignoreTlog") {
        one.lose("ignoreTlog: a certificate needs a verified time, by a log or a timestamp");
        fields.push(("transparencyLog", threshold(0)));
    }
    if ignores(one, "ctlog", "ignoreSCT") {
        fields.push(("certificateTransparency", threshold(0)));
    }
    Some(vec![("keyless", Yaml::Map(fields))])
}

/// Kyverno takes `*` in texts, and looks for expressions anywhere.
fn matcher(
    one: &Part<'_>,
    exact: &'static str,
    pattern: &'static str,
) -> Option<(&'static str, Yaml)> {
    if let Some(expression) = one.text_of(pattern) {
        return Some((pattern, Yaml::text(format!(".*(?:{expression}).*"))));
    }
    let text = one.text_of(exact)?;
    if !text.contains(['*', '?']) {
        return Some((exact, Yaml::text(text)));
    }
    let mut expression = String::new();
    for c in text.chars() {
        match c {
            '*' => expression.push_str(".*"),
            '?' => expression.push('.'),
            c if c.is_ascii_alphanumeric() || "-_/:@ ".contains(c) || !c.is_ascii() => {
                expression.push(c)
            }
            c => {
                expression.push('\\');
                expression.push(c);
            }
        }
    }
    Some((pattern, Yaml::text(expression)))
}

/// An attestation that must be there, by its own attestors or, without, by those of the image.
fn rule(attestation: &Part<'_>, signers: &mut Signers, place: usize) -> Option<Yaml> {
    attestation.lose_all_but(&["name", "type", "predicateType", "attestors", "conditions"]);
    let kind = ["type", "predicateType"];
    let kind = kind.iter().find_map(|name| attestation.text_of(name));
    let Some(kind) = kind.filter(|kind| kind.contains(':')) else {
        attestation.lose("an attestation without the URI of a predicate type");
        return None;
    };
    if let Some(conditions) = attestation.take("conditions") {
        conditions.lose("conditions in JMESPath: say them in CEL, in `conditions`");
    }
    let before = signers.authorities.len();
    for set in attestation.items_of("attestors") {
        // One of them suffices for an attestation.
        let _ = signers.set(&set);
        if set.items_of("entries").len() > 1 && set.text_of("count") != Some("1") {
            set.lose("that several must have made it: one suffices here");
        }
    }
    let own: Vec<_> = (before..signers.authorities.len())
        .map(|place| format!("authority-{place}"))
        .collect();
    let mut fields = vec![
        ("name", Yaml::text(format!("attestation-{place}"))),
        ("predicateType", Yaml::text(kind)),
    ];
    if !own.is_empty() {
        fields.push(("from", Yaml::texts(own)));
    }
    Some(Yaml::Map(fields))
}
