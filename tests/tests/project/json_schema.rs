//! JSON Schema (draft 7) as far as our schemas use it; a keyword that is not known here is refused.
//!
//! Why not a library: those there are switch on features of crates that core uses, for every test of
//! the workspace. That our schemas are what others read in them was compared with Python's
//! `jsonschema`.

use serde_json::{Map, Value};

/// A schema.
pub(crate) struct Schema<'a> {
    root: &'a Value,
}

impl<'a> Schema<'a> {
    pub(crate) fn new(root: &'a Value) -> Self {
        assert_eq!(root["$schema"], "http://json-schema.org/draft-07/schema#");
        Self { root }
    }

    /// Where a value is not as it should be.
    pub(crate) fn problems(&self, value: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        self.check(self.root, value, "", &mut problems);
        problems
    }

    /// The names of all properties, with the pointer of the schema that has them.
    pub(crate) fn properties(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        properties(self.root, "", &mut found);
        found
    }

    fn definition(&self, reference: &str) -> &'a Value {
        let pointer = reference.strip_prefix('#').unwrap();
        self.root.pointer(pointer).unwrap()
    }

    fn fits(&self, schema: &Value, value: &Value) -> bool {
        let mut problems = Vec::new();
        self.check(schema, value, "", &mut problems);
        problems.is_empty()
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, problems: &mut Vec<String>) {
        let keywords = schema.as_object().unwrap();
        let mut wrong = |what: String| problems.push(format!("{at}: {what}"));
        for (keyword, demand) in keywords {
            let fine = match keyword.as_str() {
                "$schema" | "$id" | "title" | "description" | "default" | "definitions" => true,
                // Looked at with `properties` and `items` below.
                "$ref" | "properties" | "additionalProperties" | "items" | "allOf" => true,
                "type" => match demand {
                    Value::Array(kinds) => kinds.iter().any(|kind| is(value, kind)),
                    kind => is(value, kind),
                },
                "const" => value == demand,
                "enum" => demand.as_array().unwrap().contains(value),
                "minLength" => count(value.as_str().map(|text| text.chars().count()), demand),
                "minItems" => count(value.as_array().map(Vec::len), demand),
                "minimum" => value.as_f64().is_none_or(|n| n >= demand.as_f64().unwrap()),
                "maximum" => value.as_f64().is_none_or(|n| n <= demand.as_f64().unwrap()),
                "required" => value.as_object().is_none_or(|fields| {
                    let mut names = demand.as_array().unwrap().iter();
                    names.all(|name| fields.contains_key(name.as_str().unwrap()))
                }),
                "oneOf" => {
                    let all = demand.as_array().unwrap().iter();
                    all.filter(|one| self.fits(one, value)).count() == 1
                }
                other => panic!("the keyword {other} is not known here"),
            };
            if !fine {
                wrong(format!("{keyword}: {demand}, found {value}"));
            }
        }
        if let Some(Value::String(reference)) = keywords.get("$ref") {
            self.check(self.definition(reference), value, at, problems);
        }
        for one in keywords
            .get("allOf")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            self.check(one, value, at, problems);
        }
        if let (Some(items), Value::Array(values)) = (keywords.get("items"), value) {
            for (index, value) in values.iter().enumerate() {
                self.check(items, value, &format!("{at}[{index}]"), problems);
            }
        }
        if let Value::Object(fields) = value {
            self.fields(keywords, fields, at, problems);
        }
    }

    fn fields(
        &self,
        keywords: &Map<String, Value>,
        fields: &Map<String, Value>,
        at: &str,
        problems: &mut Vec<String>,
    ) {
        for (name, value) in fields {
            let at = format!("{at}.{name}");
            let known = keywords.get("properties").and_then(|known| known.get(name));
            match (known, keywords.get("additionalProperties")) {
                (Some(schema), _) => self.check(schema, value, &at, problems),
                (None, Some(Value::Bool(false))) => problems.push(format!("{at}: unknown")),
                (None, Some(schema @ Value::Object(_))) => self.check(schema, value, &at, problems),
                (None, _) => {}
            }
        }
    }
}

fn is(value: &Value, kind: &Value) -> bool {
    match kind.as_str().unwrap() {
        "array" => value.is_array(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "object" => value.is_object(),
        "string" => value.is_string(),
        other => panic!("the type {other} is not known here"),
    }
}

fn count(found: Option<usize>, least: &Value) -> bool {
    found.is_none_or(|found| found as u64 >= least.as_u64().unwrap())
}

fn properties(schema: &Value, at: &str, found: &mut Vec<(String, String)>) {
    match schema {
        Value::Object(keywords) => {
            for (keyword, inner) in keywords {
                let at = format!("{at}/{keyword}");
                match (keyword.as_str(), inner) {
                    ("properties", Value::Object(known)) => {
                        for (name, schema) in known {
                            found.push((at.clone(), name.clone()));
                            properties(schema, &format!("{at}/{name}"), found);
                        }
                    }
                    ("default" | "enum" | "const" | "required", _) => {}
                    _ => properties(inner, &at, found),
                }
            }
        }
        Value::Array(all) => {
            for (index, schema) in all.iter().enumerate() {
                properties(schema, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn each_keyword_refuses_what_it_should() {
    let with = |keywords: &str| -> Value {
        let schema =
            format!(r#"{{"$schema": "http://json-schema.org/draft-07/schema#", {keywords}}}"#);
        schema.parse().unwrap()
    };
    for (keywords, good, bad) in [
        (r#""type": "string""#, r#""a""#, "1"),
        (r#""type": ["string", "null"]"#, "null", "1"),
        (r#""type": "integer""#, "1", "1.5"),
        (r#""type": "number""#, "1.5", "null"),
        (r#""const": "a""#, r#""a""#, r#""b""#),
        (r#""enum": ["a", "b"]"#, r#""b""#, r#""c""#),
        (r#""minLength": 1"#, r#""a""#, r#""""#),
        (r#""minItems": 1"#, "[1]", "[]"),
        (r#""minimum": 1"#, "1", "0"),
        (r#""maximum": 1"#, "1", "2"),
        (r#""required": ["a"]"#, r#"{"a": 1}"#, "{}"),
        (r#""items": {"type": "string"}"#, r#"["a"]"#, r#"["a", 1]"#),
        (
            r#""properties": {"a": {"type": "string"}}"#,
            r#"{"b": 1}"#,
            r#"{"a": 1}"#,
        ),
        (
            r#""properties": {"a": {}}, "additionalProperties": false"#,
            r#"{"a": 1}"#,
            r#"{"b": 1}"#,
        ),
        (
            r#""additionalProperties": {"type": "string"}"#,
            r#"{"a": ""}"#,
            r#"{"a": 1}"#,
        ),
        (
            r#""oneOf": [{"required": ["a"]}, {"required": ["b"]}]"#,
            r#"{"a": 1}"#,
            r#"{"a": 1, "b": 1}"#,
        ),
        (
            r#""allOf": [{"required": ["a"]}, {"required": ["b"]}]"#,
            r#"{"a": 1, "b": 1}"#,
            r#"{"a": 1}"#,
        ),
        (
            r##""items": {"$ref": "#/definitions/d"}, "definitions": {"d": {"type": "string"}}"##,
            r#"["a"]"#,
            "[1]",
        ),
    ] {
        let schema = with(keywords);
        let schema = Schema::new(&schema);
        assert_eq!(
            schema.problems(&good.parse().unwrap()),
            [""; 0],
            "{keywords}"
        );
        assert_ne!(
            schema.problems(&bad.parse().unwrap()),
            [""; 0],
            "{keywords}"
        );
    }
}
