//! The registry of the demo and the images in it.

use sealgate_testkit::image::{self, Image};
use sealgate_testkit::publish::{self, Listing};
use sealgate_testkit::registry::{Registry, RegistryOptions, StartError};
use sealgate_testkit::sign::{self, COSIGN_SIGN, Kind, SigningKey};
use serde_json::{Value, json};

/// A registry, and the key that the policy trusts.
pub(super) struct Shop {
    registry: Registry,
    release: SigningKey,
}

impl Shop {
    /// Starts the registry and fills it.
    pub(super) async fn open() -> Result<Self, StartError> {
        let shop = Self {
            registry: Registry::start(RegistryOptions::default()).await?,
            release: SigningKey::generate(Kind::P256),
        };
        shop.fill();
        Ok(shop)
    }

    fn fill(&self) {
        let stranger = SigningKey::generate(Kind::P256);
        let signed = self.push("signed", "1.0");
        self.sign_legacy(&self.release, &signed);
        let bundled = self.push("signed-v3", "1.0");
        self.sign_bundle(&self.release, &bundled);
        self.push("unsigned", "1.0");
        let by_stranger = self.push("stranger", "1.0");
        self.sign_bundle(&stranger, &by_stranger);
        // A genuine signature of another image, under this image's tag.
        let victim = self.push("transplanted", "1.0");
        let layer = sign::cosign_layer(&self.release, payload(&signed));
        publish::cosign_tag(
            &self.registry,
            "shop/transplanted",
            &victim.digest,
            &[layer],
        );
        // A signed payload, altered and pushed again.
        let altered = self.push("altered", "1.0");
        let mut layer = sign::cosign_layer(&self.release, payload(&altered));
        layer.bytes = alter(&layer.bytes);
        publish::cosign_tag(&self.registry, "shop/altered", &altered.digest, &[layer]);
        // A signed payload, altered behind its digest.
        let swapped = self.push("swapped", "1.0");
        let layer = sign::cosign_layer(&self.release, payload(&swapped));
        let digest = sealgate_core::Digest::sha256(&layer.bytes).to_string();
        let other = String::from_utf8_lossy(&layer.bytes).replace("cosign", "COSIGN");
        publish::cosign_tag(&self.registry, "shop/swapped", &swapped.digest, &[layer]);
        self.registry
            .tamper("shop/swapped", &digest, other.into_bytes());
        let moving = self.push("moving", "1.0");
        self.sign_legacy(&self.release, &moving);
        let later = self.push("signed", "2.0");
        self.sign_bundle(&self.release, &later);
    }

    /// The registry's host and port.
    pub(super) fn host(&self) -> String {
        self.registry.host()
    }

    /// The public key that the policy trusts.
    pub(super) fn release_key(&self) -> String {
        self.release.public_pem()
    }

    /// An image's name.
    pub(super) fn image(&self, name: &str, tag: &str) -> String {
        format!("{}/shop/{name}:{tag}", self.host())
    }

    /// Lets the tag `moving:1.0` name another image, which nobody signed.
    pub(super) fn move_tag(&self) {
        image::single(&self.registry, "shop/moving", "1.0", "another image");
    }

    /// Ends every connection, and refuses new ones.
    pub(super) fn go_down(&self) {
        self.registry.down();
    }

    /// Ends an outage, if there is one.
    pub(super) fn recover(&self) {
        self.registry.up();
    }

    fn push(&self, name: &str, tag: &str) -> Image {
        let seed = format!("{name}:{tag}");
        image::single(&self.registry, &format!("shop/{name}"), tag, &seed)
    }

    /// Signs as cosign v2 does.
    fn sign_legacy(&self, key: &SigningKey, image: &Image) {
        let layer = sign::cosign_layer(key, payload(image));
        publish::cosign_tag(&self.registry, &image.repository, &image.digest, &[layer]);
    }

    /// Signs as cosign v3 does.
    fn sign_bundle(&self, key: &SigningKey, image: &Image) {
        let statement = sign::statement(&image.digest, COSIGN_SIGN, &json!({}));
        let bundle = sign::bundle(key, &statement);
        publish::bundle(
            &self.registry,
            &image.repository,
            &image.descriptor,
            &bundle,
            Listing::Api,
        );
    }
}

fn payload(image: &Image) -> Vec<u8> {
    sign::simple_signing(&image.name(), &image.digest, &Value::Null)
}

/// The payload with another annotation.
fn alter(payload: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(payload)
        .replace("null", "{\"approved\":\"yes\"}")
        .into_bytes()
}
