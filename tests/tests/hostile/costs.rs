//! What the worst images that a stranger can make cost: a table, by hand.
//!
//! `cargo test --release -p sealgate-tests --test hostile -- --ignored --nocapture costs`

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::time::{ClockId, clock_gettime};
use sealgate_core::Digest;
use sealgate_core::digest::Algorithm;
use sealgate_core::evidence::{Blob, RevocationKind, Source};
use sealgate_core::policy::NoMatch;
use sealgate_core::policy::file::{self, PolicyFile};
use sealgate_core::revocation_requests;
use sealgate_core::trust::SigstoreRoot;
use sealgate_core::trust::{StoreName, TrustStore};
use sealgate_core::{Policies, TrustMaterial};
use sealgate_testkit::key::{Key, Kind};
use sealgate_testkit::notation::revocation::{Crl, Entry, answer};
use sealgate_testkit::notation::{
    Certificate, Format, Key as NotaryKey, Kind as NotaryKind, Profile,
};
use sealgate_testkit::pack::{Pack, referrer};
use sealgate_testkit::sign;
use sealgate_testkit::sigstore::certificate::{CODE_SIGNING, Description, Holder};
use sealgate_testkit::sigstore::{END, START, Signed};
use serde_json::{Value, json};

use crate::scene::{NOTARY_SIGNER, NOW, Scene, image, layers, simple_signing, with_envelope};

fn kib(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The CPU time of this thread and the most memory beyond what there was.
fn measured<T>(work: impl FnOnce() -> T) -> (T, Duration, u64) {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let (memory, begin) = (kib("VmRSS"), cpu());
    let done = work();
    let spent = cpu() - begin;
    (done, spent, kib("VmHWM").saturating_sub(memory) >> 10)
}

fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        now.tv_sec.unsigned_abs(),
        u32::try_from(now.tv_nsec).unwrap(),
    )
}

struct World {
    scene: Scene,
    trust: TrustMaterial,
}

impl World {
    fn new(scene: Scene) -> Self {
        let mut trust = TrustMaterial::new();
        let root = SigstoreRoot::from_json(scene.root.to_string().as_bytes()).unwrap();
        trust.insert_root("private", root);
        let name: StoreName = "ca:acme".parse().unwrap();
        let store = TrustStore::read(name.kind, [scene.notary_root.der.as_slice()]).unwrap();
        trust.insert_store(name, store);
        Self { scene, trust }
    }

    fn policies(&self, authority: &str) -> Policies {
        let file = PolicyFile {
            name: "policy.yaml".to_owned(),
            text: self.scene.policy(authority),
        };
        file::load(&[file], NoMatch::Deny, &file::only_inline_keys).unwrap()
    }

    fn row(&self, name: &str, pack: &Pack, authority: &str) {
        let policies = self.policies(authority);
        let evidence = pack.evidence();
        let verify = || sealgate_core::verify(evidence, &policies, &self.trust, NOW).unwrap();
        let (verdict, cpu, memory) = measured(verify);
        let outcome = match verdict.verified {
            true => "verified".to_owned(),
            false => verdict.reasons[0].code.to_string(),
        };
        println!("| {name} | {cpu:.2?} | {memory} MiB | {outcome} |");
        assert!(memory <= 64, "{name}: {memory} MiB");
    }
}

fn cosign(image: &Pack, media_type: &str, blob: &Blob, annotations: &[Value]) -> Pack {
    let names = annotations.iter().map(|a| (blob.digest(), a));
    let source = match media_type {
        sign::DSSE => Source::CosignAttestationTag,
        _ => Source::CosignSignatureTag,
    };
    image
        .clone()
        .with(layers(media_type, names, source, vec![blob.clone()]))
}

fn bundle_of(bytes: usize, fill: u8) -> Vec<u8> {
    let payload = STANDARD.encode(vec![fill; bytes / 4 * 3]);
    json!({
        "mediaType": sign::BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": ""}},
        "dsseEnvelope": {
            "payload": payload,
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"sig": "AAAA"}],
        },
    })
    .to_string()
    .into_bytes()
}

