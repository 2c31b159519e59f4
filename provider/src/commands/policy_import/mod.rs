//! `sealgate policy import FILE…`: policies of other tools, as TrustPolicy, with what was lost.
//!
//! Sigstore's and the Notary Project's own are read by core, and written as core understands them;
//! Ratify's and Kyverno's are translated here.

mod kyverno;
mod ratify;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
mod tree;
mod write;
mod yaml;

use std::collections::BTreeSet;
use std::path::PathBuf;

use sealgate_core::policy::NoMatch;
use sealgate_core::policy::file::{self, PolicyFile, Problem, only_inline_keys};
use sealgate_core::policy::yaml as core_yaml;

use self::tree::Part;
use self::yaml::{Yaml, comment};
use super::exit::Exit;
use super::usage::{self, UsageError};

/// `sealgate policy import`
#[derive(Clone, Debug, clap::Args)]
pub struct PolicyImport {
    /// Files of ClusterImagePolicy and TrustRoot (Sigstore), trustpolicy.json (Notary Project), Verifier
    /// and Policy (Ratify v1), and ClusterPolicy with verifyImages (Kyverno)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Why a document cannot be translated.
#[derive(Debug, thiserror::Error)]
enum ImportError {
    #[error("expected {0}, found none")]
    Missing(&'static str),
    #[error("expected {expected}, found {found:?}")]
    Kind {
        expected: &'static str,
        found: String,
    },
    #[error("expected documents of one tool in a file")]
    Mixed,
    #[error("{}", one_line(.0))]
    Inner(Vec<Problem>),
}

fn one_line(problems: &[Problem]) -> String {
    let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
    problems.join("; ")
}

/// A document to print, and what was lost on the way to it.
struct Printed {
    document: Option<Yaml>,
    lost: Vec<String>,
}

impl PolicyImport {
    pub(super) fn run(&self) -> Result<Exit, UsageError> {
        let files = self.files.iter().map(|path| {
            Ok(PolicyFile {
                name: path.display().to_string(),
                text: usage::read_text(path)?,
            })
        });
        let (text, lost) = print(&files.collect::<Result<Vec<_>, UsageError>>()?)?;
        usage::print(&text);
        usage::warn(&lost);
        Ok(Exit::Verified)
    }
}

/// What these files say, as TrustPolicy, and what was lost of each.
fn print(files: &[PolicyFile]) -> Result<(String, Vec<String>), UsageError> {
    let mut text = String::new();
    let mut lost = Vec::new();
    let mut names = BTreeSet::new();
    let mut has_policy = false;
    for file in files {
        for printed in import(file, &mut names)? {
            text.push_str("---\n");
            for line in &printed.lost {
                text.push_str(&comment(&format!("lost: {line}")));
                lost.push(format!("{}: lost: {line}", file.name));
            }
            if let Some(document) = printed.document {
                has_policy |= !matches!(document, Yaml::Json(_));
                text.push_str(&document.document());
            }
        }
    }
    // Trust roots alone are read with the policies that name them.
    if has_policy {
        check(&text)?;
    }
    Ok((text, lost))
}

/// What is printed must be read again: nobody should find out later that it is not.
fn check(text: &str) -> Result<(), UsageError> {
    let file = PolicyFile {
        name: "what was to be printed".to_owned(),
        text: text.to_owned(),
    };
    match file::check(&[file], NoMatch::Deny, &only_inline_keys) {
        Ok(_) => Ok(()),
        Err(problems) => Err(UsageError::all(problems)),
    }
}

fn import(file: &PolicyFile, names: &mut BTreeSet<String>) -> Result<Vec<Printed>, UsageError> {
    let documents = core_yaml::documents(&file.name, &file.text);
    let documents = documents.map_err(|problem| UsageError::all([problem]))?;
    let lost = Default::default();
    let parts: Vec<_> = documents
        .iter()
        .map(|node| Part::root(node, &lost))
        .collect();
    let group = |part: &Part<'_>| {
        let version = part.take("apiVersion");
        let version = version
            .and_then(|version| version.text())
            .unwrap_or_default();
        version.split('/').next().unwrap_or_default().to_owned()
    };
    if !parts.iter().any(|part| is_translated(&group(part))) {
        return by_core(file, names);
    }
    let mut printed = Vec::new();
    for part in &parts {
        let translated = match group(part).as_str() {
            ratify::GROUP => ratify::translate(part, names),
            kyverno::GROUP => kyverno::translate(part, names),
            _ => Err(ImportError::Mixed),
        };
        printed.extend(
            translated
                .map_err(|why| UsageError::new(format!("{}:{}: {why}", file.name, part.line())))?,
        );
    }
    Ok(printed)
}

fn is_translated(group: &str) -> bool {
    [ratify::GROUP, kyverno::GROUP].contains(&group)
}

/// What core reads and writes.
fn by_core(file: &PolicyFile, names: &mut BTreeSet<String>) -> Result<Vec<Printed>, UsageError> {
    let imported = file::import(file, &only_inline_keys).map_err(UsageError::all)?;
    let mut printed = Vec::new();
    for document in imported {
        let mut lost: Vec<String> = document
            .lost
            .iter()
            .map(|problem| {
                format!(
                    "line {}: {}: {}",
                    problem.line, problem.field, problem.message
                )
            })
            .collect();
        if document.policies.is_empty() && document.trust_root.is_none() {
            printed.push(Printed {
                document: None,
                lost: std::mem::take(&mut lost),
            });
        }
        for policy in &document.policies {
            let written = write::policy(policy, names);
            let mut lost = std::mem::take(&mut lost);
            lost.extend(written.lost);
            printed.push(Printed {
                document: Some(written.document),
                lost,
            });
        }
        // It is read as it is, beside the policies that name it.
        printed.extend(document.trust_root.map(|root| Printed {
            document: Some(Yaml::Json(root)),
            lost,
        }));
    }
    Ok(printed)
}
