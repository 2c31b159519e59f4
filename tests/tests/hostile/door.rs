//! The one strict door for JSON of others, whatever it stands in.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sealgate_core::json;
use sealgate_core::trust::SigstoreRoot;
use sealgate_testkit::notation::Format;
use sealgate_testkit::pack::{Pack, referrer};
use sealgate_testkit::sign::{self, COSIGN_SIGN};
use sealgate_testkit::sigstore::{SIGNED, Signed, log};
use sealgate_tests::parity;
use serde_json::{Value, json};

use crate::scene::{Scene, image, simple_signing, with_envelope};

/// What `serde_json` takes for a document inside of the document.
const RESERVED: &str = "$serde_json::private::RawValue";

/// An envelope whose protected header has this member beside the usual ones.
fn with_header(member: &str) -> Vec<u8> {
    let protected = format!("{{\"alg\":\"ES256\",\"x\":{member}}}");
    json!({
        "payload": "",
        "protected": URL_SAFE_NO_PAD.encode(protected),
        "header": {},
        "signature": "",
    })
    .to_string()
    .into_bytes()
}

/// `levels` documents inside of each other, each of `depth` lists.
fn nested(levels: usize, depth: usize) -> String {
    let (open, close) = ("[".repeat(depth), "]".repeat(depth));
    let mut document = format!("{open}{close}");
    for _ in 0..levels {
        let escaped = document.replace('\\', "\\u005c").replace('"', "\\u0022");
        document = format!("{open}{{\"{RESERVED}\":\"{escaped}\"}}{close}");
    }
    document
}

/// Refused by the door, natively and in wasm.
#[track_caller]
fn refuses(scene: &Scene, pack: &Pack, authority: &str, code: &str) {
    let verdict = scene.refuses(pack, authority, code);
    let reasons = verdict["reasons"].to_string();
    assert!(reasons.contains("is reserved"), "{reasons}");
}

#[test]
fn a_document_inside_of_a_jws_header_is_refused_whoever_is_trusted_rt_1() {
    let scene = Scene::new();
    for member in [
        json!({RESERVED: "{}"}).to_string(),
        json!([{"a": {RESERVED: "[]"}}]).to_string(),
        nested(120, 100),
    ] {
        let pack = with_envelope(image(), Format::Jws, &with_header(&member));
        for authority in ["notary", "key"] {
            refuses(&scene, &pack, authority, "envelope_malformed");
        }
    }
}

#[test]
fn a_document_inside_of_a_log_entry_is_refused_rt_1() {
    let scene = Scene::new();
    let image = image();
    let payload = simple_signing(&image);
    let signed = Signed::message(&scene.signer.key, &payload);
    for (member, refused) in [(json!(1), false), (json!({RESERVED: "{}"}), true)] {
        let mut body = signed.body(&scene.signer.pem());
        body["spec"]["x"] = member;
        let entry = scene.sigstore.rekor.entry(&body, SIGNED);
        let mut layer = scene.sigstore.cosign_layer(&scene.signer, &payload);
        let name = "dev.sigstore.cosign/bundle";
        layer.annotations.retain(|(key, _)| key != name);
        let bundle = sealgate_testkit::sigstore::cosign_bundle(&entry);
        layer.annotations.push((name.to_owned(), bundle));
        let pack = image.clone().with_cosign(&[layer]);
        match refused {
            true => refuses(&scene, &pack, "keyless", "log_entry_malformed"),
            false => drop(scene.passes(&pack, "keyless")),
        }
    }
}

#[test]
fn a_document_inside_of_a_bundle_is_refused_rt_1() {
    let scene = Scene::new();
    let image = image();
    let statement = sign::statement(&image.digest(), COSIGN_SIGN, &json!({}));
    let signed = Signed::statement(&scene.signer.key, &statement);
    let good = scene.sigstore.bundle_v1(&signed, &scene.signer);
    scene.passes(
        &image.clone().with_bundle(good.to_string().as_bytes()),
        "keyless",
    );
    let mut bad = good.clone();
    bad["verificationMaterial"]["x"] = json!({RESERVED: "{}"});
    let pack = image.clone().with_bundle(bad.to_string().as_bytes());
    refuses(&scene, &pack, "keyless", "bundle_malformed");
    // Logged as it is, so that nothing but the door refuses it.
    let mut body = signed.body(&scene.signer.pem());
    body["spec"][RESERVED] = "{}".into();
    let mut bad = good;
    bad["verificationMaterial"]["tlogEntries"][0] = scene.sigstore.rekor.entry(&body, SIGNED);
    let pack = image.with_bundle(bad.to_string().as_bytes());
    refuses(&scene, &pack, "keyless", "log_entry_malformed");
}

