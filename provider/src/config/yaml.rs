//! Reads YAML into a type and reports **every** problem with its line and field.
//!
//! serde stops at the first error. So the offending field is dropped and reading starts
//! again, until nothing is left to complain about.

use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess};
use serde_norway::Value;
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

/// Reads `text`; with any finding, what is returned lacks the fields in question.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Vec<Finding>> {
    let mut value: Value = serde_norway::from_str(text).map_err(|error| {
        vec![Finding {
            field: String::new(),
            line: error.location().map(|at| at.line()),
            message: error.to_string(),
        }]
    })?;
    if value.is_null() {
        value = Value::Mapping(serde_norway::Mapping::new());
    }
    let mut findings = Vec::new();
    let mut dropped = Vec::new();
    while findings.len() < MOST {
        let error = match serde_path_to_error::deserialize::<_, T>(value.clone()) {
            Ok(read) if findings.is_empty() => return Ok(read),
            Ok(_) => return Err(findings),
            Err(error) => error,
        };
        let steps = steps(error.path());
        let written = as_written(&steps, &dropped);
        findings.push(Finding {
            field: field(&written),
            line: line(text, &written),
            message: error.into_inner().to_string(),
        });
        if !drop_field(&mut value, &steps, &mut dropped) {
            break;
        }
    }
    Err(findings)
}

/// The line on which a field stands.
pub(crate) fn line_of(text: &str, steps: &[Step]) -> Option<usize> {
    line(text, steps)
}

/// One step into a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Into a mapping.
    Key(String),
    /// Into a sequence.
    Index(usize),
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

/// An element that was dropped: the path of its sequence, and its index as written.
type Dropped = (Vec<Step>, usize);

/// Undoes the shift that dropping earlier elements caused.
fn as_written(steps: &[Step], dropped: &[Dropped]) -> Vec<Step> {
    let mut written: Vec<Step> = Vec::with_capacity(steps.len());
    for step in steps {
        let step = match step {
            Step::Index(index) => {
                let mut gone: Vec<_> = dropped
                    .iter()
                    .filter(|(sequence, _)| *sequence == written)
                    .map(|(_, index)| *index)
                    .collect();
                gone.sort_unstable();
                Step::Index(
                    gone.into_iter()
                        .fold(*index, |at, gone| at + usize::from(gone <= at)),
                )
            }
            Step::Key(key) => Step::Key(key.clone()),
        };
        written.push(step);
    }
    written
}

/// Drops what `steps` lead to; whether there was something to drop.
fn drop_field(value: &mut Value, steps: &[Step], dropped: &mut Vec<Dropped>) -> bool {
    let Some((last, parents)) = steps.split_last() else {
        return false;
    };
    let mut at = value;
    for step in parents {
        let next = match step {
            Step::Key(key) => at.get_mut(key.as_str()),
            Step::Index(index) => at.get_mut(*index),
        };
        match next {
            Some(next) => at = next,
            None => return false,
        }
    }
    match (last, at) {
        (Step::Key(key), Value::Mapping(mapping)) => mapping.remove(key.as_str()).is_some(),
        (Step::Index(index), Value::Sequence(sequence)) if *index < sequence.len() => {
            let written = as_written(steps, dropped);
            if let Some((Step::Index(index), parents)) = written.split_last() {
                dropped.push((parents.to_vec(), *index));
            }
            sequence.remove(*index);
            true
        }
        _ => false,
    }
}

/// Walks to the field and fails there, for the location that the parser then adds.
fn line(text: &str, steps: &[Step]) -> Option<usize> {
    if steps.is_empty() {
        return Some(1);
    }
    let error = Walk(steps)
        .deserialize(serde_norway::Deserializer::from_str(text))
        .err()?;
    error.location().map(|at| at.line())
}

struct Walk<'a>(&'a [Step]);

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.0.first() {
            None => deserializer.deserialize_any(Here),
            Some(_) => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> de::Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the field")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((Step::Key(wanted), rest)) = self.0.split_first() else {
            return Ok(());
        };
        let key = KeySeed {
            wanted,
            is_last: rest.is_empty(),
        };
        while let Some(found) = map.next_key_seed(KeySeed { ..key })? {
            if found {
                return map.next_value_seed(Walk(rest));
            }
            map.next_value::<de::IgnoredAny>()?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Some((Step::Index(wanted), rest)) = self.0.split_first() else {
            return Ok(());
        };
        for _ in 0..*wanted {
            seq.next_element::<de::IgnoredAny>()?;
        }
        seq.next_element_seed(Walk(rest)).map(|_| ())
    }
}

/// Whether a key is the wanted one; fails on it if it is the last step.
struct KeySeed<'a> {
    wanted: &'a str,
    is_last: bool,
}

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl de::Visitor<'_> for KeySeed<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<bool, E> {
        match (key == self.wanted, self.is_last) {
            (true, true) => Err(E::custom("here")),
            (found, _) => Ok(found),
        }
    }
}

/// Accepts nothing, so that the parser names the place.
struct Here;

impl de::Visitor<'_> for Here {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("nothing")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Document {
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

    #[test]
    fn every_problem_is_reported_with_its_field_and_line() {
        let text = "_number: many\n_list:\n- {_flag: true}\n- _name: a\n  _flag: perhaps\n- _name: b\n  extra: 1\nother:\n  deep: 2\n";
        let findings = read::<Document>(text).unwrap_err();
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
    fn broken_yaml_and_repeated_keys_are_reported_with_their_line() {
        for text in ["_number: 1\n_list: [", "_number: 1\n_number: 2\n"] {
            let findings = read::<Document>(text).unwrap_err();
            assert!(
                matches!(&findings[..], [one] if one.line.is_some()),
                "{findings:?}"
            );
        }
    }
}
