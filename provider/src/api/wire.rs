//! Gatekeeper's external data protocol, `externaldata.gatekeeper.sh/v1beta1`.
//!
//! `frameworks/constraint/pkg/externaldata/{request,response}.go`. Its client honours
//! positive items whatever the HTTP status, and caches every item for minutes, but never
//! a system error: so an answer has items or a system error, never both.

use std::borrow::Cow;
use std::io::Write as _;

use sealgate_core::json::{self, JsonError};
use serde::{Deserialize, Serialize};

use crate::question::KeyError;
use crate::service::Decision;

const API_VERSION: &str = "externaldata.gatekeeper.sh/v1beta1";
const REQUEST_KIND: &str = "ProviderRequest";
const RESPONSE_KIND: &str = "ProviderResponse";

/// A request that was read: its keys, in order, as they were written.
#[derive(Debug)]
pub(super) struct ProviderRequest<'a> {
    pub(super) keys: Vec<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct RequestWire<'a> {
    #[serde(borrow, rename = "apiVersion")]
    api_version: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    request: KeysWire<'a>,
}

/// Older Gatekeepers leave out an empty list of keys.
#[derive(Default, Deserialize)]
struct KeysWire<'a> {
    #[serde(borrow, default)]
    keys: Option<Vec<Text<'a>>>,
}

/// `Cow` alone never borrows inside a list.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> ProviderRequest<'a> {
    /// Reads a body, whatever its content type.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        let wire: RequestWire<'a> = json::parse(body).map_err(WireError::Json)?;
        let group = API_VERSION.split_once('/').map_or("", |(group, _)| group);
        let of_group = wire
            .api_version
            .strip_prefix(group)
            .is_some_and(|version| version.starts_with('/'));
        if !of_group || wire.kind != REQUEST_KIND {
            return Err(WireError::Kind(
                wire.kind.chars().take(80).collect(),
                wire.api_version.chars().take(80).collect(),
            ));
        }
        let keys = wire.request.keys.unwrap_or_default();
        Ok(Self {
            keys: keys.into_iter().map(|Text(key)| key).collect(),
        })
    }
}

/// Why a body is not a request.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    #[error("the body is not the JSON of a ProviderRequest: {0}")]
    Json(JsonError),
    #[error("expected a ProviderRequest of {API_VERSION}, found kind {0:?} of {1:?}")]
    Kind(String, String),
}

/// The value or the error of one key.
pub(super) enum Item<'a> {
    /// A verdict, and where it comes from.
    Verdict(&'a Decision),
    /// JSON, written already: it is copied as it is.
    Value(Cow<'a, [u8]>),
    /// What is wrong with the key itself.
    Error(String),
}

impl Item<'_> {
    /// The error of a key, after its stable code: templates tell errors apart by it.
    pub(super) fn wrong(error: &KeyError) -> Self {
        Self::Error(format!("{}: {error}", error.code()))
    }

    /// The bytes that it takes, about.
    fn bytes(&self) -> usize {
        match self {
            Self::Verdict(decision) => decision.json_bytes(),
            Self::Value(json) => json.len(),
            Self::Error(message) => message.len(),
        }
    }
}

impl Decision {
    /// The verdict as core wrote it, and where it comes from.
    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(self.json_bytes());
        self.write_json(&mut json);
        json
    }

    /// As much as [`write_json`](Self::write_json) writes, at most.
    fn json_bytes(&self) -> usize {
        self.judged.json.len() + 64
    }

    fn write_json(&self, json: &mut Vec<u8>) {
        let verdict = &self.judged.json;
        json.extend_from_slice(verdict.strip_suffix(b"}").unwrap_or(verdict));
        json.extend_from_slice(b",\"cache\":{\"status\":\"");
        json.extend_from_slice(self.status.as_str().as_bytes());
        // Writing into memory cannot fail.
        let _ = write!(json, "\",\"ageSeconds\":{}}}}}", self.age.as_secs());
    }
}

