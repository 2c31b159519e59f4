//! Our verdicts beside those of the Notary Project's own Go libraries, on the same bytes.
//!
//! Run by `just e2e notation`, which builds notation-signer and timestamp-server.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sealgate::collect::{Collector, Wanted};
use sealgate::registry::{Registries, RegistryClient, RegistryConfig};
use sealgate_core::evidence::{Evidence, Request};
use sealgate_core::{Reference, UnixTime, Verdict};
use sealgate_testkit::certificate::{purpose, usage};
use sealgate_testkit::image;
use sealgate_testkit::notation::envelope::{artifact, header};
use sealgate_testkit::notation::{Certificate, Envelope, Format, Header, Key, Kind, Profile, YEAR};
use sealgate_testkit::registry::{Registry, RegistryOptions};
use sealgate_tests::e2e::{Scenario, TimestampServer};
use sealgate_tests::parity::{self, TrustDocuments};
use sealgate_tests::tools;
use serde_json::{Value, json};
use std::sync::Arc;

use crate::scene::{SIGNER, Signer, image as pack, load, payload_with, statement_with, trust};

const LEVELS: [&str; 3] = ["strict", "permissive", "audit"];

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// A folder with a trust policy and a trust store, and the signer's own view of it.
struct Bench {
    folder: tempfile::TempDir,
    program: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let program = tools::find("notation-signer").unwrap_or_else(|missing| panic!("{missing}"));
        Self {
            folder: tempfile::tempdir().unwrap(),
            program,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn trust(&self, stores: &[(&str, &[&Certificate])]) -> TrustDocuments {
        for (name, certificates) in stores {
            let folder = name.replace(':', "/");
            let pem: String = certificates
                .iter()
                .map(|certificate| certificate.pem())
                .collect();
            self.write(&format!("store/x509/{folder}/trusted.pem"), pem);
        }
        trust(stores)
    }

    fn policy(&self, statement: &Value) {
        let document = json!({"version": "1.0", "trustPolicies": [statement]});
        self.write("trustpolicy.json", document.to_string());
    }

    /// What notation-go makes of an image by the policy and the trust stores that were written.
    fn verify(&self, image: &str) -> Value {
        self.run(&[
            "verify",
            "--plain-http",
            "--policy",
            text(&self.path("trustpolicy.json")),
            "--trust-store",
            text(&self.path("store")),
            image,
        ])
    }

    /// Runs the program; gives what it printed, whether it verified or not.
    fn run(&self, arguments: &[&str]) -> Value {
        let mut command = Command::new(&self.program);
        command.args(arguments).env("HOME", self.folder.path());
        let output = tools::output(&mut command, "", Duration::from_secs(60));
        let output = output.unwrap_or_else(|failed| panic!("{failed}"));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
            panic!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr))
        })
    }

    /// What notation-go says about an envelope.
    fn judge_envelope(&self, evidence: &Evidence, format: Format, envelope: &[u8]) -> Value {
        let subject = &evidence.subject;
        let descriptor = json!({
            "mediaType": subject.media_type,
            "digest": subject.digest(),
            "size": subject.manifest.bytes().len(),
        });
        let descriptor = self.write("descriptor.json", descriptor.to_string());
        let envelope = self.write("envelope", envelope);
        let image = format!("{}@{}", subject.reference.repository(), subject.digest());
        self.run(&[
            "verify-envelope",
            "--policy",
            text(&self.path("trustpolicy.json")),
            "--trust-store",
            text(&self.path("store")),
            "--envelope",
            text(&envelope),
            "--artifact",
            text(&descriptor),
            "--format",
            name(format),
            &image,
        ])
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn name(format: Format) -> &'static str {
    match format {
        Format::Jws => "jws",
        Format::Cose => "cose",
    }
}

/// A signer whose certificates are valid around the real time.
fn signer(leaf: impl FnOnce(&mut Profile)) -> Signer {
    let ordinary = |p: &mut Profile| p.validity = (now() - YEAR, now() + YEAR);
    Signer::with(ordinary, ordinary, |p| {
        ordinary(p);
        leaf(p);
    })
}

