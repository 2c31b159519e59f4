//! The page of the documentation.

use std::fmt::Write as _;
use std::path::Path;

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

/// Compares with the page that is checked in, or writes it.
pub(crate) fn compare(page: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/hostile-clients.md");
    if std::env::var_os("SEALGATE_WRITE_DOCS").is_some() {
        std::fs::write(&file, page).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    let differs: Vec<_> = page
        .lines()
        .filter(|line| !written.lines().any(|other| other == *line))
        .collect();
    assert!(
        page == written,
        "docs/hostile-clients.md says something else; SEALGATE_WRITE_DOCS=1 writes it anew. \
         Lines that are not in it:\n{}",
        differs.join("\n")
    );
}
