//! The page of the documentation.

use std::fmt::Write as _;

/// One behaviour, and what it got.
pub(crate) struct Line {
    pub(crate) behaviour: String,
    pub(crate) outcome: String,
}

pub(crate) struct Section {
    title: &'static str,
    pub(crate) lines: Vec<Line>,
}

impl Section {
    pub(crate) fn new(title: &'static str, lines: Vec<Line>) -> Self {
        Self { title, lines }
    }
}

const HEAD: &str = "\
# What a hostile client achieves

Whoever can connect to the listener may send anything. These are the clients that were tried,
against the real listener with client certificates, and what each got. After each of them, while
its connection was still open where it could be, a good client got its verdict.
This page is written by the test that checks it (`tests/tests/hostile_clients`).
";

pub(crate) fn write(sections: &[Section]) -> String {
    let mut page = HEAD.to_owned();
    for Section { title, lines } in sections {
        writeln!(
            page,
            "\n## {title}\n\n| what it does | what it gets |\n|---|---|"
        )
        .unwrap();
        for Line { behaviour, outcome } in lines {
            writeln!(page, "| {behaviour} | {outcome} |").unwrap();
        }
    }
    page
}
