//! A document of another tool: fields are taken by name, and what nobody takes is lost.

use std::cell::RefCell;

use sealgate_core::policy::yaml::{Kind, Node};

/// A value, and where it stands.
#[derive(Clone)]
pub(super) struct Part<'a> {
    node: &'a Node,
    path: String,
    lost: &'a RefCell<Vec<String>>,
}

impl<'a> Part<'a> {
    /// A document. What is lost of it is collected.
    pub(super) fn root(node: &'a Node, lost: &'a RefCell<Vec<String>>) -> Self {
        Self {
            node,
            path: String::new(),
            lost,
        }
    }

    /// Where it begins.
    pub(super) fn line(&self) -> usize {
        self.node.line
    }

    /// A field, if it is there and not empty.
    pub(super) fn take(&self, name: &str) -> Option<Self> {
        let Kind::Map(entries) = &self.node.kind else {
            return None;
        };
        let (_, _, node) = entries.iter().find(|(key, ..)| key == name)?;
        let path = match self.path.is_empty() {
            true => name.to_owned(),
            false => format!("{}.{name}", self.path),
        };
        let part = Self {
            node,
            path,
            lost: self.lost,
        };
        (!matches!(node.kind, Kind::Null)).then_some(part)
    }

    /// The names of its fields.
    pub(super) fn names(&self) -> Vec<&'a str> {
        match &self.node.kind {
            Kind::Map(entries) => entries.iter().map(|(key, ..)| key.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    /// It as JSON, scalars as texts.
    pub(super) fn json(&self) -> String {
        self.node.to_json().to_string()
    }

    /// Its items; none if it is no list.
    pub(super) fn items(&self) -> Vec<Self> {
        let Kind::List(items) = &self.node.kind else {
            return Vec::new();
        };
        let item = |(place, node)| Self {
            node,
            path: format!("{}[{place}]", self.path),
            lost: self.lost,
        };
        items.iter().enumerate().map(item).collect()
    }

    /// The items of a field.
    pub(super) fn items_of(&self, name: &str) -> Vec<Self> {
        self.take(name).map(|list| list.items()).unwrap_or_default()
    }

    /// Its text.
    pub(super) fn text(&self) -> Option<&'a str> {
        match &self.node.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The text of a field.
    pub(super) fn text_of(&self, name: &str) -> Option<&'a str> {
        self.take(name).and_then(|field| field.text())
    }

    /// Whether a field is `true`.
    pub(super) fn is_true(&self, name: &str) -> bool {
        self.text_of(name) == Some("true")
    }

    /// Notes that this is lost.
    pub(super) fn lose(&self, why: &str) {
        let line = self.node.line;
        self.lost
            .borrow_mut()
            .push(format!("line {line}: {}: {why}", self.path));
    }

    /// Notes that every field is lost that is none of these.
    pub(super) fn lose_all_but(&self, known: &[&str]) {
        for name in self.names() {
            if !known.contains(&name)
                && let Some(field) = self.take(name)
            {
                field.lose("TrustPolicy has nothing like it, or nothing was found to say it with");
            }
        }
    }

    /// What was lost until now; from now on, what is lost next.
    pub(super) fn take_lost(&self) -> Vec<String> {
        self.lost.take()
    }
}
