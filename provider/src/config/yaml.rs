//! Reads YAML into a type and reports **every** problem with its line and field.
//!
//! serde stops at the first error. So the offending field is dropped and reading starts
//! again, until nothing is left to complain about. What YAML is, core's reader says.

use sealgate_core::policy::yaml::{self, Kind, Node};
use serde::de::value::{Error, MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{
    DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_path_to_error::{Path, Segment};

/// Enough for a person to mend; a file with more problems is not a configuration.
const MOST: usize = 100;

/// One problem in a YAML text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The field, as `listeners[0].tls.key`; empty for the document itself.
    pub(crate) field: String,
    /// The line, counted from 1, if it could be found.
    pub(crate) line: Option<usize>,
    /// What is wrong.
    pub(crate) message: String,
}

/// One step into a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Into a mapping.
    Key(String),
    /// Into a list.
    Index(usize),
}

/// A text that is YAML, with one document at most.
#[derive(Clone, Debug)]
pub(crate) struct Document(Tree);

/// A value and its line.
#[derive(Clone, Debug)]
struct Tree {
    line: usize,
    value: Value,
}

#[derive(Clone, Debug)]
enum Value {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
    /// Elements by their index as written.
    List(Vec<(usize, Tree)>),
    /// Entries by key, with the line of the key.
    Map(Vec<(String, usize, Tree)>),
}

impl Document {
    /// Takes a text apart; an empty one is an empty mapping.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<Finding>> {
        let wrong = |line, message| {
            vec![Finding {
                field: String::new(),
                line: Some(line),
                message,
            }]
        };
        let documents = yaml::documents("", text);
        let documents = documents.map_err(|problem| wrong(problem.line, problem.message))?;
        let mut documents = documents.into_iter();
        let first = documents.next();
        if let Some(second) = documents.next() {
            let message = "expected one document, found another".to_owned();
            return Err(wrong(second.line, message));
        }
        Ok(Self(first.map_or_else(
            || Tree {
                line: 1,
                value: Value::Map(Vec::new()),
            },
            Tree::from,
        )))
    }

    /// Reads it.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Vec<Finding>> {
        let mut tree = self.0.clone();
        let mut findings = Vec::new();
        while findings.len() < MOST {
            let error = match serde_path_to_error::deserialize::<_, T>(&tree) {
                Ok(read) if findings.is_empty() => return Ok(read),
                Ok(_) => break,
                Err(error) => error,
            };
            let steps = steps(error.path());
            let (written, line) = tree.place(&steps);
            findings.push(Finding {
                field: field(&written),
                line,
                message: error.into_inner().to_string(),
            });
            if !tree.drop_field(&steps) {
                break;
            }
        }
        Err(findings)
    }

    /// The line on which a field stands, if it is written at all.
    pub(crate) fn line(&self, steps: &[Step]) -> Option<usize> {
        self.0.place(steps).1
    }
}

