//! An authority: whom it trusts, and what it asks for.

use std::collections::BTreeMap;

use super::super::doubtful::{self, Stated};
use super::super::key_source::{KeySource, ResolveKey};
use super::super::reader::{Field, Fields, each, flip};
use super::super::static_action::read_static;
use super::super::{
    Authority, AuthorityKind, Identity, KeyAuthority, KeyWitnesses, KeylessAuthority, Matcher,
    Pattern, StaticAction, TrustedIssuer, ValidAt,
};
use super::attestation::{self, Attested};
use super::keys::{self, ExternalKeyError};
use super::witnesses::{self, PUBLIC_GOOD, Witnesses};
use crate::crypto::PublicKey;

/// The certificate authority of Sigstore's public-good instance.
const FULCIO: &str = "https://fulcio.sigstore.dev";

/// Reads authorities, with the keys that they name.
pub(super) struct Reader<'a> {
    file: &'a str,
    resolve: ResolveKey<'a>,
    /// The fingerprints of keys that are not in the document itself.
    external_keys: Vec<String>,
}

impl<'r> Reader<'r> {
    pub(super) fn new(file: &'r str, resolve: ResolveKey<'r>) -> Self {
        Self {
            file,
            resolve,
            external_keys: Vec::new(),
        }
    }

    pub(super) fn external_keys(&self) -> &[String] {
        &self.external_keys
    }

    /// The authority in this place, and the attestations that it lists.
    pub(super) fn authority(
        &mut self,
        field: &Field<'_>,
        place: usize,
    ) -> Option<(Authority, Option<Attested>)> {
        let mut fields = field.fields()?;
        let name = match fields.take("name") {
            None => Some(format!("authority-{place}")),
            Some(name) => name.text().map(str::to_owned),
        };
        let kinds: Vec<_> = ["key", "keyless", "static"]
            .into_iter()
            .filter_map(|kind| Some((kind, fields.take(kind)?)))
            .collect();
        if let Some(source) = fields.take("source") {
            let _ = source.not_honoured(
                "signatures are looked for beside the image alone: leave `source` out, and copy them \
                 there (cosign copy)",
            );
        }
        let more = ["ctlog", "rfc3161timestamp", "attestations"].map(|name| fields.take(name));
        let format = fields.take("signatureFormat");
        // Both are read wherever they are.
        let format = flip(format.map(|format| format.one_of(&[("legacy", ()), ("bundle", ())])));
        fields.finish(&[
            "name",
            "key",
            "keyless",
            "static",
            "source",
            "ctlog",
            "rfc3161timestamp",
            "attestations",
            "signatureFormat",
        ]);
        let [ctlog, timestamp, attested] = more;
        let (trust, attested) = match kinds.as_slice() {
            [("static", action)] => {
                for field in [ctlog, timestamp, attested].into_iter().flatten() {
                    field.problem(
                        "`static` looks at no signature, so nothing can be demanded of one",
                    );
                }
                (read_static(action).map(AuthorityKind::Static), Some(None))
            }
            [(kind, trust)] => {
                let witnesses = witnesses::read(ctlog, timestamp);
                let attested = flip(attested.as_ref().map(attestation::read));
                let trust = match *kind {
                    "key" => self.key(trust, witnesses),
                    _ => keyless(trust, witnesses).map(AuthorityKind::Keyless),
                };
                (trust, attested)
            }
            other => {
                let found: Vec<_> = other.iter().map(|(kind, _)| *kind).collect();
                field.problem(format!(
                    "expected exactly one of key, keyless and static, found {}",
                    match found.is_empty() {
                        true => "none".to_owned(),
                        false => found.join(" and "),
                    }
                ));
                return None;
            }
        };
        format?;
        let authority = Authority {
            name: name?,
            trust: trust?,
            annotations: BTreeMap::new(),
            max_age: None,
        };
        Some((authority, attested?))
    }

    fn key(
        &mut self,
        field: &Field<'_>,
        witnesses: Option<Witnesses<'_>>,
    ) -> Option<AuthorityKind> {
        let keys = keys::read(field, &mut |path| self.external_key(path));
        let (keys, witnesses) = (keys?, witnesses?);
        let root = witnesses.trust_root(None)?;
        let Some(keys) = keys else {
            return Some(nobody());
        };
        let witnesses = witnesses.any().then(|| KeyWitnesses {
            trust_root: root.unwrap_or(PUBLIC_GOOD).to_owned(),
            transparency_log: usize::from(witnesses.ctlog.is_some()),
            signed_timestamp: usize::from(witnesses.timestamp.is_some()),
        });
        Some(AuthorityKind::Key(KeyAuthority { keys, witnesses }))
    }

