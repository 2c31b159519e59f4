//! Files of cases: what is judged, by what, and what should come of it.
//!
//! Nothing is taken that could not fail: a file without cases, a case without `expect`, a refusal
//! that is expected without its codes, a code that there is not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use sealgate_core::policy::file::Problem;
use sealgate_core::verdict::Outcome;
use sealgate_core::{Code, UnixTime};
use serde::de::{Deserializer, Error as _, IntoDeserializer};
use serde::{Deserialize, Serialize, Serializer};

use super::super::explain;
use crate::config::NoMatchPolicy;
use crate::config::yaml::{Document, Finding, Step};
use crate::files::Pipes;

/// A case, with what its file says for all of its cases.
#[derive(Debug)]
pub(super) struct Case {
    /// The file.
    pub(super) file: PathBuf,
    /// The line on which it begins.
    pub(super) line: usize,
    pub(super) name: String,
    /// The pack that is judged; without one, the image is fetched.
    pub(super) pack: Option<PathBuf>,
    /// The image; with a pack, instead of the one that the pack says.
    pub(super) image: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) policy_name: Option<String>,
    pub(super) policies: Vec<PathBuf>,
    pub(super) trust_roots: BTreeMap<String, PathBuf>,
    pub(super) trust_stores: Option<PathBuf>,
    pub(super) no_match: NoMatchPolicy,
    /// The time to judge by; with an image, now if absent.
    pub(super) now: Option<UnixTime>,
    pub(super) expect: Expect,
}

/// What should come of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Expect {
    pub(super) outcome: Ending,
    /// The codes of all reasons, in any order.
    #[serde(default)]
    pub(super) codes: BTreeSet<String>,
}

/// The outcome of a verdict, or that there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Decided(Outcome),
    Undecided,
}

impl Ending {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Decided(outcome) => outcome.as_str(),
            Self::Undecided => "undecided",
        }
    }

    /// Whether it comes with a reason.
    fn has_codes(self) -> bool {
        match self {
            Self::Decided(Outcome::Warned) | Self::Undecided => true,
            Self::Decided(outcome) => !outcome.admits(),
        }
    }
}

impl Serialize for Ending {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Ending {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        if word == "undecided" {
            return Ok(Self::Undecided);
        }
        let outcome: Result<_, serde::de::value::Error> =
            Outcome::deserialize(word.as_str().into_deserializer());
        outcome
            .map(Self::Decided)
            .map_err(|error| D::Error::custom(format!("{error}, or `undecided`")))
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.outcome.as_str())?;
        if !self.codes.is_empty() {
            let codes: Vec<_> = self.codes.iter().map(String::as_str).collect();
            write!(f, " [{}]", codes.join(", "))?;
        }
        Ok(())
    }
}

/// A file as it is written.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SuiteWire {
    #[serde(rename = "apiVersion")]
    _api_version: ApiVersion,
    #[serde(rename = "kind")]
    _kind: KindWord,
    #[serde(default, deserialize_with = "given")]
    policies: Option<Vec<PathBuf>>,
    #[serde(default, deserialize_with = "given")]
    trust_roots: Option<BTreeMap<String, PathBuf>>,
    #[serde(default, deserialize_with = "given")]
    trust_stores: Option<PathBuf>,
    #[serde(default, deserialize_with = "given")]
    no_match_policy: Option<NoMatchPolicy>,
    #[serde(default, deserialize_with = "given")]
    now: Option<UnixTime>,
    cases: Vec<CaseWire>,
}

#[derive(Debug, Deserialize)]
enum ApiVersion {
    #[serde(rename = "sealgate.dev/v1alpha1")]
    V1Alpha1,
}

