//! TUF metadata from a mirror that shows what it likes. This target believes: signatures and
//! thresholds do not stop it.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use sealgate::config::Tuf;
use sealgate::tuf::TufClient;
use sealgate_testkit::tuf::Repository;
use tempfile::TempDir;

use crate::NOW;
use crate::world::file;

const TARGET: &str = "trusted_root.json";

/// A good repository, as files.
struct Mirror {
    directory: TempDir,
    /// What is replaced, by the first byte of an input, and its good content.
    files: Vec<(PathBuf, Vec<u8>)>,
    runtime: tokio::runtime::Runtime,
}

fn mirror() -> &'static Mirror {
    static MIRROR: OnceLock<Mirror> = OnceLock::new();
    MIRROR.get_or_init(|| {
        let mut repository = Repository::new("corp", NOW);
        repository.publish(TARGET, file("trusted_root.json"));
        let directory = tempfile::tempdir().unwrap();
        fs::write(
            directory.path().join("initial.json"),
            repository.initial_root(),
        )
        .unwrap();
        let mut files: Vec<(PathBuf, Vec<u8>)> = repository
            .files()
            .into_iter()
            .map(|(name, bytes)| (directory.path().join("mirror").join(name), bytes))
            .collect();
        // The next root, which a repository may have at any time.
        files.push((directory.path().join("mirror/2.root.json"), Vec::new()));
        files.sort();
        for (path, bytes) in &files {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if !bytes.is_empty() {
                fs::write(path, bytes).unwrap();
            }
        }
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        Mirror {
            directory,
            files,
            runtime: runtime.enable_all().build().unwrap(),
        }
    })
}

/// The names of the files that an input may replace, in the order of its first byte.
pub(crate) fn metadata(data: &[u8]) {
    let mirror = mirror();
    let Some((which, content)) = data.split_first() else {
        return;
    };
    let (path, good) = &mirror.files[usize::from(*which) % mirror.files.len()];
    fs::write(path, content).unwrap();
    let tuf = Tuf {
        url: url::Url::from_directory_path(mirror.directory.path().join("mirror")).unwrap(),
        root: Some(mirror.directory.path().join("initial.json")),
        target: TARGET.to_owned(),
        ca: None,
        refresh_every: Duration::from_secs(3600),
        timeout: Duration::from_secs(20),
        danger_plain_http: false,
        until_refreshed: None,
    };
    let client = TufClient::open("corp", &tuf, None).unwrap();
    let refreshed = mirror.runtime.block_on(client.refresh(NOW));
    if let Ok(good) = &refreshed {
        assert!(!good.json.is_empty());
        // Kept, it is verified again without network.
        let restored = client.restore().expect("what was good verifies again");
        assert_eq!(restored.expect("it was kept").json, good.json);
    }
    match good.is_empty() {
        true => fs::remove_file(path).unwrap(),
        false => fs::write(path, good).unwrap(),
    }
}
