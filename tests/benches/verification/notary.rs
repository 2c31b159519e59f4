//! Notary Project signatures, JWS and COSE, beside the project's own Go libraries.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{self as lc, VerificationAlgorithm};
use sealgate_core::trust::{StoreName, TrustStore};
use sealgate_core::{TrustMaterial, UnixTime};
use sealgate_testkit::notation::envelope::{artifact, payload};
use sealgate_testkit::notation::{Certificate, Envelope, Format, Key, Kind, Profile, YEAR};
use sealgate_testkit::pack::Pack;
use sealgate_tests::parity::Question;
use sealgate_tests::tools;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::contest::Contest;
use crate::keyless::{BUDGET, counters, native, policies};
use crate::{raw, wasm};

const STORE: &str = "ca:acme";
/// Verifications in one run of the Go program.
const REPEAT: u32 = 20;

pub fn run() {
    let go = tools::find("notation-signer");
    if let Err(missing) = &go {
        println!("SKIPPED: notation-go takes no part: {missing}");
    }
    for kind in [Kind::P256, Kind::Rsa3072] {
        for format in Format::ALL {
            contest(&Signature::new(kind, format), go.as_deref().ok());
        }
    }
}

/// A signature by a chain of three, all valid in the present: the Go libraries know no other time.
struct Signature {
    kind: Kind,
    format: Format,
    chain: [Certificate; 3],
    pack: Pack,
    envelope: Vec<u8>,
    checks: Vec<raw::Check>,
    now: UnixTime,
}

impl Signature {
    fn new(kind: Kind, format: Format) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = i64::try_from(since.as_secs()).unwrap();
        let name = |name: &str| format!("C=US, ST=WA, O=acme, CN={name}");
        let valid = |profile: Profile| profile.with(|p| p.validity = (now - YEAR, now + YEAR));
        let authority = |of: &str| valid(Profile::authority(&name(of)));
        let root = Certificate::self_signed_by(&authority("root"), kind);
        let key = || Arc::new(Key::generate(kind));
        let intermediate = root.issue_for(&authority("intermediate"), key());
        let leaf = intermediate.issue_for(&valid(Profile::signer(&name("release"))), key());
        let chain = [leaf, intermediate, root];

        let pack = Pack::image("registry.example.com/prod/app:1.0", "a");
        let subject = &pack.evidence().subject;
        let size = subject.manifest.bytes().len();
        let payload = payload(&subject.media_type, &pack.digest(), size, &Value::Null);
        let unsigned = Envelope::x509(format, &chain.each_ref(), payload);
        let key = &chain[0].key;
        let signature = unsigned.signature(key);
        let envelope = unsigned.encode(key, &signature);
        let mut checks = vec![raw::Check::new(
            algorithm(kind),
            &raw::key_of(&chain[0].der),
            &unsigned.signed_bytes(key),
            &signature,
        )];
        let issuers = chain.iter().skip(1).chain(&chain[2..]);
        let issued = chain.iter().zip(issuers);
        checks.extend(issued.map(|(one, by)| raw::Check::issued(&one.der, &by.der)));
        Self {
            kind,
            format,
            pack: pack
                .clone()
                .with(artifact(&pack.digest(), format, &envelope)),
            chain,
            envelope,
            checks,
            now: UnixTime::from_seconds(now),
        }
    }

    fn policy() -> String {
        let statement = json!({
            "name": "prod",
            "registryScopes": ["*"],
            "signatureVerification": {"level": "strict"},
            "trustStores": [STORE],
            "trustedIdentities": ["x509.subject: C=US, ST=WA, O=acme"],
        });
        json!({"version": "1.0", "trustPolicies": [statement]}).to_string()
    }

    fn trust(&self) -> TrustMaterial {
        let name: StoreName = STORE.parse().unwrap();
        let store = TrustStore::read(name.kind, [self.chain[2].der.as_slice()]).unwrap();
        let mut trust = TrustMaterial::new();
        trust.insert_store(name, store);
        trust
    }

    fn request(&self) -> Vec<u8> {
        Question {
            evidence: self.pack.evidence().clone(),
            policies: vec![Self::policy()],
            trust_roots: BTreeMap::new(),
            trust_stores: BTreeMap::from([(STORE.to_owned(), vec![self.chain[2].pem()])]),
            now: self.now,
        }
        .request()
    }
}

