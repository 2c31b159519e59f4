//! The Rego inside a ConstraintTemplate, and the making of templates from Rego.

use serde::Deserialize;
use thiserror::Error;

/// The two languages called Rego.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The one every Gatekeeper speaks.
    V0,
    /// The one of OPA 1.0, from Gatekeeper 3.19 on.
    V1,
}

/// The Rego of a ConstraintTemplate for the admission target.
#[derive(Clone, Debug)]
pub struct Template {
    /// The constraint's kind.
    pub kind: String,
    /// The language of the modules.
    pub dialect: Dialect,
    /// The module with the rule `violation`.
    pub rego: String,
    /// The modules it imports.
    pub libs: Vec<String>,
}

/// Why a document is no template with Rego.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// Not the YAML of a ConstraintTemplate.
    #[error("not a ConstraintTemplate: {0}")]
    Yaml(#[from] serde_norway::Error),
    /// Another kind of object.
    #[error("expected kind ConstraintTemplate, found {0:?}")]
    Kind(String),
    /// No Rego for the target `admission.k8s.gatekeeper.sh`.
    #[error("the template has no Rego for the target {TARGET}")]
    NoRego,
}

const TARGET: &str = "admission.k8s.gatekeeper.sh";

impl Template {
    /// Reads a template as Gatekeeper does: `rego` and `libs` of the target, which are
    /// v0 and win, or the first Rego among its `code`, in the version it names.
    pub fn parse(yaml: &str) -> Result<Self, TemplateError> {
        let wire: TemplateWire = serde_norway::from_str(yaml)?;
        if wire.kind != "ConstraintTemplate" {
            return Err(TemplateError::Kind(wire.kind));
        }
        let target = wire.spec.targets.into_iter().find(|t| t.target == TARGET);
        let target = target.ok_or(TemplateError::NoRego)?;
        let source = match target.rego {
            Some(rego) => SourceWire {
                rego,
                libs: target.libs,
                version: None,
            },
            None => {
                target
                    .code
                    .into_iter()
                    .find(|code| code.engine == "Rego")
                    .ok_or(TemplateError::NoRego)?
                    .source
            }
        };
        Ok(Self {
            kind: wire.spec.crd.spec.names.kind,
            dialect: match source.version.as_deref() {
                Some("v1") => Dialect::V1,
                _ => Dialect::V0,
            },
            rego: source.rego,
            libs: source.libs,
        })
    }

    /// Writes a template: `head` is everything down to and including `targets:`.
    pub fn render(head: &str, dialect: Dialect, rego: &str, libs: &[&str]) -> String {
        let mut yaml = format!("{}\n    - target: {TARGET}\n", head.trim_end());
        let indent = match dialect {
            Dialect::V0 => 6,
            Dialect::V1 => {
                yaml.push_str("      code:\n        - engine: Rego\n          source:\n");
                yaml.push_str("            version: v1\n");
                12
            }
        };
        let pad = " ".repeat(indent);
        yaml.push_str(&format!("{pad}rego: |\n"));
        push_indented(&mut yaml, rego, indent + 2);
        yaml.push_str(&format!("{pad}libs:\n"));
        for lib in libs {
            yaml.push_str(&format!("{pad}  - |\n"));
            push_indented(&mut yaml, lib, indent + 4);
        }
        yaml
    }
}

fn push_indented(yaml: &mut String, text: &str, indent: usize) {
    for line in text.lines() {
        // A tab may not indent YAML, but is fine inside a block; two spaces read better.
        let code = line.trim_start_matches('\t');
        if !code.is_empty() {
            let tabs = line.len() - code.len();
            yaml.push_str(&" ".repeat(indent + 2 * tabs));
            yaml.push_str(code);
        }
        yaml.push('\n');
    }
}

#[derive(Deserialize)]
struct TemplateWire {
    kind: String,
    spec: SpecWire,
}

#[derive(Deserialize)]
struct SpecWire {
    crd: CrdWire,
    targets: Vec<TargetWire>,
}

#[derive(Deserialize)]
struct CrdWire {
    spec: CrdSpecWire,
}

#[derive(Deserialize)]
struct CrdSpecWire {
    names: NamesWire,
}

#[derive(Deserialize)]
struct NamesWire {
    kind: String,
}

#[derive(Deserialize)]
struct TargetWire {
    target: String,
    rego: Option<String>,
    #[serde(default)]
    libs: Vec<String>,
    #[serde(default)]
    code: Vec<CodeWire>,
}

#[derive(Deserialize)]
struct CodeWire {
    engine: String,
    source: SourceWire,
}

#[derive(Deserialize)]
struct SourceWire {
    #[serde(default)]
    rego: String,
    #[serde(default)]
    libs: Vec<String>,
    version: Option<String>,
}
