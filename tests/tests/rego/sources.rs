//! The templates are made of the sources beside them.

use std::fs;
use std::path::{Path, PathBuf};

use sealgate_testkit::rego::{Dialect, Template, VERIFIED_IMAGES, VERIFIED_IMAGES_V1};

/// `UPDATE_TEMPLATES=1 cargo test -p sealgate-tests --test rego` writes them.
#[test]
fn templates_are_made_of_their_sources() {
    for (dialect, file, compiled) in [
        (Dialect::V0, "template.yaml", VERIFIED_IMAGES),
        (Dialect::V1, "template-v1.yaml", VERIFIED_IMAGES_V1),
    ] {
        let rendered = render(dialect);
        let path = folder().join("verified-images").join(file);
        if std::env::var_os("UPDATE_TEMPLATES").is_some() {
            fs::write(&path, &rendered).unwrap();
        } else {
            let hint = "rego/ has changed: run it again with UPDATE_TEMPLATES=1";
            assert_eq!(compiled, rendered, "{}: {hint}", path.display());
        }
    }
}

#[test]
fn both_dialects_hold_the_same_text() {
    let v0 = Template::parse(VERIFIED_IMAGES).unwrap();
    let v1 = Template::parse(VERIFIED_IMAGES_V1).unwrap();
    assert_eq!(v0.dialect, Dialect::V0);
    assert_eq!(v1.dialect, Dialect::V1);
    assert_eq!(
        (&v0.kind, &v0.rego, &v0.libs),
        (&v1.kind, &v1.rego, &v1.libs)
    );
    assert_eq!(v0.kind, "SealgateVerifiedImages");
}

fn render(dialect: Dialect) -> String {
    let read = |path: &str| fs::read_to_string(folder().join(path)).unwrap();
    let libs = ["message", "sealgate", "workload"].map(|lib| read(&format!("lib/{lib}.rego")));
    Template::render(
        &read("verified-images/constraint.tmpl"),
        dialect,
        &read("verified-images/src.rego"),
        &libs.each_ref().map(String::as_str),
    )
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../rego")
}