/// An envelope to compare by, and where the two may differ.
struct Case {
    name: &'static str,
    signer: Signer,
    change: fn(Envelope) -> Envelope,
    /// Why notation-go accepts what we refuse, at all levels.
    divergence: Option<&'static str>,
}

fn case(name: &'static str, change: fn(Envelope) -> Envelope) -> Case {
    Case {
        name,
        signer: signer(|_| {}),
        change,
        divergence: None,
    }
}

fn leaf_case(name: &'static str, leaf: fn(&mut Profile)) -> Case {
    Case {
        signer: signer(leaf),
        ..case(name, |e| e)
    }
}

fn cases() -> Vec<Case> {
    let mut cases = vec![
        case("ordinary", |e| e),
        case("with an expiry", |e| e.expiring(now() + 3600)),
        case("expired", |e| {
            e.and(&header("signingTime"), Header::Time(now() - 7200), false)
                .expiring(now() - 3600)
        }),
        case("expiry before the signing time", |e| {
            e.and(&header("signingTime"), Header::Time(now()), false)
                .expiring(now() - 1)
        }),
        case("expiry not critical", |e| {
            e.and(&header("expiry"), Header::Time(now() + 9000), false)
        }),
        case("no signing time", |e| e.without(&header("signingTime"))),
        case("no scheme", |e| e.without(&header("signingScheme"))),
        case("scheme not critical", |e| e.with(|e| e.critical.clear())),
        case("another scheme", |e| {
            e.and(
                &header("signingScheme"),
                Header::Text("notary.other".to_owned()),
                false,
            )
        }),
        case("another content type", |e| {
            e.with(|e| e.content_type = Some("text/plain".to_owned()))
        }),
        case("no content type", |e| e.with(|e| e.content_type = None)),
        case("another algorithm", |e| {
            e.with(|e| e.algorithm = Some(("ES384", -35)))
        }),
        case("a critical header that is absent", |e| {
            e.with(|e| e.critical.push("com.example.absent".to_owned()))
        }),
        case("an extended attribute", |e| {
            e.and("com.example.a", Header::Text("b".to_owned()), false)
        }),
        case("a plugin", |e| {
            e.and(
                &header("verificationPlugin"),
                Header::Text("com.example.p".to_owned()),
                true,
            )
        }),
        case("another payload", |e| {
            e.with(|e| e.payload = payload_with(&pack(), &json!({"a": "b"})))
        }),
        case("no chain", |e| e.with(|e| e.chain.clear())),
        case("no root", |e| e.with(|e| drop(e.chain.pop()))),
        case("out of order", |e| e.with(|e| e.chain.swap(1, 2))),
        leaf_case("an expired leaf", |p| {
            p.validity = (now() - YEAR, now() - 60)
        }),
        leaf_case("a future leaf", |p| {
            p.validity = (now() + 3600, now() + YEAR)
        }),
        leaf_case("no key usage", |p| p.key_usage = None),
        leaf_case("a key usage that is not critical", |p| {
            p.key_usage = Some((false, vec![0]))
        }),
        leaf_case("another key usage", |p| {
            p.key_usage = Some((true, vec![0, usage::KEY_ENCIPHERMENT]));
        }),
        leaf_case("a purpose for servers", |p| {
            p.purposes = Some((false, vec![purpose::SERVER_AUTH]))
        }),
        leaf_case("a purpose for timestamps", |p| {
            p.purposes = Some((false, vec![purpose::TIME_STAMPING]));
        }),
        leaf_case("an authority as leaf", |p| {
            p.basic_constraints = Some((true, true, None))
        }),
        leaf_case("no purpose", |p| p.purposes = None),
        leaf_case("a responder that cannot be reached", |p| {
            p.ocsp = vec!["http://127.0.0.1:9/".to_owned()];
        }),
    ];
    cases.push(Case {
        divergence: Some("notation-go looks at critical attributes only when a plugin is named"),
        ..case("an unknown critical attribute", |e| {
            e.and("com.example.a", Header::Text("b".to_owned()), true)
        })
    });
    cases.push(Case {
        divergence: Some("notation-go's list of excluded purposes lacks anyExtendedKeyUsage"),
        ..leaf_case("any purpose", |p| {
            p.purposes = Some((false, vec![purpose::ANY]))
        })
    });
    cases
}

