//! Reads a YAML tree field by field and collects every problem with its place.

use std::cell::RefCell;
use std::str::FromStr;

use super::non_empty::NonEmpty;
use super::problem::Problem;
use super::yaml::{Kind, Node};

/// Why a text is no name.
#[derive(Debug, thiserror::Error)]
#[error("expected a name of lower-case letters, digits, '-' and '.', found {0:?}")]
struct NameError<'a>(&'a str);

/// Where problems are collected.
pub(super) struct Log<'a> {
    file: &'a str,
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
    /// What is left out, where that is asked for.
    lost: Option<RefCell<Vec<Problem>>>,
}

impl<'a> Log<'a> {
    pub(super) fn new(file: &'a str) -> Self {
        Self {
            file,
            problems: RefCell::default(),
            warnings: RefCell::default(),
            lost: None,
        }
    }

    /// One that leaves out what cannot be honoured, and says so.
    pub(super) fn leaving_out(file: &'a str) -> Self {
        Self {
            lost: Some(RefCell::default()),
            ..Self::new(file)
        }
    }

    /// What was left out.
    pub(super) fn lost(&self) -> Vec<Problem> {
        self.lost
            .as_ref()
            .map(|lost| lost.borrow().clone())
            .unwrap_or_default()
    }

    /// What is wrong, and what is suspicious.
    pub(super) fn into_parts(self) -> (Vec<Problem>, Vec<Problem>) {
        (self.problems.into_inner(), self.warnings.into_inner())
    }

    fn add(&self, line: usize, field: &str, message: String) {
        let problem = Problem::new(self.file, line, field, message);
        self.problems.borrow_mut().push(problem);
    }

    fn warn(&self, line: usize, field: &str, message: String) {
        let warning = Problem::new(self.file, line, field, message);
        self.warnings.borrow_mut().push(warning);
    }
}

/// A value and the path that leads to it.
#[derive(Clone)]
pub(super) struct Field<'a> {
    pub(super) node: &'a Node,
    path: String,
    log: &'a Log<'a>,
}

/// A mapping whose fields are taken one by one; what is left over is unknown.
pub(super) struct Fields<'a> {
    entries: Vec<(&'a str, usize, &'a Node)>,
    line: usize,
    path: String,
    log: &'a Log<'a>,
}

impl<'a> Field<'a> {
    /// The root of a document.
    pub(super) fn root(node: &'a Node, log: &'a Log<'a>) -> Self {
        Self {
            node,
            path: String::new(),
            log,
        }
    }

    /// Reports a problem here.
    pub(super) fn problem(&self, message: impl Into<String>) {
        self.log.add(self.node.line, &self.path, message.into());
    }

    /// Reports something here that means what its author may not have meant.
    pub(super) fn warning(&self, message: impl Into<String>) {
        self.log.warn(self.node.line, &self.path, message.into());
    }

    /// Reports something here that cannot be honoured: a problem, unless it is to be left out.
    pub(super) fn not_honoured(&self, message: impl Into<String>) -> Option<()> {
        match &self.log.lost {
            None => {
                self.problem(message);
                None
            }
            Some(lost) => {
                let lost_here =
                    Problem::new(self.log.file, self.node.line, &self.path, message.into());
                lost.borrow_mut().push(lost_here);
                Some(())
            }
        }
    }

    fn expected<T>(&self, what: &str) -> Option<T> {
        self.problem(format!("expected {what}, found {}", self.node.describe()));
        None
    }

