//! What the real cosign signs is verified: every key, form, registry, image and index.

use sealgate_tests::e2e::Table;
use serde_json::Value;

use crate::keys::Key;
use crate::support::Remote;
use crate::world::{BUNDLE, FORMS, Form, LEGACY, World};

pub async fn run(world: &World, table: &mut Table) {
    for (registry, remote) in &world.registries {
        for key in &world.keys {
            for form in FORMS {
                verified(world, table, (registry, remote), key, form).await;
            }
        }
        platforms(world, table, (registry, remote)).await;
    }
}

/// An image by its tag and an index by its digest.
async fn verified(
    world: &World,
    table: &mut Table,
    (registry, remote): (&str, &Remote),
    key: &Key,
    form: Form,
) {
    let repository = format!("{}/{}", key.name, form.name.replace(' ', "-"));
    let image = remote.image(&repository, &repository).await;
    world.sign(key, form, &image);
    let index = format!("{repository}-index");
    let (index, _) = remote.index(&index, &index).await;
    world.sign(key, form, &index);
    for (what, asked) in [("image", image.tagged("v1")), ("index", index.pinned())] {
        let scenario = format!("{registry}: {what} signed by {}, {}", key.name, form.name);
        let question = (key.name.as_str(), asked.as_str());
        let judged = world.judge.expect(table, &scenario, question, "verified");
        let verdict = judged.await;
        if verdict["verified"] != true {
            continue;
        }
        assert_eq!(
            verdict["signers"].as_array().map(Vec::len),
            Some(1),
            "{scenario}"
        );
        let signer = &verdict["signers"][0];
        assert_eq!(signer["key"], key.name, "{scenario}");
        assert_eq!(signer["format"], form.format, "{scenario}");
        let scheme = signer["scheme"].as_str().unwrap();
        assert!(scheme.starts_with(key.kind), "{scenario}: {scheme}");
        let digest = &verdict["image"]["digest"];
        assert!(image.digest.to_string() == *digest || index.digest.to_string() == *digest);
    }
}

/// The signature of an index is not one of its images', unless cosign signs those, too.
async fn platforms(world: &World, table: &mut Table, (registry, remote): (&str, &Remote)) {
    let key = world.key();
    for form in [BUNDLE, LEGACY] {
        for (more, how, expected) in [
            (&[] as &[&str], "alone", "unsigned: no_signatures"),
            (&["--recursive"], "with its images", "verified"),
        ] {
            let repository = format!("platforms/{}-{}", form.name, how).replace(' ', "-");
            let (index, image) = remote.index(&repository, &repository).await;
            world.sign_with(key, form, more, &index);
            let scenario = format!("{registry}: image of an index signed {how}, {}", form.name);
            let question = (key.name.as_str(), &*image.pinned());
            let judged = world.judge.expect(table, &scenario, question, expected);
            let verdict: Value = judged.await;
            assert_eq!(verdict["image"]["digest"], image.digest.to_string());
        }
    }
}
