//! The page of the documentation.

use std::fmt::Write as _;

use crate::grid::STEPS;
use crate::rows::{Measured, Row};
use crate::scene::{Class, Signed};

const HEAD: &str = "\
# What a hostile registry achieves

Whoever runs a registry, or stands between it and sealgate, may answer anything. These are the
answers that were tried, and what the provider made of each: `verified`; *refused* with the code
of the first reason; *undecided*, which Gatekeeper gets as a system error and never remembers; or
an *error* of the key, for an image that is not there.

Of every row it was also checked that it ended in time, that no more requests and bytes were spent
than stated, and that no credentials went to a host that may not have them, nor into the answer.
This page is written by the test that checks it (`tests/tests/hostile_registry`).
";

pub(crate) fn page(rows: &[(usize, Row, Measured)], cells: &[(&str, Vec<String>)]) -> String {
    let mut page = HEAD.to_owned();
    page.push_str("\n## Every step, and every common fault\n\n");
    page.push_str(
        "The image is signed by a bundle that the referrers API lists; by one under the fallback \
         tag in the fifth column; by the tag `.sig` in the eighth; in the last it is not signed, and there is no body \
         that could be spoilt.\n\n",
    );
    let steps = STEPS.map(|(_, name)| name).join(" | ");
    writeln!(page, "| | {steps} |\n|---|{}", "---|".repeat(STEPS.len())).unwrap();
    for (name, codes) in cells {
        let codes: Vec<_> = codes.iter().map(|code| format!("`{code}`")).collect();
        writeln!(page, "| {name} | {} |", codes.join(" | ")).unwrap();
    }
    let mut place = "";
    for (_, row, measured) in rows {
        if row.place != place {
            place = row.place;
            writeln!(page, "\n## {place}\n").unwrap();
            page.push_str(
                "| what it does | signed | answer | requests | memory |\n|---|---|---|---|---|\n",
            );
        }
        let class = match measured.answer.class {
            Class::Verified => String::new(),
            other => format!("{other:?} ").to_lowercase(),
        };
        let signed = match row.signed {
            Signed::Bundle => "bundle",
            Signed::Fallback => "bundle, fallback tag",
            Signed::Sig => "`.sig`",
            Signed::No => "no",
        };
        let memory = row.megabytes.map(|most| format!("≤ {most} MiB"));
        writeln!(
            page,
            "| {} | {signed} | {class}`{}` | ≤ {} | {} |",
            row.behaviour,
            measured.answer.code,
            row.requests,
            memory.unwrap_or_default()
        )
        .unwrap();
    }
    page
}