fn judge(evidence: &Evidence, statement: &Value, trust: &TrustDocuments) -> Verdict {
    let policies = load(std::slice::from_ref(statement)).unwrap();
    let now = UnixTime::from_seconds(now());
    parity::judge(evidence, &policies, trust, now)
}

#[test]
#[ignore = "needs notation-signer: just e2e notation"]
fn every_case_at_every_level_is_decided_as_notation_go_decides_it() {
    for case in cases() {
        let expected = match case.divergence {
            Some(why) => format!("refused, and verified by notation-go: {why}"),
            None => "every check as in notation-go".to_owned(),
        };
        let row = Scenario::begin(case.name, &expected);
        let (mut compared, mut verified) = (0, 0);
        let bench = Bench::new();
        let trusted = bench.trust(&[("ca:acme", &[&case.signer.root])]);
        for format in Format::ALL {
            let pack = pack();
            let envelope = (case.change)(case.signer.envelope(format, &pack));
            let envelope = envelope.sign(&case.signer.leaf.key);
            let pack = pack
                .clone()
                .with(artifact(&pack.digest(), format, &envelope));
            for level in LEVELS {
                let statement =
                    statement_with(&[("signatureVerification", json!({"level": level}))]);
                bench.policy(&statement);
                let theirs = bench.judge_envelope(pack.evidence(), format, &envelope);
                let ours = judge(pack.evidence(), &statement, &trusted);
                let what = format!(
                    "{} {format:?} {level}: {:?} {theirs}",
                    case.name, ours.reasons
                );
                match case.divergence {
                    Some(_) => assert!(!ours.verified && theirs["verified"] == true, "{what}"),
                    None => assert_eq!(theirs["verified"], ours.verified, "{what}"),
                }
                if ours.verified {
                    same_checks(&theirs, &ours, &what);
                    verified += 1;
                }
                compared += 1;
            }
        }
        row.seen(format!(
            "{compared} decisions compared, {verified} verified"
        ));
    }
}

/// Each check has the same action and the same result on both sides.
fn same_checks(theirs: &Value, ours: &Verdict, what: &str) {
    for check in theirs["signatures"][0]["checks"].as_array().unwrap() {
        let kind = check["type"].as_str().unwrap();
        let ours = crate::scene::check(ours, kind);
        let action = json!(ours.action);
        assert_eq!(check["action"], action, "{what}");
        let failed = ours.result == sealgate_core::verdict::CheckResult::Failed;
        assert_eq!(check.get("error").is_some(), failed, "{kind}: {what}");
    }
}

#[test]
#[ignore = "needs notation-signer: just e2e notation"]
fn identities_and_stores_are_matched_as_notation_go_matches_them() {
    let bench = Bench::new();
    let signer = signer(|_| {});
    let stranger = self::signer(|_| {});
    let trusted = bench.trust(&[
        ("ca:acme", &[&signer.root]),
        ("ca:pinned", &[&signer.intermediate]),
        ("ca:stranger", &[&stranger.root]),
        ("signingAuthority:acme", &[&signer.root]),
    ]);
    let pack = pack();
    let envelope = signer.envelope(Format::Jws, &pack).sign(&signer.leaf.key);
    let pack = pack
        .clone()
        .with(artifact(&pack.digest(), Format::Jws, &envelope));
    for (store, identity) in [
        ("ca:acme", "*"),
        ("ca:pinned", "*"),
        ("ca:stranger", "*"),
        ("signingAuthority:acme", "*"),
        ("ca:acme", "x509.subject: C=US, ST=WA, O=acme"),
        ("ca:acme", "x509.subject: C=US, S=WA, O=acme, CN=release"),
        ("ca:acme", "x509.subject: C=US, ST=WA, O=acme, OU=ops"),
        ("ca:acme", "x509.subject: C=US, ST=WA, O=Acme"),
        ("ca:acme", r"x509.subject: C=US, ST=WA, O=\61cme"),
        ("ca:acme", "com.example.profile: x"),
    ] {
        let scenario = format!("{store}, {identity}");
        let row = Scenario::begin(&scenario, "as notation-go decides");
        let statement = statement_with(&[
            ("trustStores", json!([store])),
            ("trustedIdentities", json!([identity])),
        ]);
        bench.policy(&statement);
        let theirs = bench.judge_envelope(pack.evidence(), Format::Jws, &envelope);
        let ours = judge(pack.evidence(), &statement, &trusted);
        assert_eq!(
            theirs["verified"], ours.verified,
            "{store} {identity}: {theirs}"
        );
        row.seen(match ours.verified {
            true => "both verify",
            false => "both refuse",
        });
    }
}

