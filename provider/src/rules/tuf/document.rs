//! What a document of a repository must hold before anything of it is read.

use std::collections::{BTreeMap, BTreeSet};

use sealgate_core::json::{self, JsonError};
use serde::Deserialize;
use serde_json::Value;
use sigstore_tuf::Key;

/// Why a document is not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum DocumentError {
    /// Not JSON, or JSON that two readers could read differently.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Signatures of this key would count more than once.
    #[error("the role {role} lists one key under two ids, {first:?} and {second:?}")]
    OneKeyTwice {
        /// The role.
        role: String,
        /// An id.
        first: String,
        /// Another id.
        second: String,
    },
}

/// Checks that it is strict JSON, and that no role of it lists a key under two ids: a threshold
/// counts keys, and `sigstore-tuf` counts ids.
///
/// Keys are compared by what they are, in whatever encoding that `sigstore-tuf` takes. Roots that
/// Sigstore signed in 2022 list ECDSA keys a second time as the hexadecimal digits of their points:
/// that is no form in which a signature is checked, so those keys count once all the same.
pub(super) fn check(bytes: &[u8]) -> Result<(), DocumentError> {
    json::check(bytes)?;
    // What has another form is for whoever reads it.
    let Ok(document) = json::parse::<DocumentWire>(bytes) else {
        return Ok(());
    };
    let Some(signed) = document.signed else {
        return Ok(());
    };
    for listing in [Some(signed.own), signed.delegations].into_iter().flatten() {
        for (role, ids) in listing.roles() {
            let mut seen = BTreeMap::new();
            for id in ids {
                let Some(key) = listing.keys.get(&id).and_then(identity) else {
                    continue;
                };
                if let Some(first) = seen.insert(key, id.clone()) {
                    return Err(DocumentError::OneKeyTwice {
                        role: role.to_owned(),
                        first,
                        second: id,
                    });
                }
            }
        }
    }
    Ok(())
}

/// What tells that two descriptions are of one key.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Identity {
    /// The first coordinate of a point: the other is known but for its sign.
    Point(Vec<u8>),
    /// Any other key.
    Key(Vec<u8>),
    /// What `sigstore-tuf` takes for no key: as it is written, without white space and the case of
    /// hexadecimal digits.
    Text(String),
}

/// The schemes of `sigstore-tuf`. A key is the same under any of them.
const SCHEMES: [&str; 9] = [
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ed25519",
    "rsassa-pss-sha256",
    "rsassa-pss-sha384",
    "rsassa-pss-sha512",
    "ml-dsa-44/1",
    "ml-dsa-65/1",
    "ml-dsa-87/1",
];

/// The public key of a description, as it is compared.
fn identity(key: &Value) -> Option<Identity> {
    let public = key.pointer("/keyval/public")?.as_str()?;
    if let Ok(key) = Key::deserialize(key)
        && let Some(known) = SCHEMES.iter().find_map(|scheme| known(&key, scheme))
    {
        return Some(known);
    }
    let text: String = public.split_ascii_whitespace().collect();
    Some(Identity::Text(
        match text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            true => text.to_ascii_lowercase(),
            false => text,
        },
    ))
}

/// The key that `sigstore-tuf` would check signatures of a scheme by, read by itself: PEM may have
/// headers, and points may be compressed.
fn known(key: &Key, scheme: &str) -> Option<Identity> {
    let mut key = key.clone();
    scheme.clone_into(&mut key.scheme);
    let read = key.verification_key().ok()?;
    let bytes = read.as_bytes();
    if !scheme.starts_with("ecdsa") {
        return Some(Identity::Key(bytes.to_vec()));
    }
    let (form, coordinates) = bytes.split_first()?;
    let first = match form {
        2 | 3 => coordinates,
        _ => coordinates.get(..coordinates.len() / 2)?,
    };
    Some(Identity::Point(first.to_vec()))
}

#[derive(Deserialize)]
struct DocumentWire {
    signed: Option<SignedWire>,
}

#[derive(Deserialize)]
struct SignedWire {
    #[serde(flatten)]
    own: ListingWire,
    delegations: Option<ListingWire>,
}

