//! All answers as JUnit's XML: a suite for each namespace, a case for each image.

use super::{Report, Row};
use crate::commands::exit::Exit;
use crate::commands::junit::{self, Case, Ended, Said, Suite};

/// The report.
pub(crate) fn junit(report: &Report) -> String {
    let mut suites: Vec<Suite> = Vec::new();
    for row in &report.rows {
        let name = match &row.namespace {
            Some(namespace) => format!("namespace {namespace}"),
            None => "no namespace".to_owned(),
        };
        let case = Case {
            name: row.image.clone(),
            ended: ended(row),
        };
        match suites.iter_mut().find(|suite| suite.name == name) {
            Some(suite) => suite.cases.push(case),
            None => suites.push(Suite {
                name,
                cases: vec![case],
            }),
        }
    }
    junit::report(&suites)
}

fn ended(row: &Row) -> Ended {
    let said = || {
        let used = row.places.iter();
        let used = used.map(|place| format!("used by {place}"));
        Said {
            kind: row.code().unwrap_or_default().to_owned(),
            message: row.sentence().unwrap_or_default(),
            text: row
                .reasons()
                .into_iter()
                .chain(used)
                .collect::<Vec<_>>()
                .join("\n"),
        }
    };
    match row.exit() {
        Exit::Verified => Ended::Passed,
        Exit::NotVerified => Ended::Failed(said()),
        _ => Ended::Error(said()),
    }
}
