//! Writes a policy as TrustPolicy.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_core::policy::{
    Action, Authority, AuthorityKind, Group, Identity, KeyAuthority, KeylessAuthority, Matcher,
    Member, Mode, NotationAuthority, NotationLevel, Policy, Require, StaticAction, TrustedIssuer,
    TrustedKey, ValidAt, VerifyTimestamp,
};

use super::yaml::Yaml;

/// A policy in YAML, and what could not be written.
pub(super) struct Written {
    pub(super) document: Yaml,
    pub(super) lost: Vec<String>,
}

/// Writes a policy under a name that none of `taken` has.
pub(super) fn policy(policy: &Policy, taken: &mut BTreeSet<String>) -> Written {
    let mut lost = Vec::new();
    let name = unique(policy.name(), taken);
    if name != policy.name() {
        lost.push(format!("the name {:?}: it is {name:?} here", policy.name()));
    }
    let mut names = BTreeSet::new();
    let named: Vec<_> = policy
        .authorities()
        .iter()
        .map(|authority| unique(&authority.name, &mut names))
        .collect();
    for (authority, name) in policy.authorities().iter().zip(&named) {
        if authority.name != *name {
            lost.push(format!(
                "the name of the authority {:?}: it is {name:?} here",
                authority.name
            ));
        }
    }
    let scope = policy.scope();
    if !scope.except.is_empty() {
        let except: Vec<_> = scope.except.iter().map(|image| image.as_str()).collect();
        lost.push(format!(
            "that it leaves out {}: it covers them here, too, beside their own policies",
            except.join(", ")
        ));
    }
    let mut spec = Vec::new();
    if policy.mode() == Mode::Warn {
        spec.push(("mode", Yaml::Plain("warn".to_owned())));
    }
    let images = scope.images.iter();
    let images = images.map(|image| Yaml::field("glob", Yaml::text(image.as_str())));
    spec.push(("images", Yaml::List(images.collect())));
    if !scope.namespaces.is_empty() {
        let namespaces = scope.namespaces.iter().map(|pattern| pattern.as_str());
        spec.push(("namespaces", Yaml::texts(namespaces)));
    }
    let authorities = policy.authorities().iter().zip(&named);
    let mut place = 0..;
    let authorities = authorities.map(|(one, name)| {
        let place = place.next().unwrap_or_default();
        match policy.require() {
            Require::OneOf(ways) if !ways.of(place).is_empty() => {
                lost.push(format!(
                    "the authority {name}, whose attestations suffice in place of a signature: nobody \
                     is trusted in its place"
                ));
                nobody(name)
            }
            _ => authority(one, name, &mut lost),
        }
    });
    spec.push(("authorities", Yaml::List(authorities.collect())));
    let name_of = |place: usize| named.get(place).cloned().unwrap_or_default();
    match policy.require() {
        Require::AttestationsOnly => {
            spec.push(("require", Yaml::Plain("attestationsOnly".to_owned())));
        }
        // The default.
        Require::AtLeast(threshold)
            if threshold.count() == 1 && threshold.of().len() == named.len() => {}
        Require::AtLeast(threshold) => {
            let of = threshold.of().iter().map(|place| name_of(*place));
            spec.push(("require", at_least(threshold.count(), Yaml::texts(of))));
        }
        Require::Nested(group) => spec.push(("require", members(group, &name_of))),
        // By the authorities that suffice by a signature; the others are nobody.
        Require::OneOf(_) => {}
    }
    let rules = policy.attestations().iter().map(|rule| {
        let mut fields = vec![
            ("name", Yaml::text(&rule.name)),
            ("predicateType", Yaml::text(&rule.predicate_type)),
            (
                "from",
                Yaml::texts(rule.from.iter().map(|place| name_of(*place))),
            ),
        ];
        if !rule.conditions.is_empty() {
            let conditions = rule.conditions.iter().map(|one| one.source());
            fields.push(("conditions", Yaml::texts(conditions)));
        }
        Yaml::Map(fields)
    });
    let rules: Vec<_> = rules.collect();
    if !rules.is_empty() {
        spec.push(("attestations", Yaml::List(rules)));
    }
    Written {
        document: document(&name, spec),
        lost,
    }
}

