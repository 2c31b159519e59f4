//! tuf-conformance's static repository, which tuf-on-ci made, against the provider's TUF client.
//!
//! Its target is no trust root. So the client must get as far as that, through the delegation:
//! `target_unusable` says that everything before verified.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sealgate::config::Tuf;
use sealgate::tuf::TufClient;
use sealgate_core::UnixTime;
use sealgate_tests::vectors;
use tempfile::TempDir;

/// A copy of the repository, its metadata below and its targets beside them, as a mirror has them.
struct Mirror {
    directory: TempDir,
    source: PathBuf,
}

impl Mirror {
    fn new() -> Self {
        let source = vectors::folder("tuf").join("tuf-on-ci-0.11");
        let directory = tempfile::tempdir().unwrap();
        copy(&source.join("metadata"), directory.path());
        copy(&source.join("targets"), &directory.path().join("targets"));
        Self { directory, source }
    }

    fn text(&self, name: &str) -> String {
        let text = fs::read_to_string(self.source.join(name)).unwrap();
        text.trim().to_owned()
    }

    fn now(&self) -> UnixTime {
        let text = self
            .text("faketime")
            .replace(' ', "T")
            .replace("+00:00", "Z");
        text.parse().unwrap()
    }

    /// The code by which a refresh ends, and its message.
    fn refresh(&self, target: &str, now: UnixTime) -> (&'static str, String) {
        let tuf = Tuf {
            url: url::Url::from_directory_path(self.directory.path()).unwrap(),
            root: Some(self.source.join("initial_root.json")),
            target: target.to_owned(),
            ca: None,
            refresh_every: Duration::from_secs(3600),
            timeout: Duration::from_secs(20),
            danger_plain_http: false,
            until_refreshed: None,
        };
        let client = TufClient::open("conformance", &tuf, None).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let error = runtime.block_on(client.refresh(now)).unwrap_err();
        (error.cause().code(), error.to_string())
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => fs::write(&to, fs::read(entry.path()).unwrap()).unwrap(),
        }
    }
}

pub(crate) fn the_static_repository_is_verified() {
    let mirror = Mirror::new();
    let (target, now) = (mirror.text("targetpath"), mirror.now());
    assert_eq!(mirror.refresh(&target, now).0, "target_unusable");
    // What the delegation does not list is not found, and after its end nothing is taken.
    assert_eq!(
        mirror.refresh("delegatedrole/other", now).0,
        "target_not_listed"
    );
    let late: UnixTime = "2050-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(mirror.refresh(&target, late).0, "metadata_expired");
    println!("tuf-conformance: 1 static repository, verified down to its delegated target");
}

pub(crate) fn an_altered_file_is_refused() {
    let mirror = Mirror::new();
    let (target, now) = (mirror.text("targetpath"), mirror.now());
    let artifact = mirror.directory.path().join("targets/delegatedrole");
    let artifact = fs::read_dir(artifact)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut altered = 0;
    for (file, code) in [
        (
            mirror.directory.path().join("timestamp.json"),
            "signature_threshold_not_met",
        ),
        (
            mirror.directory.path().join("2.snapshot.json"),
            "signature_threshold_not_met",
        ),
        (
            mirror.directory.path().join("1.targets.json"),
            "signature_threshold_not_met",
        ),
        (
            mirror.directory.path().join("2.delegatedrole.json"),
            "signature_threshold_not_met",
        ),
        (artifact, "integrity_mismatch"),
    ] {
        let good = fs::read(&file).unwrap();
        let bad = match file
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            // Another end, in what is signed.
            true => String::from_utf8(good.clone())
                .unwrap()
                .replace("\"expires\": \"20", "\"expires\": \"21"),
            false => String::from_utf8_lossy(&good).to_uppercase(),
        };
        assert_ne!(good, bad.as_bytes(), "{}", file.display());
        fs::write(&file, bad).unwrap();
        assert_eq!(mirror.refresh(&target, now).0, code, "{}", file.display());
        fs::write(&file, good).unwrap();
        altered += 1;
    }
    println!("tuf-conformance: {altered} altered files refused");
}
