//! What a verdict takes of memory beside the evidence, measured, and by the counter of its budget.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use sealgate_core::internals::verify_at_cost;
use sealgate_core::policy::NoMatch;
use sealgate_core::policy::file::{self, PolicyFile};
use sealgate_core::{Policies, TrustMaterial, UnixTime, limits};
use sealgate_fuzz::peak_of;
use sealgate_testkit::pack::Pack;
use sealgate_testkit::sign::{self, Kind, SigningKey};
use serde_json::json;

const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);
const MIB: usize = 1 << 20;
const TYPE: &str = "https://example.com/sbom/v1";

struct Scene {
    key: SigningKey,
    image: Pack,
    policies: Policies,
    trust: TrustMaterial,
}

/// What a verdict took.
struct Taken {
    verified: bool,
    codes: Vec<String>,
    /// Measured.
    peak: usize,
    /// Counted.
    held: usize,
}

impl Scene {
    fn new() -> Self {
        let key = SigningKey::generate(Kind::P256);
        let policy = json!({
            "apiVersion": "sealgate.dev/v1alpha1",
            "kind": "TrustPolicy",
            "metadata": {"name": "all"},
            "spec": {
                "images": [{"glob": "**"}],
                "authorities": [{"name": "key", "key": {"data": key.public_pem()}}],
                "require": "attestationsOnly",
                "attestations": [{
                    "name": "sbom",
                    "predicateType": TYPE,
                    "from": ["key"],
                    "conditions": ["predicate != null"],
                }],
            },
        });
        let file = PolicyFile {
            name: "policy.yaml".to_owned(),
            text: policy.to_string(),
        };
        Self {
            key,
            image: Pack::image("registry.example.com/app:1.0", "a"),
            policies: file::load(&[file], NoMatch::Deny, &file::only_inline_keys).unwrap(),
            trust: TrustMaterial::new(),
        }
    }

    /// A bundle about the image whose predicate is this text.
    fn bundle(&self, predicate: &str) -> Vec<u8> {
        let statement = sign::statement(&self.image.digest(), TYPE, &json!("@"));
        let statement = String::from_utf8(statement).unwrap();
        let statement = statement.replace("\"@\"", predicate);
        sign::bundle(&self.key, statement.as_bytes())
    }

    fn verdict(&self, pack: &Pack) -> Taken {
        let ask = || verify_at_cost(pack.evidence(), &self.policies, &self.trust, NOW);
        let ((verdict, costs), peak) = peak_of(ask);
        let verdict = verdict.unwrap();
        let held = costs.of("bytes in memory at once").unwrap();
        Taken {
            verified: verdict.verified,
            codes: verdict.reasons.iter().map(|r| r.code.to_string()).collect(),
            peak,
            held: usize::try_from(held).unwrap(),
        }
    }
}

/// A document of packages, as SBOMs are.
fn sbom(bytes: usize) -> String {
    let mut text = "{\"packages\":[".to_owned();
    let mut n = 0;
    while text.len() < bytes {
        let comma = if n > 0 { "," } else { "" };
        text += &format!(
            "{comma}{{\"SPDXID\":\"SPDXRef-Package-{n}\",\"name\":\"golang.org/x/module-{n}\",\
             \"versionInfo\":\"v1.{n}.0\",\"downloadLocation\":\"NOASSERTION\",\
             \"filesAnalyzed\":false,\"licenseConcluded\":\"BSD-3-Clause\",\
             \"externalRefs\":[{{\"referenceType\":\"purl\",\
             \"referenceLocator\":\"pkg:golang/golang.org/x/module-{n}@v1.{n}.0\"}}]}}"
        );
        n += 1;
    }
    text + "]}"
}

/// One test: memory is measured for the whole process.
#[test]
fn a_verdict_takes_no_more_memory_than_its_budget_rt_9() {
    let scene = Scene::new();
    let large = |unit: &str, bytes: usize| {
        let count = bytes / (unit.len() + 1);
        format!("[{}{unit}]", format!("{unit},").repeat(count))
    };
    let keys = |bytes: usize| {
        let keys: Vec<_> = (0..bytes / 12).map(|n| format!("\"{n:07}\":0")).collect();
        format!("[{{{}}}]", keys.join(","))
    };
    // First what fits, then what does not: shapes that take the most for each byte.
    let mut rows = vec![
        ("an SBOM of 20 MiB", sbom(20 * MIB), true),
        (
            "a text of 20 MiB",
            format!("\"{}\"", "x".repeat(20 * MIB)),
            true,
        ),
        ("numbers, 3 MiB", large("0", 3 * MIB), true),
        ("numbers, 20 MiB", large("0", 20 * MIB), false),
        ("objects, 3 MiB", large("{}", 3 * MIB), true),
        ("objects, 20 MiB", large("{}", 20 * MIB), false),
        ("texts of one letter, 3 MiB", large("\"a\"", 3 * MIB), true),
        ("keys, 2 MiB", keys(2 * MIB), true),
    ];
    println!("| attestation | measured | counted | verdict |\n|---|---|---|---|");
    for (name, predicate, fits) in rows.drain(..) {
        let bundle = scene.bundle(&predicate);
        let pack = scene.image.clone().with_bundle(&bundle);
        drop(predicate);
        let taken = scene.verdict(&pack);
        println!(
            "| {name} | {} MiB | {} MiB | {} |",
            taken.peak / MIB,
            taken.held / MIB,
            if taken.verified {
                "verified".to_owned()
            } else {
                taken.codes.join(" ")
            }
        );
        assert_eq!(taken.verified, fits, "{name}: {:?}", taken.codes);
        if !fits {
            assert!(taken.codes.contains(&"limit_exceeded".to_owned()), "{name}");
        }
        assert!(taken.held <= usize::try_from(limits::HELD_BYTES).unwrap());
        // Beside what is counted: the signature that is being read, decoded, and its signed bytes.
        let reading = 4 * bundle.len() + 4 * MIB;
        assert!(
            taken.peak <= taken.held + reading,
            "{name}: {} of {} MiB",
            taken.peak / MIB,
            (taken.held + reading) / MIB
        );
    }
}
