//! Tables in Markdown: what is expected of others' cases where their own answer is not ours.

use std::collections::BTreeMap;

/// The rows whose first cell is in backquotes: that cell, then the others.
///
/// # Panics
/// If a row says less than `cells`, has an empty cell, or repeats a case.
pub(crate) fn rows(text: &str, cells: usize) -> BTreeMap<String, Vec<String>> {
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let mut row: Vec<_> = line
            .trim_matches('|')
            .split(" | ")
            .map(|cell| cell.trim().trim_matches('`').to_owned())
            .collect();
        assert_eq!(row.len(), cells, "{line}");
        assert!(row.iter().all(|cell| !cell.is_empty()), "{line}");
        let case = row.remove(0);
        assert!(rows.insert(case, row).is_none(), "twice: {line}");
    }
    rows
}
