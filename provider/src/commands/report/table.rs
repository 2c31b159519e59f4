//! All answers as a table, for people.

use super::{Report, Row};
use crate::commands::manifests::Place;

/// Characters of a cell but for the last one's; what is longer stands as it is, and only moves the
/// rest of its line.
const WIDEST: usize = 70;

/// A line an image, and the counts.
pub(crate) fn table(report: &Report) -> String {
    let from_files = report.rows.iter().any(|row| !row.places.is_empty());
    let mut lines = vec![head(from_files)];
    lines.extend(report.rows.iter().map(|row| cells(row, from_files)));
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        let widths = cells.map(|cell| cell.chars().count());
        widths.filter(|width| *width <= WIDEST).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let mut printed = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            printed.push_str(&format!("{cell:width$}  ", width = *width));
        }
        text.push_str(printed.trim_end());
        text.push('\n');
    }
    text.push('\n');
    text + &report.summary()
}

fn head(from_files: bool) -> Vec<String> {
    let mut head = vec!["OUTCOME", "CODE", "NAMESPACE", "IMAGE"];
    if from_files {
        head.push("USED BY");
    }
    head.into_iter().map(str::to_owned).collect()
}

fn cells(row: &Row, from_files: bool) -> Vec<String> {
    let mut cells = vec![
        row.outcome().to_owned(),
        row.code().unwrap_or("-").to_owned(),
        row.namespace.as_deref().unwrap_or("-").to_owned(),
        row.image.clone(),
    ];
    if from_files {
        cells.push(used_by(&row.places));
    }
    cells
}

fn used_by(places: &[Place]) -> String {
    match places {
        [] => "-".to_owned(),
        [one] => one.to_string(),
        [one, rest @ ..] => format!("{one} and {} more", rest.len()),
    }
}
