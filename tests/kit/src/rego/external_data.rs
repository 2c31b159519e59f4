//! The `external_data` builtin as Gatekeeper 3.11 to 3.24 implements it (frameworks,
//! `drivers/rego/builtin.go`), with the traps that make careless policies fail open.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde_json::{Value, json};

/// What came of one POST to a provider.
#[derive(Clone, Debug)]
pub enum ProviderAnswer {
    /// A response arrived; neither its status nor its body has been judged.
    Http {
        /// The status, which Gatekeeper only passes on.
        status: u16,
        /// The body, which should be a `ProviderResponse`.
        body: Vec<u8>,
    },
    /// No response arrived: refused connection, failed handshake, timeout.
    Unreachable(String),
}

impl ProviderAnswer {
    /// A response with this JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::Http {
            status,
            body: body.to_string().into_bytes(),
        }
    }
}

/// The body that Gatekeeper sends for these keys.
pub fn provider_request(keys: &[String]) -> Value {
    json!({
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "ProviderRequest",
        "request": {"keys": keys},
    })
}

type Source = dyn Fn(&[String]) -> ProviderAnswer + Send + Sync;

/// The providers that one Gatekeeper process knows, and its response cache.
///
/// Cached items live until [`ExternalData::expire`] is called: there is no clock.
#[derive(Clone)]
pub struct ExternalData {
    providers: BTreeMap<String, Arc<Source>>,
    cache: Option<Arc<Mutex<Cache>>>,
    failures_are_undefined: bool,
}

type Cache = HashMap<(String, String), Item>;

impl ExternalData {
    /// No provider yet, and an empty response cache.
    pub fn new() -> Self {
        Self {
            providers: BTreeMap::new(),
            cache: Some(Arc::default()),
            failures_are_undefined: false,
        }
    }

    /// Adds a Provider: `source` makes the POST and is called with the keys that are
    /// not cached, in the order of the policy.
    #[must_use]
    pub fn provider(
        mut self,
        name: &str,
        source: impl Fn(&[String]) -> ProviderAnswer + Send + Sync + 'static,
    ) -> Self {
        self.providers.insert(name.to_owned(), Arc::new(source));
        self
    }

    /// Turns the response cache off, as `--external-data-provider-response-cache-ttl=0`.
    #[must_use]
    pub fn uncached(mut self) -> Self {
        self.cache = None;
        self
    }

    /// Makes failed calls undefined instead of a `system_error`, as the proposed change
    /// frameworks#705 does.
    #[must_use]
    pub fn with_undefined_failures(mut self) -> Self {
        self.failures_are_undefined = true;
        self
    }

    /// Lets everything in the response cache expire.
    pub fn expire(&self) {
        if let Some(cache) = &self.cache {
            cache.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    /// Calls the builtin; `None` is Rego's undefined.
    pub fn call(&self, argument: &regorus::Value) -> Option<Value> {
        let request = RegoRequest::parse(argument)?;
        let (mut items, missing) = self.look_up(&request);
        if missing.is_empty() {
            return Some(response(0, items, ""));
        }
        match self.send(&request.provider, &missing) {
            Ok((status, answer)) => {
                self.remember(&request.provider, &answer.items);
                items.extend(answer.items);
                Some(response(status, items, &answer.system_error))
            }
            Err(_) if self.failures_are_undefined => None,
            Err(failure) => Some(json!({
                "responses": null,
                "errors": null,
                "status_code": failure.status,
                "system_error": failure.message,
            })),
        }
    }

    fn look_up(&self, request: &RegoRequest) -> (Vec<Item>, Vec<String>) {
        let Some(cache) = &self.cache else {
            return (Vec::new(), request.keys.clone());
        };
        let cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut items, mut missing) = (Vec::new(), Vec::new());
        for key in &request.keys {
            match cache.get(&(request.provider.clone(), key.clone())) {
                Some(item) => items.push(item.clone()),
                None => missing.push(key.clone()),
            }
        }
        (items, missing)
    }

    fn send(&self, provider: &str, keys: &[String]) -> Result<(u16, Answer), Failure> {
        let source = self.providers.get(provider).ok_or_else(|| Failure {
            status: 400,
            message: "key is not found in provider cache".to_owned(),
        })?;
        let failed = |message| Failure {
            status: 500,
            message,
        };
        match source(keys) {
            ProviderAnswer::Http { status, body } => Answer::parse(&body)
                .map(|answer| (status, answer))
                .map_err(|e| failed(format!("failed to unmarshal external data response: {e}"))),
            ProviderAnswer::Unreachable(cause) => Err(failed(format!(
                "failed to send external data request: {cause}"
            ))),
        }
    }

    /// Every item is kept, under the key that the provider wrote: also errors, also
    /// items that came with a system error or with HTTP 500.
    fn remember(&self, provider: &str, items: &[Item]) {
        if let Some(cache) = &self.cache {
            let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
            for item in items {
                cache.insert((provider.to_owned(), item.key.clone()), item.clone());
            }
        }
    }
}

impl Default for ExternalData {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ExternalData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalData")
            .field("providers", &self.providers.keys())
            .field("cached", &self.cache.is_some())
            .field("failures_are_undefined", &self.failures_are_undefined)
            .finish()
    }
}