fn contest(signature: &Signature, go: Option<&Path>) {
    let policies = policies(&Signature::policy());
    let (trust, request) = (signature.trust(), signature.request());
    let evidence = signature.pack.evidence();
    let checks = &signature.checks;
    let title = format!(
        "Notary Project, {:?}, {:?}: {} signatures",
        signature.format,
        signature.kind,
        checks.len()
    );
    let mut contest = Contest::new(&title)
        .work("bare signature checks, aws-lc-rs", || raw::all_hold(checks))
        .work("sealgate", || {
            native(evidence, &policies, &trust, signature.now);
        })
        .budget(BUDGET);
    if let Some(program) = go {
        contest = contest.turns("notation-go 1.3.2", notation_go(program, signature));
    }
    contest
        .work("sealgate, a stateless call with all its JSON", || {
            let response = sealgate_policy_wasm::verify(&request);
            assert!(wasm::is_verified(&response));
        })
        .work("the same call in wasm", || wasm::verified(&request))
        .run();
    counters(&title, evidence, &policies, &trust, signature.now);
}

/// The mean time of a verification by the Go libraries, which they measure themselves.
fn notation_go(program: &Path, signature: &Signature) -> impl FnMut() -> Duration + use<> {
    let folder = Inputs::write(signature);
    let program = program.to_owned();
    move || {
        let output = Command::new(&program)
            .args(&folder.arguments)
            .env("HOME", folder.folder.path())
            .output()
            .unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        let nanoseconds = answer["nanosecondsEach"].as_u64();
        Duration::from_nanos(nanoseconds.unwrap_or_else(|| panic!("{answer}")))
    }
}

/// What the Go program is given: files, and the arguments that name them.
struct Inputs {
    folder: TempDir,
    arguments: Vec<String>,
}

impl Inputs {
    fn write(signature: &Signature) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let subject = &signature.pack.evidence().subject;
        let descriptor = json!({
            "mediaType": subject.media_type,
            "digest": subject.digest(),
            "size": subject.manifest.bytes().len(),
        });
        std::fs::create_dir_all(folder.path().join("store/x509/ca/acme")).unwrap();
        for (name, bytes) in [
            ("policy.json", Signature::policy().into_bytes()),
            ("envelope", signature.envelope.clone()),
            ("descriptor.json", descriptor.to_string().into_bytes()),
            (
                "store/x509/ca/acme/root.pem",
                signature.chain[2].pem().into_bytes(),
            ),
        ] {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let path = |name: &str| folder.path().join(name).display().to_string();
        let format = match signature.format {
            Format::Jws => "jws",
            Format::Cose => "cose",
        };
        let image = format!("{}@{}", subject.reference.repository(), subject.digest());
        let arguments = vec![
            "verify-envelope".to_owned(),
            "--policy".to_owned(),
            path("policy.json"),
            "--trust-store".to_owned(),
            path("store"),
            "--envelope".to_owned(),
            path("envelope"),
            "--artifact".to_owned(),
            path("descriptor.json"),
            "--format".to_owned(),
            format.to_owned(),
            "--repeat".to_owned(),
            REPEAT.to_string(),
            image,
        ];
        Self { folder, arguments }
    }
}

/// How envelopes are signed with such a key.
fn algorithm(kind: Kind) -> &'static dyn VerificationAlgorithm {
    match kind {
        Kind::P256 => &lc::ECDSA_P256_SHA256_FIXED,
        Kind::P384 => &lc::ECDSA_P384_SHA384_FIXED,
        Kind::P521 => &lc::ECDSA_P521_SHA512_FIXED,
        Kind::Ed25519 => &lc::ED25519,
        Kind::Rsa2048 => &lc::RSA_PSS_2048_8192_SHA256,
        Kind::Rsa3072 => &lc::RSA_PSS_2048_8192_SHA384,
        Kind::Rsa4096 => &lc::RSA_PSS_2048_8192_SHA512,
    }
}
