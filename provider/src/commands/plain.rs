//! Texts of strangers, on a terminal.

use crate::observe::log::misleads;

/// The most of one text that is shown.
const SHOWN: usize = 400;

/// The text with what ends lines, steers a terminal or turns text around spelled out, and cut off
/// where it is long.
pub(super) fn plain(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => spelled(text.get(..end).unwrap_or_default()) + "…",
        None => spelled(text),
    }
}

/// The same, all of it.
pub(super) fn spelled(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match misleads(character) {
            true => out.extend(character.escape_default()),
            false => out.push(character),
        }
    }
    out
}

/// The text in YAML's double quotes, all of it.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    for character in serde_json::Value::from(text).to_string().chars() {
        match character {
            // A line break or a mark of order, none of which YAML takes as it is.
            _ if misleads(character)
                || matches!(character, '\u{feff}' | '\u{fffe}' | '\u{ffff}') =>
            {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_steer_no_terminal_and_end_no_line() {
        let shown = plain("a\u{1b}[2Jb\nc\u{202e}d\u{9b}e");
        assert_eq!(shown, "a\\u{1b}[2Jb\\nc\\u{202e}d\\u{9b}e");
        assert_eq!(plain(&"x".repeat(1000)).chars().count(), SHOWN + 1);
        let yaml = quoted("\u{85}\"\n\u{2028}#");
        assert_eq!(yaml, "\"\\u0085\\\"\\n\\u2028#\"");
    }
}
