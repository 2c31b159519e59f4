//! Who must not get in: signers that the policy does not trust, certificates past their time or
//! revoked, and what an attacker with write access to a registry makes of genuine signatures.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use sealgate_core::UnixTime;
use sealgate_testkit::image::Image;
use sealgate_testkit::notation::revocation::Status;
use sealgate_testkit::notation::{Certificate, Format, Kind, YEAR};
use sealgate_testkit::registry::Descriptor;
use sealgate_tests::e2e::Table;
use serde_json::{Value, json};

use crate::remote::Remote;
use crate::world::{World, name, now};

pub async fn run(world: &World, table: &mut Table) {
    for format in Format::ALL {
        let mut scene = Scene {
            world,
            table,
            format,
        };
        scene.whom_the_policy_does_not_trust().await;
        scene.what_is_past_its_time().await;
        scene.what_is_revoked().await;
        scene.what_is_not_understood().await;
    }
    for (registry, remote) in &world.registries {
        for format in Format::ALL {
            transplants(world, table, (registry, remote), format).await;
        }
    }
}

struct Scene<'a> {
    world: &'a World,
    table: &'a mut Table,
    format: Format,
}

impl Scene<'_> {
    async fn whom_the_policy_does_not_trust(&mut self) {
        let world = self.world;
        let leaf = world.authority.certify(Kind::P256, |_| {});
        let image = self
            .signed("trusted", &leaf, &["--user-metadata", "build=8"])
            .await;
        for (what, policy, expected) in [
            ("as it should be", "acme", "verified"),
            (
                "another trust store",
                "stranger",
                "untrusted: certificate_untrusted",
            ),
            (
                "another identity",
                "identity",
                "untrusted: trusted_identity_mismatch",
            ),
            (
                "other user metadata",
                "build-7",
                "untrusted: annotation_mismatch",
            ),
            (
                "no countersignature, and one is demanded",
                "time",
                "untrusted: no_verified_time",
            ),
        ] {
            self.judged(what, policy, &image, expected).await;
        }

        let image = self.image("unsigned").await;
        self.judged("unsigned", "acme", &image, "unsigned: no_signatures")
            .await;

        // Every name is the same; the keys are not.
        let image = self.image("stranger").await;
        let leaf = world.stranger.certify(Kind::P256, |_| {});
        let signer = world.signer("stranger", &world.stranger, &leaf);
        world.sign(&signer, self.format, &[], &image);
        let expected = "untrusted: certificate_untrusted";
        self.judged(
            "signed by a stranger of the same name",
            "acme",
            &image,
            expected,
        )
        .await;

        let image = self.image("other-time").await;
        let leaf = world.authority.certify(Kind::P256, |_| {});
        let signer = world.signer("other-time", &world.authority, &leaf);
        world.sign_with_time(&signer, self.format, &image);
        let what = "countersigned by a timestamp authority that is not trusted";
        let expected = "untrusted: timestamp_untrusted";
        self.judged(what, "other-time", &image, expected).await;
    }

    async fn what_is_past_its_time(&mut self) {
        let authority = &self.world.authority;
        let then = UnixTime::from_seconds(now() - YEAR).to_string();
        let signed_then = ["--signing-time", then.as_str()];

        let leaf = authority.certify(Kind::P256, |p| {
            p.validity = (now() - 2 * YEAR, now() - 3600);
        });
        let image = self
            .signed("expired-certificate", &leaf, &signed_then)
            .await;
        let expected = "untrusted: certificate_outside_validity";
        self.judged("expired certificate", "acme", &image, expected)
            .await;
        let what = "expired certificate, which is only logged";
        let verdict = self.judged(what, "permissive", &image, "verified").await;
        self.logged(&verdict, "certificate_outside_validity");

        let leaf = authority.certify(Kind::P256, |_| {});
        let expiring = [&signed_then[..], &["--expiry", "24h"]].concat();
        let image = self.signed("expired-signature", &leaf, &expiring).await;
        let expected = "untrusted: signature_expired";
        self.judged("expired signature", "acme", &image, expected)
            .await;
        let what = "expired signature, which is only logged";
        let verdict = self.judged(what, "permissive", &image, "verified").await;
        self.logged(&verdict, "signature_expired");
    }

    async fn what_is_revoked(&mut self) {
        let world = self.world;
        let named = |what: &str| format!("{what}-{}", name(self.format));
        let (crl, ocsp, silent) = (named("bad-crl"), named("bad-ocsp"), named("silent"));
        let url = |name: &str| vec![world.revocation.url(name)];
        let certify = |change: &dyn Fn(&mut sealgate_testkit::notation::Profile)| {
            world.authority.certify(Kind::P256, change)
        };
        let listed = certify(&|p| p.crl = url(&crl));
        let asked = certify(&|p| p.ocsp = url(&ocsp));
        let unanswered = certify(&|p| p.ocsp = url(&silent));
        world.list(&crl, &[&listed]);
        world.respond(&ocsp, Status::Revoked, &asked);
        for (what, leaf, code) in [
            ("revoked, by a list", listed, "certificate_revoked"),
            ("revoked, by a responder", asked, "certificate_revoked"),
            (
                "nobody answers about revocation",
                unanswered,
                "revocation_unknown",
            ),
        ] {
            let repository = what.replace([' ', ','], "-").replace("--", "-");
            let image = self.signed(&repository, &leaf, &[]).await;
            let expected = format!("untrusted: {code}");
            self.judged(what, "acme", &image, &expected).await;
            let logged = format!("{what}, which is only logged");
            let verdict = self.judged(&logged, "permissive", &image, "verified").await;
            self.logged(&verdict, code);
        }
    }

    async fn what_is_not_understood(&mut self) {
        let leaf = self.world.authority.certify(Kind::P256, |_| {});
        let more = ["--critical", "com.example.only-we-know=1"];
        let image = self.signed("critical", &leaf, &more).await;
        let expected = "invalid: critical_attribute_unknown";
        self.judged("an unknown critical attribute", "acme", &image, expected)
            .await;
    }

    async fn image(&self, attack: &str) -> Image {
        let repository = format!("refused/{attack}/{}", name(self.format));
        self.world.remote().image(&repository, &repository).await
    }

    /// An image signed with this certificate of the trusted authority.
    async fn signed(&self, attack: &str, leaf: &Certificate, more: &[&str]) -> Image {
        let image = self.image(attack).await;
        let world = self.world;
        let signer = world.signer(attack, &world.authority, leaf);
        world.sign(&signer, self.format, more, &image);
        image
    }

    async fn judged(&mut self, what: &str, policy: &str, image: &Image, expected: &str) -> Value {
        let scenario = format!("{what}, {}", name(self.format));
        let judge = &self.world.judge;
        judge
            .expect(self.table, &scenario, (policy, &image.pinned()), expected)
            .await
    }

    /// The failure that did not refuse is in the verdict.
    fn logged(&self, verdict: &Value, code: &str) {
        let checks = verdict["checks"].as_array().unwrap();
        let failed = checks.iter().find(|check| check["result"] == "failed");
        let failed = failed.unwrap_or_else(|| panic!("no failed check: {verdict}"));
        assert_eq!(failed["action"], "log", "{verdict}");
        let detail = failed["detail"].as_str().unwrap();
        assert!(detail.starts_with(&format!("{code}: ")), "{detail}");
    }
}

