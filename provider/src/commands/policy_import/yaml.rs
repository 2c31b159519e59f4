//! Writes YAML: plain blocks, every text quoted.

use std::fmt::Write as _;

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Yaml {
    /// A number or a word that needs no quotes.
    Plain(String),
    /// A text.
    Text(String),
    /// A text of several lines.
    Lines(String),
    /// A document that is written as JSON, which YAML reads alike.
    Json(serde_json::Value),
    /// A list; an empty one is written as such.
    List(Vec<Self>),
    /// A mapping in this order.
    Map(Vec<(&'static str, Self)>),
}

impl Yaml {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(texts.into_iter().map(Self::text).collect())
    }

    /// A mapping of one field.
    pub(super) fn field(name: &'static str, value: Self) -> Self {
        Self::Map(vec![(name, value)])
    }

    /// As a document.
    pub(super) fn document(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, 0);
        text
    }

    fn write(&self, to: &mut String, indent: usize) {
        match self {
            Self::Map(fields) => {
                for (name, value) in fields {
                    let _ = write!(to, "{:indent$}{name}:", "");
                    value.write_after(to, indent);
                }
            }
            Self::List(items) => {
                for item in items {
                    let _ = write!(to, "{:indent$}-", "");
                    match item {
                        Self::Map(_) => {
                            let mut inner = String::new();
                            item.write(&mut inner, indent + 2);
                            to.push(' ');
                            to.push_str(inner.trim_start());
                        }
                        _ => item.write_after(to, indent),
                    }
                }
            }
            other => other.write_after(to, indent),
        }
    }

    /// What follows a name or a dash.
    fn write_after(&self, to: &mut String, indent: usize) {
        match self {
            Self::Plain(text) => {
                let _ = writeln!(to, " {text}");
            }
            Self::Json(value) => {
                let _ = writeln!(to, "{value}");
            }
            Self::Text(text) => {
                let _ = writeln!(to, " {}", quoted(text));
            }
            Self::Lines(text) => {
                to.push_str(" |\n");
                let inner = indent + 2;
                for line in text.lines() {
                    let _ = writeln!(to, "{:inner$}{line}", "");
                }
            }
            Self::List(items) if items.is_empty() => to.push_str(" []\n"),
            Self::Map(fields) if fields.is_empty() => to.push_str(" {}\n"),
            Self::List(_) => {
                to.push('\n');
                self.write(to, indent);
            }
            Self::Map(_) => {
                to.push('\n');
                self.write(to, indent + 2);
            }
        }
    }
}

/// A text as JSON writes it, which YAML reads alike.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Lines of comment.
pub(super) fn comment(text: &str) -> String {
    let mut comment = String::new();
    for line in text.lines() {
        let line: String = line.chars().filter(|c| !c.is_control()).collect();
        let _ = writeln!(comment, "# {line}");
    }
    comment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let document = Yaml::Map(vec![
            ("a", Yaml::text("x: \"y\" # z\n\u{1b}")),
            (
                "b",
                Yaml::List(vec![
                    Yaml::field("c", Yaml::List(Vec::new())),
                    Yaml::Plain("1".to_owned()),
                ]),
            ),
            ("d", Yaml::field("e", Yaml::Lines("one\n two\n".to_owned()))),
        ]);
        let read: serde_json::Value =
            serde_norway::from_str(&document.document()).unwrap_or_default();
        let expected = serde_json::json!({
            "a": "x: \"y\" # z\n\u{1b}", "b": [{"c": []}, 1], "d": {"e": "one\n two\n"},
        });
        assert_eq!(read, expected);
        assert_eq!(comment("a\u{1b}\nb"), "# a\n# b\n");
    }
}