/// The field as people write it.
pub(crate) fn field(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => text.push_str(&format!(".{key}")),
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

fn steps(path: &Path) -> Vec<Step> {
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Map { key } => Some(Step::Key(key.clone())),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

impl From<Node> for Tree {
    fn from(node: Node) -> Self {
        let value = match node.kind {
            Kind::Null => Value::Null,
            Kind::Scalar { text, plain: false } => Value::Text(text),
            Kind::Scalar { text, plain: true } => Value::plain(text),
            Kind::List(items) => {
                Value::List(items.into_iter().map(Self::from).enumerate().collect())
            }
            Kind::Map(entries) => {
                let entry = |(key, line, node)| (key, line, Self::from(node));
                Value::Map(entries.into_iter().map(entry).collect())
            }
        };
        Self {
            line: node.line,
            value,
        }
    }
}

impl Value {
    /// What a scalar without quotes is (YAML 1.2.2 section 10.3.2, in decimal).
    fn plain(text: String) -> Self {
        let number = text.trim_start_matches(['-', '+']);
        let digits = number.starts_with(|c: char| c.is_ascii_digit() || c == '.');
        let octal = number.len() > 1 && number.starts_with('0') && !number.contains('.');
        match text.as_str() {
            "true" | "True" | "TRUE" => return Self::Bool(true),
            "false" | "False" | "FALSE" => return Self::Bool(false),
            _ if !digits || octal => {}
            number => {
                let unsigned = number.parse().ok().map(Self::Unsigned);
                let signed = || number.parse().ok().map(Self::Signed);
                let float = || number.parse().ok().map(Self::Float);
                if let Some(value) = unsigned.or_else(signed).or_else(float) {
                    return value;
                }
            }
        }
        Self::Text(text)
    }
}

/// Whether a text needs quotes so as not to be something else.
pub(super) fn is_no_text(text: &str) -> bool {
    !matches!(Value::plain(text.to_owned()), Value::Text(_))
}

impl Tree {
    /// Where a path leads to: the path as written, and the line of its end.
    fn place(&self, steps: &[Step]) -> (Vec<Step>, Option<usize>) {
        let (mut at, mut line) = (Some(self), Some(self.line));
        let mut written = Vec::with_capacity(steps.len());
        for step in steps {
            let (step, next) = match (step, at.map(|tree| &tree.value)) {
                (Step::Key(key), Some(Value::Map(entries))) => {
                    let found = entries.iter().find(|(other, ..)| other == key);
                    let next = found.map(|(_, line, tree)| (*line, tree));
                    (step.clone(), next)
                }
                (Step::Index(index), Some(Value::List(items))) => {
                    let found = items.get(*index);
                    let index = found.map_or(*index, |(index, _)| *index);
                    (Step::Index(index), found.map(|(_, tree)| (tree.line, tree)))
                }
                _ => (step.clone(), None),
            };
            written.push(step);
            line = next.map(|(line, _)| line);
            at = next.map(|(_, tree)| tree);
        }
        (written, line)
    }

    /// Drops what `steps` lead to; whether there was something to drop.
    fn drop_field(&mut self, steps: &[Step]) -> bool {
        let Some((step, rest)) = steps.split_first() else {
            return false;
        };
        match (step, &mut self.value) {
            (Step::Key(key), Value::Map(entries)) => {
                let Some(at) = entries.iter().position(|(other, ..)| other == key) else {
                    return false;
                };
                if rest.is_empty() {
                    entries.remove(at);
                    return true;
                }
                let next = entries.get_mut(at);
                next.is_some_and(|(.., tree)| tree.drop_field(rest))
            }
            (Step::Index(index), Value::List(items)) if *index < items.len() => {
                if rest.is_empty() {
                    items.remove(*index);
                    return true;
                }
                let next = items.get_mut(*index);
                next.is_some_and(|(_, tree)| tree.drop_field(rest))
            }
            _ => false,
        }
    }
}

impl<'de> IntoDeserializer<'de, Error> for &'de Tree {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for &'de Tree {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Unsigned(value) => visitor.visit_u64(*value),
            Value::Signed(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(items) => {
                let mut items = SeqDeserializer::new(items.iter().map(|(_, tree)| tree));
                let value = visitor.visit_seq(&mut items)?;
                items.end()?;
                Ok(value)
            }
            Value::Map(entries) => {
                let entries = entries.iter().map(|(key, _, tree)| (key.as_str(), tree));
                let mut entries = MapDeserializer::new(entries);
                let value = visitor.visit_map(&mut entries)?;
                entries.end()?;
                Ok(value)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.value {
            Value::Text(text) => visitor.visit_enum(StrDeserializer::new(text)),
            // No word: the visitor says what it expected instead.
            _ => self.deserialize_any(visitor),
        }
    }

    /// serde would take a list for the fields in their order.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.value {
            Value::List(_) => Err(Error::invalid_type(Unexpected::Seq, &visitor)),
            _ => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Whole {
        #[serde(default)]
        _number: u32,
        #[serde(default)]
        _list: Vec<Element>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Element {
        _name: String,
        #[serde(default)]
        _flag: bool,
    }

    fn read(text: &str) -> Result<Whole, Vec<Finding>> {
        Document::parse(text)?.read()
    }

    #[test]
    fn every_problem_is_reported_with_its_field_and_line() {
        let text = "_number: many\n_list:\n- {_flag: true}\n- _name: a\n  _flag: perhaps\n- _name: b\n  extra: 1\nother:\n  deep: 2\n";
        let findings = read(text).unwrap_err();
        let mut places: Vec<_> = findings
            .iter()
            .map(|finding| (finding.line, finding.field.as_str()))
            .collect();
        places.sort();
        assert_eq!(
            places,
            [
                (Some(1), "_number"),
                (Some(3), "_list[0]"),
                (Some(5), "_list[1]._flag"),
                (Some(7), "_list[2].extra"),
                (Some(8), "other"),
            ]
        );
    }

    #[test]
    fn a_list_is_no_mapping() {
        for text in ["[1, []]", "_list: [[a, true]]"] {
            let findings = read(text).unwrap_err();
            assert!(
                findings
                    .iter()
                    .all(|f| f.message.contains("invalid type: sequence")),
                "{text}: {findings:?}"
            );
        }
    }

    #[test]
    fn what_is_no_yaml_or_could_be_read_differently_is_reported_with_its_line() {
        for (text, line) in [
            ("_number: 1\n_list: [", 2),
            ("_number: 1\n_number: 2\n", 1),
            ("_number: &a 1\n_list: *a\n", 2),
            ("_number: !!int 1\n", 1),
            ("_number: 1\n---\n_number: 2\n", 3),
        ] {
            let findings = read(text).unwrap_err();
            let lines: Vec<_> = findings.iter().filter_map(|finding| finding.line).collect();
            assert_eq!(lines.len(), 1, "{text}: {findings:?}");
            assert!(lines.iter().all(|at| *at >= line), "{text}: {findings:?}");
        }
    }

    #[test]
    fn scalars_without_quotes_are_what_they_look_like() {
        for (text, no_text) in [
            ("true", true),
            ("False", true),
            ("0", true),
            ("8443", true),
            ("-1", true),
            ("1.3", true),
            ("007", false),
            ("0.0.0.0:8443", false),
            ("2s", false),
            ("inf", false),
            ("-", false),
            ("yes", false),
        ] {
            assert_eq!(is_no_text(text), no_text, "{text}");
        }
    }
}
