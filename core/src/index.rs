//! Image indexes: which of the manifests in one a container runtime may run.
//!
//! OCI image-spec v1.1, `image-index.md`, and Docker's manifest list, which has the same fields.
//!
//! What runs is chosen by a runtime, not by us, so nothing here believes what a descriptor calls
//! itself: neither its media type nor its artifact type keeps a runtime from it, and one without a
//! platform is run where nothing else fits. Only an entry for a platform that no machine has, as
//! BuildKit writes it for its attestations, is never chosen.
//!
//! Runtimes are written in Go, whose JSON readers take `Digest` for `digest`. Such a key is refused,
//! or two readers would see two indexes.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use crate::digest::Digest;
use crate::json;
use crate::limits;

/// What a manifest is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// An image, or what looks like one.
    Image,
    /// An index of images.
    Index(Index),
}

/// An index of images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// What a runtime may run, each manifest once, in the order of the index.
    pub platforms: Vec<Listed>,
    /// What BuildKit says of these, which no runtime runs. Nobody signed it by itself.
    pub attestations: Vec<Attested>,
}

/// A manifest that a runtime may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its digest.
    pub digest: Digest,
    /// Its size, as the index has it.
    pub size: u64,
    /// The platforms that it is listed for, where they are named as usual: `linux/arm64/v8`.
    pub names: Vec<String>,
}

/// A manifest of BuildKit's that holds attestations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attested {
    /// Its digest.
    pub digest: Digest,
    /// The digest of what they are about, as the index has it.
    pub about: Option<Digest>,
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.names.first() {
            Some(name) => write!(f, "platform {name} ({})", self.digest),
            None => write!(f, "platform manifest {}", self.digest),
        }
    }
}

/// Why a manifest is neither an image nor an index that all readers read alike.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// More than a manifest may have.
    #[error("the manifest has {0} bytes, more than the {max} allowed", max = limits::MANIFEST_BYTES)]
    TooLarge(usize),
    /// Not the JSON of an index.
    #[error("not an image or an index: {0}")]
    Json(#[from] json::JsonError),
    /// Two things at once (GHSA-qq97-vm5h-rrhg).
    #[error("the manifest is both an image and an index")]
    Both,
    /// It lists something without saying what.
    #[error("the index has a descriptor without a digest")]
    NoDigest,
    /// More platforms than are looked at.
    #[error("the index has more than {max} platforms", max = limits::PLATFORMS)]
    TooMany,
}

impl Shape {
    /// Reads a manifest as far as its platforms go.
    ///
    /// Not checked: the media type. It decides nothing about which manifests there are.
    ///
    /// # Errors
    /// If readers may differ about what it is, or it has more platforms than are looked at.
    pub fn of(manifest: &[u8]) -> Result<Self, IndexError> {
        if manifest.len() > limits::MANIFEST_BYTES {
            return Err(IndexError::TooLarge(manifest.len()));
        }
        let Object(wire): Object<ManifestWire> = json::parse(manifest)?;
        match wire.manifests {
            None => Ok(Self::Image),
            Some(_) if wire.is_image => Err(IndexError::Both),
            Some(entries) => Index::of(entries).map(Self::Index),
        }
    }
}

impl Index {
    fn of(entries: Vec<Object<EntryWire>>) -> Result<Self, IndexError> {
        let mut index = Self::default();
        for Object(entry) in entries {
            let (digest, size) = (entry.digest.ok_or(IndexError::NoDigest)?, entry.size);
            let platform = entry.platform.map(|Object(platform)| platform);
            if platform.as_ref().is_some_and(PlatformWire::is_nobodys) {
                index.add_attested(digest, entry.annotations);
                continue;
            }
            let name = platform.and_then(|platform| platform.name());
            index.add_platform(digest, size, name)?;
        }
        Ok(index)
    }

    fn add_platform(
        &mut self,
        digest: Digest,
        size: u64,
        name: Option<String>,
    ) -> Result<(), IndexError> {
        let count = self.platforms.len();
        let known = self.platforms.iter_mut().find(|one| one.digest == digest);
        match known {
            Some(listed) if listed.names.len() < limits::PLATFORMS => listed.names.extend(name),
            Some(_) => {}
            None if count == limits::PLATFORMS => return Err(IndexError::TooMany),
            None => self.platforms.push(Listed {
                digest,
                size,
                names: name.into_iter().collect(),
            }),
        }
        Ok(())
    }

