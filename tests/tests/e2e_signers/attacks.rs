//! What an attacker with write access to a registry makes of genuine signatures.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sealgate_core::Digest;
use sealgate_testkit::image::{Image, MANIFEST};
use sealgate_testkit::registry::Descriptor;
use sealgate_tests::e2e::Table;
use serde_json::{Value, json};

use crate::support::Remote;
use crate::world::{BUNDLE, Form, LEGACY, World};

const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// Attacks on one registry.
struct Scene<'a> {
    world: &'a World,
    table: &'a mut Table,
    registry: &'a str,
    remote: &'a Remote,
}

/// A signature in its artifact: the manifest, its config and its only layer.
struct Artifact {
    manifest: Value,
    config: Bytes,
    blob: Vec<u8>,
}

pub async fn run(world: &World, table: &mut Table) {
    for (registry, remote) in &world.registries {
        let mut scene = Scene {
            world,
            table,
            registry,
            remote,
        };
        scene.nobody_and_strangers().await;
        scene.transplants().await;
        scene.flipped_bits().await;
        scene.altered_image().await;
        scene.two_keys().await;
        scene.altered_key().await;
    }
}

impl Scene<'_> {
    async fn nobody_and_strangers(&mut self) {
        let image = self.remote.image("attacks/unsigned", "unsigned").await;
        let asked = image.tagged("v1");
        self.judged("unsigned", &asked, "unsigned: no_signatures")
            .await;
        for form in [BUNDLE, LEGACY] {
            let image = self.image("stranger", form, "a").await;
            self.world.sign(&self.world.stranger, form, &image);
            let scenario = format!("signed by a stranger, {}", form.name);
            let expected = "untrusted: signature_invalid";
            self.judged(&scenario, &image.tagged("v1"), expected).await;
        }
    }

    /// The signature of one image, put where another's would be.
    async fn transplants(&mut self) {
        let remote = self.remote;
        let expected = "invalid: subject_mismatch";

        let signed = self.signed("retagged", LEGACY, "a").await;
        let victim = self.image("retagged", LEGACY, "b").await;
        let tag = signature_tag(&signed.digest);
        let manifest = remote.manifest(&signed.repository, &tag).await;
        let tag = signature_tag(&victim.digest);
        remote
            .put_manifest(&victim.repository, &tag, MANIFEST, manifest)
            .await;
        self.judged("legacy signature re-tagged", &victim.pinned(), expected)
            .await;

        let victim = remote.image("attacks/elsewhere", "b").await;
        let artifact = self.legacy(&signed).await;
        self.put_legacy(&victim, artifact).await;
        let scenario = "legacy signature copied to another repository";
        self.judged(scenario, &victim.pinned(), expected).await;

        let signed = self.signed("transplanted", BUNDLE, "a").await;
        let victim = self.image("transplanted", BUNDLE, "b").await;
        let mut artifact = self.bundle(&signed).await;
        self.list_as_it_is(&victim, &artifact).await;
        let scenario = "bundle listed for another image";
        let listed = "invalid: referrer_subject_mismatch";
        self.judged(scenario, &victim.pinned(), listed).await;

        let victim = self.image("transplanted", BUNDLE, "c").await;
        artifact.manifest["subject"] = json!(victim.descriptor);
        self.put_bundle(&victim, artifact).await;
        let scenario = "bundle with its referrer's subject rewritten";
        self.judged(scenario, &victim.pinned(), expected).await;
    }

    /// Bits flipped before the artifact is pushed, so that every digest is right again.
    async fn flipped_bits(&mut self) {
        let expected = "untrusted: signature_invalid";

        let image = self.signed("flipped-payload", LEGACY, "a").await;
        let mut artifact = self.legacy(&image).await;
        flip(&mut artifact.blob);
        self.put_legacy(&image, artifact).await;
        self.judged("bit flipped in legacy payload", &image.pinned(), expected)
            .await;

        let image = self.signed("flipped-signature", LEGACY, "a").await;
        let mut artifact = self.legacy(&image).await;
        flip_base64(&mut artifact.manifest["layers"][0]["annotations"][SIGNATURE]);
        self.put_legacy(&image, artifact).await;
        let scenario = "bit flipped in legacy signature";
        self.judged(scenario, &image.pinned(), expected).await;

        for (what, part) in [
            ("payload", "/dsseEnvelope/payload"),
            ("signature", "/dsseEnvelope/signatures/0/sig"),
        ] {
            let name = format!("flipped-{what}");
            let genuine = self.signed(&name, BUNDLE, "a").await;
            let mut artifact = self.bundle(&genuine).await;
            let mut bundle: Value = serde_json::from_slice(&artifact.blob).unwrap();
            flip_base64(bundle.pointer_mut(part).unwrap());
            artifact.blob = bundle.to_string().into_bytes();
            // The same image elsewhere, where the genuine bundle is not.
            let image = self.image(&format!("{name}-alone"), BUNDLE, "a").await;
            assert_eq!(image.digest, genuine.digest);
            self.put_bundle(&image, artifact).await;
            let scenario = format!("bit flipped in bundle's {what}");
            self.judged(&scenario, &image.pinned(), expected).await;
        }
    }

    /// A bit flipped in the manifest of a signed image, under the same tag.
    async fn altered_image(&mut self) {
        for form in [BUNDLE, LEGACY] {
            let signed = self.signed("altered", form, "a").await;
            let Image { repository, .. } = &signed;
            let manifest = self.remote.manifest(repository, "v1").await;
            let manifest = String::from_utf8(manifest.to_vec()).unwrap();
            let manifest = manifest.replace(r#""seed":"a""#, r#""seed":"`""#);
            let altered = self.remote.put_image(repository, "v1", MANIFEST, manifest);
            let altered = altered.await;
            assert_ne!(altered.digest, signed.digest);
            let scenario = format!("bit flipped in the image's manifest, {}", form.name);
            let asked = altered.tagged("v1");
            self.judged(&scenario, &asked, "unsigned: no_signatures")
                .await;
        }
    }

    /// Two keys are demanded.
    async fn two_keys(&mut self) {
        let world = self.world;
        let last = &world.keys[world.keys.len() - 1];
        for form in [BUNDLE, LEGACY] {
            let image = self.signed("two-keys", form, "a").await;
            // Twice by the same key are not two.
            world.sign(world.key(), form, &image);
            let scenario = format!("two keys demanded, one found, {}", form.name);
            let asked = ("both", image.pinned());
            let expected = "untrusted: threshold_not_met";
            let verdict = self.judged_by(&asked, &scenario, expected).await;
            // The signature of the one is no reason against the other, who did nothing.
            let missing = &verdict["policies"][0]["demands"][0]["missing"];
            let seen = missing[0]["did"].as_str().unwrap_or_default();
            let scenario = format!("{}: {scenario}: what the other did", self.registry);
            let expected = "nothing";
            let holds = seen == expected;
            self.table
                .row(&scenario, expected, seen, holds, Duration::ZERO);

            let image = self.signed("two-keys", form, "b").await;
            world.sign(last, form, &image);
            let scenario = format!("two keys demanded, both found, {}", form.name);
            let asked = ("both", image.pinned());
            self.judged_by(&asked, &scenario, "verified").await;
        }
    }

    /// A bit flipped in the policy's public key.
    async fn altered_key(&mut self) {
        let world = self.world;
        let key = world
            .keys
            .iter()
            .find(|key| key.name == "rsa-2048")
            .unwrap();
        for form in [BUNDLE, LEGACY] {
            let image = self.image("altered-key", form, "a").await;
            world.sign(key, form, &image);
            let scenario = format!("bit flipped in the policy's key, {}", form.name);
            let asked = ("rsa-altered", image.pinned());
            let expected = "untrusted: signature_invalid";
            self.judged_by(&asked, &scenario, expected).await;
            let scenario = format!("the same by the key as it was, {}", form.name);
            let asked = ("rsa-2048", image.pinned());
            self.judged_by(&asked, &scenario, "verified").await;
        }
    }

    async fn judged(&mut self, scenario: &str, image: &str, expected: &str) {
        let asked = (self.world.key().name.as_str(), image.to_owned());
        self.judged_by(&asked, scenario, expected).await;
    }

    async fn judged_by(
        &mut self,
        (policy, image): &(&str, String),
        scenario: &str,
        expected: &str,
    ) -> Value {
        let scenario = format!("{}: {scenario}", self.registry);
        let judge = &self.world.judge;
        let judged = judge.expect(self.table, &scenario, (policy, image), expected);
        judged.await
    }

    async fn image(&self, attack: &str, form: Form, seed: &str) -> Image {
        let repository = format!("attacks/{attack}/{}", form.name.replace(' ', "-"));
        self.remote.image(&repository, seed).await
    }

    /// An image that the trusted key has signed.
    async fn signed(&self, attack: &str, form: Form, seed: &str) -> Image {
        let image = self.image(attack, form, seed).await;
        self.world.sign(self.world.key(), form, &image);
        image
    }

    /// The signature of an image under its tag.
    async fn legacy(&self, image: &Image) -> Artifact {
        self.artifact(image, &signature_tag(&image.digest)).await
    }

    /// The only bundle that refers to an image.
    async fn bundle(&self, image: &Image) -> Artifact {
        let referrers = self.remote.referrers(image).await;
        let [referrer] = &referrers[..] else {
            panic!("expected one bundle, found {referrers:?}");
        };
        self.artifact(image, &referrer.digest).await
    }

    async fn artifact(&self, image: &Image, reference: &str) -> Artifact {
        let manifest = self.remote.manifest(&image.repository, reference).await;
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        let blob = async |described: &Value| {
            let digest = described["digest"].as_str().unwrap();
            self.remote.blob(&image.repository, digest).await
        };
        Artifact {
            config: blob(&manifest["config"]).await,
            blob: blob(&manifest["layers"][0]).await.to_vec(),
            manifest,
        }
    }

    async fn put_legacy(&self, image: &Image, artifact: Artifact) {
        let manifest = self.put_blobs(image, artifact).await;
        let tag = signature_tag(&image.digest);
        self.remote
            .put_manifest(&image.repository, &tag, MANIFEST, manifest)
            .await;
    }

    async fn put_bundle(&self, image: &Image, artifact: Artifact) {
        let manifest = self.put_blobs(image, artifact).await;
        self.remote.refer(image, manifest).await;
    }

    /// Lists an artifact under the fallback tag of an image to which it does not refer.
    async fn list_as_it_is(&self, image: &Image, artifact: &Artifact) {
        let manifest = artifact.manifest.to_string();
        self.remote.list(image, manifest).await;
    }

    /// Pushes the blobs of an artifact to the image's repository, and returns its manifest.
    async fn put_blobs(&self, image: &Image, artifact: Artifact) -> String {
        let Artifact {
            mut manifest,
            config,
            blob,
        } = artifact;
        let layer = &mut manifest["layers"][0];
        let described = Descriptor::of(layer["mediaType"].as_str().unwrap(), &blob);
        layer["digest"] = json!(described.digest);
        layer["size"] = json!(described.size);
        for bytes in [config, blob.into()] {
            self.remote.put_blob(&image.repository, bytes).await;
        }
        manifest.to_string()
    }
}

/// Changes the lowest bit of the byte in the middle.
fn flip(bytes: &mut [u8]) {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
}

fn flip_base64(text: &mut Value) {
    let mut bytes = STANDARD.decode(text.as_str().unwrap()).unwrap();
    flip(&mut bytes);
    *text = STANDARD.encode(bytes).into();
}

fn signature_tag(image: &Digest) -> String {
    format!("{}.sig", image.to_string().replace(':', "-"))
}
