//! A TUF repository inside the process: metadata signed with keys of its own, and a server that
//! shows them, or misbehaves.
//!
//! Keys follow from names and times are given, so the same steps make the same bytes. What is
//! signed is plain ASCII, for which RFC 8785 and the canonical JSON of TUF are the same.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures::stream;
use sealgate_core::{Digest, UnixTime};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::key::{Key, Kind};
use crate::registry::server::{self, Power};
use crate::registry::tls;

/// What a server shows, by path.
pub type Files = BTreeMap<String, Vec<u8>>;

const DAY: i64 = 86_400;

/// A repository: its signers, and what they signed last.
#[derive(Debug)]
pub struct Repository {
    name: String,
    /// Who signs roots.
    pub root_keys: Vec<Key>,
    /// Another id under which the first of them is listed, and signs once more.
    pub second_id: Option<String>,
    /// How many of them must.
    pub root_threshold: u32,
    /// Who signs timestamps and snapshots.
    pub online: Key,
    /// Who signs targets.
    pub targets_key: Key,
    /// The version that was signed last, of each role.
    pub versions: BTreeMap<&'static str, u64>,
    /// When what is signed from now on expires, by role.
    pub expires: BTreeMap<&'static str, UnixTime>,
    targets: BTreeMap<String, Vec<u8>>,
    files: Files,
}

impl Repository {
    /// A repository without targets, all of it signed at `now`.
    pub fn new(name: &str, now: UnixTime) -> Self {
        let key = |role: &str| Key::new(Kind::Ed25519, &format!("{name} {role}"));
        let expires = [
            ("root", 365),
            ("timestamp", 7),
            ("snapshot", 21),
            ("targets", 365),
        ];
        let mut repository = Self {
            name: name.to_owned(),
            root_keys: vec![key("root 1"), key("root 2")],
            root_threshold: 2,
            second_id: None,
            online: key("online"),
            targets_key: key("targets"),
            versions: BTreeMap::new(),
            expires: expires
                .map(|(role, days)| (role, now.plus(days * DAY)))
                .into(),
            targets: BTreeMap::new(),
            files: Files::new(),
        };
        repository.sign_root(&[]);
        repository.sign_targets();
        repository
    }

    /// The first root.
    pub fn initial_root(&self) -> &[u8] {
        &self.files["1.root.json"]
    }

    /// Everything, as a server has it.
    pub fn files(&self) -> Files {
        self.files.clone()
    }

    /// Signs a target, and all that leads to it.
    pub fn publish(&mut self, target: &str, content: impl Into<Vec<u8>>) {
        self.targets.insert(target.to_owned(), content.into());
        self.sign_targets();
    }

    /// Makes others the signers of roots, by a root that the old and the new ones sign.
    pub fn rotate_root(&mut self, generation: &str) {
        let key = |n| {
            Key::new(
                Kind::Ed25519,
                &format!("{} {generation} root {n}", self.name),
            )
        };
        let old = std::mem::replace(&mut self.root_keys, vec![key(1), key(2)]);
        self.sign_root(&old);
    }

    /// Signs the next root, with these beside its own signers.
    pub fn sign_root(&mut self, others: &[Key]) {
        let role = |keys: &[&Key], threshold: u32| {
            let ids: Vec<_> = keys.iter().map(|key| key_id(key)).collect();
            json!({"keyids": ids, "threshold": threshold})
        };
        let root_keys: Vec<_> = self.root_keys.iter().collect();
        let all = root_keys.iter().copied();
        let all = all.chain([&self.online, &self.targets_key]);
        let mut keys: BTreeMap<_, _> = all.map(|key| (key_id(key), describe(key))).collect();
        let version = self.versions.get("root").map_or(1, |version| version + 1);
        let mut root = role(&root_keys, self.root_threshold);
        if let Some(id) = &self.second_id {
            keys.insert(id.clone(), describe(root_keys[0]));
            root["keyids"] = json!([key_id(root_keys[0]), id]);
        }
        let signed = json!({
            "_type": "root",
            "spec_version": "1.0.31",
            "version": version,
            "expires": self.expires["root"],
            "consistent_snapshot": true,
            "keys": keys,
            "roles": {
                "root": root,
                "timestamp": role(&[&self.online], 1),
                "snapshot": role(&[&self.online], 1),
                "targets": role(&[&self.targets_key], 1),
            },
        });
        let signers = others.iter().chain(&self.root_keys);
        let signers = signers.map(|key| (key_id(key), key));
        let again = self.second_id.clone().map(|id| (id, &self.root_keys[0]));
        let signers: Vec<_> = signers.chain(again).collect();
        let bytes = envelope(&signed, &signers);
        self.versions.insert("root", version);
        self.files.insert(format!("{version}.root.json"), bytes);
    }

    /// Signs the targets anew, and all that leads to them.
    pub fn sign_targets(&mut self) {
        let mut listed = BTreeMap::new();
        for (name, content) in &self.targets {
            let digest = Digest::sha256(content);
            let hex = digest.hex();
            listed.insert(
                name,
                json!({"length": content.len(), "hashes": {"sha256": hex}}),
            );
            self.files
                .insert(format!("targets/{hex}.{name}"), content.clone());
        }
        let listed = json!({"targets": listed});
        let (version, bytes) = self.sign("targets", listed);
        self.files.insert(format!("{version}.targets.json"), bytes);
        self.sign_snapshot();
    }