/// A self-made chain of ten certificates that ends in the Notary signer's name.
fn stray_chain(kind: NotaryKind) -> Vec<Certificate> {
    let root = Profile::authority("C=US, ST=WA, O=evil, CN=0");
    let mut chain = vec![Certificate::self_signed_by(&root, kind)];
    for i in 1..9 {
        let profile = Profile::authority(&format!("C=US, ST=WA, O=evil, CN={i}"));
        let next = chain[0].issue_for(&profile, Arc::new(NotaryKey::generate(kind)));
        chain.insert(0, next);
    }
    let leaf = Profile::signer(NOTARY_SIGNER);
    let leaf = chain[0].issue_for(&leaf, Arc::new(NotaryKey::generate(kind)));
    chain.insert(0, leaf);
    chain
}

#[test]
#[ignore = "a table of measurements, by hand"]
fn costs() {
    let mut scene = Scene::new();
    const CRL: &str = "http://crl.example.com/acme.crl";
    let profile = Profile::signer(NOTARY_SIGNER).with(|p| p.crl = vec![CRL.to_owned()]);
    scene.notary = scene.notary_root.issue(&profile);
    let world = World::new(scene);
    let image = image();
    let payload = Blob::new(simple_signing(&image));
    let garbage =
        |i: usize| json!({"dev.cosignproject.cosign/signature": STANDARD.encode(i.to_string())});
    println!("| image | CPU | memory beside the evidence | outcome |\n|---|---|---|---|");

    let blob = Blob::new(bundle_of(4 << 20, b'x'));
    let repeated = vec![json!({}); 256];
    let bundle: Value = serde_json::from_slice(blob.bytes()).unwrap();
    let envelope = Blob::new(bundle["dsseEnvelope"].to_string().into_bytes());
    let pack = cosign(&image, sign::DSSE, &envelope, &repeated);
    world.row("256 layers naming one blob of 4 MiB", &pack, "key");

    let mut pack = image.clone();
    for i in 0..256 {
        let mut artifact = referrer(&image.digest(), sign::BUNDLE, b"{}");
        let mut manifest: Value = serde_json::from_slice(artifact.manifest.bytes()).unwrap();
        manifest["annotations"] = json!({"n": i.to_string()});
        manifest["layers"][0]["digest"] = blob.digest().to_string().into();
        artifact.manifest = Blob::new(manifest.to_string().into_bytes());
        artifact.blobs = vec![blob.clone()];
        pack = pack.with(artifact);
    }
    world.row("256 referrers, one bundle of 4 MiB", &pack, "key");

    let large = Blob::new(vec![7; 16 << 20]);
    let absent = Digest::of(Algorithm::Sha512, b"absent");
    let none = garbage(0);
    let names = std::iter::repeat_n((absent, &none), 256);
    let tag = Source::CosignSignatureTag;
    let pack = image
        .clone()
        .with(layers(sign::SIMPLE_SIGNING, names, tag, vec![large]));
    world.row("256 layers by sha512, 16 MiB of blobs", &pack, "key");

    let strays: Vec<Holder> = (0..9)
        .map(|i| {
            let mut description = Description::authority("nobody", (START, END));
            description.purposes = vec![CODE_SIGNING];
            description.serial = 100 + i;
            description.self_signed(Key::new(Kind::P256, &format!("stray {i}")))
        })
        .collect();
    let leaf = world.scene.sigstore.leaf();
    let evil = leaf.issued_by(Key::new(Kind::P256, "evil"), &strays[0]);
    let chain: String = strays.iter().map(Holder::pem).collect();
    let annotations: Vec<_> = (0..256)
        .map(|i| {
            let mut annotations = garbage(i);
            annotations["dev.sigstore.cosign/certificate"] = evil.pem().into();
            annotations["dev.sigstore.cosign/chain"] = chain.clone().into();
            annotations
        })
        .collect();
    let pack = cosign(&image, sign::SIMPLE_SIGNING, &payload, &annotations);
    world.row("256 certificate chains that lead nowhere", &pack, "keyless");

    let mut keys = "{".to_owned();
    for i in 0..1_200_000 {
        keys += &format!("\"{i:x}\":0,");
    }
    let pack = image.clone().with_bundle((keys + "\"z\":0}").as_bytes());
    world.row("a bundle of 1.2 million keys", &pack, "key");

    let mut cose = vec![0xd2, 0x84, 0x40, 0xa1, 0x61, b'x', 0x9a];
    cose.extend((31_u32 << 20).to_be_bytes());
    cose.extend(std::iter::repeat_n(0xf6, 31 << 20));
    let pack = with_envelope(image.clone(), Format::Cose, &cose);
    world.row("a COSE envelope of 31 MiB", &pack, "notary");
    let count = 900_u32 << 10;
    let mut cose = vec![0xd2, 0x84, 0x40, 0xa1, 0x61, b'x', 0x9a];
    cose.extend(count.to_be_bytes());
    cose.extend(std::iter::repeat_n(0xf6, count as usize));
    cose.extend([0x40, 0x40]);
    let pack = with_envelope(image.clone(), Format::Cose, &cose);
    world.row("a COSE envelope of 0.9 MiB of nulls", &pack, "notary");

    let mut pack = image.clone();
    for fill in 0..7 {
        pack = pack.with_bundle(&bundle_of(31 << 20, b'a' + fill));
    }
    world.row("7 bundles of 31 MiB", &pack, "key");

    let annotations: Vec<_> = (0..256).map(garbage).collect();
    let mut pack = cosign(&image, sign::SIMPLE_SIGNING, &payload, &annotations);
    for i in 0..256_usize {
        let signed = Signed::statement(&world.scene.signer.key, format!("{i}").as_bytes());
        let bundle = world.scene.sigstore.bundle_v1(&signed, &world.scene.signer);
        pack = pack.with_bundle(bundle.to_string().as_bytes());
    }
    world.row("256 genuine signatures of other things", &pack, "keyless");

    let envelope = world.scene.envelope(Format::Jws, &image);
    let envelope = envelope.sign(&world.scene.notary.key);
    let other = Profile::signer("C=US, ST=WA, O=acme, CN=other");
    let other = world.scene.notary_root.issue(&other);
    let entries = (0..100_000_u32).map(|i| {
        let mut entry = Entry::new(&other, None);
        entry.serial = [&[0x10], &i.to_be_bytes()[..]].concat();
        entry
    });
    let list = Crl::new(entries.collect()).sign(&world.scene.notary_root);
    let mut pack = image.clone();
    for copy in 0..256_usize {
        let mut envelope: Value = serde_json::from_slice(&envelope).unwrap();
        envelope["header"]["copy"] = copy.into();
        pack = with_envelope(pack, Format::Jws, envelope.to_string().as_bytes());
    }
    let list = answer(RevocationKind::Crl, CRL, &world.scene.notary_root, list);
    pack.evidence_mut().revocation = vec![list];
    world.row(
        "256 copies of a signature, a list of 100 000",
        &pack,
        "notary",
    );

    let chain = stray_chain(NotaryKind::P521);
    let refs: Vec<_> = chain.iter().collect();
    let subject = image.evidence().subject.manifest.bytes().len();
    let media_type = &image.evidence().subject.media_type;
    let mut pack = image.clone();
    for i in 0..256 {
        let note = json!({"n": i.to_string()});
        let payload = sealgate_testkit::notation::envelope::payload(
            media_type,
            &image.digest(),
            subject,
            &note,
        );
        let envelope = sealgate_testkit::notation::Envelope::x509(Format::Jws, &refs, payload);
        pack = with_envelope(pack, Format::Jws, &envelope.sign(&chain[0].key));
    }
    world.row(
        "256 Notary signatures by a chain of ten P-521 keys",
        &pack,
        "notary",
    );
    let ask = || revocation_requests(pack.evidence(), &world.trust, NOW);
    let (requests, cpu, memory) = measured(ask);
    let found = requests.len();
    println!("| the same, asked about revocation | {cpu:.2?} | {memory} MiB | {found} requests |");
}
