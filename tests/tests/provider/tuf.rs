//! Trust roots from a TUF repository on loopback: what is taken over, and what is refused.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser as _;
use sealgate::config::Tuf;
use sealgate::tuf::{Cause, LastGood, TufClient};
use sealgate::{Cli, Exit};
use sealgate_core::trust::SigstoreRoot;
use sealgate_core::{Digest, UnixTime};
use sealgate_testkit::sigstore::Sigstore;
use sealgate_testkit::tuf::{Fault, Repository, Server};
use serde_json::{Value, json};
use tempfile::TempDir;

const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);
const TARGET: &str = "trusted_root.json";

/// A repository with one trust root, its server, and a place for the cache.
pub struct Scene {
    pub repository: Repository,
    pub server: Server,
    pub directory: TempDir,
}

impl Scene {
    pub async fn new() -> Self {
        Self::with_root(&root("first")).await
    }

    pub async fn with_root(root: &str) -> Self {
        let mut repository = Repository::new("corp", NOW);
        repository.publish(TARGET, root);
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(
            directory.path().join("root.json"),
            repository.initial_root(),
        )
        .unwrap();
        Self {
            server: Server::start(repository.files()).await.unwrap(),
            repository,
            directory,
        }
    }

    /// Shows what the repository has signed.
    pub fn show(&self) {
        self.server.show(self.repository.files());
    }

    pub fn tuf(&self) -> Tuf {
        Tuf {
            url: self.server.url.parse().unwrap(),
            root: Some(self.directory.path().join("root.json")),
            target: TARGET.to_owned(),
            ca: None,
            refresh_every: Duration::from_secs(3600),
            timeout: Duration::from_secs(20),
            danger_plain_http: true,
            until_refreshed: None,
        }
    }

    pub fn cache(&self) -> PathBuf {
        self.directory.path().join("cache")
    }

    fn cache_file(&self) -> PathBuf {
        self.cache().join("corp.tuf.json")
    }

    /// A client as after a restart: with nothing but what is on disk.
    fn client(&self) -> TufClient {
        TufClient::open("corp", &self.tuf(), Some(&self.cache())).unwrap()
    }
}

pub fn root(name: &str) -> String {
    Sigstore::new(name).trusted_root().to_string()
}

fn revision(root: &str) -> Digest {
    SigstoreRoot::from_json(root.as_bytes()).unwrap().revision()
}

#[track_caller]
fn holds(good: &LastGood, name: &str) {
    assert_eq!(good.root.revision(), revision(&root(name)));
}

async fn refused(client: &TufClient, at: UnixTime) -> (Cause, String) {
    let error = client.refresh(at).await.unwrap_err();
    (error.cause(), error.to_string())
}

/// Restarted without network, `name` is still trusted.
#[track_caller]
fn survives(scene: &Scene, name: &str) {
    holds(&scene.client().restore().unwrap().unwrap(), name);
}

#[tokio::test]
async fn a_first_refresh_and_an_update_are_taken_over() {
    let mut scene = Scene::new().await;
    let client = scene.client();
    assert!(client.restore().unwrap().is_none());
    let first = client.refresh(NOW).await.unwrap();
    holds(&first, "first");
    assert_eq!(first.expires, NOW.plus(7 * 86_400));

    // Nothing new: the root chain and the timestamp are asked for, and nothing else.
    scene.server.asked();
    holds(&client.refresh(NOW).await.unwrap(), "first");
    assert_eq!(scene.server.asked(), ["2.root.json", "timestamp.json"]);

    scene.repository.publish(TARGET, root("second"));
    scene.show();
    let second = client.refresh(NOW.plus(60)).await.unwrap();
    holds(&second, "second");
    assert_eq!(second.versions.targets, first.versions.targets + 1);
    assert_eq!(second.refreshed_at, NOW.plus(60));
    survives(&scene, "second");
}

