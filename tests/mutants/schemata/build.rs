//! Builds the woven code and the tests that are asked.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Failure;
use crate::weave::Woven;

/// A binary of tests.
pub(crate) struct Binary {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// The folder of its package, where its tests expect to run.
    pub(crate) folder: PathBuf,
}

/// What came of a build.
pub(crate) enum Built {
    Binaries(Vec<Binary>),
    /// These mutants do not compile.
    Refused(BTreeSet<usize>),
}

/// Builds everything; or says which mutants stand in the way.
pub(crate) fn build(tree: &Path, woven: &Woven) -> Result<Built, Failure> {
    let output = Command::new("cargo")
        .args(["test", "--no-run", "--message-format", "json"])
        .args([
            "--package",
            "sealgate-core",
            "--package",
            "sealgate-mutants",
        ])
        .args([
            "--lib",
            "--test",
            "tried_*",
            "--features",
            "sealgate-mutants/run",
        ])
        .current_dir(tree)
        .stderr(Stdio::inherit())
        .output()?;
    let messages: Vec<Value> = String::from_utf8(output.stdout)?
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    if output.status.success() {
        return Ok(Built::Binaries(
            messages.iter().filter_map(binary).collect(),
        ));
    }
    let errors: Vec<&Value> = messages
        .iter()
        .filter_map(|message| message.get("message"))
        .filter(|message| message["level"] == "error" && !spans(message).is_empty())
        .collect();
    let refused: BTreeSet<usize> = errors
        .iter()
        .flat_map(|error| guilty(error, woven))
        .collect();
    if refused.is_empty() {
        let first = errors.first().and_then(|error| error["rendered"].as_str());
        return Err(format!(
            "the copy does not compile: {}",
            first.unwrap_or("see above")
        )
        .into());
    }
    Ok(Built::Refused(refused))
}

fn binary(message: &Value) -> Option<Binary> {
    let path = message["executable"].as_str()?;
    message["profile"]["test"].as_bool().filter(|test| *test)?;
    let manifest = Path::new(message["manifest_path"].as_str()?);
    Some(Binary {
        name: message["target"]["name"].as_str()?.to_owned(),
        path: PathBuf::from(path),
        folder: manifest.parent()?.to_path_buf(),
    })
}

fn spans(message: &Value) -> &[Value] {
    message["spans"].as_array().map_or(&[], Vec::as_slice)
}

/// The mutants that an error is about: those in whose text it stands, else those it mentions.
fn guilty(error: &Value, woven: &Woven) -> BTreeSet<usize> {
    let of = |primary: bool| -> BTreeSet<usize> {
        spans(error)
            .iter()
            .filter(|span| span["is_primary"] == primary)
            .flat_map(|span| at(span, woven))
            .collect()
    };
    let guilty = of(true);
    if guilty.is_empty() { of(false) } else { guilty }
}

fn at(span: &Value, woven: &Woven) -> BTreeSet<usize> {
    let number = |key: &str| {
        span[key]
            .as_u64()
            .and_then(|number| usize::try_from(number).ok())
    };
    let (Some(file), Some(start), Some(end)) = (
        span["file_name"].as_str(),
        number("byte_start"),
        number("byte_end"),
    ) else {
        return BTreeSet::new();
    };
    let here = woven.at(file, &(start..end));
    // An error within a macro stands where the macro is called, too.
    match span.pointer("/expansion/span") {
        Some(outer) if here.is_empty() => at(outer, woven),
        _ => here,
    }
}
