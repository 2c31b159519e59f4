//! Kubernetes manifests: which images the objects in them would run, and in which namespace.
//!
//! Whatever is not looked at is listed with its reason; nothing is left out in silence.

mod documents;
mod workload;

use std::fmt;
use std::path::Path;

use self::documents::Object;
pub(super) use self::documents::{MOST_BYTES, ManifestError};

/// An image that an object would run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Use {
    /// The image, as it is written.
    pub(super) image: String,
    /// The namespace of the object, if it names one.
    pub(super) namespace: Option<String>,
    /// Where.
    pub(super) place: Place,
}

/// Where something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The file.
    pub(super) file: String,
    /// The line on which the document begins.
    pub(super) line: usize,
    /// The object, as `Deployment shop/web`.
    pub(super) object: String,
    /// The place in it, as `container "app"`; empty for all of it.
    pub(super) part: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.object)?;
        match self.part.is_empty() {
            true => Ok(()),
            false => write!(f, " {}", self.part),
        }
    }
}

/// What the manifests say.
#[derive(Debug, Default)]
pub(super) struct Manifests {
    /// The images.
    pub(super) uses: Vec<Use>,
    /// Objects, or parts of them, in which no image was looked for, and why.
    pub(super) not_looked_at: Vec<(Place, String)>,
}

impl Manifests {
    /// Adds what a file says.
    ///
    /// # Errors
    /// With every problem: text that is neither YAML nor JSON, what is no object of Kubernetes,
    /// and a Pod, or something that makes Pods, in which an image has no name.
    pub(super) fn add(&mut self, file: &str, text: &str) -> Result<(), Vec<ManifestError>> {
        let objects = documents::read(file, text)?;
        let mut problems = Vec::new();
        for object in &objects {
            self.object(object, &mut problems);
        }
        match problems.is_empty() {
            true => Ok(()),
            false => Err(problems),
        }
    }

    fn object(&mut self, object: &Object, problems: &mut Vec<ManifestError>) {
        let place = |part: String| Place {
            file: object.file.clone(),
            line: object.line,
            object: object.name(),
            part,
        };
        let found = workload::look(&object.value);
        let known = workload::is_known(&object.value);
        if found.images.is_empty() && found.malformed.is_empty() && !known {
            let why = "sealgate does not know where this kind has images".to_owned();
            self.not_looked_at.push((place(String::new()), why));
            return;
        }
        for malformed in found.malformed {
            match known {
                true => problems.push(ManifestError {
                    place: place(malformed.field),
                    why: malformed.why,
                }),
                // A kind of somebody else's may mean something else by these names.
                false => self
                    .not_looked_at
                    .push((place(malformed.field), malformed.why)),
            }
        }
        for image in found.images {
            self.uses.push(Use {
                image: image.image,
                namespace: object.namespace.clone(),
                place: place(image.part),
            });
        }
    }
}

/// How a file of manifests is called in messages.
pub(super) fn name(path: &Path) -> String {
    match path == Path::new("-") {
        true => "standard input".to_owned(),
        false => path.display().to_string(),
    }
}
