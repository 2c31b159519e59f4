//! The objects of a file: YAML of any number of documents, JSON, and lists of either.

use std::fmt;

use sealgate_core::json;
use serde_json::{Map, Value};

use super::Place;
use crate::config::yaml::Document;

/// The most bytes of a file: a large cluster's Pods, as JSON.
pub(crate) const MOST_BYTES: u64 = 512 << 20;

/// An object of Kubernetes.
#[derive(Debug)]
pub(super) struct Object {
    /// The file.
    pub(super) file: String,
    /// The line on which its document begins.
    pub(super) line: usize,
    pub(super) namespace: Option<String>,
    pub(super) value: Value,
}

/// Why a file cannot be read as manifests.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) struct ManifestError {
    pub(super) place: Place,
    pub(super) why: String,
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.place.file, self.place.line)?;
        for part in [&self.place.object, &self.place.part] {
            if !part.is_empty() {
                write!(f, "{part}: ")?;
            }
        }
        f.write_str(&self.why)
    }
}

impl Object {
    /// The object in words: `Deployment shop/web`.
    pub(super) fn name(&self) -> String {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(shortened);
        let kind = text(self.value.get("kind")).unwrap_or_default();
        let metadata = self.value.get("metadata");
        let field = |name: &str| text(metadata.and_then(|metadata| metadata.get(name)));
        let generated = || field("generateName").map(|name| format!("{name}*"));
        match (field("namespace"), field("name").or_else(generated)) {
            (Some(namespace), Some(name)) => format!("{kind} {namespace}/{name}"),
            (None, Some(name)) => format!("{kind} {name}"),
            _ => format!("{kind} without a name"),
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(253).collect()
}

/// Reads the objects of a file.
pub(super) fn read(file: &str, text: &str) -> Result<Vec<Object>, Vec<ManifestError>> {
    let mut reading = Reading {
        file,
        objects: Vec::new(),
        problems: Vec::new(),
    };
    for (line, document) in split(text) {
        if let Some(value) = reading.parse(line, document) {
            reading.object(line, "", value);
        }
    }
    match reading.problems.is_empty() {
        true => Ok(reading.objects),
        false => Err(reading.problems),
    }
}

/// The documents and the lines on which they begin. A line that begins with `---` separates them
/// wherever it stands (YAML 1.2.2, 9.1.2), and none such is in JSON.
fn split(text: &str) -> Vec<(usize, &str)> {
    let mut documents = Vec::new();
    let (mut begin, mut begin_line, mut at) = (0, 1, 0);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let marker = line
            .strip_prefix("---")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace));
        if marker && at > begin {
            documents.push((begin_line, text.get(begin..at).unwrap_or_default()));
            (begin, begin_line) = (at, index + 1);
        }
        at += line.len();
    }
    documents.push((begin_line, text.get(begin..).unwrap_or_default()));
    documents
}

struct Reading<'a> {
    file: &'a str,
    objects: Vec<Object>,
    problems: Vec<ManifestError>,
}

impl Reading<'_> {
    fn problem(&mut self, line: usize, object: &str, why: impl Into<String>) {
        self.problems.push(ManifestError {
            place: Place {
                file: self.file.to_owned(),
                line,
                object: object.to_owned(),
                part: String::new(),
            },
            why: why.into(),
        });
    }

    /// A document as a tree; none if it is empty, or wrong.
    fn parse(&mut self, line: usize, document: &str) -> Option<Value> {
        let body = document.strip_prefix("---").unwrap_or(document);
        let body = body.trim_start_matches('\u{feff}').trim_start();
        let as_json = match body.starts_with(['{', '[']) {
            true => match json::parse::<Value>(body.as_bytes()) {
                Ok(value) => return Some(value),
                Err(error) => Some(error),
            },
            false => None,
        };
        // What looks like JSON may be YAML in braces.
        let read = Document::parse(document).and_then(|document| document.read::<Value>());
        match (read, as_json) {
            (Ok(Value::Object(fields)), _) if fields.is_empty() => None,
            (Ok(value), _) => Some(value),
            (Err(_), Some(error)) => {
                self.problem(line, "", format!("not JSON: {error}"));
                None
            }
            (Err(findings), None) => {
                for finding in findings {
                    let at = line + finding.line.unwrap_or(1).saturating_sub(1);
                    self.problem(at, "", finding.message);
                }
                None
            }
        }
    }

    /// An object, or all in a list of them. `inside` is where in the document it stands.
    fn object(&mut self, line: usize, inside: &str, value: Value) {
        let Value::Object(fields) = value else {
            self.problem(line, inside, "expected an object of Kubernetes, a mapping");
            return;
        };
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        let (Some(version), Some(kind)) = (text("apiVersion"), text("kind")) else {
            let why = "expected an object of Kubernetes, with apiVersion and kind";
            self.problem(line, inside, why);
            return;
        };
        if kind.ends_with("List") && fields.contains_key("items") {
            let (version, kind) = (version.to_owned(), kind.to_owned());
            self.list(line, inside, &version, &kind, fields);
            return;
        }
        let metadata = fields.get("metadata");
        let namespace = metadata.and_then(|metadata| metadata.get("namespace"));
        let namespace = match namespace {
            None | Some(Value::Null) => None,
            Some(Value::String(name)) => Some(name.clone()),
            Some(_) => {
                let object = format!("{inside}{kind}");
                self.problem(line, &object, "metadata.namespace: expected a text");
                return;
            }
        };
        self.objects.push(Object {
            file: self.file.to_owned(),
            line,
            namespace,
            value: Value::Object(fields),
        });
    }

    /// A `List`, or a list of one kind, whose items need not say again what they are.
    fn list(
        &mut self,
        line: usize,
        inside: &str,
        version: &str,
        kind: &str,
        mut fields: Map<String, Value>,
    ) {
        let items = match fields.remove("items") {
            Some(Value::Array(items)) => items,
            // An empty list, as Go writes it.
            Some(Value::Null) => return,
            _ => {
                self.problem(line, &format!("{inside}{kind}"), "items: expected a list");
                return;
            }
        };
        let of = kind.strip_suffix("List").filter(|kind| !kind.is_empty());
        for (index, mut item) in items.into_iter().enumerate() {
            if let (Value::Object(item), Some(of)) = (&mut item, of) {
                for (name, value) in [("apiVersion", version), ("kind", of)] {
                    item.entry(name).or_insert_with(|| value.into());
                }
            }
            self.object(line, &format!("{inside}items[{index}] "), item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_split_where_yaml_splits_them() {
        let lines =
            |text: &str| -> Vec<usize> { split(text).into_iter().map(|(line, _)| line).collect() };
        assert_eq!(lines("a: 1\n---\nb: 2\n"), [1, 2]);
        assert_eq!(lines("---\na: 1\n--- # next\nb: 2\n---"), [1, 3, 5]);
        assert_eq!(lines("a: |\n  ---\n  x\n----\n---x\n"), [1]);
    }
}