#[tokio::test]
async fn roots_rotate_by_the_old_and_the_new_signers() {
    let mut scene = Scene::new().await;
    let client = scene.client();
    client.refresh(NOW).await.unwrap();
    scene.repository.rotate_root("next");
    scene.repository.rotate_root("over-next");
    scene.repository.publish(TARGET, root("second"));
    scene.show();
    let good = client.refresh(NOW).await.unwrap();
    holds(&good, "second");
    assert_eq!(good.versions.root, 3);
    // From the initial root on, over the chain that was kept.
    let restored = scene.client().restore().unwrap().unwrap();
    assert_eq!(restored.versions, good.versions);
    scene.server.asked();
    scene.client().refresh(NOW).await.unwrap();
    assert_eq!(scene.server.asked(), ["4.root.json", "timestamp.json"]);
}

#[tokio::test]
async fn a_root_that_its_predecessor_does_not_sign_is_refused_adv_52() {
    let mut scene = Scene::new().await;
    let client = scene.client();
    client.refresh(NOW).await.unwrap();
    let mut usurper = Repository::new("usurper", NOW);
    usurper.sign_root(&[]);
    let mut files = scene.repository.files();
    files.insert(
        "2.root.json".to_owned(),
        usurper.files()["2.root.json"].clone(),
    );
    scene.server.show(files);
    let (cause, message) = refused(&client, NOW).await;
    assert_eq!(cause, Cause::Signatures, "{message}");
    assert_eq!(cause.code(), "signature_threshold_not_met");
    survives(&scene, "first");

    // A root that skips a version is none that follows.
    scene.repository.rotate_root("next");
    scene.repository.rotate_root("over-next");
    let mut files = scene.repository.files();
    let third = files["3.root.json"].clone();
    files.insert("2.root.json".to_owned(), third);
    scene.server.show(files);
    assert_eq!(refused(&client, NOW).await.0, Cause::RootVersion);
}

#[tokio::test]
async fn one_key_under_two_ids_counts_once_adv_51() {
    let mut scene = Scene::new().await;
    let client = scene.client();
    client.refresh(NOW).await.unwrap();
    scene.repository.second_id = Some("ab".repeat(32));
    scene.repository.rotate_root("next");
    scene.show();
    let (cause, message) = refused(&client, NOW).await;
    let causes = [Cause::Signatures, Cause::Malformed];
    assert!(causes.contains(&cause), "{cause:?}: {message}");
    survives(&scene, "first");
}

#[tokio::test]
async fn a_threshold_of_two_is_not_met_by_one_and_zero_is_no_threshold_adv_50() {
    let mut scene = Scene::new().await;
    let client = scene.client();
    client.refresh(NOW).await.unwrap();
    let good = scene.repository.files();

    scene.repository.rotate_root("next");
    let mut files = scene.repository.files();
    let mut lonely: Value = serde_json::from_slice(&files["2.root.json"]).unwrap();
    let signatures = lonely["signatures"].as_array_mut().unwrap();
    signatures.remove(3);
    files.insert("2.root.json".to_owned(), lonely.to_string().into_bytes());
    scene.server.show(files);
    let (cause, message) = refused(&client, NOW).await;
    assert_eq!(cause, Cause::Signatures, "{message}");
    assert!(message.contains("1/2"), "{message}");

    // The same signature twice is one signature (CVE-2020-15093).
    let first = lonely["signatures"][2].clone();
    lonely["signatures"].as_array_mut().unwrap().push(first);
    let mut files = good.clone();
    files.insert("2.root.json".to_owned(), lonely.to_string().into_bytes());
    scene.server.show(files);
    assert_eq!(refused(&client, NOW).await.0, Cause::Signatures);

    let mut lax = Repository::new("corp", NOW);
    let old = std::mem::take(&mut lax.root_keys);
    lax.root_threshold = 0;
    lax.sign_root(&old);
    let mut files = good;
    files.insert("2.root.json".to_owned(), lax.files()["2.root.json"].clone());
    scene.server.show(files);
    let (cause, message) = refused(&client, NOW).await;
    assert_eq!(cause, Cause::Malformed, "{message}");
    survives(&scene, "first");
}