#[derive(Debug, Deserialize)]
enum KindWord {
    PolicyTest,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CaseWire {
    name: String,
    #[serde(default, deserialize_with = "given")]
    pack: Option<PathBuf>,
    #[serde(default, deserialize_with = "given")]
    image: Option<String>,
    #[serde(default, deserialize_with = "given")]
    namespace: Option<String>,
    #[serde(default, deserialize_with = "given")]
    policy_name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    policies: Option<Vec<PathBuf>>,
    #[serde(default, deserialize_with = "given")]
    trust_roots: Option<BTreeMap<String, PathBuf>>,
    #[serde(default, deserialize_with = "given")]
    trust_stores: Option<PathBuf>,
    #[serde(default, deserialize_with = "given")]
    no_match_policy: Option<NoMatchPolicy>,
    #[serde(default, deserialize_with = "given")]
    now: Option<UnixTime>,
    expect: Expect,
}

/// A field that may be absent and, if it is there, says something: `null` is an error.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The cases of the files in a directory, in the order of their names, or of one file.
///
/// Of a directory, `*.yaml` and `*.yml` are read, not those below it, and not those whose name
/// begins with a dot; each must be a file of cases.
///
/// # Errors
/// With every problem of every file.
pub(super) fn load(path: &Path) -> Result<Vec<Case>, Vec<Problem>> {
    let problem = |message: String| vec![Problem::new(&path.display().to_string(), 1, "", message)];
    let unreadable = |error: std::io::Error| problem(format!("cannot be read: {error}"));
    let files = files(path).map_err(unreadable)?;
    if files.is_empty() {
        let message = "this directory holds no cases, that is no *.yaml and no *.yml: nothing \
                       would be tested";
        return Err(problem(message.to_owned()));
    }
    let mut cases = Vec::new();
    let mut problems = Vec::new();
    for file in files {
        match read(&file) {
            Ok(read) => cases.extend(read),
            Err(found) => problems.extend(found),
        }
    }
    match problems.is_empty() {
        true => Ok(cases),
        false => Err(problems),
    }
}

fn files(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !std::fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let file = entry?.path();
        let extension = file.extension().and_then(|extension| extension.to_str());
        let name = file.file_name().map(|name| name.as_encoded_bytes());
        let hidden = name.is_some_and(|name| name.starts_with(b"."));
        if matches!(extension, Some("yaml" | "yml")) && !hidden {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn read(file: &Path) -> Result<Vec<Case>, Vec<Problem>> {
    let name = file.display().to_string();
    let text = Pipes::Awaited.read_to_string(file);
    let text = text.map_err(|error| {
        let message = format!("cannot be read: {error}");
        vec![Problem::new(&name, 1, "", message)]
    })?;
    let told = |findings: Vec<Finding>| {
        let problem =
            |one: Finding| Problem::new(&name, one.line.unwrap_or(1), &one.field, one.message);
        findings.into_iter().map(problem).collect::<Vec<_>>()
    };
    let document = Document::parse(&text).map_err(told)?;
    let suite: SuiteWire = document.read().map_err(told)?;
    let mut reader = Reader {
        file,
        name: &name,
        document: &document,
        problems: Vec::new(),
    };
    let cases = reader.cases(suite);
    match reader.problems.is_empty() {
        true => Ok(cases),
        false => Err(reader.problems),
    }
}

/// Looks at what no type can hold.
struct Reader<'a> {
    file: &'a Path,
    name: &'a str,
    document: &'a Document,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn problem(&mut self, steps: &[Step], field: &str, message: impl Into<String>) {
        let line = self.document.line(steps).unwrap_or(1);
        let problem = Problem::new(self.name, line, field, message);
        self.problems.push(problem);
    }

    fn cases(&mut self, suite: SuiteWire) -> Vec<Case> {
        if suite.cases.is_empty() {
            let message = "expected at least one case, found none: nothing would be tested";
            self.problem(&[Step::Key("cases".to_owned())], "cases", message);
        }
        let mut names = BTreeSet::new();
        let mut cases = Vec::new();
        let common = Common {
            policies: suite.policies,
            trust_roots: suite.trust_roots,
            trust_stores: suite.trust_stores,
            no_match: suite.no_match_policy,
            now: suite.now,
        };
        for (index, case) in suite.cases.into_iter().enumerate() {
            let steps = [Step::Key("cases".to_owned()), Step::Index(index)];
            let field = format!("cases[{index}]");
            if !names.insert(case.name.clone()) {
                let message = format!("two cases are named {:?}", case.name);
                self.problem(&steps, &format!("{field}.name"), message);
            }
            let line = self.document.line(&steps).unwrap_or(1);
            let case = common.complete(case, self.file, line);
            for (inner, message) in wrong(&case) {
                self.problem(&steps, &format!("{field}{inner}"), message);
            }
            cases.push(case);
        }
        cases
    }
}

/// What a file says for all of its cases.
struct Common {
    policies: Option<Vec<PathBuf>>,
    trust_roots: Option<BTreeMap<String, PathBuf>>,
    trust_stores: Option<PathBuf>,
    no_match: Option<NoMatchPolicy>,
    now: Option<UnixTime>,
}

impl Common {
    /// A case, with what it does not say itself. Paths are relative to the file.
    fn complete(&self, case: CaseWire, file: &Path, line: usize) -> Case {
        let directory = file.parent().unwrap_or(Path::new(""));
        let here = |path: PathBuf| directory.join(path);
        let policies = case.policies.or_else(|| self.policies.clone());
        let trust_roots = case.trust_roots.or_else(|| self.trust_roots.clone());
        let trust_stores = case.trust_stores.or_else(|| self.trust_stores.clone());
        let roots = trust_roots.unwrap_or_default().into_iter();
        Case {
            file: file.to_owned(),
            line,
            name: case.name,
            pack: case.pack.map(here),
            image: case.image,
            namespace: case.namespace,
            policy_name: case.policy_name,
            policies: policies.unwrap_or_default().into_iter().map(here).collect(),
            trust_roots: roots.map(|(name, path)| (name, here(path))).collect(),
            trust_stores: trust_stores.map(here),
            no_match: case.no_match_policy.or(self.no_match).unwrap_or_default(),
            now: case.now.or(self.now),
            expect: case.expect,
        }
    }
}

/// What is wrong with a case, and with which field of it.
fn wrong(case: &Case) -> Vec<(&'static str, String)> {
    let mut wrong = Vec::new();
    if case.name.is_empty() {
        wrong.push((".name", "expected a text, found an empty one".to_owned()));
    }
    if case.pack.is_none() && case.image.is_none() {
        let message =
            "expected a pack, as sealgate evidence writes them, or an image; found neither";
        wrong.push(("", message.to_owned()));
    }
    if case.policies.is_empty() {
        let message = "expected policies, here or for the whole file; found none";
        wrong.push(("", message.to_owned()));
    }
    if case.pack.is_some() && case.now.is_none() {
        let message = "expected a time to judge the pack by (now), here or for the whole file; \
                       found none";
        wrong.push(("", message.to_owned()));
    }
    let expect = &case.expect;
    if expect.outcome.has_codes() && expect.codes.is_empty() {
        let message = format!(
            "expected the codes that make it {}: whatever the reason, this would pass",
            expect.outcome.as_str()
        );
        wrong.push((".expect", message));
    }
    for code in &expect.codes {
        let known = match expect.outcome {
            Ending::Decided(_) => Code::ALL.iter().any(|known| known.as_str() == code),
            Ending::Undecided => explain::row(code).is_some(),
        };
        if !known {
            let message = format!(
                "no outcome {} has the code {code:?}{}; sealgate explain lists all",
                expect.outcome.as_str(),
                explain::likely(code)
            );
            wrong.push((".expect.codes", message));
        }
    }
    wrong
}
