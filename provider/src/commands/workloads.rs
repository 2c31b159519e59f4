//! The images of Kubernetes manifests: each is fetched once, and judged once for each namespace.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use futures::stream::{self, StreamExt as _};

use super::answer;
use super::fetcher::Fetcher;
use super::inputs::Rules;
use super::manifests::{self, MOST_BYTES, Manifests, Place};
use super::no_verdict::NoVerdict;
use super::registries::Registries;
use super::report::{Report, Row};
use super::usage::UsageError;
use crate::files;
use crate::question::Question;

/// How many images are fetched at once.
const AT_ONCE: usize = 8;

/// The places of an image, by the namespaces that it is in.
type Places = BTreeMap<Option<String>, Vec<Place>>;

/// The images of manifests.
pub(super) struct Workloads {
    /// In the order in which they first occur.
    images: Vec<(String, Places)>,
    not_looked_at: Vec<(Place, String)>,
}

impl Workloads {
    /// Reads manifests. `namespace` is that of objects that name none.
    ///
    /// # Errors
    /// With every problem of every file; and if there is no image in them, for that verifies
    /// nothing.
    pub(super) fn read(files: &[PathBuf], namespace: Option<&str>) -> Result<Self, UsageError> {
        let mut found = Manifests::default();
        let mut problems = Vec::new();
        for file in files {
            let name = manifests::name(file);
            match read(file) {
                Ok(text) => {
                    if let Err(wrong) = found.add(&name, &text) {
                        problems.extend(wrong.iter().map(ToString::to_string));
                    }
                }
                Err(error) => problems.push(format!("{name}: {error}")),
            }
        }
        let mut images: Vec<(String, Places)> = Vec::new();
        let mut index = BTreeMap::new();
        for one in found.uses {
            let at = *index.entry(one.image.clone()).or_insert(images.len());
            if at == images.len() {
                images.push((one.image, Places::new()));
            }
            if let Some((_, places)) = images.get_mut(at) {
                let namespace = one.namespace.or_else(|| namespace.map(str::to_owned));
                places.entry(namespace).or_default().push(one.place);
            }
        }
        let workloads = Self {
            images,
            not_looked_at: found.not_looked_at,
        };
        if !problems.is_empty() {
            return Err(UsageError::all(problems));
        }
        if workloads.images.is_empty() {
            let names: Vec<_> = files.iter().map(|file| manifests::name(file)).collect();
            let unread = workloads.report(Vec::new()).unread();
            let message = format!(
                "found no image in {}: nothing would be verified\n{unread}",
                names.join(", ")
            );
            return Err(UsageError::new(message.trim_end()));
        }
        Ok(workloads)
    }

    /// Fetches and judges them all.
    pub(super) async fn judge(
        self,
        fetcher: &Fetcher,
        rules: &Rules,
        registries: &Registries,
    ) -> Report {
        let progress = answer::progress(&format!("{} images", self.images.len()));
        let rows: Vec<Vec<Row>> = stream::iter(&self.images)
            .map(|(image, places)| image_rows(image, places, fetcher, rules, registries))
            .buffered(AT_ONCE)
            .collect()
            .await;
        progress.finish_and_clear();
        self.report(rows.into_iter().flatten().collect())
    }

    fn report(self, rows: Vec<Row>) -> Report {
        Report {
            rows,
            not_looked_at: self.not_looked_at,
        }
    }
}

async fn image_rows(
    image: &str,
    places: &Places,
    fetcher: &Fetcher,
    rules: &Rules,
    registries: &Registries,
) -> Vec<Row> {
    let fetched = match Question::new(image, None, None) {
        Ok(question) => fetcher.fetch(&question, registries.deadline()).await,
        Err(error) => Err(error.into()),
    };
    let fetched = fetched.map_err(told_here);
    let mut fetched = fetched.map(|found| (found.evidence, found.doubt.map(NoVerdict::from)));
    let mut rows = Vec::with_capacity(places.len());
    for (namespace, places) in places {
        let question = Question::new(image, namespace.as_deref(), None);
        let answer = match (&mut fetched, question) {
            (Ok((evidence, doubt)), Ok(question)) => {
                evidence.request = question.request;
                answer::judged(evidence, doubt.clone(), rules)
            }
            (Ok(_), Err(error)) => Err(error.into()),
            (Err(none), _) => Err(none.clone()),
        };
        rows.push(Row {
            image: image.to_owned(),
            namespace: namespace.clone(),
            places: places.clone(),
            answer,
        });
    }
    rows
}

/// What can be done about it with this command.
fn told_here(none: NoVerdict) -> NoVerdict {
    let admin_hint = match none.code {
        "registry_address_forbidden" => Some(
            "only the manifests name this registry; if it is yours, list it with --registry HOST[:PORT]",
        ),
        _ => none.admin_hint,
    };
    NoVerdict { admin_hint, ..none }
}

fn read(file: &Path) -> io::Result<String> {
    let bytes = match file == Path::new("-") {
        true => files::read_bounded(io::stdin(), MOST_BYTES),
        false => files::read_bounded(File::open(file)?, MOST_BYTES),
    };
    files::text(bytes?)
}