/// A TrustPolicy of this name.
pub(super) fn document(name: &str, spec: Vec<(&'static str, Yaml)>) -> Yaml {
    Yaml::Map(vec![
        (
            "apiVersion",
            Yaml::Plain("sealgate.dev/v1alpha1".to_owned()),
        ),
        ("kind", Yaml::Plain("TrustPolicy".to_owned())),
        ("metadata", Yaml::field("name", Yaml::text(name))),
        ("spec", Yaml::Map(spec)),
    ])
}

/// A name that TrustPolicy takes and nothing else has yet.
pub(super) fn unique(name: &str, taken: &mut BTreeSet<String>) -> String {
    let lower = name.to_ascii_lowercase();
    let plain = |c: char| match c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c) {
        true => c,
        false => '-',
    };
    let base: String = lower.chars().map(plain).take(200).collect();
    let base = match base.is_empty() {
        true => "policy".to_owned(),
        false => base,
    };
    let mut candidates =
        std::iter::once(base.clone()).chain((2..).map(|number: u64| format!("{base}-{number}")));
    let free = candidates.find(|name| !taken.contains(name));
    let free = free.unwrap_or(base);
    taken.insert(free.clone());
    free
}

pub(super) fn at_least(count: usize, of: Yaml) -> Yaml {
    let fields = vec![("count", Yaml::Plain(count.to_string())), ("of", of)];
    Yaml::field("atLeast", Yaml::Map(fields))
}

fn members(group: &Group, name_of: &impl Fn(usize) -> String) -> Yaml {
    let of = group.members().iter().map(|member| match member {
        Member::Authority(place) => Yaml::text(name_of(*place)),
        Member::Group(group) => members(group, name_of),
    });
    at_least(group.count(), Yaml::List(of.collect()))
}

/// An authority that nobody is.
fn nobody(name: &str) -> Yaml {
    let fail = action("fail", Some("nobody is trusted here"));
    Yaml::Map(vec![("name", Yaml::text(name)), ("static", fail)])
}

fn authority(authority: &Authority, name: &str, lost: &mut Vec<String>) -> Yaml {
    let mut fields = vec![("name", Yaml::text(name))];
    match &authority.trust {
        AuthorityKind::Key(trust) => keys(trust, &mut fields),
        AuthorityKind::Keyless(trust) => fields.push(("keyless", keyless(trust))),
        AuthorityKind::Notation(trust) if trust.level.is_skip() => {
            fields.push(("static", action("pass", None)));
        }
        AuthorityKind::Notation(trust) if trust.trusted_identities.texts().is_empty() => {
            lost.push(format!(
                "the trusted identities of {name}, which are for plugins: nobody is trusted in their place"
            ));
            return nobody(name);
        }
        AuthorityKind::Notation(trust) => fields.push(("notation", notation(trust))),
        AuthorityKind::Static(StaticAction::PassUnproven) => {
            fields.push(("static", action("pass", None)));
        }
        AuthorityKind::Static(StaticAction::Fail { message }) => {
            fields.push(("static", action("fail", message.as_deref())));
        }
    }
    if !authority.annotations.is_empty() {
        lost.push(format!("the annotations of {name}"));
    }
    Yaml::Map(fields)
}

/// What an authority that looks at no signature does.
pub(super) fn action(action: &str, message: Option<&str>) -> Yaml {
    let mut fields = vec![("action", Yaml::Plain(action.to_owned()))];
    fields.extend(message.map(|text| ("message", Yaml::text(text))));
    Yaml::Map(fields)
}

