//! The schemas that `sealgate schema` prints take what the readers take, field for field, and refuse
//! what they refuse.

use std::collections::BTreeSet;
use std::path::Path;

use sealgate::Config;
use sealgate_core::policy::NoMatch;
use sealgate_core::policy::file::{self, KeySource, KeySourceError, PolicyFile};
use sealgate_tests::source;
use serde_json::{Value, json};

use crate::json_schema::Schema;
use crate::language;

const KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEv0DfPUEBNqOHzlGBUOZU6oR+w1Xp\n\
    jJ8LPhJ26JyqzeoQ8AaEfTvPy0IyvwM2qLUTlQVj+XgAbcdxf3o+n7jYLA==\n\
    -----END PUBLIC KEY-----\n";

fn read(path: &str) -> String {
    std::fs::read_to_string(source::root().join(path)).unwrap()
}

fn schema(name: &str) -> Value {
    let text = read(&format!("provider/schemas/{name}.schema.json"));
    text.parse().unwrap()
}

fn yaml(text: &str) -> Value {
    serde_norway::from_str(text).unwrap()
}

/// One change of a document.
struct Change {
    what: String,
    document: Value,
    /// Whether the document has another shape: an unknown field, or something of another kind.
    shape: bool,
}

/// Every document that differs from this one in one place: a field that there is not, a field less,
/// nothing or something of another kind in its place, an empty list or mapping.
fn changes(document: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    let mut places = Vec::new();
    collect(document, String::new(), &mut places);
    for place in places {
        let mut change = |what: &str, shape: bool, change: &dyn Fn(&mut Value)| {
            let mut document = document.clone();
            change(document.pointer_mut(&place).unwrap());
            let what = format!("{place}: {what}");
            found.push(Change {
                what,
                document,
                shape,
            });
        };
        let value = document.pointer(&place).unwrap();
        if let Value::Object(fields) = value {
            change("a field that there is not", true, &|value| {
                value["nobody"] = json!({"knows": "it"});
            });
            for name in fields.keys() {
                change(&format!("without {name}"), false, &|value| {
                    drop(value.as_object_mut().unwrap().remove(name));
                });
            }
            change("empty", false, &|value| *value = json!({}));
        }
        if value.is_array() {
            change("empty", false, &|value| *value = json!([]));
        }
        // A configuration may say `null`, where nothing else in it speaks against that. A file that
        // says nothing else has no field to look at.
        if !place.is_empty() {
            change("null", false, &|value| *value = json!(null));
        }
        change("a list", true, &|value| *value = json!([["x"]]));
        // A text in a text's place, or a name in that of a group, may be wrong for what it says.
        let member = place.contains("/require/") && place.ends_with(|c: char| c.is_ascii_digit());
        let other = !value.is_string() && !value.is_null() && !member;
        change("a text", other, &|value| *value = json!("x"));
        change("a mapping", true, &|value| *value = json!({"x": {}}));
    }
    found
}

fn collect(value: &Value, at: String, places: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                collect(value, format!("{at}/{name}"), places);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                collect(value, format!("{at}/{index}"), places);
            }
        }
        _ => {}
    }
    places.push(at);
}

/// The last names of the fields that occur in a document.
fn names(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.keys().cloned());
            fields.values().for_each(|value| names(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| names(value, found)),
        _ => {}
    }
}

fn policy_is_read(policy: &Value) -> Result<(), String> {
    let file = PolicyFile {
        name: "p.yaml".to_owned(),
        text: policy.to_string(),
    };
    let key = |_: &KeySource| -> Result<Vec<u8>, KeySourceError> { Ok(KEY.as_bytes().to_vec()) };
    let read = file::load(&[file], NoMatch::Deny, &key);
    let text = |problems: Vec<file::Problem>| format!("{problems:?}");
    read.map(drop).map_err(text)
}

