//! `TrustRoot`: keys and certificates of a Sigstore instance of one's own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::reader::{Field, Fields};
use super::super::yaml::Kind;
use crate::crypto::{PublicKey, pem};
use crate::trust::SigstoreRoot;

/// Since when a log counts of which nothing is said.
const EVER: &str = "1970-01-01T00:00:00Z";

/// Reads the `spec` of a TrustRoot.
pub(super) fn read(spec: &Field<'_>) -> Option<SigstoreRoot> {
    let mut fields = spec.fields()?;
    let forms: Vec<_> = ["sigstoreKeys", "remote", "repository"]
        .into_iter()
        .filter_map(|form| Some((form, fields.take(form)?)))
        .collect();
    fields.finish(&["sigstoreKeys", "remote", "repository"]);
    match forms.as_slice() {
        [("sigstoreKeys", keys)] => sigstore_keys(keys),
        [("remote", remote)] => {
            let _ = remote.not_honoured(
                "a TUF repository is fetched by `sealgate serve` alone: name it in the configuration, \
                 as trustRoots: [{name: …, tuf: {url: …, root: FILE}}], and leave this document out",
            );
            None
        }
        [(_, repository)] => {
            let _ = repository.not_honoured(
                "a TUF repository in an archive is not read: unpack its trusted_root.json, and name that \
                 in the configuration, as trustRoots: [{name: …, file: …}], in place of this document",
            );
            None
        }
        other => {
            spec.problem(format!(
                "expected exactly one of sigstoreKeys, remote and repository, found {}",
                other.len()
            ));
            None
        }
    }
}

fn sigstore_keys(field: &Field<'_>) -> Option<SigstoreRoot> {
    let mut fields = field.fields()?;
    let authorities = list(&mut fields, "certificateAuthorities", authority);
    let logs = list(&mut fields, "tLogs", log);
    let ct_logs = list(&mut fields, "ctLogs", log);
    let timestamps = list(&mut fields, "timestampAuthorities", authority);
    fields.finish(&[
        "certificateAuthorities",
        "tLogs",
        "ctLogs",
        "timestampAuthorities",
    ]);
    let (authorities, timestamps) = (authorities?, timestamps?);
    if authorities.is_empty() && timestamps.is_empty() {
        field.problem("expected a certificate authority or a timestamp authority, found neither");
        return None;
    }
    let document = json!({
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "certificateAuthorities": authorities,
        "tlogs": logs?,
        "ctlogs": ct_logs?,
        "timestampAuthorities": timestamps,
    });
    let root = SigstoreRoot::from_json(document.to_string().as_bytes());
    let root = root
        .map_err(|error| field.problem(error.to_string()))
        .ok()?;
    for left_out in root.unsupported() {
        field.warning(format!("left out: {left_out}"));
    }
    Some(root)
}

/// A list that may be absent or empty.
fn list(
    fields: &mut Fields<'_>,
    name: &str,
    read: impl Fn(&Field<'_>) -> Option<Value>,
) -> Option<Vec<Value>> {
    match fields.take(name) {
        None => Some(Vec::new()),
        Some(list) if list.is_empty_list() => Some(Vec::new()),
        Some(list) => {
            let read: Vec<_> = list.items()?.iter().map(read).collect();
            read.into_iter().collect()
        }
    }
}

/// A certificate authority or a timestamp authority.
fn authority(field: &Field<'_>) -> Option<Value> {
    let mut fields = field.fields()?;
    // How it is called; its certificates say who it is.
    if let Some(subject) = fields.take("subject") {
        let mut fields = subject.fields()?;
        let names = ["organization", "commonName"];
        names.iter().for_each(|name| fields.leave(name));
        fields.finish(&names);
    }
    let uri = fields.take("uri").map(|uri| uri.text());
    let chain = fields
        .need("certChain")
        .and_then(|chain| certificates(&chain));
    fields.finish(&["subject", "uri", "certChain"]);
    let uri = match uri {
        Some(uri) => Some(uri?),
        None => None,
    };
    let chain = chain?
        .into_iter()
        .map(|der| json!({"rawBytes": STANDARD.encode(der)}));
    Some(json!({"uri": uri, "certChain": {"certificates": chain.collect::<Vec<_>>()}}))
}

/// A transparency log, of signatures or of certificates.
fn log(field: &Field<'_>) -> Option<Value> {
    let mut fields = field.fields()?;
    let url = fields.need("baseURL").and_then(|url| url.text());
    let hash = fields
        .need("hashAlgorithm")
        .and_then(|hash| hash.one_of(&[("sha-256", ()), ("sha256", ())]));
    let key = fields.need("publicKey").and_then(|key| {
        let text = decoded(&key)?;
        let read = PublicKey::from_pem(text.as_bytes());
        read.map_err(|why| key.problem(why.to_string())).ok()
    });
    fields.finish(&["baseURL", "hashAlgorithm", "publicKey"]);
    hash?;
    Some(json!({
        "baseUrl": url?,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {"rawBytes": STANDARD.encode(key?.spki_der()), "validFor": {"start": EVER}},
    }))
}

fn certificates(field: &Field<'_>) -> Option<Vec<Vec<u8>>> {
    let text = decoded(field)?;
    let mut found = Vec::new();
    for block in pem::blocks(&text) {
        match block.and_then(|block| Ok((block.label, block.decode()?))) {
            Ok(("CERTIFICATE", der)) => found.push(der),
            Ok((label, _)) => {
                field.problem(format!("expected certificates, found {label:?}"));
                return None;
            }
            Err(why) => {
                field.problem(format!("not PEM: {}", why.0));
                return None;
            }
        }
    }
    if found.is_empty() {
        field.problem("expected certificates in PEM, in Base64, found none");
        return None;
    }
    Some(found)
}

/// A text in Base64, as Kubernetes writes bytes.
fn decoded(field: &Field<'_>) -> Option<String> {
    let text = match &field.node.kind {
        Kind::Scalar { text, .. } => text.split_ascii_whitespace().collect::<String>(),
        _ => field.text()?.to_owned(),
    };
    let bytes = STANDARD.decode(text).ok();
    let decoded = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    if decoded.is_none() {
        field.problem("expected PEM in Base64, as Kubernetes writes bytes");
    }
    decoded
}