#[tokio::test]
async fn an_older_timestamp_is_a_rollback_also_after_a_restart_tob_108() {
    let mut scene = Scene::new().await;
    let old = scene.repository.files();
    let client = scene.client();
    scene.repository.publish(TARGET, root("second"));
    scene.show();
    client.refresh(NOW).await.unwrap();
    scene.server.show(old);
    for client in [client, scene.client()] {
        let (cause, message) = refused(&client, NOW).await;
        assert_eq!(cause, Cause::Rollback, "{message}");
        assert_eq!(cause.code(), "metadata_rollback");
    }
    survives(&scene, "second");
}

#[tokio::test]
async fn a_snapshot_that_takes_targets_back_is_a_rollback() {
    let mut scene = Scene::new().await;
    let client = scene.client();
    scene.repository.publish(TARGET, root("second"));
    scene.show();
    client.refresh(NOW).await.unwrap();
    // The online key is stolen: it signs what is new, about targets that are old.
    let stolen = scene.repository.versions["targets"] - 1;
    scene.repository.versions.insert("targets", stolen);
    scene.repository.sign_snapshot();
    scene.show();
    let (cause, message) = refused(&client, NOW).await;
    assert_eq!(cause, Cause::Rollback, "{message}");
    survives(&scene, "second");
}

#[tokio::test]
async fn metadata_of_two_moments_do_not_mix() {
    let mut scene = Scene::new().await;
    let old = scene.repository.files();
    let client = scene.client();
    client.refresh(NOW).await.unwrap();
    scene.repository.publish(TARGET, root("second"));
    let mut files = scene.repository.files();
    let snapshot = format!("{}.snapshot.json", scene.repository.versions["snapshot"]);
    let older = format!(
        "{}.snapshot.json",
        scene.repository.versions["snapshot"] - 1
    );
    files.insert(snapshot, old[&older].clone());
    scene.server.show(files);
    let (cause, message) = refused(&client, NOW).await;
    assert_eq!(cause, Cause::Integrity, "{message}");

    // What was verified on the way is not undone, and what was good is not lost.
    scene.server.show(old);
    assert_eq!(refused(&scene.client(), NOW).await.0, Cause::Rollback);
    survives(&scene, "first");
    scene.show();
    holds(&scene.client().refresh(NOW).await.unwrap(), "second");
}

#[tokio::test]
async fn a_repository_that_stands_still_is_noticed_when_its_timestamp_expires_atk_15() {
    let scene = Scene::new().await;
    let client = scene.client();
    client.refresh(NOW).await.unwrap();
    let week = NOW.plus(7 * 86_400);
    holds(&client.refresh(week).await.unwrap(), "first");
    let (cause, message) = refused(&client, week.plus(1)).await;
    assert_eq!(cause, Cause::Expired, "{message}");
    assert_eq!(cause.code(), "metadata_expired");
    assert!(message.contains("timestamp"), "{message}");

    // It stays in force, and says since when it is outdated.
    let kept = scene.client().restore().unwrap().unwrap();
    holds(&kept, "first");
    assert_eq!(kept.expires, week);
    assert_eq!(kept.refreshed_at, week);
    assert_eq!(
        refused(&client, NOW.plus(400 * 86_400)).await.0,
        Cause::Expired
    );
    survives(&scene, "first");
}

#[tokio::test]
async fn a_target_that_differs_in_one_byte_is_refused() {
    let mut scene = Scene::new().await;
    let client = scene.client();
    client.refresh(NOW).await.unwrap();
    scene.repository.publish(TARGET, root("second"));
    let mut files = scene.repository.files();
    let name = format!(
        "targets/{}.{TARGET}",
        Digest::sha256(root("second").as_bytes()).hex()
    );
    let content = files.get_mut(&name).unwrap();
    *content.last_mut().unwrap() ^= 1;
    scene.server.show(files.clone());
    let (cause, message) = refused(&client, NOW).await;
    assert_eq!(cause, Cause::Integrity, "{message}");
    assert_eq!(cause.code(), "integrity_mismatch");
    files.remove(&name);
    scene.server.show(files);
    assert_eq!(refused(&client, NOW).await.0, Cause::Incomplete);
    survives(&scene, "first");
    scene.show();
    holds(&client.refresh(NOW).await.unwrap(), "second");
}

