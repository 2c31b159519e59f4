//! YAML as a tree that remembers its lines, so that every problem can name its place.
//!
//! The one reader of YAML: of policies, and of the service's configuration.
//!
//! A subset: no aliases (they can grow exponentially), no tags, no repeated or
//! non-scalar keys, bounded size and depth. JSON is YAML.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::Value;

use super::file::Problem;
use crate::limits;

/// A value and the line on which it begins.
#[derive(Clone, Debug)]
pub struct Node {
    /// The line, from 1.
    pub line: usize,
    /// What it is.
    pub kind: Kind,
}

/// The kinds of values.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    /// A scalar.
    Scalar {
        /// As it is written, without quotes.
        text: String,
        /// Whether it was not quoted, so that it may be a number or a boolean.
        plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// Entries with the line of the key, in order.
    Map(Vec<(String, usize, Node)>),
}

impl Node {
    /// What this is, for messages.
    pub(super) fn describe(&self) -> String {
        match &self.kind {
            Kind::Null => "nothing".to_owned(),
            Kind::Scalar { text, .. } => {
                let short: String = text.chars().take(60).collect();
                format!("{short:?}")
            }
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a mapping".to_owned(),
        }
    }

    /// The value as JSON; scalars as text.
    pub fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Scalar { text, .. } => Value::String(text.clone()),
            Kind::List(items) => items.iter().map(Self::to_json).collect(),
            Kind::Map(entries) => entries
                .iter()
                .map(|(key, _, value)| (key.clone(), value.to_json()))
                .collect(),
        }
    }
}

/// Reads every document of a file. Empty documents are left out.
///
/// # Errors
/// With the first place where it is no YAML, or none of the subset.
pub fn documents(file: &str, text: &str) -> Result<Vec<Node>, Problem> {
    let problem = |line: usize, message: String| Problem::new(file, line, "", message);
    if text.len() > limits::POLICY_FILE_BYTES {
        let message = format!(
            "the file has {} bytes, more than the {} allowed",
            text.len(),
            limits::POLICY_FILE_BYTES
        );
        return Err(problem(1, message));
    }
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            problem(error.marker().line(), format!("not YAML: {}", error.info()))
        })?;
        builder
            .on(event, span.start.line())
            .map_err(|error| problem(span.start.line(), error.to_string()))?;
    }
    Ok(builder.documents)
}

/// What YAML has and this subset has not.
#[derive(Debug, thiserror::Error)]
enum Beyond {
    #[error("YAML aliases are not allowed here")]
    Alias,
    #[error("YAML tags are not allowed here")]
    Tag,
    #[error("nested deeper than {} levels", limits::POLICY_FILE_DEPTH)]
    Depth,
    #[error("line {line}: expected a key, found {found}")]
    Key { line: usize, found: String },
    #[error("line {line}: the key {key:?} occurs twice")]
    KeyTwice { line: usize, key: String },
}

/// Builds the tree from events.
#[derive(Default)]
struct Builder {
    documents: Vec<Node>,
    open: Vec<Open>,
}

/// A list or mapping that is not closed yet.
struct Open {
    line: usize,
    items: Vec<Node>,
    is_map: bool,
}

impl Builder {
    fn on(&mut self, event: Event<'_>, line: usize) -> Result<(), Beyond> {
        match event {
            Event::Alias(_) => return Err(Beyond::Alias),
            Event::SequenceStart(_, tag) | Event::MappingStart(_, tag) if tag.is_some() => {
                return Err(Beyond::Tag);
            }
            Event::SequenceStart(..) => self.open(line, false)?,
            Event::MappingStart(..) => self.open(line, true)?,
            Event::SequenceEnd | Event::MappingEnd => self.close()?,
            Event::Scalar(text, style, _, tag) => {
                if tag.is_some() {
                    return Err(Beyond::Tag);
                }
                let plain = style == ScalarStyle::Plain;
                let null = plain && matches!(&*text, "" | "~" | "null");
                let kind = match null {
                    true => Kind::Null,
                    false => Kind::Scalar {
                        text: text.into_owned(),
                        plain,
                    },
                };
                self.add(Node { line, kind });
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn open(&mut self, line: usize, is_map: bool) -> Result<(), Beyond> {
        if self.open.len() >= limits::POLICY_FILE_DEPTH {
            return Err(Beyond::Depth);
        }
        self.open.push(Open {
            line,
            items: Vec::new(),
            is_map,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Beyond> {
        if let Some(open) = self.open.pop() {
            let kind = match open.is_map {
                true => Kind::Map(entries(open.items)?),
                false => Kind::List(open.items),
            };
            self.add(Node {
                line: open.line,
                kind,
            });
        }
        Ok(())
    }

    fn add(&mut self, node: Node) {
        match (self.open.last_mut(), &node.kind) {
            (Some(open), _) => open.items.push(node),
            (None, Kind::Null) => {}
            (None, _) => self.documents.push(node),
        }
    }
}

/// Pairs up the keys and values of a mapping.
fn entries(items: Vec<Node>) -> Result<Vec<(String, usize, Node)>, Beyond> {
    let mut entries: Vec<(String, usize, Node)> = Vec::with_capacity(items.len() / 2);
    let mut items = items.into_iter();
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        let Kind::Scalar { text, .. } = key.kind else {
            let (line, found) = (key.line, key.describe());
            return Err(Beyond::Key { line, found });
        };
        if entries.iter().any(|(other, _, _)| *other == text) {
            let (line, key) = (key.line, text);
            return Err(Beyond::KeyTwice { line, key });
        }
        entries.push((text, key.line, value));
    }
    Ok(entries)
}
