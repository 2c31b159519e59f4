//! Four registries, signers of every kind of key, and the judges of all that they sign.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use sealgate_testkit::image::Image;
use sealgate_testkit::notation::revocation::{Crl, Entry, Ocsp, Status};
use sealgate_testkit::notation::{Certificate, Format, Key, Kind, Profile, YEAR};
use sealgate_testkit::registry::{Registry, RegistryOptions};
use sealgate_tests::e2e::{RegistryProcess, TimestampServer, fresh_folder};
use sealgate_tests::tools;
use serde_json::{Value, json};

use crate::judge::{Judge, Setup, policy};
use crate::remote::Remote;
use crate::services::RevocationService;

const HOUR: i64 = 3600;

/// Everything there is in the suite.
pub struct World {
    folder: PathBuf,
    pub authority: Authority,
    /// Whose root no policy but `stranger` trusts.
    pub stranger: Authority,
    pub tsa: TimestampServer,
    pub revocation: RevocationService,
    pub judge: Judge,
    /// The registries by name.
    pub registries: Vec<(&'static str, Remote)>,
    _ours: Registry,
    _processes: [RegistryProcess; 3],
}

/// Who certifies signers.
pub struct Authority {
    pub root: Certificate,
    pub intermediate: Certificate,
}

/// Who signs: a key and a chain in files.
pub struct Signer {
    key: String,
    chain: String,
}

pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

fn subject(name: &str) -> String {
    format!("C=US, ST=WA, O=acme, CN={name}")
}

/// A profile that is valid around the present, in which the Go libraries live.
fn current(profile: Profile) -> Profile {
    profile.with(|p| p.validity = (now() - 2 * YEAR, now() + YEAR))
}

impl Authority {
    fn new() -> Self {
        let authority = |name| current(Profile::authority(&subject(name)));
        let root = Certificate::self_signed(&authority("root"));
        let intermediate = root.issue(&authority("intermediate"));
        Self { root, intermediate }
    }

    /// A certificate for a signer; the change makes it a special one.
    pub fn certify(&self, kind: Kind, change: impl FnOnce(&mut Profile)) -> Certificate {
        let profile = current(Profile::signer(&subject("release"))).with(change);
        let key = Arc::new(Key::generate(kind));
        self.intermediate.issue_for(&profile, key)
    }
}

impl World {
    pub async fn start(base: &str) -> Self {
        let folder = fresh_folder(base, "notary").unwrap();
        let (authority, stranger) = (Authority::new(), Authority::new());
        let tsa = TimestampServer::start(&folder, true).await.unwrap();
        // A real one would want the same port for its metrics.
        let other_tsa = current(Profile::authority("C=US, O=time, CN=root"));
        let other_tsa = Certificate::self_signed(&other_tsa);
        let ours = Registry::start(RegistryOptions::default()).await.unwrap();
        let processes = [
            RegistryProcess::crane(&folder).unwrap(),
            RegistryProcess::referrers(&folder).unwrap(),
            RegistryProcess::distribution(&folder).unwrap(),
        ];
        let names = ["crane registry serve", "registry-referrers", "distribution"];
        let mut hosts = vec![("ours", ours.host())];
        let running = processes.iter().map(|process| process.host().to_owned());
        hosts.extend(names.into_iter().zip(running));
        let setup = Setup {
            policies: policies(),
            trust_stores: BTreeMap::from([
                ("ca:acme".to_owned(), authority.root.pem()),
                ("signingAuthority:acme".to_owned(), authority.root.pem()),
                ("ca:stranger".to_owned(), stranger.root.pem()),
                ("tsa:time".to_owned(), tsa.root()),
                ("tsa:other".to_owned(), other_tsa.pem()),
            ]),
            plain_http: hosts.iter().map(|(_, host)| host.clone()).collect(),
            ..Setup::default()
        };
        Self {
            judge: Judge::start(&folder, setup).await,
            registries: hosts
                .iter()
                .map(|(name, host)| (*name, Remote::new(host)))
                .collect(),
            revocation: RevocationService::start().await,
            folder,
            authority,
            stranger,
            tsa,
            _ours: ours,
            _processes: processes,
        }
    }

    /// Ours, where most attacks take place.
    pub fn remote(&self) -> &Remote {
        &self.registries[0].1
    }