/// The policies of the page, and the forms that are not on it.
fn policies() -> Vec<Value> {
    let page = read("docs/trust-policy.md");
    let blocks = page.split("```yaml\n").skip(1);
    let mut all: Vec<_> = blocks
        .filter_map(|rest| rest.split("```").next())
        .map(yaml)
        .collect();
    let identity = json!({
        "issuerRegExp": "https://.+", "subject": "https://github.com/acme/app",
        "claimsRegExp": {"tokenSubject": ".+"},
    });
    all.push(json!({
        "apiVersion": "sealgate.dev/v1alpha1",
        "kind": "TrustPolicy",
        "metadata": {"name": "more", "labels": {"a": "b"}, "annotations": {"a": "b"}},
        "spec": {
            "mode": "warn",
            "images": [{"glob": "**"}],
            "namespaces": ["a"],
            "authorities": [
                {"name": "a", "keys": [{"file": "a.pub"}, {"data": KEY, "name": "b"}],
                 "trustRoot": "public-good", "transparencyLog": {"threshold": 1},
                 "signedTimestamp": {"threshold": 0}, "annotations": {"a": "b"}},
                {"name": "b", "keyless": {"identities": [identity]}},
                {"name": "c", "notation": {"trustStores": ["ca:a"], "trustedIdentities": ["*"],
                 "override": {"authenticity": "log", "authenticTimestamp": "log", "expiry": "log",
                 "revocation": "skip"}}},
                {"name": "d", "static": {"action": "fail", "message": "closed"}},
            ],
            "require": "attestationsOnly",
            "attestations": [{"name": "a", "predicateType": "https://a.example/b", "from": ["a"]}],
        },
    }));
    all
}

/// What the two say of changed documents: the schema refuses nothing that is read, and everything
/// of another shape that is not.
fn compare(
    schema: &Schema<'_>,
    documents: &[Value],
    reads: &dyn Fn(&Value) -> Result<(), String>,
) -> usize {
    let mut compared = 0;
    for document in documents {
        assert_eq!(reads(document), Ok(()), "{document}");
        assert_eq!(schema.problems(document), [""; 0]);
        for change in changes(document) {
            let problems = schema.problems(&change.document);
            match reads(&change.document) {
                Ok(()) => assert_eq!(problems, [""; 0], "{}: it is read", change.what),
                Err(why) if change.shape => {
                    assert_ne!(problems, [""; 0], "{}: it is not read: {why}", change.what);
                }
                Err(_) => {}
            }
            compared += 1;
        }
    }
    compared
}

#[test]
fn the_schema_of_policies_takes_and_refuses_what_the_reader_does() {
    let schema = schema("trust-policy");
    let schema = Schema::new(&schema);
    let policies = policies();
    assert_eq!(policies.len(), 11);
    assert!(compare(&schema, &policies, &policy_is_read) > 500);
    for sample in [
        "manifests/base/policies/production.yaml",
        "examples/policy-test/policies/production.yaml",
    ] {
        assert_eq!(schema.problems(&yaml(&read(sample))), [""; 0], "{sample}");
    }
}

/// What a field that is removed, or `null`, makes of a policy, the two agree on.
#[test]
fn the_schema_of_policies_needs_the_fields_that_the_reader_needs() {
    let schema = schema("trust-policy");
    let schema = Schema::new(&schema);
    // What hangs on something else in the policy.
    let beyond = [
        "without trustRoot",
        "without attestations",
        "without override",
        "without revocation",
        "authorities/0: empty",
    ];
    for policy in policies() {
        for change in changes(&policy) {
            let what = &change.what;
            let left_out = what.contains(": without ") || what.ends_with(": null");
            if !left_out || beyond.iter().any(|one| change.what.ends_with(one)) {
                continue;
            }
            let read = policy_is_read(&change.document);
            let fits = schema.problems(&change.document).is_empty();
            assert_eq!(fits, read.is_ok(), "{}: {read:?}", change.what);
        }
    }
}

#[test]
fn the_schema_of_policies_has_every_field_of_the_reader_and_no_other() {
    let schema = schema("trust-policy");
    let properties = Schema::new(&schema).properties().into_iter();
    let mut claims = BTreeSet::new();
    let mut fields = BTreeSet::new();
    for (at, name) in properties {
        match at.contains("/claims") {
            true => claims.insert(name),
            false => fields.insert(name),
        };
    }
    // Taken and not looked at; and known only to be refused.
    assert!(fields.remove("status"));
    let mut known = language::fields();
    assert!(known.remove("secret"));
    assert_eq!(fields, known);
    assert_eq!(claims.len(), 21);
}