    /// The fields of a mapping.
    pub(super) fn fields(&self) -> Option<Fields<'a>> {
        let Kind::Map(entries) = &self.node.kind else {
            return self.expected("a mapping");
        };
        Some(Fields {
            entries: entries
                .iter()
                .map(|(key, line, node)| (key.as_str(), *line, node))
                .collect(),
            line: self.node.line,
            path: self.path.clone(),
            log: self.log,
        })
    }

    /// The items of a list that must not be empty.
    pub(super) fn items(&self) -> Option<Vec<Self>> {
        match &self.node.kind {
            Kind::List(items) if !items.is_empty() => Some(
                items
                    .iter()
                    .enumerate()
                    .map(|(i, node)| Self {
                        node,
                        path: format!("{}[{i}]", self.path),
                        log: self.log,
                    })
                    .collect(),
            ),
            Kind::List(_) => {
                self.problem("expected at least one entry, found an empty list");
                None
            }
            _ => self.expected("a list"),
        }
    }

    /// Whether this is a list without items.
    pub(super) fn is_empty_list(&self) -> bool {
        matches!(&self.node.kind, Kind::List(items) if items.is_empty())
    }

    /// The entries of a mapping with free keys.
    pub(super) fn entries(&self) -> Option<Vec<(&'a str, Self)>> {
        let Kind::Map(entries) = &self.node.kind else {
            return self.expected("a mapping");
        };
        let field = |(key, _, node): &'a (String, usize, Node)| {
            let path = format!("{}.{key}", self.path);
            let log = self.log;
            (key.as_str(), Self { node, path, log })
        };
        Some(entries.iter().map(field).collect())
    }

    /// A text that must not be empty.
    pub(super) fn text(&self) -> Option<&'a str> {
        match &self.node.kind {
            Kind::Scalar { text, .. } if !text.is_empty() => Some(text),
            _ => self.expected("a text"),
        }
    }

    /// The name of something in a policy, or of the policy.
    pub(super) fn name(&self) -> Option<&'a str> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
        self.checked(
            |text| match text.len() <= 253 && text.chars().all(allowed) {
                true => Ok(text),
                false => Err(NameError(text)),
            },
        )
    }

    /// A text that parses.
    pub(super) fn parsed<T: FromStr>(&self) -> Option<T>
    where
        T::Err: std::fmt::Display,
    {
        self.checked(|text| text.parse())
    }

    /// A text that a function accepts.
    pub(super) fn checked<T, E: std::fmt::Display>(
        &self,
        check: impl FnOnce(&'a str) -> Result<T, E>,
    ) -> Option<T> {
        match check(self.text()?) {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(error.to_string());
                None
            }
        }
    }

    /// A small whole number.
    pub(super) fn count(&self) -> Option<usize> {
        match &self.node.kind {
            Kind::Scalar { text, plain: true } => match text.parse::<u8>() {
                Ok(number) => Some(usize::from(number)),
                Err(_) => self.expected("a whole number from 0 to 255"),
            },
            _ => self.expected("a whole number from 0 to 255"),
        }
    }

    /// One of some words.
    pub(super) fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        self.expected(&names.join(" or "))
    }
}

impl<'a> Fields<'a> {
    /// Whether there is a field of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|(key, _, _)| *key == name)
    }

    /// Takes a field that may be absent. One that is there and empty (`null`) is a problem: what
    /// it was to demand would silently not be demanded.
    pub(super) fn take(&mut self, name: &str) -> Option<Field<'a>> {
        let index = self.entries.iter().position(|(key, _, _)| *key == name)?;
        let (_, line, node) = self.entries.remove(index);
        let path = match self.path.is_empty() {
            true => name.to_owned(),
            false => format!("{}.{name}", self.path),
        };
        if matches!(node.kind, Kind::Null) {
            let message =
                "expected a value, found nothing; leave the field out to have its default";
            self.log.add(line, &path, message.to_owned());
            return None;
        }
        let log = self.log;
        Some(Field { node, path, log })
    }

    /// Leaves out a field that is not looked at, whatever it holds.
    pub(super) fn leave(&mut self, name: &str) {
        self.entries.retain(|(key, _, _)| *key != name);
    }

    /// Takes a field that must be there.
    pub(super) fn need(&mut self, name: &str) -> Option<Field<'a>> {
        if !self.has(name) {
            self.problem(format!("expected a field {name:?}, found none"));
        }
        self.take(name)
    }

    /// Reports a problem with the mapping as a whole.
    pub(super) fn problem(&self, message: impl Into<String>) {
        self.log.add(self.line, &self.path, message.into());
    }

    /// Reports something about the mapping as a whole that its author may not have meant.
    pub(super) fn warning(&self, message: impl Into<String>) {
        self.log.warn(self.line, &self.path, message.into());
    }

    /// Reports what was not taken.
    pub(super) fn finish(self, known: &[&str]) {
        for (key, line, _) in &self.entries {
            let message = format!(
                "unknown field {key:?}; expected one of {}",
                known.join(", ")
            );
            self.log.add(*line, &self.path, message);
        }
    }
}

/// Reads every item of a list that must not be empty; `None` if one has a problem, after all were
/// read.
pub(super) fn each<'a, T>(
    list: &Field<'a>,
    mut read: impl FnMut(&Field<'a>) -> Option<T>,
) -> Option<NonEmpty<T>> {
    let read: Vec<Option<T>> = list.items()?.iter().map(&mut read).collect();
    NonEmpty::new(read.into_iter().collect::<Option<_>>()?)
}

/// Absent is fine; present must have been readable.
pub(super) fn flip<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(None) => None,
        Some(value) => Some(value),
    }
}