/// Conditions would see what no other reader of the signed bytes sees.
#[test]
fn a_document_inside_of_a_signed_payload_is_refused_rt_1() {
    let mut scene = Scene::new();
    let image = image();
    let optional = json!({"builder": {RESERVED: "{\"id\":1,\"id\":2}"}});
    let payload = sign::simple_signing(&image.repository(), &image.digest(), &optional);
    let layer = sign::cosign_layer(&scene.key, payload);
    let pack = image.clone().with_cosign(&[layer]);
    refuses(&scene, &pack, "key", "payload_malformed");

    let predicate = json!({"builder": {RESERVED: "{\"id\":\"evil\",\"id\":\"good\"}"}});
    let statement = sign::statement(&image.digest(), "https://example.com/p", &predicate);
    scene.more = json!({
        "require": "attestationsOnly",
        "attestations": [{
            "name": "p",
            "predicateType": "https://example.com/p",
            "conditions": ["predicate.builder.id == 'good'"],
        }],
    });
    let pack = image.with_bundle(&sign::bundle(&scene.key, &statement));
    refuses(&scene, &pack, "key", "statement_malformed");
}

#[test]
fn a_document_inside_of_a_manifest_is_refused_rt_1() {
    let scene = Scene::new();
    let image = image();
    let mut artifact = referrer(&image.digest(), sign::BUNDLE, b"{}");
    let mut manifest: Value = serde_json::from_slice(artifact.manifest.bytes()).unwrap();
    manifest["annotations"] = json!({RESERVED: "{}"});
    artifact.manifest = sealgate_core::evidence::Blob::new(manifest.to_string().into_bytes());
    refuses(&scene, &image.with(artifact), "key", "manifest_malformed");
}

#[test]
fn a_document_inside_of_a_trust_root_or_a_request_is_refused_rt_1() {
    let scene = Scene::new();
    let mut root = scene.root.clone();
    root["tlogs"][0][RESERVED] = "{}".into();
    let error = SigstoreRoot::from_json(root.to_string().as_bytes()).unwrap_err();
    assert!(error.to_string().contains("is reserved"), "{error}");

    let request = scene.question(&image(), "key").request();
    let mut request: Value = serde_json::from_slice(&request).unwrap();
    request["evidence"]["x"] = json!({RESERVED: nested(40, 100)});
    let response = parity::ask(request.to_string().as_bytes());
    let response: Value = serde_json::from_slice(&response).unwrap();
    assert_eq!(response["error"]["code"], "request_malformed");
}

/// The keys of Rekor's canonical bodies are what they are: nothing honest is refused.
#[test]
fn what_logs_and_tools_write_passes_the_door() {
    let scene = Scene::new();
    let signed = Signed::message(&scene.signer.key, b"x");
    let body = log::canonical(&signed.body(&scene.signer.pem()));
    assert!(json::check(&body).is_ok());
    assert!(json::check(scene.root.to_string().as_bytes()).is_ok());
    assert!(json::check(&STANDARD.decode("eyIkc2NoZW1hIjoiLi8ifQ==").unwrap()).is_ok());
}

/// Where `serde_json` may read text besides the door, and why.
const OTHER_READERS: [(&str, &str); 4] = [
    ("core/src/json.rs", "the door itself"),
    (
        "core/src/trust/root/file.rs",
        "takes apart a document that passed the door",
    ),
    ("core/src/verdict.rs", "reads the verdict that core wrote"),
    (
        "provider/src/observe/log.rs",
        "shortens the line that was just written, whose keys are our own",
    ),
];

/// A rule that nobody can pass by: JSON of others is read by the door alone.
#[test]
fn no_json_of_others_comes_in_beside_the_door_rt_1() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for folder in ["core/src", "policy-wasm/src", "provider/src"] {
        collect(&root.join(folder), &mut files);
    }
    assert!(files.len() > 100, "{} files", files.len());
    let mut readers: Vec<String> = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let product = text.split("#[cfg(test)]").next().unwrap();
        let reads = [
            "serde_json::from_",
            "serde_json::Deserializer",
            "serde_json::StreamDeserializer",
            "from_str::<Value>",
            "from_slice::<Value>",
            "use serde_json::from_",
            "use serde_json::{from_",
            ".json().await",
            ".json::<",
            "axum::Json",
            "extract::Json",
        ];
        if reads.iter().any(|read| product.contains(read)) {
            let name = file.strip_prefix(&root).unwrap();
            readers.push(name.to_str().unwrap().to_owned());
        }
    }
    readers.sort();
    assert_eq!(readers, OTHER_READERS.map(|(file, _)| file));
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => collect(&path, files),
            false if path.extension().is_some_and(|extension| extension == "rs") => {
                files.push(path)
            }
            false => {}
        }
    }
}