/// Writes an answer with items.
pub(super) fn items<'a>(
    idempotent: bool,
    items: impl Iterator<Item = (&'a str, Item<'a>)>,
) -> Vec<u8> {
    let items: Vec<_> = items.collect();
    let bytes = items
        .iter()
        .map(|(key, item)| key.len() + 32 + item.bytes());
    let mut body = Vec::with_capacity(128 + bytes.sum::<usize>());
    body.extend_from_slice(b"{\"apiVersion\":\"");
    body.extend_from_slice(API_VERSION.as_bytes());
    body.extend_from_slice(b"\",\"kind\":\"");
    body.extend_from_slice(RESPONSE_KIND.as_bytes());
    body.extend_from_slice(b"\",\"response\":{");
    if idempotent {
        body.extend_from_slice(b"\"idempotent\":true,");
    }
    body.extend_from_slice(b"\"items\":[");
    for (index, (key, item)) in items.iter().enumerate() {
        body.extend_from_slice(if index == 0 {
            b"{\"key\":"
        } else {
            b",{\"key\":"
        });
        write_string(&mut body, key);
        match item {
            Item::Verdict(decision) => {
                body.extend_from_slice(b",\"value\":");
                decision.write_json(&mut body);
            }
            Item::Value(json) => {
                body.extend_from_slice(b",\"value\":");
                body.extend_from_slice(json);
            }
            Item::Error(message) => {
                body.extend_from_slice(b",\"error\":");
                write_string(&mut body, message);
            }
        }
        body.push(b'}');
    }
    body.extend_from_slice(b"]}}");
    body
}

/// Writes an answer that nothing is known: no items.
pub(super) fn system_error(message: &str) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Wire<'a> {
        api_version: &'a str,
        kind: &'a str,
        response: Response<'a>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Response<'a> {
        system_error: &'a str,
    }
    let wire = Wire {
        api_version: API_VERSION,
        kind: RESPONSE_KIND,
        response: Response {
            system_error: message,
        },
    };
    // Strings in fixed fields: this cannot fail.
    serde_json::to_vec(&wire).unwrap_or_default()
}

/// Writes a JSON string.
pub(super) fn write_string(body: &mut Vec<u8>, text: &str) {
    // Writing a string into memory cannot fail.
    let _ = serde_json::to_writer(body, text);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn keys(body: &str) -> Result<Vec<String>, String> {
        ProviderRequest::parse(body.as_bytes())
            .map(|request| request.keys.into_iter().map(Cow::into_owned).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn what_gatekeeper_sends_is_read() {
        let head = r#""apiVersion":"externaldata.gatekeeper.sh/v1beta1","kind":"ProviderRequest""#;
        for (rest, expected) in [
            (
                r#","request":{"keys":["nginx","a\u003cb"]}"#,
                vec!["nginx", "a<b"],
            ),
            (r#","request":{"keys":[]}"#, vec![]),
            (r#","request":{"keys":null}"#, vec![]),
            (r#","request":{}"#, vec![]),
            ("", vec![]),
        ] {
            assert_eq!(keys(&format!("{{{head}{rest}}}\n")).unwrap(), expected);
        }
    }

    #[test]
    fn anything_else_is_refused_with_a_sentence() {
        for (body, expected) in [
            ("", "not the JSON"),
            ("[1,", "not the JSON"),
            (r#"{"keys": []}"#, "missing field"),
            (
                r#"{"apiVersion":"v1","kind":"Pod"}"#,
                "found kind \"Pod\" of \"v1\"",
            ),
            (
                r#"{"apiVersion":"externaldata.gatekeeper.sh/v1beta1","kind":"ProviderRequest","request":{"keys":[1]}}"#,
                "expected a string",
            ),
        ] {
            let error = keys(body).unwrap_err();
            assert!(error.contains(expected), "{body}: {error}");
        }
    }

    #[test]
    fn answers_have_the_shape_of_the_protocol_l16() {
        let given = [
            (
                "a\"b",
                Item::Value(br#"{"verified":true}"#.as_slice().into()),
            ),
            ("c", Item::Error("no \"image\"".to_owned())),
        ];
        let body = items(true, given.into_iter());
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(&body).unwrap(),
            serde_json::json!({
                "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
                "kind": "ProviderResponse",
                "response": {"idempotent": true, "items": [
                    {"key": "a\"b", "value": {"verified": true}},
                    {"key": "c", "error": "no \"image\""},
                ]},
            })
        );
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(&system_error("down")).unwrap(),
            serde_json::json!({
                "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
                "kind": "ProviderResponse",
                "response": {"systemError": "down"},
            })
        );
    }
}
