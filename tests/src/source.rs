//! The repository's own Rust sources, as far as a test needs to read them: which functions there
//! are, what stands in them, and how they are marked.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A piece of a source file. White space and comments are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// A name or keyword.
    Word(String),
    /// What a string literal says, escapes as written.
    Text(String),
    /// Any other character.
    Mark(char),
}

/// A function or method.
#[derive(Debug, Clone)]
pub struct Function {
    /// The file, from the root of the repository.
    pub file: String,
    /// The type whose `impl` block it is in.
    pub owner: Option<String>,
    /// Its name.
    pub name: String,
    /// What stands in `#[…]` before it.
    pub attributes: Vec<Token>,
    /// From its name to its closing brace.
    pub body: Vec<Token>,
}

impl Function {
    /// Whether it is a test: `#[test]`, `#[tokio::test]`.
    pub fn is_test(&self) -> bool {
        self.attributes.contains(&Token::Word("test".to_owned()))
    }

    /// Whether it is a test that runs on demand alone.
    pub fn is_ignored(&self) -> bool {
        self.attributes.contains(&Token::Word("ignore".to_owned()))
    }

    /// Whether it is called with a dot.
    pub fn is_method(&self) -> bool {
        let parameters = self.body.iter().skip_while(|one| **one != Token::Mark('('));
        let mut first = parameters.take_while(|one| !matches!(one, Token::Mark(',' | ')' | ':')));
        first.any(|one| *one == Token::Word("self".to_owned()))
    }

    /// The string literals in it.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.body.iter().filter_map(|token| match token {
            Token::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }
}

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The Rust files below a folder of the repository, by their paths from its root.
///
/// # Errors
/// If a folder cannot be read.
pub fn files(folder: &str) -> std::io::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{folder}/{name}");
            if entry.file_type()?.is_dir() {
                if name != "target" {
                    folders.push(path);
                }
            } else if name.ends_with(".rs") {
                found.insert(path);
            }
        }
    }
    Ok(found)
}

/// The functions of a file of the repository.
///
/// # Errors
/// If it cannot be read.
pub fn functions(file: &str) -> std::io::Result<Vec<Function>> {
    let text = std::fs::read_to_string(root().join(file))?;
    Ok(functions_of(file, &tokens(&text)))
}

fn functions_of(file: &str, tokens: &[Token]) -> Vec<Function> {
    let mut found = Vec::new();
    // The type of each block that is open; only those of `impl` have one.
    let mut open: Vec<Option<String>> = Vec::new();
    let mut attributes = Vec::new();
    let mut rest = tokens;
    while let [token, after @ ..] = rest {
        rest = after;
        match token {
            Token::Mark('#') => {
                let length = closing(rest, '[', ']');
                let (attribute, after) = rest.split_at(length);
                attributes.extend_from_slice(attribute);
                rest = after;
            }
            Token::Word(word) if word == "impl" => {
                let length = before_block(rest);
                let (head, after) = rest.split_at(length);
                open.push(implemented(head));
                rest = after.get(1..).unwrap_or_default();
                attributes.clear();
            }
            Token::Word(word) if word == "fn" && matches!(rest.first(), Some(Token::Word(_))) => {
                let head = before_block(rest);
                let (_, block) = rest.split_at(head);
                let length = match block.first() {
                    Some(Token::Mark('{')) => head + closing(block, '{', '}'),
                    _ => head,
                };
                let (body, after) = rest.split_at(length);
                if let Some(Token::Word(name)) = body.first() {
                    found.push(Function {
                        file: file.to_owned(),
                        owner: open.last().cloned().flatten(),
                        name: name.clone(),
                        attributes: std::mem::take(&mut attributes),
                        body: body.to_vec(),
                    });
                }
                rest = after;
            }
            Token::Mark('{') => open.push(None),
            Token::Mark('}') => drop(open.pop()),
            Token::Mark(';') => attributes.clear(),
            _ => {}
        }
    }
    found
}

/// The last name before `for`'s type ends, or before the block: `impl<T> a::Trait for b::Type<T>`.
fn implemented(head: &[Token]) -> Option<String> {
    let mut depth = 0_usize;
    let mut name = None;
    for token in head {
        match token {
            Token::Mark('<') => depth += 1,
            Token::Mark('>') => depth = depth.saturating_sub(1),
            Token::Word(word) if word == "where" => break,
            Token::Word(word) if word == "for" => name = None,
            Token::Word(word) if depth == 0 => name = Some(word.clone()),
            _ => {}
        }
    }
    name
}

/// How many tokens come before the block that follows, or before the `;` instead of one.
fn before_block(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    let end = tokens.iter().position(|token| {
        match token {
            Token::Mark('(' | '[') => depth += 1,
            Token::Mark(')' | ']') => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && matches!(token, Token::Mark('{' | ';'))
    });
    end.unwrap_or(tokens.len())
}

/// How many tokens there are up to the one that closes the first that opens.
fn closing(tokens: &[Token], opens: char, closes: char) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        if *token == Token::Mark(opens) {
            depth += 1;
        } else if *token == Token::Mark(closes) {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return index + 1;
            }
        }
    }
    tokens.len()
}

