//! Texts that must match as a whole.

use crate::limits;

/// Matches a whole text.
#[derive(Clone, Debug)]
pub enum Matcher {
    /// The text itself, byte for byte.
    Exact(String),
    /// An anchored regular expression of linear-time syntax.
    Pattern(Pattern),
}

impl Matcher {
    /// Whether the whole of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(expected) => expected == text,
            Self::Pattern(pattern) => pattern.matches(text),
        }
    }
}

impl std::fmt::Display for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(expected) => write!(f, "{expected:?}"),
            Self::Pattern(pattern) => write!(f, "/{}/", pattern.source),
        }
    }
}

/// A regular expression that always matches the whole text.
///
/// `.` does not match a line break, and `$` means the very end, so that a subject
/// with a second line cannot slip through.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: String,
    regex: regex::Regex,
}

impl Pattern {
    /// Compiles and anchors `source`.
    ///
    /// # Errors
    /// If it is not a regular expression of the `regex` crate's syntax, or compiles to
    /// more than 1 MiB.
    pub fn new(source: &str) -> Result<Self, regex::Error> {
        let regex = regex::RegexBuilder::new(&format!(r"\A(?:{source})\z"))
            .size_limit(limits::PATTERN_BYTES)
            .build()?;
        // `a)|(?:b` would escape the group: alone it must be valid, too.
        regex::RegexBuilder::new(source)
            .size_limit(limits::PATTERN_BYTES)
            .build()?;
        Ok(Self {
            source: source.to_owned(),
            regex,
        })
    }

    /// Whether the whole of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The expression as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }
}
