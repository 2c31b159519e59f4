//! Writes a value as YAML, block by block, in the order of its fields.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, Serializer};

use super::yaml::is_no_text;

/// Words that other readers of YAML take for booleans or for nothing.
const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "null", "true", "false"];

/// The value as YAML.
pub(super) fn to_yaml(value: &impl Serialize) -> String {
    let mut text = Vec::new();
    let written = value.serialize(&mut Serializer::with_formatter(
        &mut text,
        Blocks::default(),
    ));
    // Plain data with string keys: this cannot fail.
    written.map_or_else(
        |_| String::new(),
        |()| {
            let text = String::from_utf8_lossy(&text) + "\n";
            // Of what stands below its key; no scalar ends with a space.
            text.replace(": \n", ":\n")
        },
    )
}

/// YAML, written by the serializer of JSON.
#[derive(Default)]
struct Blocks {
    open: Vec<Block>,
    /// Whether the next entry goes on where the cursor is: at the start, and after a dash.
    inline: bool,
    begun: bool,
    /// The string that is being written.
    text: String,
}

struct Block {
    is_list: bool,
    indent: usize,
    is_empty: bool,
}

impl Blocks {
    fn open(&mut self, is_list: bool) {
        let indent = match self.open.last() {
            None => 0,
            // A list stands below its key.
            Some(parent) if is_list && !parent.is_list => parent.indent,
            Some(parent) => parent.indent + 2,
        };
        self.open.push(Block {
            is_list,
            indent,
            is_empty: true,
        });
    }

    fn close<W: ?Sized + Write>(&mut self, writer: &mut W, empty: &[u8]) -> io::Result<()> {
        match self.open.pop() {
            Some(block) if block.is_empty => {
                self.inline = false;
                writer.write_all(empty)
            }
            _ => Ok(()),
        }
    }

    /// Goes to where the next entry begins.
    fn entry<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        let first = !std::mem::replace(&mut self.begun, true);
        let inline = std::mem::take(&mut self.inline);
        let Some(block) = self.open.last_mut() else {
            return Ok(());
        };
        block.is_empty = false;
        match first || inline {
            true => Ok(()),
            false => write!(writer, "\n{:1$}", "", block.indent),
        }
    }
}

impl Formatter for Blocks {
    fn begin_object<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.open(false);
        Ok(())
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"{}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, _: bool) -> io::Result<()> {
        self.entry(writer)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn begin_array<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.open(true);
        Ok(())
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"[]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, _: bool) -> io::Result<()> {
        self.entry(writer)?;
        self.inline = true;
        writer.write_all(b"- ")
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.inline = false;
        Ok(())
    }

    fn begin_string<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.text.clear();
        Ok(())
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        _: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        self.text.push_str(fragment);
        Ok(())
    }

    fn write_char_escape<W: ?Sized + Write>(
        &mut self,
        _: &mut W,
        escaped: CharEscape,
    ) -> io::Result<()> {
        self.text.push(match escaped {
            CharEscape::Quote => '"',
            CharEscape::ReverseSolidus => '\\',
            CharEscape::Solidus => '/',
            CharEscape::Backspace => '\u{8}',
            CharEscape::FormFeed => '\u{c}',
            CharEscape::LineFeed => '\n',
            CharEscape::CarriageReturn => '\r',
            CharEscape::Tab => '\t',
            CharEscape::AsciiControl(byte) => char::from(byte),
        });
        Ok(())
    }

    fn end_string<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(scalar(&self.text).as_bytes())
    }
}

/// A text as a scalar: without quotes if it can only be a text.
fn scalar(text: &str) -> String {
    let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric() || "/._".contains(c));
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/._-:@+=".contains(c);
    let word = WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    if starts && text.chars().all(allowed) && !text.ends_with(':') && !word && !is_no_text(text) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match u32::from(character) {
            0x22 | 0x5c => quoted.extend(['\\', character]),
            0x20..=0x7e => quoted.push(character),
            code @ ..=0xffff => quoted.push_str(&format!("\\u{code:04x}")),
            code => quoted.push_str(&format!("\\U{code:08x}")),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::yaml::Document;

    #[test]
    fn blocks_look_as_people_write_them() {
        let value = json!({"a": [{"b": 1, "c": []}, [2, [3]], "x"], "d": {"e": null, "f": {}}});
        let text = "a:\n- b: 1\n  c: []\n- - 2\n  - - 3\n- x\nd:\n  e: null\n  f: {}\n";
        assert_eq!(to_yaml(&value), text);
    }

    #[test]
    fn whatever_is_written_reads_back() {
        for text in [
            "",
            " ",
            "plain",
            "2s",
            "0.0.0.0:8443",
            "[::]:1",
            "a b",
            "a: b",
            "a:",
            "# x",
            "- x",
            "no",
            "null",
            "~",
            "1.3",
            "8443",
            "true",
            "'",
            "\"",
            "\\",
            "a\nb: c",
            "\u{85}\u{2028}\u{feff}",
            "ü",
            "\u{1f600}",
            "\u{0}\u{7f}\t",
            "*a",
            "&a",
            "!a",
            "%a",
            "@a",
            "`a",
            "{a",
            "- ",
            "...",
            "---",
        ] {
            let value = json!({"list": [text], "text": text});
            let written = to_yaml(&value);
            let read: Value = Document::parse(&written).unwrap().read().unwrap();
            assert_eq!(read, value, "{written}");
        }
    }
}
