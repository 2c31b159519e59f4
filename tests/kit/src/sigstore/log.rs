//! Logs: certificate transparency, and Rekor of both generations.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_core::UnixTime;
use serde_json::{Value, json};

use super::certificate::{Description, Holder};
use crate::der;
use crate::key::{Key, Kind};

/// The extension that holds signed certificate timestamps.
pub const SCT_LIST: &str = "1.3.6.1.4.1.11129.2.4.2";

/// A log: of certificates, or one of Rekor's.
#[derive(Debug)]
pub struct Log {
    /// Its URL.
    pub url: String,
    /// Its key.
    pub key: Key,
    /// Its id.
    pub id: Vec<u8>,
}

impl Log {
    /// The log at this URL. An Ed25519 log is one of Rekor v2.
    pub fn new(kind: Kind, url: &str) -> Self {
        let key = Key::new(kind, url);
        let host = url.rsplit('/').next().unwrap_or_default();
        let id = match kind {
            Kind::Ed25519 => sha256(&[host.as_bytes(), b"\n\x01", &key.ed25519()].concat()),
            _ => sha256(key.spki()),
        };
        Self {
            url: url.to_owned(),
            key,
            id,
        }
    }

    /// Its entry in a trusted root.
    pub fn trust(&self, start: UnixTime) -> Value {
        json!({
            "baseUrl": self.url,
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": STANDARD.encode(self.key.spki()),
                "keyDetails": self.key.kind().details(),
                "validFor": {"start": start},
            },
            "logId": {"keyId": STANDARD.encode(&self.id)},
        })
    }

    /// A signed certificate timestamp for a certificate that an authority with this public key
    /// (its SubjectPublicKeyInfo) is about to issue.
    pub fn sct(&self, tbs: &[u8], issuer: &[u8], at: UnixTime, extensions: &[u8]) -> Vec<u8> {
        let millis = (at.seconds() as u64 * 1000).to_be_bytes();
        let mut signed = vec![0, 0];
        signed.extend(millis);
        signed.extend([0, 1]);
        signed.extend(sha256(issuer));
        signed.extend(&(tbs.len() as u32).to_be_bytes()[1..]);
        signed.extend(tbs);
        signed.extend(vector(extensions));
        let mut sct = vec![0];
        sct.extend(&self.id);
        sct.extend(millis);
        sct.extend(vector(extensions));
        sct.extend([4, if self.key.kind().is_rsa() { 1 } else { 3 }]);
        sct.extend(vector(&self.key.sign(&signed)));
        sct
    }

    /// An entry of Rekor v1 in a bundle: with its promise and its proof.
    pub fn entry(&self, body: &Value, at: UnixTime) -> Value {
        let bytes = canonical(body);
        let index = 4_711;
        let promise = canonical(&json!({
            "body": STANDARD.encode(&bytes),
            "integratedTime": at.seconds(),
            "logID": hex::encode(&self.id),
            "logIndex": index,
        }));
        let mut entry = json!({
            "logIndex": index.to_string(),
            "logId": {"keyId": STANDARD.encode(&self.id)},
            "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
            "integratedTime": at.seconds().to_string(),
            "inclusionPromise": {"signedEntryTimestamp": STANDARD.encode(self.key.sign(&promise))},
            "canonicalizedBody": STANDARD.encode(&bytes),
        });
        let origin = format!("{} - 1193050959916656506", self.host());
        entry["inclusionProof"] = self.proof(&bytes, 2, 5, &origin);
        entry
    }

    /// An entry of Rekor v2 in a bundle: with its proof alone.
    pub fn entry_v2(&self, body: &Value) -> Value {
        let bytes = canonical(body);
        let proof = self.proof(&bytes, 2, 5, self.host());
        json!({
            "logIndex": "2",
            "logId": {"keyId": STANDARD.encode(&self.id)},
            "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
            "inclusionProof": proof,
            "canonicalizedBody": STANDARD.encode(&bytes),
        })
    }

    /// A checkpoint of a log of `size` entries under this name.
    pub fn checkpoint(&self, origin: &str, size: u64, root: &[u8]) -> String {
        let text = format!("{origin}\n{size}\n{}\n", STANDARD.encode(root));
        let name = origin.split(" - ").next().unwrap_or_default();
        format!("{text}\n{}", self.note_signature(name, &text))
    }

    /// A line that signs a note.
    pub fn note_signature(&self, name: &str, text: &str) -> String {
        let signature = [&self.id[..4], &self.key.sign(text.as_bytes())].concat();
        format!("\u{2014} {name} {}\n", STANDARD.encode(signature))
    }

    /// The host part of its URL.
    pub fn host(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or_default()
    }

    fn proof(&self, leaf: &[u8], index: usize, size: usize, origin: &str) -> Value {
        let filler = |n: usize| format!("another entry {n}").into_bytes();
        let leaves: Vec<_> = (0..size)
            .map(|n| if n == index { leaf.to_vec() } else { filler(n) })
            .collect();
        let root = tree(&leaves);
        let hashes: Vec<_> = path(index, &leaves)
            .iter()
            .map(|hash| STANDARD.encode(hash))
            .collect();
        json!({
            "logIndex": index.to_string(),
            "treeSize": size.to_string(),
            "rootHash": STANDARD.encode(&root),
            "hashes": hashes,
            "checkpoint": {"envelope": self.checkpoint(origin, size as u64, &root)},
        })
    }
}

/// Issues a certificate with the timestamps of these logs.
pub fn issue_logged(
    description: &Description,
    key: Key,
    issuer: &Holder,
    logs: &[&Log],
    extensions: &[u8],
) -> Holder {
    let tbs = description.tbs(&key, issuer.name(), &issuer.key);
    let scts = logs
        .iter()
        .map(|log| log.sct(&tbs, issuer.key.spki(), description.validity.0, extensions));
    embed(description, key, issuer, &scts.collect::<Vec<_>>())
}

/// Issues a certificate with these timestamps.
pub fn embed(description: &Description, key: Key, issuer: &Holder, scts: &[Vec<u8>]) -> Holder {
    let mut description = description.clone();
    if !scts.is_empty() {
        let list: Vec<u8> = scts.iter().flat_map(|sct| vector(sct)).collect();
        let value = der::octets(&vector(&list));
        description
            .extensions
            .push((SCT_LIST.to_owned(), false, value));
    }
    description.issued_by(key, issuer)
}

/// RFC 8785.
///
/// # Panics
/// Never: a JSON value can be written.
#[expect(clippy::expect_used, reason = "a JSON value can be written")]
pub fn canonical(value: &Value) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).expect("JSON")
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

/// A TLS vector with a length of two bytes.
fn vector(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
}

/// The root of RFC 6962 section 2.1.
fn tree(leaves: &[Vec<u8>]) -> Vec<u8> {
    match leaves {
        [] => sha256(&[]),
        [leaf] => sha256(&[&[0], leaf.as_slice()].concat()),
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            sha256(&[vec![1], tree(left), tree(right)].concat())
        }
    }
}

/// The path of RFC 6962 section 2.1.1.
fn path(index: usize, leaves: &[Vec<u8>]) -> Vec<Vec<u8>> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut rest, sibling) = match index < left.len() {
        true => (path(index, left), tree(right)),
        false => (path(index - left.len(), right), tree(left)),
    };
    rest.push(sibling);
    rest
}

/// The largest power of two below `count`.
fn split(count: usize) -> usize {
    count.next_power_of_two() / 2
}
