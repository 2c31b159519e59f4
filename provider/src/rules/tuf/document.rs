//! What a document of a repository must hold before anything of it is read.

use std::collections::{BTreeMap, BTreeSet};

use sealgate_core::json::{self, JsonError};
use serde::Deserialize;
use serde_json::Value;

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
/// Keys are compared as they are written, without white space and the case of hexadecimal
/// digits. Not compared: one key in two encodings, as in roots that Sigstore signed in 2022.
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
                let Some(key) = listing.keys.get(&id).and_then(written) else {
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

/// The public key of a description, as it is compared.
fn written(key: &Value) -> Option<String> {
    let public = key.pointer("/keyval/public")?.as_str()?;
    let text: String = public.split_ascii_whitespace().collect();
    match text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        true => Some(text.to_ascii_lowercase()),
        false => Some(text),
    }
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
