//! A registry that serves other bytes than it was asked for, and a policy that cannot be read:
//! neither is a statement about the image.

use std::time::Instant;

use sealgate_testkit::image::Image;
use sealgate_tests::e2e::Table;
use serde_json::{Value, json};

use crate::support::{Remote, policy};
use crate::world::{BUNDLE, Form, LEGACY, World, flip_key};

pub async fn run(world: &World, table: &mut Table) {
    let (_, remote) = &world.registries[0];
    for form in [BUNDLE, LEGACY] {
        for (what, part) in [
            ("the image's manifest", image_manifest as fn(&_, &_) -> _),
            ("the signature's manifest", signature_manifest),
            ("the signed payload", payload),
        ] {
            let image = signed(world, remote, form, what).await;
            let digest = part(world, &image);
            let bytes = world.ours.manifest(&image.repository, &digest);
            let bytes = bytes.map(|(_, bytes)| bytes);
            let bytes = bytes.or_else(|| world.ours.blob(&image.repository, &digest));
            let mut bytes = bytes.unwrap().to_vec();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            assert!(world.ours.tamper(&image.repository, &digest, bytes));
            let scenario = format!("ours: other bytes served for {what}, {}", form.name);
            let asked = (world.key().name.as_str(), &*image.pinned());
            let judged = world
                .judge
                .expect(table, &scenario, asked, "undecided: digest_mismatch");
            judged.await;
        }
    }
    unreadable_key(world, table);
}

/// A point that is not on the curve is no key: the policy is refused, not the image.
fn unreadable_key(world: &World, table: &mut Table) {
    let key = json!({"data": flip_key(&world.key().public)});
    let authorities = json!([{"name": "release", "key": key}]);
    let altered = policy("altered", &authorities, &json!({}));
    let file = world.cosign.path("altered.yaml");
    std::fs::write(&file, altered.to_string()).unwrap();
    let file = file.display().to_string();
    let began = Instant::now();
    let (exit, output) = world.judge.sealgate(&["policy", "check", &file]);
    let said = String::from_utf8_lossy(&output.stderr);
    let holds = exit == 64 && said.contains("key");
    let expected = "sealgate policy check: exit 64, and names the key";
    let seen = format!(
        "exit {exit}: {}",
        said.replace(&file, "altered.yaml").trim()
    );
    let scenario = "bit flipped in the policy's key, P-256";
    table.row(scenario, expected, &seen, holds, began.elapsed());
}

async fn signed(world: &World, remote: &Remote, form: Form, what: &str) -> Image {
    let repository = format!("lies/{what}/{}", form.name);
    let repository = repository.replace("'s", "").replace(' ', "-");
    let image = remote.image(&repository, what).await;
    world.sign(world.key(), form, &image);
    image
}

fn image_manifest(_: &World, image: &Image) -> String {
    image.digest.to_string()
}

fn signature_manifest(world: &World, image: &Image) -> String {
    let all = world.ours.requests();
    let put = all.iter().rev().find_map(|request| {
        let prefix = format!("/v2/{}/manifests/", image.repository);
        (request.method == "PUT").then_some(())?;
        request.target.strip_prefix(&prefix).map(str::to_owned)
    });
    let (_, bytes) = world
        .ours
        .manifest(&image.repository, &put.unwrap())
        .unwrap();
    sealgate_testkit::registry::sha256(&bytes)
}

fn payload(world: &World, image: &Image) -> String {
    let manifest = signature_manifest(world, image);
    let (_, bytes) = world.ours.manifest(&image.repository, &manifest).unwrap();
    let manifest: Value = serde_json::from_slice(&bytes).unwrap();
    manifest["layers"][0]["digest"].as_str().unwrap().to_owned()
}
