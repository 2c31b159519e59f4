//! The show as a table.

use std::io::IsTerminal as _;

use super::scenario::Scene;

/// The most characters of a line.
const WIDTH: usize = 100;

/// Draws a table: a line a scene, and below it what is said at the kubectl prompt.
pub(super) fn draw(scenes: &[Scene]) -> String {
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let title = scenes.iter().map(|s| s.title.len()).max().unwrap_or(0);
    let mut text = format!("{:title$}   {}\n", "WHAT IS DEPLOYED", "DECISION");
    text.push_str(&format!("{}\n", "─".repeat(title + 14)));
    for scene in scenes {
        let mark = if scene.as_expected() {
            "✓"
        } else {
            "✗ UNEXPECTED"
        };
        let outcome = match (colour, scene.outcome()) {
            (true, "admitted") => "\u{1b}[32madmitted\u{1b}[0m".to_owned(),
            (true, other) => format!("\u{1b}[31m{other}\u{1b}[0m"),
            (false, other) => other.to_owned(),
        };
        text.push_str(&format!("{:title$}   {outcome} {mark}\n", scene.title));
        for message in scene.messages() {
            for line in wrap(message) {
                text.push_str(&format!("    {line}\n"));
            }
        }
    }
    text
}

/// Breaks a message into lines.
fn wrap(message: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in message.split(' ') {
        let full = lines.last().is_some_and(|line| {
            !line.is_empty() && line.chars().count() + word.chars().count() + 5 > WIDTH
        });
        if full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