/// What the real signer pushes, found by the real collector.
async fn collected(registry: &Registry, image: &str) -> Evidence {
    let mut config = RegistryConfig::new(&registry.host()).unwrap();
    config.plain_http = true;
    let registries = Registries::default().with(config);
    let collector = Collector::new(RegistryClient::new(&registries).unwrap());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    let reference: Reference = image.parse().unwrap();
    let resolved = collector.resolve(&reference, deadline).await.unwrap();
    let request = Request {
        image: image.to_owned(),
        ..Request::default()
    };
    collector
        .collect(&resolved, request, Wanted::ALL, deadline)
        .await
        .unwrap()
        .evidence
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs notation-signer: just e2e notation"]
async fn images_signed_by_notation_go_are_verified_and_others_refused() {
    for (kind, format, referrers_api) in [
        (Kind::P256, Format::Jws, true),
        (Kind::P384, Format::Cose, true),
        (Kind::P521, Format::Jws, false),
        (Kind::Rsa2048, Format::Cose, false),
        (Kind::Rsa3072, Format::Jws, true),
        (Kind::Rsa4096, Format::Cose, true),
    ] {
        let scenario = format!("signed by {kind:?} as {format:?}, referrers API: {referrers_api}");
        let expected = "verified at every level; refused for a stranger, and beside another image";
        let row = Scenario::begin(&scenario, expected);
        let options = RegistryOptions {
            referrers_api,
            ..RegistryOptions::default()
        };
        let registry = Registry::start(options).await.unwrap();
        let image = image::single(&registry, "prod/app", "1.0", "a");
        let bench = Bench::new();
        let base = signer(|_| {});
        let validity = (now() - YEAR, now() + YEAR);
        let profile = Profile::signer(SIGNER).with(|p| p.validity = validity);
        let leaf = base
            .intermediate
            .issue_for(&profile, Arc::new(Key::generate(kind)));
        let chain = [&leaf, &base.intermediate, &base.root]
            .map(Certificate::pem)
            .concat();
        let (key, chain) = (
            bench.write("key.pem", leaf.key.private_pem()),
            bench.write("chain.pem", chain),
        );
        let sign = [
            "sign",
            "--plain-http",
            "--key",
            text(&key),
            "--cert-chain",
            text(&chain),
            "--format",
            name(format),
            "--expiry",
            "1h",
            "--user-metadata",
            "build=7",
        ];
        bench.run(&[&sign[..], &[&image.tagged("1.0")]].concat());
        let trusted = bench.trust(&[("ca:acme", &[&base.root])]);
        let evidence = collected(&registry, &image.tagged("1.0")).await;
        for level in LEVELS {
            let statement = statement_with(&[("signatureVerification", json!({"level": level}))]);
            bench.policy(&statement);
            let theirs = bench.verify(&image.tagged("1.0"));
            let ours = judge(&evidence, &statement, &trusted);
            assert!(ours.verified, "{kind:?} {format:?}: {:?}", ours.reasons);
            assert_eq!(theirs["verified"], true, "{theirs}");
            same_checks(&theirs, &ours, level);
            assert_eq!(ours.signers[0].annotations["build"], "7");
        }
        let stranger = trust(&[("ca:acme", &[&signer(|_| {}).root])]);
        let statement = statement_with(&[]);
        let refused = judge(&evidence, &statement, &stranger);
        crate::scene::refused(&refused, "certificate_untrusted");
        transplanted(&registry, &evidence, &trusted);
        row.seen("as expected, and each check as in notation-go");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs notation-signer and timestamp-server: just e2e notation"]
async fn countersignatures_of_the_real_timestamp_server_are_verified() {
    let folder = tempfile::tempdir().unwrap();
    let server = TimestampServer::start(folder.path(), true).await;
    let server = server.unwrap_or_else(|failed| panic!("{failed}"));
    let root = server.root();
    for format in Format::ALL {
        let scenario = format!("countersigned by timestamp-server, {format:?}");
        let row = Scenario::begin(&scenario, "verified, also two years later");
        let registry = Registry::start(RegistryOptions::default()).await.unwrap();
        let image = image::single(&registry, "prod/app", "1.0", "a");
        let bench = Bench::new();
        let signer = signer(|_| {});
        let trusted = bench.trust(&[("ca:acme", &[&signer.root])]);
        let trusted = with_tsa(&bench, trusted, &root);
        let certificates = signer.chain().map(Certificate::pem).concat();
        let key = bench.write("key.pem", signer.leaf.key.private_pem());
        let certificates = bench.write("chain.pem", certificates);
        let tsa_root = bench.write("tsa.pem", &root);
        bench.run(&[
            "sign",
            "--plain-http",
            "--key",
            text(&key),
            "--cert-chain",
            text(&certificates),
            "--format",
            name(format),
            "--tsa-url",
            &server.url,
            "--tsa-root",
            text(&tsa_root),
            &image.tagged("1.0"),
        ]);
        let evidence = collected(&registry, &image.tagged("1.0")).await;
        let statement = statement_with(&[("trustStores", json!(["ca:acme", "tsa:time"]))]);
        bench.policy(&statement);
        let theirs = bench.verify(&image.tagged("1.0"));
        let ours = judge(&evidence, &statement, &trusted);
        assert!(ours.verified, "{:?}", ours.reasons);
        assert_eq!(theirs["verified"], true, "{theirs}");
        let time = &ours.signers[0].times[0];
        assert_eq!(time.source.as_str(), "timestamp_authority");
        assert!((now() - time.time.seconds()).abs() < 600);
        // Once the certificates have expired, the countersignature still counts.
        let policies = load(std::slice::from_ref(&statement)).unwrap();
        let later = UnixTime::from_seconds(now() + 2 * YEAR);
        let later = parity::judge(&evidence, &policies, &trusted, later);
        assert!(later.verified, "{:?}", later.reasons);
        row.seen(format!("verified, signed at {}", time.time.seconds()));
    }
}

/// The same trust, and this root as `tsa:time`.
fn with_tsa(bench: &Bench, trusted: TrustDocuments, root: &str) -> TrustDocuments {
    bench.write("store/x509/tsa/time/root.pem", root);
    trusted.with_store("tsa:time", vec![root.to_owned()])
}

/// The genuine signature of one image beside another.
fn transplanted(registry: &Registry, evidence: &Evidence, trusted: &TrustDocuments) {
    let other = image::single(registry, "prod/app", "2.0", "b");
    let (_, bytes) = registry
        .manifest("prod/app", &other.digest.to_string())
        .unwrap();
    let mut moved = evidence.clone();
    moved.request.image = other.tagged("2.0");
    moved.subject.reference = other.tagged("2.0").parse().unwrap();
    moved.subject.manifest = sealgate_core::evidence::Blob::new(bytes.to_vec());
    let verdict = judge(&moved, &statement_with(&[]), trusted);
    crate::scene::refused(&verdict, "referrer_subject_mismatch");
}
