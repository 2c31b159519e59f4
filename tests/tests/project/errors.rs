//! Errors are types: a reason that is a text cannot be told from another one by anybody but a
//! person.

use std::collections::BTreeSet;

use sealgate_tests::source::{self, Token};

use crate::allowed::{Allowed, Row};

/// Why a command may end with any error.
const ENDS: &str = "the command ends at the first one, and shows it to whoever started it";
/// Why a door of the feature `internals` may.
const DOOR: &str = "a suite of vectors shows it to a person; the types behind it are private";

/// Where an error is a text, or any error at all: the file, the function or type, and why.
const ALLOWED: &[Row] = &[
    ("core/src/internals.rs", "certificate_path", DOOR),
    ("core/src/notation/internals.rs", "is_listed", DOOR),
    ("provider/src/commands/serve.rs", "Failure", ENDS),
    ("provider/src/demo/cluster.rs", "address_of", ENDS),
    ("provider/src/demo/cluster.rs", "admit", ENDS),
    ("provider/src/demo/cluster.rs", "start", ENDS),
    ("provider/src/demo/mod.rs", "keep", ENDS),
    ("provider/src/demo/mod.rs", "show", ENDS),
    (
        "provider/src/net/guard.rs",
        "look_up",
        "the HTTP client takes any error of a resolver, and gives it back as its own cause",
    ),
    ("provider/src/registry/internals.rs", "docker_config", DOOR),
    (
        "provider/src/server/connection.rs",
        "report",
        "the HTTP server gives any error",
    ),
];

/// The errors of `Result` types and of `type Error` that are texts or anything, by the function or
/// type that they stand in.
fn untyped(tokens: &[Token]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut item = String::new();
    for (index, token) in tokens.iter().enumerate() {
        let Token::Word(word) = token else {
            continue;
        };
        let after = &tokens[index + 1..];
        let error = match (word.as_str(), after) {
            ("fn" | "type" | "struct" | "enum" | "trait", [Token::Word(name), rest @ ..]) => {
                // An associated type belongs to what it is implemented by.
                if name != "Error" {
                    item.clone_from(name);
                }
                match rest {
                    [Token::Mark('='), named @ ..] if word == "type" => named,
                    _ => continue,
                }
            }
            ("Result", [Token::Mark('<'), arguments @ ..]) => second(arguments),
            _ => continue,
        };
        if is_untyped(error) {
            found.insert(item.clone());
        }
    }
    found
}

/// What follows the comma between two arguments.
fn second(arguments: &[Token]) -> &[Token] {
    let mut depth = 0_usize;
    let mut before = &Token::Mark('<');
    for (index, token) in arguments.iter().enumerate() {
        match token {
            Token::Mark('<' | '(' | '[') => depth += 1,
            // The arrow of a function's type closes nothing.
            Token::Mark('>') if *before == Token::Mark('-') => {}
            Token::Mark('>' | ')' | ']') if depth == 0 => return &[],
            Token::Mark('>' | ')' | ']') => depth -= 1,
            Token::Mark(',') if depth == 0 => return &arguments[index + 1..],
            _ => {}
        }
        before = token;
    }
    &[]
}

/// Whether a type is a text, or any error.
fn is_untyped(error: &[Token]) -> bool {
    let marks = error
        .iter()
        .take_while(|token| matches!(token, Token::Mark('&')))
        .count();
    let mut words = error[marks..]
        .iter()
        .take(12)
        .filter_map(|token| match token {
            Token::Word(word) => Some(word.as_str()),
            _ => None,
        });
    match words.find(|word| *word != "static") {
        Some("String" | "str" | "Cow") => true,
        Some("Box" | "Arc" | "Rc") => {
            words.next() == Some("dyn") && words.any(|word| word == "Error")
        }
        _ => false,
    }
}

#[test]
fn errors_are_types_but_for_a_list() {
    let mut allowed = Allowed::new(ALLOWED);
    for folder in ["core/src", "provider/src"] {
        for file in source::files(folder).unwrap() {
            let text = std::fs::read_to_string(source::root().join(&file)).unwrap();
            let tokens = source::tokens(&text);
            for item in untyped(source::without_tests(&tokens)) {
                let is = |place: &str, what: &str| place == file && what == item;
                allowed.note(is, format!("{file}: {item}"));
            }
        }
    }
    allowed.assert_exact("give the error a type, or this list a line");
}

#[test]
fn texts_are_found_wherever_an_error_stands() {
    for (source, expected) in [
        ("fn a() -> Result<u8, String>;", &["a"][..]),
        ("fn a() -> Result<Vec<(u8, X)>, &'static str> {}", &["a"]),
        ("fn a(f: impl Fn(u8) -> Result<u8, String>) {}", &["a"]),
        ("type R<'a> = &'a dyn Fn(&K) -> Result<V, String>;", &["R"]),
        (
            "struct S { f: Result<Map<String, String>, Box<dyn Error>> }",
            &["S"],
        ),
        ("impl T for S { type Error = String; fn g() {} }", &[""]),
        (
            "type Failure = Box<dyn std::error::Error + Send>;",
            &["Failure"],
        ),
        (
            "fn a() -> std::result::Result<u8, Cow<'static, str>> {}",
            &["a"],
        ),
        (
            "fn a() -> Result<String, Error> { let x: Result<Map<String, String>, E>; }",
            &[],
        ),
        ("fn a() -> io::Result<String> {}", &[]),
        ("type Names = BTreeMap<String, String>;", &[]),
        ("fn a() -> Result<Box<dyn Fn(u8) -> String>, E> {}", &[]),
        ("fn a() -> Result<u8, Box<E>> {}", &[]),
    ] {
        let tokens = source::tokens(source);
        let found: Vec<_> = untyped(&tokens).into_iter().collect();
        assert_eq!(found, expected, "{source}");
    }
}