    fn add_attested(&mut self, digest: Digest, annotations: Option<Object<AnnotationsWire>>) {
        let Some(Object(said)) = annotations else {
            return;
        };
        let is_attestation = said.kind.as_deref() == Some("attestation-manifest");
        if is_attestation && self.attestations.len() < limits::PLATFORMS {
            let about = said.about.and_then(|text| text.parse().ok());
            self.attestations.push(Attested { digest, about });
        }
    }
}

/// A JSON object that is read by its exact keys.
#[derive(Debug)]
struct Object<T>(T);

/// The fields of such an object.
trait Fields: Default {
    const KNOWN: &'static [&'static str];

    /// Takes the value of a known key.
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error>;
}

impl<'de, T: Fields> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);

        impl<'de, T: Fields> Visitor<'de> for Reader<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<T>, A::Error> {
                let mut fields = T::default();
                while let Some(key) = map.next_key::<String>()? {
                    if T::KNOWN.contains(&key.as_str()) {
                        fields.take(&key, &mut map)?;
                        continue;
                    }
                    if let Some(known) = T::KNOWN.iter().find(|known| folds_to(&key, known)) {
                        return Err(A::Error::custom(format!(
                            "the key {key:?}, which some readers take for {known:?}"
                        )));
                    }
                    map.next_value::<IgnoredAny>()?;
                }
                Ok(Object(fields))
            }
        }

        deserializer.deserialize_map(Reader(PhantomData))
    }
}

/// Whether Go's `encoding/json` takes one key for the other: by simple case folding, in which `ſ` is
/// an `s` and the sign of Kelvin a `k`.
fn folds_to(key: &str, known: &str) -> bool {
    let fold = |c: char| match c {
        'ſ' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    key.chars().map(fold).eq(known.chars().map(fold))
}

#[derive(Default)]
struct ManifestWire {
    is_image: bool,
    manifests: Option<Vec<Object<EntryWire>>>,
}

impl Fields for ManifestWire {
    const KNOWN: &'static [&'static str] = &[
        "mediaType",
        "schemaVersion",
        "manifests",
        "config",
        "layers",
        "fsLayers",
    ];

    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "manifests" => self.manifests = map.next_value()?,
            "config" | "layers" | "fsLayers" => {
                self.is_image = true;
                map.next_value::<IgnoredAny>()?;
            }
            _ => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct EntryWire {
    digest: Option<Digest>,
    size: u64,
    platform: Option<Object<PlatformWire>>,
    annotations: Option<Object<AnnotationsWire>>,
}

impl Fields for EntryWire {
    const KNOWN: &'static [&'static str] =
        &["mediaType", "digest", "size", "platform", "annotations"];

    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "digest" => self.digest = map.next_value()?,
            "size" => self.size = map.next_value()?,
            "platform" => self.platform = map.next_value()?,
            "annotations" => self.annotations = map.next_value()?,
            _ => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct PlatformWire {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
}

impl Fields for PlatformWire {
    const KNOWN: &'static [&'static str] = &["os", "architecture", "variant"];

    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "os" => self.os = map.next_value()?,
            "architecture" => self.architecture = map.next_value()?,
            _ => self.variant = map.next_value()?,
        }
        Ok(())
    }
}

impl PlatformWire {
    /// Whether no machine has it.
    fn is_nobodys(&self) -> bool {
        let unknown = Some("unknown");
        self.os.as_deref() == unknown && self.architecture.as_deref() == unknown
    }

    /// How people call it, if its parts are plain words: nobody signed them.
    fn name(&self) -> Option<String> {
        let mut name = String::new();
        for part in [&self.os, &self.architecture] {
            let word = part.as_deref().filter(|text| is_word(text))?;
            if !name.is_empty() {
                name.push('/');
            }
            name.push_str(word);
        }
        if let Some(variant) = self.variant.as_deref().filter(|text| is_word(text)) {
            name.push('/');
            name.push_str(variant);
        }
        Some(name)
    }
}

fn is_word(text: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"._-".contains(&c);
    (1..=24).contains(&text.len()) && text.bytes().all(plain)
}

#[derive(Debug, Default)]
struct AnnotationsWire {
    kind: Option<String>,
    about: Option<String>,
}

impl Fields for AnnotationsWire {
    const KNOWN: &'static [&'static str] =
        &["vnd.docker.reference.type", "vnd.docker.reference.digest"];

    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "vnd.docker.reference.type" => self.kind = map.next_value()?,
            _ => self.about = map.next_value()?,
        }
        Ok(())
    }
}
