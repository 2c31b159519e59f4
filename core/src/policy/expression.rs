//! What can be told of a regular expression without a text to match.

use regex_syntax::ast::{Ast, Literal, LiteralKind};
use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Hir, HirKind, Look};

/// What all texts that an expression matches begin with.
pub(super) struct Beginning {
    /// The bytes, of which the last may be a part of a character.
    pub(super) bytes: Vec<u8>,
    /// Whether a text may be that and no more.
    pub(super) whole: bool,
}

/// Whether no text at all matches an expression that must match the whole of it. A conservative
/// answer: of what is not seen to be impossible it says no.
pub(super) fn matches_nothing(source: &str) -> bool {
    regex_syntax::parse(source).is_ok_and(|parsed| never(&parsed))
}

fn never(expression: &Hir) -> bool {
    match expression.kind() {
        HirKind::Empty | HirKind::Literal(_) | HirKind::Look(_) => false,
        HirKind::Class(class) => class.minimum_len().is_none(),
        HirKind::Repetition(repetition) => repetition.min > 0 && never(&repetition.sub),
        HirKind::Capture(capture) => never(&capture.sub),
        HirKind::Alternation(ways) => ways.iter().all(never),
        HirKind::Concat(parts) => {
            let some_text = |parts: &[Hir]| {
                let lengths = parts.iter().map(|part| part.properties().minimum_len());
                lengths.flatten().any(|length| length > 0)
            };
            let misplaced = |(place, part): (usize, &Hir)| match part.kind() {
                HirKind::Look(Look::Start) => parts.get(..place).is_some_and(some_text),
                HirKind::Look(Look::End) => parts.get(place + 1..).is_some_and(some_text),
                _ => false,
            };
            parts.iter().any(never) || parts.iter().enumerate().any(misplaced)
        }
    }
}

/// What the texts that match begin with, a few alternatives; none if that can be anything.
pub(super) fn beginnings(source: &str) -> Option<Vec<Beginning>> {
    let parsed = regex_syntax::parse(source).ok()?;
    let mut extractor = Extractor::new();
    extractor.kind(ExtractKind::Prefix);
    let found = extractor.extract(&parsed);
    let beginning = |literal: &regex_syntax::hir::literal::Literal| Beginning {
        bytes: literal.as_bytes().to_vec(),
        whole: literal.is_exact(),
    };
    let found = found.literals()?.iter().map(beginning).collect::<Vec<_>>();
    (!found.is_empty()).then_some(found)
}

/// The names in which a dot stands for any character and was to be a dot, as `github.com`; and the
/// expression with all of those escaped.
pub(super) fn plain_dots(source: &str) -> (Vec<String>, String) {
    let mut dots = Dots::default();
    if let Ok(parsed) = regex_syntax::ast::parse::Parser::new().parse(source) {
        dots.find_in(&parsed);
    }
    dots.places.sort_unstable();
    let mut escaped = source.to_owned();
    for place in dots.places.iter().rev() {
        escaped.insert(*place, '\\');
    }
    (dots.names, escaped)
}

#[derive(Default)]
struct Dots {
    names: Vec<String>,
    /// Where they are in the source.
    places: Vec<usize>,
}

impl Dots {
    fn find_in(&mut self, expression: &Ast) {
        match expression {
            Ast::Concat(concat) => {
                self.find_among(&concat.asts);
                concat.asts.iter().for_each(|part| self.find_in(part));
            }
            Ast::Alternation(ways) => ways.asts.iter().for_each(|part| self.find_in(part)),
            Ast::Group(group) => self.find_in(&group.ast),
            Ast::Repetition(repetition) => self.find_in(&repetition.ast),
            _ => {}
        }
    }

    /// Looks for names: letters, digits and dashes, with dots between them.
    fn find_among(&mut self, parts: &[Ast]) {
        let of_name = |part: &Ast| dot(part).is_some() || name_part(part).is_some();
        for name in parts.chunk_by(|a, b| of_name(a) && of_name(b)) {
            let inner = name.windows(3).filter_map(|three| match three {
                [before, middle, after] => {
                    let is_between = name_part(before).is_some() && name_part(after).is_some();
                    dot(middle).filter(|_| is_between)
                }
                _ => None,
            });
            let known = self.places.len();
            self.places.extend(inner);
            if self.places.len() > known {
                let characters = name.iter();
                let text = characters.map(|part| name_part(part).unwrap_or('.'));
                self.names.push(text.collect());
            }
        }
    }
}

/// Where a dot is that stands for any character.
fn dot(part: &Ast) -> Option<usize> {
    match part {
        Ast::Dot(span) => Some(span.start.offset),
        _ => None,
    }
}

fn name_part(part: &Ast) -> Option<char> {
    match part {
        Ast::Literal(literal) => match **literal {
            Literal {
                kind: LiteralKind::Verbatim,
                c,
                ..
            } if c.is_ascii_alphanumeric() || c == '-' => Some(c),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_no_text_can_match_is_seen() {
        for (source, nothing) in [
            (r"[^\s\S]", true),
            (r"a[^\s\S]", true),
            (r"(a|b)[^\s\S]|c^d", true),
            (r"a$b", true),
            (r"a^b", true),
            (r"(x[^\s\S])+", true),
            (r"(x[^\s\S])*", false),
            (r"^a$", false),
            (r"a*^b", false),
            (r"a|c^d", false),
            ("", false),
            (".*", false),
            (r"(?m)a$\nb", false),
        ] {
            assert_eq!(matches_nothing(source), nothing, "{source}");
        }
    }

    #[test]
    fn beginnings_are_those_of_every_text_that_matches() {
        let of = |source: &str| {
            let all = beginnings(source)?.into_iter();
            let all = all.map(|one| (String::from_utf8(one.bytes).unwrap(), one.whole));
            Some(all.collect::<Vec<_>>())
        };
        let text = |text: &str, whole| (text.to_owned(), whole);
        assert_eq!(of("acme"), Some(vec![text("acme", true)]));
        assert_eq!(of("^acme.*"), Some(vec![text("acme", false)]));
        let two = vec![text("acme/", false), text("corp/", false)];
        assert_eq!(of("(acme|corp)/.+"), Some(two));
        assert_eq!(of(".*acme"), None);
        assert_eq!(of("("), None);
    }

    #[test]
    fn dots_of_names_are_found_and_escaped() {
        for (source, names, escaped) in [
            (
                "https://github.com/acme/.+",
                &["github.com"][..],
                r"https://github\.com/acme/.+",
            ),
            ("(a.b.c|x)/d.e*/.*", &["a.b.c"], r"(a\.b\.c|x)/d.e*/.*"),
            (
                r"github\.com/.github/a.+b",
                &[],
                r"github\.com/.github/a.+b",
            ),
            ("[a.b]", &[], "[a.b]"),
            ("(", &[], "("),
        ] {
            let found = plain_dots(source);
            assert_eq!(
                (&found.0[..], found.1.as_str()),
                (
                    &names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()[..],
                    escaped
                ),
                "{source}"
            );
        }
    }
}