fn config_is_read(config: &Value) -> Result<(), String> {
    let read = Config::parse(&config.to_string(), Path::new("c.yaml"));
    read.map(drop).map_err(|error| error.to_string())
}

/// A configuration with everything that is `null` or empty by default.
fn whole_config() -> Value {
    json!({
        "listeners": [
            {"address": "127.0.0.1:8443", "clientAuth": "none", "clientCa": null, "tokenReview": {
                "audiences": ["sealgate"], "users": ["system:serviceaccount:a:b"],
                "apiServer": "https://10.0.0.1:443", "ca": "ca.crt", "tokenFile": "token",
                "timeout": "1s", "cache": {"allow": "1m", "deny": "10s"},
            }},
            {"address": "127.0.0.1:8444", "clientNames": ["a"], "tls": {"minVersion": "1.2"}},
        ],
        "policies": ["policies"],
        "trustRoots": [
            {"name": "corp", "file": "root.json"},
            {"name": "public-good", "tuf": {}},
            {"name": "tuf", "file": "root.json", "tuf": {
                "url": "https://tuf.example.com", "root": "root.json", "target": "t.json",
                "ca": "ca.pem", "refreshEvery": "6h", "timeout": "1m", "dangerPlainHttp": false,
            }},
        ],
        "trustCache": "cache",
        "trustStores": "stores",
        "registries": [
            {"host": "a.example.com", "plainHttp": true},
            {"host": "b.example.com", "ca": "ca.pem", "tokenHosts": ["c.example.com"],
             "redirectHosts": ["d.example.com"], "auth": {"username": "a", "passwordFile": "b"}},
            {"host": "e.example.com", "auth": {"dockerConfig": "config.json"}},
            {"host": "f.example.com", "auth": {"anonymous": true}},
        ],
        "credentials": {"dockerConfig": "config.json"},
        "revocation": {"privateHosts": ["crl.example.com"]},
        "audit": {"output": "off"},
    })
}

#[test]
fn the_schema_of_the_configuration_takes_and_refuses_what_the_reader_does() {
    let schema = schema("config");
    let schema = Schema::new(&schema);
    let mut documents = [yaml(&read("provider/sealgate.yaml")), whole_config()];
    for document in &mut documents {
        // Whether the sum of all bounds fits is no matter of fields.
        document["limits"]["memory"] = json!("8GiB");
    }
    assert!(compare(&schema, &documents, &config_is_read) > 500);
    // The page with the defaults and the one with the rest have all there is.
    let mut known = BTreeSet::new();
    documents
        .iter()
        .for_each(|document| names(document, &mut known));
    let fields: BTreeSet<_> = schema
        .properties()
        .into_iter()
        .map(|(_, name)| name)
        .collect();
    assert_eq!(fields, known);
}

#[test]
fn every_verdict_that_is_kept_fits_its_schema_and_every_field_of_it_occurs() {
    let schema = schema("verdict");
    let schema = Schema::new(&schema);
    let mut verdicts = 0;
    let mut occur = BTreeSet::new();
    let mut folders = vec![source::root().join("tests/vectors/verdicts")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if !path.to_string_lossy().ends_with(".response.json") {
                continue;
            }
            let response: Value = std::fs::read_to_string(&path).unwrap().parse().unwrap();
            let Some(verdict) = response.get("verdict") else {
                continue;
            };
            assert_eq!(schema.problems(verdict), [""; 0], "{}", path.display());
            names(verdict, &mut occur);
            verdicts += 1;
        }
    }
    assert!(verdicts > 1000, "{verdicts}");
    let fields = schema.properties().into_iter().map(|(_, name)| name);
    let missing: Vec<_> = fields.filter(|name| !occur.contains(name)).collect();
    // It takes a predicate that is larger than any request which the vectors keep.
    assert_eq!(missing, ["predicateOmitted"]);
}