    /// The signer with this certificate of the authority.
    pub fn signer(&self, name: &str, by: &Authority, leaf: &Certificate) -> Signer {
        let chain = [leaf, &by.intermediate, &by.root].map(Certificate::pem);
        Signer {
            key: self.write(&format!("{name}.key"), &leaf.key.private_pem()),
            chain: self.write(&format!("{name}.pem"), &chain.concat()),
        }
    }

    /// Signs as `notation sign` does.
    pub fn sign(&self, signer: &Signer, format: Format, more: &[&str], image: &Image) {
        let Signer { key, chain } = signer;
        let pinned = image.pinned();
        let sign = ["sign", "--plain-http", "--key", key, "--cert-chain", chain];
        let format = ["--format", name(format)];
        self.run(&[&sign[..], &format, more, &[&pinned]].concat());
    }

    /// Signs with a countersignature of the timestamp server.
    pub fn sign_with_time(&self, signer: &Signer, format: Format, image: &Image) {
        let root = self.write("tsa.pem", &self.tsa.root());
        let tsa = ["--tsa-url", self.tsa.url.as_str(), "--tsa-root", &root];
        self.sign(signer, format, &tsa, image);
    }

    /// A revocation list, under this name, with these certificates.
    pub fn list(&self, name: &str, revoked: &[&Certificate]) {
        let entries = revoked.iter().map(|one| Entry::new(one, Some(1)));
        let crl = Crl::new(entries.collect());
        let crl = crl.with(|crl| crl.validity = (now() - HOUR, Some(now() + 24 * HOUR)));
        self.revocation
            .says(name, crl.sign(&self.authority.intermediate));
    }

    /// What a responder says of a certificate, under this name.
    pub fn respond(&self, name: &str, status: Status, of: &Certificate) {
        let issuer = &self.authority.intermediate;
        let ocsp = Ocsp::new(status);
        let ocsp = ocsp.with(|ocsp| ocsp.validity = (now() - HOUR, Some(now() + 24 * HOUR)));
        self.revocation.says(name, ocsp.sign(of, issuer, issuer));
    }

    fn run(&self, arguments: &[&str]) {
        let program = tools::find("notation-signer").unwrap_or_else(|missing| panic!("{missing}"));
        let mut command = Command::new(program);
        command.args(arguments).env("HOME", &self.folder);
        tools::run(&mut command).unwrap_or_else(|failed| panic!("{failed}"));
    }

    fn write(&self, name: &str, content: &str) -> String {
        let path = self.folder.join(name);
        std::fs::write(&path, content).unwrap();
        text(&path)
    }
}

pub fn name(format: Format) -> &'static str {
    match format {
        Format::Jws => "jws",
        Format::Cose => "cose",
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// The policies: one for each way to trust.
fn policies() -> Vec<(String, Value)> {
    const ANY: &str = "x509.subject: C=US, ST=WA, O=acme";
    const OTHER: &str = "x509.subject: C=US, ST=WA, O=acme, CN=somebody";
    let notation = |stores: &[&str], identity: &str, level: &str| json!({"trustStores": stores, "trustedIdentities": [identity], "level": level});
    let named = |name: &str, notation: Value, annotations: Value| {
        let authority = json!({"name": "notary", "notation": notation, "annotations": annotations});
        let policy = policy(name, &json!([authority]), &json!({}));
        (name.to_owned(), policy)
    };
    let plain = |name: &str, notation: Value| named(name, notation, json!({}));
    vec![
        plain("acme", notation(&["ca:acme"], ANY, "strict")),
        plain("permissive", notation(&["ca:acme"], ANY, "permissive")),
        plain("stranger", notation(&["ca:stranger"], ANY, "strict")),
        plain("identity", notation(&["ca:acme"], OTHER, "strict")),
        plain("time", notation(&["ca:acme", "tsa:time"], ANY, "strict")),
        plain(
            "other-time",
            notation(&["ca:acme", "tsa:other"], ANY, "strict"),
        ),
        plain(
            "vouched",
            notation(&["signingAuthority:acme"], ANY, "strict"),
        ),
        named(
            "build-7",
            notation(&["ca:acme"], ANY, "strict"),
            json!({"build": "7"}),
        ),
    ]
}