/// Keys, and the roles that name them: by name in a root, in order in delegations.
#[derive(Deserialize)]
struct ListingWire {
    #[serde(default)]
    keys: BTreeMap<String, Value>,
    #[serde(default)]
    roles: Value,
}

impl ListingWire {
    fn roles(&self) -> Vec<(&str, BTreeSet<String>)> {
        let ids = |role: &Value| {
            let ids = role.get("keyids").and_then(Value::as_array);
            let ids = ids.into_iter().flatten().filter_map(Value::as_str);
            ids.map(str::to_owned).collect()
        };
        match &self.roles {
            Value::Object(roles) => roles
                .iter()
                .map(|(name, role)| (name.as_str(), ids(role)))
                .collect(),
            Value::Array(roles) => roles
                .iter()
                .map(|role| {
                    (
                        role.get("name").and_then(Value::as_str).unwrap_or_default(),
                        ids(role),
                    )
                })
                .collect(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    use super::*;

    /// Of the document of RFC 8410, section 10.1.
    const ED25519_PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
                               MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
                               -----END PUBLIC KEY-----\n";
    const ED25519_HEX: &str = "19BF44096984CDFE8541BAC167DC3B96C85086AA30B6B6CB0C5C38AD703166E1";
    /// NIST P-256, the base point, whole and compressed.
    const X: &str = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
    const Y: &str = "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

    fn p256(head: &str, point: &str) -> String {
        let digits = format!("{head}{point}");
        let pairs = digits.as_bytes().chunks(2);
        let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        let base64 = STANDARD.encode(pairs.map(byte).collect::<Vec<_>>());
        format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----")
    }

    fn whole() -> String {
        let head = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
        p256(head, &format!("04{X}{Y}"))
    }

    fn compressed() -> String {
        let head = "3039301306072a8648ce3d020106082a8648ce3d030107032200";
        p256(head, &format!("03{X}"))
    }

    fn key(scheme: &str, public: &str) -> Value {
        json!({"keytype": scheme, "scheme": scheme, "keyval": {"public": public}})
    }

    fn role(first: &Value, second: &Value) -> Result<(), DocumentError> {
        let document = json!({"signed": {
            "keys": {"a": first, "b": second},
            "roles": {"root": {"keyids": ["a", "b"], "threshold": 2}},
        }});
        check(document.to_string().as_bytes())
    }

    #[test]
    fn one_key_in_two_encodings_is_one_key_adv_51() {
        let ecdsa = |public: &str| key("ecdsa-sha2-nistp256", public);
        let indented = whole().replace('\n', "\n  ");
        let headed = |pem: &str| pem.replacen('\n', "\nProc-Type: 4,CLEAR\n\n", 1);
        for (first, second) in [
            (key("ed25519", ED25519_PEM), key("ed25519", ED25519_HEX)),
            (
                key("ed25519", ED25519_HEX),
                key("ed25519", &ED25519_HEX.to_lowercase()),
            ),
            (ecdsa(&whole()), ecdsa(&compressed())),
            (ecdsa(&whole()), ecdsa(&indented)),
            (ecdsa(&whole()), key("ecdsa", &whole())),
            (ecdsa(&whole()), ecdsa(&headed(&whole()))),
            (ecdsa(&headed(&compressed())), ecdsa(&whole())),
            (
                key("ed25519", &headed(ED25519_PEM)),
                key("ed25519", ED25519_HEX),
            ),
        ] {
            let error = role(&first, &second).unwrap_err().to_string();
            assert!(error.contains("one key under two ids"), "{error}");
        }
    }

    /// As Sigstore's roots of 2022 have it: `sigstore-tuf` checks no signature by the second form.
    #[test]
    fn a_key_that_is_listed_once_more_as_its_point_is_read_adv_51() {
        let point = format!("04{X}{Y}");
        let listed = key("ecdsa-sha2-nistp256", &point);
        role(&key("ecdsa-sha2-nistp256", &whole()), &listed).unwrap();
    }
}
