//! `examples/policy-test` does what its README says.

use std::path::{Path, PathBuf};

use sealgate_testkit::pack::Pack;
use sealgate_testkit::sign::{self, Kind, SigningKey};
use serde_json::{Value, json};

use super::sealgate;

const IMAGE: &str = "registry.example.com/prod/app";
const PROVENANCE: &str = "https://slsa.dev/provenance/v1";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/policy-test")
}

#[test]
fn the_example_of_policy_tests_prints_what_its_readme_shows() {
    let run = sealgate(&folder(), &["policy", "test", "."]);
    assert_eq!(run.err, "");
    let readme = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let (_, shown) = readme.split_once("$ sealgate policy test .\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    assert_eq!(run.out, shown);
    assert_eq!(run.code, Some(0));
}

/// Whatever is changed in the policy is noticed by a case: each rule is there for one.
#[test]
fn the_example_of_policy_tests_notices_each_rule_that_is_taken_out() {
    for (rule, without, case) in [
        (
            "    - predicate.buildDefinition.externalParameters.ref.startsWith('refs/tags/')\n",
            "    - 'true || has(predicate.x)'\n",
            "built from a branch",
        ),
        (
            "  attestations:\n",
            "  # attestations\n",
            "without provenance",
        ),
        (
            "  require: {atLeast: {count: 1, of: [release]}}\n",
            "  require: attestationsOnly\n",
            "attested alone",
        ),
        (
            "  namespaces: [\"prod-*\"]\n",
            "  # everywhere\n",
            "outside of production",
        ),
    ] {
        let copy = tempfile::tempdir().unwrap();
        copied(&folder(), copy.path());
        let policy = copy.path().join("policies/production.yaml");
        let text = std::fs::read_to_string(&policy).unwrap();
        assert!(text.contains(rule), "{rule}");
        let text = match rule.trim() {
            "attestations:" => text.split(rule).next().unwrap().to_owned(),
            _ => text.replace(rule, without),
        };
        std::fs::write(&policy, text).unwrap();
        let run = sealgate(copy.path(), &["policy", "test", "."]);
        assert_eq!(run.code, Some(1), "{}{}", run.out, run.err);
        assert!(
            run.out.contains(&format!("failed    {case}")),
            "{}",
            run.out
        );
    }
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copied(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).unwrap()),
        }
    }
}

/// Writes the packs and the public key anew, with keys that nobody keeps.
#[test]
#[ignore = "writes the packs of the example; run it when they must change"]
fn write_the_packs_of_the_example() {
    let [release, stranger] = [0; 2].map(|_| SigningKey::generate(Kind::P256));
    let image = |tag: &str| Pack::image(&format!("{IMAGE}:{tag}"), tag);
    let signed = |key: &SigningKey, pack: Pack| {
        let payload = sign::simple_signing(&pack.repository(), &pack.digest(), &Value::Null);
        pack.with_cosign(&[sign::cosign_layer(key, payload)])
    };
    let attested = |reference: &str, pack: Pack| {
        let predicate = json!({"buildDefinition": {"externalParameters": {"ref": reference}}});
        let statement = sign::statement(&pack.digest(), PROVENANCE, &predicate);
        pack.with_bundle(&sign::bundle(&release, &statement))
    };
    let tag = "refs/tags/v1.0";
    for (name, pack) in [
        ("release", attested(tag, signed(&release, image("1.0")))),
        ("unsigned", image("1.1")),
        ("stranger", attested(tag, signed(&stranger, image("1.2")))),
        ("no-provenance", signed(&release, image("1.3"))),
        (
            "branch",
            attested("refs/heads/main", signed(&release, image("1.4"))),
        ),
        ("attested-alone", attested(tag, image("1.5"))),
    ] {
        let file = folder().join(format!("packs/{name}.pack"));
        std::fs::write(file, pack.evidence().to_pack()).unwrap();
    }
    std::fs::write(folder().join("policies/release.pub"), release.public_pem()).unwrap();
}