/// The argument of the builtin, after Gatekeeper has printed it as Rego and read that
/// back as JSON: what is not JSON in print makes the call undefined.
struct RegoRequest {
    provider: String,
    keys: Vec<String>,
}

impl RegoRequest {
    fn parse(argument: &regorus::Value) -> Option<Self> {
        if !prints_as_json(argument) {
            return None;
        }
        let wire: RegoRequestWire =
            serde_json::from_value(serde_json::to_value(argument).ok()?).ok()?;
        Some(Self {
            provider: wire.provider.unwrap_or_default(),
            keys: wire
                .keys
                .unwrap_or_default()
                .into_iter()
                .map(Option::unwrap_or_default)
                .collect(),
        })
    }
}

/// Go reads `null` as the zero value of whatever is expected.
#[derive(Deserialize)]
struct RegoRequestWire {
    provider: Option<String>,
    keys: Option<Vec<Option<String>>>,
}

fn prints_as_json(value: &regorus::Value) -> bool {
    match value {
        regorus::Value::String(text) => text.chars().all(quotes_as_json),
        regorus::Value::Array(values) => values.iter().all(prints_as_json),
        regorus::Value::Object(fields) => fields
            .iter()
            .all(|(name, value)| prints_as_json(name) && prints_as_json(value)),
        regorus::Value::Set(_) | regorus::Value::Undefined => false,
        _ => true,
    }
}

/// Go's `strconv.Quote` writes `\a`, `\v`, `\x01` and `\U000e0001`, which JSON does
/// not know; `\b`, `\f`, `\n`, `\r`, `\t` and `\u200b` are the same in both.
fn quotes_as_json(c: char) -> bool {
    match c {
        '\u{8}' | '\t' | '\n' | '\u{c}' | '\r' => true,
        '\0'..='\u{1f}' | '\u{7f}' => false,
        _ => c < '\u{e0000}',
    }
}

struct Failure {
    status: u16,
    message: String,
}

/// A `ProviderResponse`, read as leniently as Gatekeeper does: `apiVersion` and `kind`
/// are ignored, `null` and absence are the same.
struct Answer {
    items: Vec<Item>,
    system_error: String,
}

#[derive(Clone)]
struct Item {
    key: String,
    value: Value,
    error: String,
}

impl Answer {
    fn parse(body: &[u8]) -> Result<Self, serde_json::Error> {
        let wire: ProviderResponseWire = serde_json::from_slice(body)?;
        let response = wire.response.unwrap_or_default();
        Ok(Self {
            items: response
                .items
                .unwrap_or_default()
                .into_iter()
                .map(Item::from)
                .collect(),
            system_error: response.system_error.unwrap_or_default(),
        })
    }
}

#[derive(Deserialize)]
struct ProviderResponseWire {
    response: Option<ResponseWire>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResponseWire {
    items: Option<Vec<ItemWire>>,
    system_error: Option<String>,
}

#[derive(Deserialize)]
struct ItemWire {
    key: Option<String>,
    #[serde(default)]
    value: Value,
    error: Option<String>,
}

impl From<ItemWire> for Item {
    fn from(wire: ItemWire) -> Self {
        Self {
            key: wire.key.unwrap_or_default(),
            value: through_float64(wire.value),
            error: wire.error.unwrap_or_default(),
        }
    }
}

/// Go decodes every number of an untyped value into a float64.
fn through_float64(value: Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if float.fract() == 0.0 && float.abs() < 9e18 => json!(float as i64),
            Some(float) => json!(float),
            None => Value::Null,
        },
        Value::Array(values) => values.into_iter().map(through_float64).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (name, through_float64(value)))
            .collect(),
        other => other,
    }
}

/// What the policy sees: an item with an error is an error, whatever its value.
fn response(status: u16, items: Vec<Item>, system_error: &str) -> Value {
    let (mut responses, mut errors) = (Vec::new(), Vec::new());
    for item in items {
        if item.error.is_empty() {
            responses.push(json!([item.key, item.value]));
        } else {
            errors.push(json!([item.key, item.error]));
        }
    }
    json!({
        "responses": responses,
        "errors": errors,
        "status_code": status,
        "system_error": system_error,
    })
}