fn keys(trust: &KeyAuthority, fields: &mut Vec<(&'static str, Yaml)>) {
    let mut keys: Vec<_> = trust.keys.iter().map(key_field).collect();
    match keys.len() {
        1 => fields.extend(keys.pop().map(|key| ("key", key))),
        _ => fields.push(("keys", Yaml::List(keys))),
    }
    if let Some(witnesses) = &trust.witnesses {
        fields.push(("trustRoot", Yaml::text(&witnesses.trust_root)));
        fields.push(("transparencyLog", threshold(witnesses.transparency_log)));
        fields.push(("signedTimestamp", threshold(witnesses.signed_timestamp)));
    }
}

fn key_field(key: &TrustedKey) -> Yaml {
    let base64 = STANDARD.encode(key.key.spki_der());
    let mut pem = "-----BEGIN PUBLIC KEY-----\n".to_owned();
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str("-----END PUBLIC KEY-----\n");
    Yaml::field("data", Yaml::Lines(pem))
}

fn threshold(count: usize) -> Yaml {
    Yaml::field("threshold", Yaml::Plain(count.to_string()))
}

fn keyless(trust: &KeylessAuthority) -> Yaml {
    let identities = trust.identities.iter().map(identity);
    let mut fields = vec![
        ("trustRoot", Yaml::text(&trust.trust_root)),
        ("identities", Yaml::List(identities.collect())),
        ("transparencyLog", threshold(trust.transparency_log)),
        ("signedTimestamp", threshold(trust.signed_timestamp)),
        (
            "certificateTransparency",
            threshold(trust.certificate_transparency),
        ),
    ];
    if trust.valid_at == ValidAt::Now {
        let untimed = Yaml::Plain("true".to_owned());
        fields.push(("insecureWithoutVerifiedTime", untimed));
    }
    Yaml::Map(fields)
}

fn identity(identity: &Identity) -> Yaml {
    let field = |exact, pattern, matcher: &Matcher| match matcher {
        Matcher::Exact(text) => (exact, Yaml::text(text)),
        Matcher::Pattern(expression) => (pattern, Yaml::text(expression.source())),
    };
    let issuer = match &identity.issuer {
        TrustedIssuer::Oidc(issuer) => field("issuer", "issuerRegExp", issuer),
        TrustedIssuer::Nobody => ("withoutIssuer", Yaml::Plain("true".to_owned())),
    };
    Yaml::Map(vec![
        issuer,
        field("subject", "subjectRegExp", &identity.subject),
    ])
}

fn notation(trust: &NotationAuthority) -> Yaml {
    let stores = trust.trust_stores.iter().map(ToString::to_string);
    let mut fields = vec![
        ("trustStores", Yaml::texts(stores)),
        (
            "trustedIdentities",
            Yaml::texts(trust.trusted_identities.texts()),
        ),
        ("level", Yaml::Plain(trust.level.name.to_owned())),
    ];
    let overridden = overridden(&trust.level);
    if !overridden.is_empty() {
        fields.push(("override", Yaml::Map(overridden)));
    }
    if trust.verify_timestamp == VerifyTimestamp::AfterCertExpiry {
        fields.push(("verifyTimestamp", Yaml::Plain("afterCertExpiry".to_owned())));
    }
    Yaml::Map(fields)
}

/// Where a level differs from the one of its name.
fn overridden(level: &NotationLevel) -> Vec<(&'static str, Yaml)> {
    let plain = match level.name {
        "permissive" => NotationLevel::PERMISSIVE,
        "audit" => NotationLevel::AUDIT,
        _ => NotationLevel::STRICT,
    };
    let word = |action| match action {
        Action::Enforce => "enforce",
        Action::Log => "log",
        Action::Skip => "skip",
    };
    let rows = [
        ("authenticity", level.authenticity, plain.authenticity),
        (
            "authenticTimestamp",
            level.authentic_timestamp,
            plain.authentic_timestamp,
        ),
        ("expiry", level.expiry, plain.expiry),
        ("revocation", level.revocation, plain.revocation),
    ];
    let differ = rows.into_iter().filter(|(_, here, there)| here != there);
    differ
        .map(|(name, here, _)| (name, Yaml::Plain(word(here).to_owned())))
        .collect()
}