    /// Signs a snapshot, and a timestamp that names it.
    pub fn sign_snapshot(&mut self) {
        let meta = json!({"targets.json": {"version": self.versions["targets"]}});
        let (version, bytes) = self.sign("snapshot", json!({"meta": meta}));
        self.files.insert(format!("{version}.snapshot.json"), bytes);
        self.sign_timestamp();
    }

    /// Signs a timestamp.
    pub fn sign_timestamp(&mut self) {
        let name = format!("{}.snapshot.json", self.versions["snapshot"]);
        let snapshot = &self.files[&name];
        let meta = json!({"snapshot.json": {
            "version": self.versions["snapshot"],
            "length": snapshot.len(),
            "hashes": {"sha256": Digest::sha256(snapshot).hex()},
        }});
        let (_, bytes) = self.sign("timestamp", json!({"meta": meta}));
        self.files.insert("timestamp.json".to_owned(), bytes);
    }

    fn sign(&mut self, role: &'static str, mut signed: Value) -> (u64, Vec<u8>) {
        let version = self.versions.get(role).map_or(1, |version| version + 1);
        self.versions.insert(role, version);
        signed["_type"] = role.into();
        signed["spec_version"] = "1.0.31".into();
        signed["version"] = version.into();
        signed["expires"] = json!(self.expires[role]);
        let key = match role {
            "targets" => &self.targets_key,
            _ => &self.online,
        };
        (version, envelope(&signed, &[(key_id(key), key)]))
    }
}

fn key_id(key: &Key) -> String {
    Digest::sha256(key.spki()).hex()
}

fn describe(key: &Key) -> Value {
    let public = hex::encode(key.ed25519());
    json!({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": public}})
}

fn envelope(signed: &Value, keys: &[(String, &Key)]) -> Vec<u8> {
    let canonical = serde_json_canonicalizer::to_vec(signed).unwrap_or_default();
    let signatures: Vec<_> = keys
        .iter()
        .map(|(id, key)| json!({"keyid": id, "sig": hex::encode(key.sign(&canonical))}))
        .collect();
    json!({"signatures": signatures, "signed": signed})
        .to_string()
        .into_bytes()
}

/// What a server does in place of showing a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It answers everything with this status.
    Status(u16),
    /// It sends this file without end.
    Endless(String),
    /// It never answers when asked for this file.
    Silent(String),
    /// It sends whoever asks for this file to another place.
    Redirect(String, String),
}

/// A server of files.
#[derive(Debug)]
pub struct Server {
    /// Its base URL.
    pub url: String,
    /// The certificate authority of its certificate, PEM, if it speaks TLS.
    pub ca: Option<String>,
    shown: Arc<Mutex<Shown>>,
    power: watch::Sender<Power>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shown {
    files: Files,
    fault: Option<Fault>,
    asked: Vec<String>,
}

impl Server {
    /// Shows these files on loopback.
    ///
    /// # Errors
    /// If there is no free port.
    pub async fn start(files: Files) -> io::Result<Self> {
        Self::listen(files, false).await
    }

    /// The same over TLS.
    ///
    /// # Errors
    /// If there is no free port, or no certificate can be made.
    pub async fn start_tls(files: Files) -> io::Result<Self> {
        Self::listen(files, true).await
    }

    async fn listen(files: Files, secure: bool) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (acceptor, ca) = match secure {
            true => tls::self_issued().map(|(a, ca)| (Some(a), Some(ca))),
            false => Ok((None, None)),
        }
        .map_err(io::Error::other)?;
        let shown = Arc::new(Mutex::new(Shown {
            files,
            ..Shown::default()
        }));
        let router = Router::new().fallback(show).with_state(shown.clone());
        let (power, watched) = watch::channel(Power::Up);
        let scheme = if secure { "https" } else { "http" };
        Ok(Self {
            url: format!("{scheme}://127.0.0.1:{port}/"),
            ca,
            shown,
            power,
            task: tokio::spawn(server::run(
                listener,
                acceptor,
                router,
                watched,
                Arc::default(),
            )),
        })
    }

    /// Shows others from now on.
    pub fn show(&self, files: Files) {
        self.lock().files = files;
    }

    /// Misbehaves from now on, or no more.
    pub fn misbehave(&self, fault: Option<Fault>) {
        self.lock().fault = fault;
    }

    /// Resets every connection from now on.
    pub fn go_down(&self) {
        self.power.send_replace(Power::Down);
    }

    /// What was asked for since this was last called.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().asked)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn show(State(shown): State<Arc<Mutex<Shown>>>, uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/').to_owned();
    let (file, fault) = {
        let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.asked.push(path.clone());
        (shown.files.get(&path).cloned(), shown.fault.clone())
    };
    match fault {
        Some(Fault::Status(status)) => StatusCode::from_u16(status)
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            .into_response(),
        Some(Fault::Endless(at)) if at == path => {
            let chunk = Bytes::from_static(&[b' '; 8192]);
            let endless = stream::repeat_with(move || io::Result::Ok(chunk.clone()));
            Body::from_stream(endless).into_response()
        }
        Some(Fault::Silent(at)) if at == path => std::future::pending().await,
        Some(Fault::Redirect(at, to)) if at == path => {
            (StatusCode::FOUND, [(header::LOCATION, to)]).into_response()
        }
        _ => match file {
            Some(file) => file.into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        },
    }
}
