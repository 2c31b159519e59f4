//! The README's first command: everything goes as it should, and the exit code says so.
#![cfg(feature = "demo")]
#![allow(clippy::expect_used)]

use std::process::Command;

#[test]
fn the_demo_admits_what_is_proven_and_nothing_else() {
    let output = Command::new(env!("CARGO_BIN_EXE_sealgate"))
        .arg("demo")
        .output()
        .expect("the program runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert_eq!(text.matches("admitted ✓").count(), 4, "{text}");
    assert_eq!(text.matches("denied ✓").count(), 8, "{text}");
    assert!(!text.contains("UNEXPECTED"), "{text}");
}