#[tokio::test]
async fn a_target_that_is_no_trust_root_is_not_taken_over() {
    let mut scene = Scene::new().await;
    let client = scene.client();
    client.refresh(NOW).await.unwrap();
    scene.repository.publish(TARGET, "{}");
    scene.show();
    let (cause, message) = refused(&client, NOW).await;
    assert_eq!(cause, Cause::Unusable, "{message}");
    survives(&scene, "first");
    let other = Tuf {
        target: "other.json".to_owned(),
        ..scene.tuf()
    };
    let other = TufClient::open("corp", &other, None).unwrap();
    assert_eq!(refused(&other, NOW).await.0, Cause::NotListed);
}

#[tokio::test]
async fn a_client_trust_config_is_a_trust_root_too() {
    let config = json!({
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": Sigstore::new("first").trusted_root(),
        "signingConfig": {},
    });
    let scene = Scene::with_root(&config.to_string()).await;
    holds(&scene.client().refresh(NOW).await.unwrap(), "first");
}

#[tokio::test]
async fn data_without_end_is_cut_off() {
    let mut scene = Scene::new().await;
    let client = scene.client();
    client.refresh(NOW).await.unwrap();
    scene.repository.publish(TARGET, root("second"));
    scene.show();
    let target = Digest::sha256(root("second").as_bytes());
    for file in [
        "2.root.json".to_owned(),
        "timestamp.json".to_owned(),
        format!("{}.snapshot.json", scene.repository.versions["snapshot"]),
        format!("{}.targets.json", scene.repository.versions["targets"]),
        format!("targets/{}.{TARGET}", target.hex()),
    ] {
        scene.server.misbehave(Some(Fault::Endless(file.clone())));
        let (cause, message) = refused(&client, NOW).await;
        assert_eq!(cause, Cause::TooLarge, "{file}: {message}");
    }
    survives(&scene, "first");
    scene.server.misbehave(None);
    holds(&client.refresh(NOW).await.unwrap(), "second");
}

#[tokio::test]
async fn a_mirror_that_is_down_slow_or_sends_elsewhere_changes_nothing() {
    let scene = Scene::new().await;
    scene.client().refresh(NOW).await.unwrap();
    let client = scene.client();
    scene.server.misbehave(Some(Fault::Status(503)));
    assert_eq!(refused(&client, NOW).await.0, Cause::Refused);

    let elsewhere = Server::start(scene.repository.files()).await.unwrap();
    let to = format!("{}timestamp.json", elsewhere.url);
    let redirect = Fault::Redirect("timestamp.json".to_owned(), to);
    scene.server.misbehave(Some(redirect));
    let (cause, message) = refused(&client, NOW).await;
    assert_eq!(cause, Cause::Refused, "{message}");
    assert!(message.contains("302"), "{message}");
    assert!(elsewhere.asked().is_empty());

    scene
        .server
        .misbehave(Some(Fault::Silent("timestamp.json".to_owned())));
    let hurried = Tuf {
        timeout: Duration::from_millis(100),
        ..scene.tuf()
    };
    let hurried = TufClient::open("corp", &hurried, Some(&scene.cache())).unwrap();
    assert_eq!(refused(&hurried, NOW).await.0, Cause::Deadline);

    scene.server.go_down();
    let (cause, message) = refused(&client, NOW).await;
    assert_eq!(cause, Cause::Unreachable, "{message}");
    assert!(cause.is_unavailable() && !Cause::Rollback.is_unavailable());
    survives(&scene, "first");
}

