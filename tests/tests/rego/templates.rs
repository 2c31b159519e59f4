//! The templates of `rego/`, each a folder.

use std::fs;
use std::path::{Path, PathBuf};

use sealgate_testkit::rego::{Dialect, Template};

/// The folder of the Rego.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../rego")
}

/// The folders of the templates, sorted.
pub(crate) fn folders() -> Vec<PathBuf> {
    let entries = fs::read_dir(root()).unwrap();
    let mut folders: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("constraint.tmpl").is_file())
        .collect();
    folders.sort();
    folders
}

/// A template as it is applied, in both dialects.
pub(crate) fn applied(folder: &Path) -> [String; 2] {
    ["template.yaml", "template-v1.yaml"].map(|file| text(&folder.join(file)))
}

/// A template as its sources make it.
pub(crate) fn made(folder: &Path, dialect: Dialect) -> String {
    let rego = text(&folder.join("src.rego"));
    let libs: Vec<_> = libraries(&rego).iter().map(|lib| library(lib)).collect();
    Template::render(
        &text(&folder.join("constraint.tmpl")),
        dialect,
        &rego,
        &libs.iter().map(String::as_str).collect::<Vec<_>>(),
    )
}

/// The libraries that it imports, and those that they do, sorted.
fn libraries(rego: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut open = vec![rego.to_owned()];
    while let Some(text) = open.pop() {
        for name in text
            .lines()
            .filter_map(|line| line.strip_prefix("import data.lib."))
        {
            if !found.iter().any(|known| known == name) {
                found.push(name.to_owned());
                open.push(library(name));
            }
        }
    }
    found.sort();
    found
}

fn library(name: &str) -> String {
    text(&root().join(format!("lib/{name}.rego")))
}

/// All Rego files, tests as well, sorted.
pub(crate) fn sources() -> Vec<PathBuf> {
    let mut folders = folders();
    folders.push(root().join("lib"));
    let mut sources: Vec<_> = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "rego"))
        .collect();
    sources.sort();
    sources
}

pub(crate) fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
