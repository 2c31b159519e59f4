//! Reports in JUnit's XML, which continuous integration shows.

use std::fmt::Write as _;

/// Cases that belong together.
pub(super) struct Suite {
    pub(super) name: String,
    pub(super) cases: Vec<Case>,
}

/// What was looked at.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) ended: Ended,
}

/// How it ended.
pub(super) enum Ended {
    /// As it should.
    Passed,
    /// Otherwise.
    Failed(Said),
    /// It could not be told.
    Error(Said),
}

/// Why a case did not pass.
pub(super) struct Said {
    /// In a word: a code.
    pub(super) kind: String,
    /// In a line.
    pub(super) message: String,
    /// All there is to say.
    pub(super) text: String,
}

/// The report.
pub(super) fn report(suites: &[Suite]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites");
    counts(&mut xml, suites.iter().flat_map(|suite| &suite.cases));
    xml.push_str(">\n");
    for suite in suites {
        let _ = write!(xml, "  <testsuite name=\"{}\"", escaped(&suite.name));
        counts(&mut xml, suite.cases.iter());
        xml.push_str(">\n");
        for case in &suite.cases {
            let (name, suite) = (escaped(&case.name), escaped(&suite.name));
            let _ = write!(xml, "    <testcase name=\"{name}\" classname=\"{suite}\"");
            let (tag, said) = match &case.ended {
                Ended::Passed => {
                    xml.push_str("/>\n");
                    continue;
                }
                Ended::Failed(said) => ("failure", said),
                Ended::Error(said) => ("error", said),
            };
            let (kind, message) = (escaped(&said.kind), escaped(&said.message));
            let text = escaped(&said.text).replace("&#10;", "\n");
            let _ = writeln!(
                xml,
                ">\n      <{tag} type=\"{kind}\" message=\"{message}\">{text}</{tag}>\n    </testcase>"
            );
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn counts<'a>(xml: &mut String, cases: impl Iterator<Item = &'a Case>) {
    let (mut tests, mut failures, mut errors) = (0_usize, 0_usize, 0_usize);
    for case in cases {
        tests += 1;
        match case.ended {
            Ended::Passed => {}
            Ended::Failed(_) => failures += 1,
            Ended::Error(_) => errors += 1,
        }
    }
    let _ = write!(
        xml,
        " tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\""
    );
}

/// Text between tags or quotes. What XML 1.0 has no way to write becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_write_stays_text() {
        let said = Said {
            kind: "a\"b".to_owned(),
            message: "<x> & \u{7}".to_owned(),
            text: "one\ntwo ]]> </failure>".to_owned(),
        };
        let case = Case {
            name: "c".to_owned(),
            ended: Ended::Failed(said),
        };
        let xml = report(&[Suite {
            name: "s".to_owned(),
            cases: vec![case],
        }]);
        let expected = "<failure type=\"a&quot;b\" message=\"&lt;x&gt; &amp; \u{fffd}\">\
                        one\ntwo ]]&gt; &lt;/failure&gt;</failure>";
        assert!(xml.contains(expected), "{xml}");
        assert!(
            xml.contains("<testsuites tests=\"1\" failures=\"1\" errors=\"0\">"),
            "{xml}"
        );
    }
}