#[tokio::test]
async fn a_cache_that_was_tampered_with_is_not_believed_tob_107() {
    let scene = Scene::new().await;
    scene.client().refresh(NOW).await.unwrap();
    let good = std::fs::read_to_string(scene.cache_file()).unwrap();

    for broken in [
        "",
        "{",
        "{\"schemaVersion\": 2, \"good\": null, \"seen\": {}}",
    ] {
        std::fs::write(scene.cache_file(), broken).unwrap();
        assert!(scene.client().restore().unwrap().is_none(), "{broken}");
    }

    // Another root in place of the one that was signed for.
    let mut forged: Value = serde_json::from_str(&good).unwrap();
    let files = &mut forged["good"]["files"];
    files[format!("targets/{TARGET}")] = base64(&root("forged"));
    std::fs::write(scene.cache_file(), forged.to_string()).unwrap();
    assert!(scene.client().restore().is_err());

    // A whole repository of somebody else.
    let mut usurper = Repository::new("usurper", NOW);
    usurper.publish(TARGET, root("forged"));
    let usurped = usurper.files();
    let mut forged: Value = serde_json::from_str(&good).unwrap();
    let files = &mut forged["good"]["files"];
    files["timestamp.json"] = base64(str::from_utf8(&usurped["timestamp.json"]).unwrap());
    std::fs::write(scene.cache_file(), forged.to_string()).unwrap();
    let error = scene.client().restore().unwrap_err();
    assert_eq!(error.cause(), Cause::Signatures, "{error}");

    // The next refresh mends it.
    holds(&scene.client().refresh(NOW).await.unwrap(), "first");
    survives(&scene, "first");
}

fn base64(text: &str) -> Value {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .encode(text)
        .into()
}

#[tokio::test]
async fn a_mirror_may_be_a_directory() {
    let scene = Scene::new().await;
    let mirror = scene.directory.path().join("mirror");
    for (name, content) in scene.repository.files() {
        let file = mirror.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
    }
    let tuf = Tuf {
        url: url(&mirror),
        ..scene.tuf()
    };
    let client = TufClient::open("corp", &tuf, None).unwrap();
    holds(&client.refresh(NOW).await.unwrap(), "first");
    std::fs::write(mirror.join("timestamp.json"), vec![b' '; 20_000]).unwrap();
    assert_eq!(refused(&client, NOW).await.0, Cause::TooLarge);
    assert!(scene.server.asked().is_empty());
}

fn url(directory: &std::path::Path) -> url::Url {
    url::Url::from_directory_path(directory).unwrap()
}

/// The keys that `serde_json` gives a meaning, where `sigstore-tuf` would read them before any
/// signature: in new metadata, in kept ones and in the initial root.
#[tokio::test]
async fn metadata_that_readers_read_differently_are_refused_rt_1() {
    let mut scene = Scene::new().await;
    scene.client().refresh(NOW).await.unwrap();
    let kept = std::fs::read_to_string(scene.cache_file()).unwrap();
    scene.repository.publish(TARGET, root("second"));
    let reserved = r#"{"signatures": [], "signed": {"$serde_json::private::RawValue": "{}"}}"#;
    let twice = r#"{"signatures": [], "signatures": [], "signed": {}}"#;
    let versions = &scene.repository.versions;
    let files = [
        "2.root.json".to_owned(),
        "timestamp.json".to_owned(),
        format!("{}.snapshot.json", versions["snapshot"]),
        format!("{}.targets.json", versions["targets"]),
    ];
    for (bad, why) in [(reserved, "is reserved"), (twice, "occurs twice")] {
        for name in &files {
            let mut shown = scene.repository.files();
            shown.insert(name.clone(), bad.into());
            scene.server.show(shown);
            let (cause, message) = refused(&scene.client(), NOW).await;
            assert_eq!(cause, Cause::Malformed, "{name}: {message}");
            assert!(message.contains(why), "{name}: {message}");
        }
        let mut forged: Value = serde_json::from_str(&kept).unwrap();
        forged["good"]["files"]["timestamp.json"] = base64(bad);
        std::fs::write(scene.cache_file(), forged.to_string()).unwrap();
        assert!(scene.client().restore().unwrap().is_none());
        std::fs::write(scene.cache_file(), &kept).unwrap();

        let initial = scene.directory.path().join("reserved.json");
        std::fs::write(&initial, bad).unwrap();
        let tuf = Tuf {
            root: Some(initial),
            ..scene.tuf()
        };
        let error = TufClient::open("corp", &tuf, None).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    survives(&scene, "first");
}

#[tokio::test]
async fn only_the_configured_authority_vouches_for_a_mirror() {
    let scene = Scene::new().await;
    let server = Server::start_tls(scene.repository.files()).await.unwrap();
    let ca = scene.directory.path().join("ca.pem");
    std::fs::write(&ca, server.ca.as_ref().unwrap()).unwrap();
    let tuf = |ca| Tuf {
        url: server.url.parse().unwrap(),
        danger_plain_http: false,
        ca,
        ..scene.tuf()
    };
    let stranger = TufClient::open("corp", &tuf(None), None).unwrap();
    let (cause, message) = refused(&stranger, NOW).await;
    assert_eq!(cause, Cause::Unreachable);
    assert!(message.contains("certificate"), "{message}");
    let client = TufClient::open("corp", &tuf(Some(ca)), None).unwrap();
    holds(&client.refresh(NOW).await.unwrap(), "first");
}

#[tokio::test]
async fn what_a_root_is_set_up_with_is_checked_before_anything_is_asked() {
    let scene = Scene::new().await;
    let with = |file: &str, content: Option<&[u8]>| {
        let path = scene.directory.path().join(file);
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        Some(path)
    };
    let unsigned = br#"{"signatures": [], "signed": {}}"#;
    for (tuf, expected) in [
        (
            Tuf {
                root: with("gone.json", None),
                ..scene.tuf()
            },
            "gone.json: cannot be read",
        ),
        (
            Tuf {
                root: with("unsigned.json", Some(unsigned)),
                ..scene.tuf()
            },
            "unsigned.json: expected a root.json",
        ),
        (
            Tuf {
                ca: with("empty.pem", Some(b"")),
                ..scene.tuf()
            },
            "empty.pem: expected certificates in PEM",
        ),
    ] {
        let error = TufClient::open("corp", &tuf, None).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected} in {error}");
    }
    assert!(scene.server.asked().is_empty());
}