    fn external_key(&mut self, path: &str) -> Result<PublicKey, ExternalKeyError> {
        let source = KeySource {
            policy_file: self.file.to_owned(),
            path: path.to_owned(),
        };
        let key = PublicKey::from_pem(&(self.resolve)(&source)?)?;
        self.external_keys.push(key.fingerprint());
        Ok(key)
    }
}

/// Whom nobody can be: what stands for an authority that was left out.
fn nobody() -> AuthorityKind {
    AuthorityKind::Static(StaticAction::Fail {
        message: Some("this authority could not be taken over".to_owned()),
    })
}

fn keyless(field: &Field<'_>, witnesses: Option<Witnesses<'_>>) -> Option<KeylessAuthority> {
    let mut fields = field.fields()?;
    let root = fields.take("trustRootRef");
    let named = flip(root.as_ref().map(|root| root.text()));
    let url = fields.take("url");
    if let Some(url) = &url {
        let text = url.text()?;
        if text.trim_end_matches('/') != FULCIO && root.is_none() {
            url.warning(format!(
                "this names a certificate authority and not its certificates: those of the trust root \
                 {PUBLIC_GOOD:?} count, unless `trustRootRef` names another"
            ));
        }
    }
    if let Some(certificates) = fields.take("ca-cert") {
        certificates.not_honoured(
            "policy-controller reads certificates here and never uses them, and neither are they used \
             here: name a TrustRoot with them by `trustRootRef`",
        )?;
    }
    let identities = fields
        .need("identities")
        .and_then(|list| each(&list, identity));
    let ignores_sct = flip(
        fields
            .take("insecureIgnoreSCT")
            .map(|flag| flag.one_of(&[("true", true), ("false", false)])),
    );
    fields.finish(&[
        "url",
        "identities",
        "trustRootRef",
        "ca-cert",
        "insecureIgnoreSCT",
    ]);
    let (identities, named, ignores_sct) = (identities?, named?, ignores_sct?);
    let witnesses = witnesses?;
    let trust_root = named.unwrap_or(PUBLIC_GOOD);
    witnesses.trust_root(Some(trust_root))?;
    let logs = match (&witnesses.ctlog, &witnesses.timestamp) {
        (Some(_), _) => 1,
        (None, Some(_)) => 0,
        // As policy-controller: of a root of one's own no log is asked for. One verified time is,
        // whoever vouches for it.
        (None, None) => usize::from(named.is_none()),
    };
    Some(KeylessAuthority {
        trust_root: trust_root.to_owned(),
        identities,
        transparency_log: logs,
        signed_timestamp: usize::from(witnesses.timestamp.is_some()),
        certificate_transparency: usize::from(!ignores_sct.unwrap_or(false)),
        valid_at: ValidAt::VerifiedTimes,
    })
}

fn identity(field: &Field<'_>) -> Option<Identity> {
    let mut fields = field.fields()?;
    let issuer = matcher(&mut fields, "issuer", "issuerRegExp");
    let subject = matcher(&mut fields, "subject", "subjectRegExp");
    fields.finish(&["issuer", "issuerRegExp", "subject", "subjectRegExp"]);
    let (issuer, subject) = (issuer?, subject?);
    let identity = Identity {
        issuer: TrustedIssuer::Oidc(issuer.matcher.clone()),
        subject: subject.matcher.clone(),
        subject_type: None,
        claims: BTreeMap::new(),
    };
    doubtful::check(&identity, Some(&issuer), &subject);
    Some(identity)
}

fn matcher<'a>(fields: &mut Fields<'a>, exact: &str, pattern: &str) -> Option<Stated<'a>> {
    match (fields.take(exact), fields.take(pattern)) {
        (Some(field), None) => Some(Stated {
            matcher: Matcher::Exact(field.text()?.to_owned()),
            field,
        }),
        (None, Some(field)) => Some(Stated {
            matcher: Matcher::Pattern(anywhere(&field)?),
            field,
        }),
        (found, _) => {
            let found = if found.is_some() { "both" } else { "neither" };
            fields.problem(format!(
                "expected either {exact} or {pattern}, found {found}"
            ));
            None
        }
    }
}

/// An expression that matches anywhere in a line, as Go's do.
fn anywhere(field: &Field<'_>) -> Option<Pattern> {
    let source = doubtful::pattern(field)?;
    let source = source.source();
    let begins = ["^", ".*", ".+"]
        .iter()
        .any(|start| source.starts_with(start));
    let ends = ["$", ".*", ".+"].iter().any(|end| source.ends_with(end));
    if !begins || !ends {
        field.warning(
            "this expression matches anywhere in a text, also between what a stranger wrote: begin it \
             with `^` and end it with `$`",
        );
    }
    let pattern = Pattern::new(&format!(".*(?:{source}).*"));
    let pattern = pattern.map_err(|error| field.problem(error.to_string()));
    pattern.ok()
}