/// Takes a source apart.
pub fn tokens(source: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        if let Some(comment) = rest.strip_prefix("//") {
            rest = comment.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, after)| after);
        } else if let Some((text, after)) = raw_string(rest) {
            found.push(Token::Text(text.to_owned()));
            rest = after;
        } else if first == '"' {
            let end = string_end(after, '"');
            found.push(Token::Text(after[..end].to_owned()));
            rest = after.get(end + 1..).unwrap_or_default();
        } else if first == '\'' {
            rest = after_quote(after);
        } else if first == '_' || first.is_alphanumeric() {
            let word = |c: char| c != '_' && !c.is_alphanumeric();
            let (name, after) = rest.split_at(rest.find(word).unwrap_or(rest.len()));
            found.push(Token::Word(name.to_owned()));
            rest = after;
        } else {
            if !first.is_whitespace() {
                found.push(Token::Mark(first));
            }
            rest = after;
        }
    }
    found
}

/// What stands before a file's tests, which stand last: `#[cfg(test)]`, and then a module.
pub fn without_tests(tokens: &[Token]) -> &[Token] {
    let test = [
        Token::Mark('#'),
        Token::Mark('['),
        Token::Word("cfg".to_owned()),
        Token::Mark('('),
        Token::Word("test".to_owned()),
        Token::Mark(')'),
        Token::Mark(']'),
    ];
    let begins = |rest: &[Token]| {
        let mut rest = rest.strip_prefix(&test[..])?;
        while let [Token::Mark('#'), attribute @ ..] = rest {
            rest = attribute.get(closing(attribute, '[', ']')..)?;
        }
        (rest.first() == Some(&Token::Word("mod".to_owned()))).then_some(())
    };
    let end = (0..tokens.len()).find(|start| begins(&tokens[*start..]).is_some());
    end.map_or(tokens, |end| &tokens[..end])
}

/// `r"…"`, `r#"…"#`, `br"…"`.
fn raw_string(rest: &str) -> Option<(&str, &str)> {
    let after = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let text = after.trim_start_matches('#');
    let hashes = &after[..after.len() - text.len()];
    text.strip_prefix('"')?.split_once(&format!("\"{hashes}"))
}

/// Where a literal ends that a backslash may go on within.
fn string_end(text: &str, quote: char) -> usize {
    let mut escaped = false;
    let end = text.char_indices().find(|(_, c)| {
        let ends = *c == quote && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |(index, _)| index)
}

/// What follows `'`: a character, which is passed over, or the name of a lifetime.
fn after_quote(after: &str) -> &str {
    let mut characters = after.char_indices();
    let literal = match (characters.next(), characters.next()) {
        (Some((_, '\\')), _) => Some(string_end(after, '\'')),
        (_, Some((index, '\''))) => Some(index),
        _ => None,
    };
    literal.map_or(after, |end| after.get(end + 1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r##"
        //! fn not_this() {}
        use x::{y, z};
        const QUOTES: [char; 3] = ['"', '\'', '{'];
        #[expect(clippy::panic, reason = "fn nor { this")]
        impl<'a, T: Into<String>> fmt::Display for outer::Inner<'a, T> where T: Clone {
            fn fmt(&self, f: &mut [u8; 2]) -> R { r#"crane " fn "#; if x { y("a\"b") } }
        }
        mod tests {
            #[tokio::test(flavor = "multi_thread")]
            #[ignore = "needs opa"]
            async fn a_test() { find("opa") } /* fn gone() */
        }
        fn helper(of: &str) -> String;
    "##;

    #[test]
    fn the_tests_of_a_file_are_left_out_and_what_is_only_for_them_is_not() {
        let source = "#[cfg(test)] fn a() {} #[cfg(test)] #[allow(x, y)] mod tests { b }";
        let tokens = tokens(source);
        let word = |word: &str| Token::Word(word.to_owned());
        let before = without_tests(&tokens);
        assert!(before.contains(&word("a")) && !before.contains(&word("allow")));
        assert_eq!(without_tests(before), before);
    }

    #[test]
    fn functions_are_found_with_their_owners_attributes_and_texts() {
        let found = functions_of("x.rs", &tokens(SOURCE));
        let names: Vec<_> = found.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["fmt", "a_test", "helper"]);
        let [method, test, helper] = &found[..] else {
            panic!("{found:?}");
        };
        assert_eq!(method.owner.as_deref(), Some("Inner"));
        assert!(method.is_method() && !method.is_test());
        assert_eq!(
            method.texts().collect::<Vec<_>>(),
            ["crane \" fn ", r#"a\"b"#]
        );
        assert!(test.is_test() && test.is_ignored() && !test.is_method());
        assert_eq!(
            (test.owner.as_deref(), test.texts().collect()),
            (None, vec!["opa"])
        );
        assert!(!helper.is_test() && helper.owner.is_none());
    }
}
