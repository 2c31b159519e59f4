//! The templates are made of the sources beside them.

use std::fs;

use sealgate_testkit::rego::{Dialect, Template, VERIFIED_IMAGES, VERIFIED_IMAGES_V1};

use crate::templates;

/// `UPDATE_TEMPLATES=1 cargo test -p sealgate-tests --test rego` writes them.
#[test]
fn templates_are_made_of_their_sources() {
    let update = std::env::var_os("UPDATE_TEMPLATES").is_some();
    for folder in templates::folders() {
        for (dialect, file) in [
            (Dialect::V0, "template.yaml"),
            (Dialect::V1, "template-v1.yaml"),
        ] {
            let made = templates::made(&folder, dialect);
            let path = folder.join(file);
            if update {
                fs::write(&path, &made).unwrap();
            }
            let hint = "rego/ has changed: run it again with UPDATE_TEMPLATES=1";
            assert!(templates::text(&path) == made, "{}: {hint}", path.display());
        }
    }
    if !update {
        let kept = templates::applied(&templates::root().join("verified-images"));
        assert_eq!([VERIFIED_IMAGES, VERIFIED_IMAGES_V1], kept);
    }
}

#[test]
fn both_dialects_hold_the_same_text() {
    let folders = templates::folders();
    assert_eq!(folders.len(), 5);
    for folder in folders {
        let [v0, v1] =
            templates::applied(&folder).map(|template| Template::parse(&template).unwrap());
        assert_eq!(v0.dialect, Dialect::V0);
        assert_eq!(v1.dialect, Dialect::V1);
        assert_eq!(
            (&v0.kind, &v0.rego, &v0.libs),
            (&v1.kind, &v1.rego, &v1.libs)
        );
        // The kind is that of the folder: `verified-images` is `SealgateVerifiedImages`.
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(
            v0.kind.to_lowercase(),
            format!("sealgate{}", name.replace('-', ""))
        );
    }
}