/// An envelope in its artifact, on its way to another image.
struct Artifact {
    manifest: Value,
    config: Bytes,
    envelope: Bytes,
}

/// A genuine envelope, put where it does not belong or with one bit flipped.
async fn transplants(
    world: &World,
    table: &mut Table,
    (registry, remote): (&str, &Remote),
    format: Format,
) {
    let form = name(format);
    let repository = format!("transplants/{form}");
    let leaf = world.authority.certify(Kind::P256, |_| {});
    let signer = world.signer("transplanted", &world.authority, &leaf);
    let genuine = remote.image(&repository, "genuine").await;
    world.sign(&signer, format, &[], &genuine);
    let found = take(remote, &genuine).await;

    let listed = remote.image(&repository, "listed").await;
    remote.list(&listed, found.manifest.to_string()).await;

    let rewritten = remote.image(&repository, "rewritten").await;
    put(remote, &rewritten, &found, found.envelope.clone()).await;

    // The same image elsewhere, where the genuine envelope is not.
    let flipped = remote
        .image(&format!("{repository}-flipped"), "genuine")
        .await;
    assert_eq!(flipped.digest, genuine.digest);
    put(remote, &flipped, &found, flip(format, &found.envelope)).await;

    for (what, image, expected) in [
        (
            "envelope listed for another image",
            listed,
            "invalid: referrer_subject_mismatch",
        ),
        (
            "envelope of another image",
            rewritten,
            "invalid: subject_mismatch",
        ),
        (
            "bit flipped in the signature",
            flipped,
            "invalid: envelope_signature_invalid",
        ),
        ("as it was", genuine, "verified"),
    ] {
        let scenario = format!("{registry}: {what}, {form}");
        let asked = image.pinned();
        world
            .judge
            .expect(table, &scenario, ("acme", &asked), expected)
            .await;
    }
}

async fn take(remote: &Remote, image: &Image) -> Artifact {
    let referrers = remote.referrers(image).await;
    let [referrer] = &referrers[..] else {
        panic!("expected one signature, found {referrers:?}");
    };
    let repository = &image.repository;
    let manifest = remote.manifest(repository, &referrer.digest).await;
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let digest = |described: &Value| described["digest"].as_str().unwrap().to_owned();
    let (config, layer) = (digest(&manifest["config"]), digest(&manifest["layers"][0]));
    Artifact {
        config: remote.blob(repository, &config).await,
        envelope: remote.blob(repository, &layer).await,
        manifest,
    }
}

/// Pushes an envelope as one for this image.
async fn put(remote: &Remote, image: &Image, artifact: &Artifact, envelope: Bytes) {
    let mut manifest = artifact.manifest.clone();
    let layer = &mut manifest["layers"][0];
    let described = Descriptor::of(layer["mediaType"].as_str().unwrap(), &envelope);
    layer["digest"] = json!(described.digest);
    layer["size"] = json!(described.size);
    manifest["subject"] = json!(image.descriptor);
    for bytes in [artifact.config.clone(), envelope] {
        remote.put_blob(&image.repository, bytes).await;
    }
    remote.refer(image, manifest.to_string()).await;
}

/// Changes the lowest bit of a byte in the middle of the signature: in COSE it comes last.
fn flip(format: Format, envelope: &[u8]) -> Bytes {
    match format {
        Format::Cose => {
            let mut bytes = envelope.to_vec();
            let within = bytes.len() - 32;
            bytes[within] ^= 1;
            bytes.into()
        }
        Format::Jws => {
            let mut envelope: Value = serde_json::from_slice(envelope).unwrap();
            let text = envelope["signature"].as_str().unwrap();
            let mut signature = URL_SAFE_NO_PAD.decode(text).unwrap();
            let within = signature.len() / 2;
            signature[within] ^= 1;
            envelope["signature"] = URL_SAFE_NO_PAD.encode(signature).into();
            envelope.to_string().into()
        }
    }
}
