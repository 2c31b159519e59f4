//! An image with a bill of materials of 20 MB and 49 smaller attestations, and conditions on them.

use std::collections::BTreeMap;
use std::hint::black_box;

use sealgate_core::internals::verify_at_cost;
use sealgate_core::{TrustMaterial, UnixTime};
use sealgate_testkit::pack::Pack;
use sealgate_testkit::sign::{self, Kind, SigningKey};
use sealgate_tests::parity::Question;
use serde_json::{Value, json};

use crate::contest::Contest;
use crate::keyless::{native, policies};
use crate::wasm;

const BOM: &str = "https://spdx.dev/Document";
const BUILT: &str = "https://slsa.dev/provenance/v1";
const BOM_BYTES: usize = 20_000_000;
const SMALLER: usize = 49;
const ROUNDS: usize = 9;
const NOW: i64 = 1_800_000_000;

/// What rules ask of the bill of materials.
const CONDITIONS: [(&str, &str); 3] = [
    ("no condition", ""),
    (
        "a condition on its facts",
        ", conditions: ['facts.packages > 1000']",
    ),
    (
        "a condition on each package",
        ", conditions: ['predicate.packages.all(p, p.name != \"left-pad\" && p.supplier.startsWith(\"Organization: \"))']",
    ),
];

pub fn run() {
    let attested = Attested::new();
    let evidence = attested.pack.evidence();
    let (trust, now) = (TrustMaterial::new(), UnixTime::from_seconds(NOW));
    for (name, conditions) in CONDITIONS {
        let policy = attested.policy(conditions);
        let loaded = policies(&policy);
        let request = Question {
            evidence: evidence.clone(),
            policies: vec![policy],
            trust_roots: BTreeMap::new(),
            trust_stores: BTreeMap::new(),
            now,
        }
        .request();
        Contest::new(format!(
            "A bill of materials of {} MB, {SMALLER} attestations beside it, {name}",
            attested.statements[0].len() / 1_000_000
        ))
        .rounds(ROUNDS)
        .work("their statements hashed and parsed, nothing else", || {
            for statement in &attested.statements {
                black_box(sealgate_core::Digest::sha256(statement));
                black_box(serde_json::from_slice::<Value>(statement).unwrap());
            }
        })
        .work("sealgate", || native(evidence, &loaded, &trust, now))
        .work("a call in wasm, with all its JSON", || {
            wasm::verified(&request);
        })
        .run();
        let (verdict, costs) = verify_at_cost(evidence, &loaded, &trust, now);
        println!("  a verdict of {} bytes", verdict.unwrap().to_json().len());
        for (work, spent, most) in costs.work {
            println!("  {work}: {spent} of {most}");
        }
    }
}

struct Attested {
    key: SigningKey,
    pack: Pack,
    statements: Vec<Vec<u8>>,
}

impl Attested {
    fn new() -> Self {
        let key = SigningKey::generate(Kind::P256);
        let pack = Pack::image("registry.example.com/prod/app:1.0", "large");
        let digest = pack.digest();
        let smaller = (0..SMALLER).map(|n| sign::statement(&digest, BUILT, &provenance(n)));
        let statements: Vec<_> = std::iter::once(sign::statement(&digest, BOM, &bom()))
            .chain(smaller)
            .collect();
        let bundles = statements.iter().map(|said| sign::bundle(&key, said));
        let pack = bundles.fold(pack, |pack, bundle| pack.with_bundle(&bundle));
        Self {
            key,
            pack,
            statements,
        }
    }

    fn policy(&self, conditions: &str) -> String {
        let key = self.key.public_pem().replace('\n', "\n        ");
        format!(
            "apiVersion: sealgate.dev/v1alpha1\nkind: TrustPolicy\nmetadata: {{name: prod}}\nspec:\n  \
             images: [{{glob: \"**\"}}]\n  authorities:\n  - name: ci\n    key:\n      data: |\n        \
             {key}\n  require: attestationsOnly\n  attestations:\n  \
             - {{name: bom, predicateType: {BOM}{conditions}}}\n  \
             - {{name: built, predicateType: {BUILT}, conditions: [\"facts.builder == 'https://ci/{}'\"]}}\n",
            SMALLER - 1
        )
    }
}

/// As a scanner of file systems writes it: some thirty thousand packages.
fn bom() -> Value {
    let package = |n: usize| {
        json!({
            "name": format!("package-{n}"),
            "SPDXID": format!("SPDXRef-Package-npm-package-{n}-0123456789abcdef"),
            "versionInfo": format!("{}.{}.{}", n % 7, n % 31, n % 113),
            "supplier": "Organization: example.com",
            "downloadLocation": format!("https://registry.example.com/package-{n}/-/package-{n}.tgz"),
            "filesAnalyzed": false,
            "licenseConcluded": "NOASSERTION",
            "licenseDeclared": (["MIT", "Apache-2.0", "BSD-3-Clause"][n % 3]),
            "copyrightText": "NOASSERTION",
            "externalRefs": [{
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": format!("pkg:npm/package-{n}@{}.{}.{}", n % 7, n % 31, n % 113),
            }],
        })
    };
    let each = package(10_000).to_string().len() + 1;
    let packages: Vec<_> = (0..BOM_BYTES / each).map(package).collect();
    json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "app",
        "packages": packages,
    })
}

fn provenance(n: usize) -> Value {
    let materials: Vec<_> = (0..40)
        .map(|m| json!({"uri": format!("git+https://example.com/{n}/{m}"), "digest": {"gitCommit": "0".repeat(40)}}))
        .collect();
    json!({
        "buildDefinition": {
            "buildType": "https://example.com/build/v1",
            "externalParameters": {"n": n},
            "resolvedDependencies": materials,
        },
        "runDetails": {"builder": {"id": format!("https://ci/{n}")}},
    })
}