#[test]
fn every_built_in_root_begins_with_a_root_that_verifies() {
    for name in SigstoreRoot::BUILT_IN {
        let tuf: sealgate::config::TrustRoot =
            serde_json::from_value(json!({"name": name, "tuf": {}})).unwrap();
        let client = TufClient::open(name, tuf.tuf().unwrap(), None).unwrap();
        assert!(client.repository().starts_with("https://tuf-repo"));
    }
}

/// Runs `sealgate trust …`.
async fn trust(arguments: &[&str]) -> Exit {
    let all = ["sealgate", "trust"].iter().chain(arguments);
    Cli::try_parse_from(all).unwrap().run().await
}

#[tokio::test]
async fn the_command_line_renews_a_root_and_its_exit_code_says_what_became_of_it() {
    let mut scene = Scene::new().await;
    let old = scene.repository.files();
    let path = |name: &str| scene.directory.path().join(name).display().to_string();
    let (initial, cache, saved) = (path("root.json"), path("cache"), path("saved.json"));
    let mirror = scene.server.url.clone();
    let now = NOW.to_string();
    let base = [
        "update", "corp", "--root", &initial, "--cache", &cache, "--mirror", &mirror, "--now", &now,
    ];
    assert_eq!(
        trust(&base).await,
        Exit::Usage,
        "plain HTTP is not asked for"
    );
    let update = [&base[..], &["--danger-plain-http"]].concat();
    let save = [&update[..], &["--save", &saved, "-o", "json"]].concat();
    assert_eq!(trust(&save).await, Exit::Verified);
    assert_eq!(std::fs::read_to_string(&saved).unwrap(), root("first"));
    assert_eq!(trust(&["show", &saved]).await, Exit::Verified);

    scene.repository.publish(TARGET, root("second"));
    scene.show();
    assert_eq!(trust(&update).await, Exit::Verified);
    survives(&scene, "second");
    scene.server.show(old);
    assert_eq!(trust(&update).await, Exit::NotVerified);
    scene.server.go_down();
    assert_eq!(trust(&update).await, Exit::Undecided);
    survives(&scene, "second");

    for wrong in [
        &["update", "corp"][..],
        &["update", "corp", "--mirror", "https://t.example"],
        &["update", "github", "staging", "--save", "x"],
        &["show", "/gone.json"],
    ] {
        assert_eq!(trust(wrong).await, Exit::Usage, "{wrong:?}");
    }
}
