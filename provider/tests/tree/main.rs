//! What `sealgate replay` prints about an image, as `sealgate verify` does: the tree names who did
//! his part, and what is missing.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod remedies;

use std::path::Path;
use std::process::Command;

use sealgate_testkit::pack::Pack;
use sealgate_testkit::sign::{self, Kind, SigningKey};
use serde_json::{Value, json};

const IMAGE: &str = "registry.example.com/prod/app:1.0";
const PROVENANCE: &str = "https://slsa.dev/provenance/v1";

/// A policy that asks for a signature of the image and provenance by `ci`.
fn policy(release: &SigningKey, ci: &SigningKey, signer: &str) -> String {
    let authority = |name: &str, key: &SigningKey| json!({"name": name, "key": {"data": key.public_pem(), "name": name}});
    json!({
        "apiVersion": "sealgate.dev/v1alpha1",
        "kind": "TrustPolicy",
        "metadata": {"name": "production"},
        "spec": {
            "images": [{"glob": "registry.example.com/**"}],
            "authorities": [authority("release", release), authority("ci", ci)],
            "require": {"atLeast": {"count": 1, "of": [signer]}},
            "attestations": [{"name": "provenance", "predicateType": PROVENANCE, "from": ["ci"]}],
        },
    })
    .to_string()
}

fn replay(folder: &Path, pack: &Pack, policy: &str) -> (Option<i32>, String) {
    replay_with(folder, pack, policy, &[])
}

fn replay_with(folder: &Path, pack: &Pack, policy: &str, trust: &[&str]) -> (Option<i32>, String) {
    let (evidence, rules) = (folder.join("app.pack"), folder.join("policy.yaml"));
    std::fs::write(&evidence, pack.evidence().to_pack()).unwrap();
    std::fs::write(&rules, policy).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_sealgate"))
        .args(["replay", "--now", "2027-01-15T08:00:00Z", "--policy"])
        .args([&rules, &evidence])
        .args(trust)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), text)
}

#[test]
fn a_tree_names_who_did_his_part_and_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let [release, ci] = [0; 2].map(|_| SigningKey::generate(Kind::P256));
    let image = Pack::image(IMAGE, "a");
    let digest = image.digest();
    let payload = sign::simple_signing(&image.repository(), &digest, &Value::Null);
    let signed = image.with_cosign(&[sign::cosign_layer(&release, payload)]);
    let statement = sign::statement(&digest, PROVENANCE, &json!({}));
    let attested = signed.clone().with_bundle(&sign::bundle(&ci, &statement));

    let (code, tree) = replay(folder.path(), &signed, &policy(&release, &ci, "release"));
    assert_eq!(
        tree,
        format!(
            "\
{IMAGE}: unsigned
│ {IMAGE}@{digest}
├─ ✗ policy production (enforce)
│  ├─ ✓ release
│  │  └─ key release
│  │     └─ cosign_signature, ecdsa-p256-sha256
│  ├─ ✗ ci
│  │  └─ found nothing by this authority
│  └─ no_matching_attestation: the rule \"provenance\" expects a verified attestation of type {PROVENANCE} by ci
├─ the image lacks an attestation [no_matching_attestation]. Attest it where it is built, and deploy again.
└─ what would admit it
   └─ an attestation of type {PROVENANCE} by ci, with the private half of ci
      └─ cosign attest --key PRIVATE_KEY --type slsaprovenance1 --predicate FILE registry.example.com/prod/app@{digest}
"
        )
    );
    assert_eq!(code, Some(1));

    let (code, tree) = replay(folder.path(), &attested, &policy(&release, &ci, "ci"));
    assert_eq!(
        tree,
        format!(
            "\
{IMAGE}: untrusted
│ {IMAGE}@{digest}
├─ ✗ policy production (enforce)
│  ├─ ✓ release
│  │  └─ key release
│  │     └─ cosign_signature, ecdsa-p256-sha256
│  ├─ ✓ ci (attestation only)
│  │  └─ key ci
│  │     └─ sigstore_bundle_v0.3, ecdsa-p256-sha256
│  └─ threshold_not_met: expected an image signature by ci (1 of ci); ci made an attestation, but did not sign the image
├─ ✓ attestation production/provenance: {PROVENANCE}
├─ the image lacks a signature [threshold_not_met]. Have the missing one sign it, and deploy again.
└─ what would admit it
   └─ an image signature by ci, with the private half of ci
      └─ cosign sign --key PRIVATE_KEY registry.example.com/prod/app@{digest}
"
        )
    );
    assert_eq!(code, Some(1));

    let (code, tree) = replay(folder.path(), &attested, &policy(&release, &ci, "release"));
    assert!(tree.starts_with(&format!("{IMAGE}: verified\n")), "{tree}");
    assert_eq!(code, Some(0));
}

/// A key that has no name in its policy is called by its file, or by what its fingerprint begins
/// with; two files of one name are two keys.
#[test]
fn a_key_without_a_name_is_called_by_its_file_or_its_fingerprint() {
    let folder = tempfile::tempdir().unwrap();
    let [old, new, third, stranger] = [0; 4].map(|_| SigningKey::generate(Kind::P256));
    for (place, key) in [("old", &old), ("new", &new)] {
        std::fs::create_dir(folder.path().join(place)).unwrap();
        let file = folder.path().join(place).join("release.pub");
        std::fs::write(file, key.public_pem()).unwrap();
    }
    let policy = json!({
        "apiVersion": "sealgate.dev/v1alpha1",
        "kind": "TrustPolicy",
        "metadata": {"name": "production"},
        "spec": {
            "images": [{"glob": "**"}],
            "authorities": [{"name": "release", "keys": [
                {"file": "old/release.pub"}, {"file": "new/release.pub"}, {"data": third.public_pem()},
            ]}],
        },
    })
    .to_string();
    let fingerprint = |key: &SigningKey| {
        let key = sealgate_core::PublicKey::from_pem(key.public_pem().as_bytes()).unwrap();
        key.fingerprint()
    };
    let signed_by = |key: &SigningKey| {
        let image = Pack::image(IMAGE, "a");
        let payload = sign::simple_signing(&image.repository(), &image.digest(), &Value::Null);
        image.with_cosign(&[sign::cosign_layer(key, payload)])
    };
    for (key, called) in [
        (&old, "release.pub".to_owned()),
        (&new, "release.pub".to_owned()),
        (&third, format!("sha256:{}…", &fingerprint(&third)[..12])),
    ] {
        let (code, tree) = replay(folder.path(), &signed_by(key), &policy);
        assert!(tree.contains(&format!("└─ key {called}\n")), "{tree}");
        assert_eq!(code, Some(0));
    }
    let (code, tree) = replay(folder.path(), &signed_by(&stranger), &policy);
    let [old, new, third] = [&old, &new, &third].map(fingerprint);
    let keys = format!(
        "none of the keys release.pub (sha256:{old}), release.pub (sha256:{new}), sha256:{third}: another"
    );
    assert!(tree.contains(&keys), "{tree}");
    assert_eq!(code, Some(1));
}
