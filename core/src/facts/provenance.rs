//! Who built it, of what, and how: SLSA provenance.
//!
//! v1: <https://slsa.dev/spec/v1.0/provenance>, with the build types of GitHub Actions;
//! v0.2: <https://slsa.dev/spec/v0.2/provenance>.

use serde_json::Value;

use super::{Facts, Part, fact, object};

/// Where sources lie.
#[derive(PartialEq, Eq)]
struct Source {
    repository: String,
    reference: Option<String>,
    commit: Option<String>,
}

impl Source {
    /// `git+https://github.com/acme/app@refs/heads/main`, and its digests.
    fn of(uri: Part<'_>, digest: Part<'_>) -> Option<Self> {
        let uri = uri.text()?;
        let place = uri.strip_prefix("git+")?;
        // An `@` before the path belongs to the host.
        let (scheme, rest) = place.split_once("://")?;
        let (host, path) = rest.split_once('/')?;
        let (path, reference) = match path.split_once('@') {
            Some((path, reference)) => (path, Some(reference.to_owned())),
            None => (path, None),
        };
        let commit = digest.field("gitCommit").text();
        Some(Self {
            repository: format!("{scheme}://{host}/{path}"),
            reference,
            commit: commit.or_else(|| digest.field("sha1").text()),
        })
    }

    fn fact(self) -> Option<Value> {
        fact([
            ("repository", Some(self.repository)),
            ("ref", self.reference),
            ("commit", self.commit),
        ])
    }
}

/// SLSA provenance v1.
pub(super) fn v1(predicate: Part<'_>) -> Facts {
    let build = predicate.field("buildDefinition");
    let parameters = build.field("externalParameters");
    let workflow = parameters.field("workflow");
    let repository = workflow.field("repository").text();
    object([
        (
            "builder",
            text(predicate.at(["runDetails", "builder", "id"])),
        ),
        ("buildType", text(build.field("buildType"))),
        ("parameters", parameters.object()),
        (
            "source",
            source(build, parameters, repository.as_deref()).and_then(Source::fact),
        ),
        (
            "workflow",
            fact([
                ("repository", repository),
                ("ref", workflow.field("ref").text()),
                ("path", workflow.field("path").text()),
            ]),
        ),
    ])
}

/// The one source that it names: the parameter of that name, or the dependency that is the
/// workflow's repository, or the only one that is a repository. Of several none is the source.
fn source(build: Part<'_>, parameters: Part<'_>, workflow: Option<&str>) -> Option<Source> {
    let named = parameters.field("source");
    if named.is_there() {
        return match named.fields() {
            Some(_) => Source::of(named.field("uri"), named.field("digest")),
            None => Source::of(named, Part(None)),
        };
    }
    let dependencies = build.field("resolvedDependencies").items()?;
    let mut sources: Vec<_> = dependencies
        .into_iter()
        .filter_map(|one| Source::of(one.field("uri"), one.field("digest")))
        .filter(|source| workflow.is_none_or(|repository| source.repository == repository))
        .collect();
    sources.dedup();
    match sources.len() {
        1 => sources.pop(),
        _ => None,
    }
}

/// SLSA provenance v0.2.
pub(super) fn v0_2(predicate: Part<'_>) -> Facts {
    let config = predicate.at(["invocation", "configSource"]);
    let source = || Source::of(config.field("uri"), config.field("digest"));
    let workflow = config.field("entryPoint").text().zip(source());
    object([
        ("builder", text(predicate.at(["builder", "id"]))),
        ("buildType", text(predicate.field("buildType"))),
        (
            "parameters",
            predicate.at(["invocation", "parameters"]).object(),
        ),
        ("source", source().and_then(Source::fact)),
        (
            "workflow",
            workflow.and_then(|(path, source)| {
                fact([
                    ("repository", Some(source.repository)),
                    ("ref", source.reference),
                    ("path", Some(path)),
                ])
            }),
        ),
    ])
}

fn text(part: Part<'_>) -> Option<Value> {
    part.text().map(Value::from)
}
