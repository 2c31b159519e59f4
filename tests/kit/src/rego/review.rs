//! An admission request, or an audited object, as a policy sees it.

use serde_json::{Value, json};

/// What Gatekeeper puts into `input`.
#[derive(Clone, Debug)]
pub struct Review {
    review: Value,
    parameters: Value,
}

impl Review {
    /// The creation of this object, in the namespace that it names, under a constraint
    /// without parameters.
    pub fn create(object: Value) -> Self {
        let mut review = json!({
            "uid": "00000000-0000-0000-0000-000000000000",
            "operation": "CREATE",
            "kind": kind(&object),
            "name": object.pointer("/metadata/name"),
            "userInfo": {"username": "alice"},
            "oldObject": null,
        });
        if let Some(namespace) = object.pointer("/metadata/namespace").cloned() {
            set(&mut review, "namespace", namespace);
        }
        set(&mut review, "object", object);
        Self {
            review,
            parameters: json!({}),
        }
    }

    /// The replacement of `old` by `object`.
    pub fn update(old: Value, object: Value) -> Self {
        let mut update = Self::create(object);
        set(&mut update.review, "operation", json!("UPDATE"));
        set(&mut update.review, "oldObject", old);
        update
    }

    /// The deletion of this object, which Gatekeeper shows as both the old and the new one.
    pub fn delete(object: Value) -> Self {
        let mut delete = Self::create(object.clone());
        set(&mut delete.review, "operation", json!("DELETE"));
        set(&mut delete.review, "oldObject", object);
        delete
    }

    /// The audit of this object: there is no operation.
    pub fn audit(object: Value) -> Self {
        let mut audit = Self::create(object);
        if let Value::Object(fields) = &mut audit.review {
            fields.remove("operation");
            fields.remove("oldObject");
        }
        audit
    }

    /// The request's subresource, such as `ephemeralcontainers`.
    #[must_use]
    pub fn subresource(mut self, name: &str) -> Self {
        set(&mut self.review, "subResource", json!(name));
        self
    }

    /// The request's namespace, where it is not the object's.
    #[must_use]
    pub fn namespace(mut self, name: &str) -> Self {
        set(&mut self.review, "namespace", json!(name));
        self
    }

    /// The constraint's `spec.parameters`.
    #[must_use]
    pub fn parameters(mut self, parameters: Value) -> Self {
        self.parameters = parameters;
        self
    }

    pub(super) fn input(&self) -> Value {
        json!({"review": self.review, "parameters": self.parameters})
    }
}

fn kind(object: &Value) -> Value {
    let text = |field| object.get(field).and_then(Value::as_str).unwrap_or("");
    let (group, version) = text("apiVersion")
        .split_once('/')
        .unwrap_or(("", text("apiVersion")));
    json!({"group": group, "version": version, "kind": text("kind")})
}

fn set(review: &mut Value, field: &str, value: Value) {
    if let Value::Object(fields) = review {
        fields.insert(field.to_owned(), value);
    }
}
