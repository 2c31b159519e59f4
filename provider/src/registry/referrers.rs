//! What refers to an image: the referrers API, its pages, and the tag that stands in for it.
//!
//! OCI distribution specification v1.1, "Listing Referrers" and "Referrers Tag Schema".

use std::collections::BTreeSet;

use http::StatusCode;
use http::header::LINK;
use sealgate_core::evidence::Source;
use sealgate_core::manifest::Descriptor;
use sealgate_core::reference::Repository;
use sealgate_core::{Digest, json, limits};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use tokio::time::Instant;
use url::Url;

use super::client::{DOCKER_LIST, Errand, INDEX, RegistryClient, Want, media_type};
use super::error::{Cause, RegistryError};
use super::exchange::Answer;

/// Referrers that are listed; of these at most [`limits::ARTIFACTS`] are looked at.
const MOST_LISTED: usize = 4 * limits::ARTIFACTS;
/// Pages that are read.
const MOST_PAGES: usize = 32;

/// What a registry lists as referring to a digest. Claims, nothing else: the artifact type of
/// a descriptor may be wrong, and a referrer may have another subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referrers {
    /// Where the list comes from.
    pub source: Source,
    /// The list, in the registry's order, each digest once.
    pub descriptors: Vec<Descriptor>,
    /// Why the list is not complete.
    pub omitted: Vec<String>,
}

impl RegistryClient {
    /// Lists what refers to `digest`.
    ///
    /// A registry that has no such API, or an empty answer of it, leads to the fallback tag.
    ///
    /// # Errors
    /// Whenever it is unknown whether something refers to the digest. Nothing found is no error.
    pub async fn referrers(
        &self,
        repository: &Repository,
        digest: &Digest,
        deadline: Instant,
    ) -> Result<Referrers, RegistryError> {
        let errand = Errand {
            repository,
            want: Want::Referrers(digest),
            most: limits::MANIFEST_BYTES,
            reserved: false,
            deadline,
        };
        match self.listed_by_api(&errand).await? {
            Some(list) if !list.descriptors.is_empty() || !list.omitted.is_empty() => Ok(list),
            _ => self.listed_by_tag(repository, digest, deadline).await,
        }
    }

    /// The pages of the API; `None` if the registry has none.
    async fn listed_by_api(&self, errand: &Errand<'_>) -> Result<Option<Referrers>, RegistryError> {
        let peer = self.peer(errand.repository)?;
        let first = peer.url(errand.repository, &errand.want.path());
        let mut answer = self.get_url(errand, &peer, first.clone()).await?;
        if lacks_api(&answer) {
            return Ok(None);
        }
        let mut list = List::new(Source::ReferrersApi);
        let mut seen = BTreeSet::from([first.to_string()]);
        loop {
            if let Some(error) = errand.refusal(&answer) {
                return Err(error);
            }
            let malformed = |found: String| errand.error(Cause::Malformed, found);
            list.add_page(&answer.body).map_err(malformed)?;
            let Some(next) = next_page(&answer, &first).map_err(malformed)? else {
                return Ok(Some(list.finish()));
            };
            if list.is_full() || seen.len() >= MOST_PAGES {
                list.cut_off();
                return Ok(Some(list.finish()));
            }
            if !seen.insert(next.to_string()) {
                return Err(malformed(
                    "a list whose next page is one before it".to_owned(),
                ));
            }
            answer = self.get_url(errand, &peer, next).await?;
        }
    }

    /// The fallback tag. Anybody who may push may have written it, so nothing in it is an error.
    async fn listed_by_tag(
        &self,
        repository: &Repository,
        digest: &Digest,
        deadline: Instant,
    ) -> Result<Referrers, RegistryError> {
        let mut list = List::new(Source::ReferrersTag);
        match self.tag(repository, &fallback_tag(digest), deadline).await {
            Ok(found) if matches!(found.media_type.as_str(), INDEX | DOCKER_LIST) => {
                if let Err(why) = list.add_page(found.blob.bytes()) {
                    list.omitted.push(why);
                }
            }
            Ok(found) => {
                let why = format!(
                    "the referrers tag names no index, but {:?}",
                    found.media_type
                );
                list.omitted.push(why);
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
        if list.is_full() {
            list.cut_off();
        }
        Ok(list.finish())
    }
}

/// A list in the making.
pub(super) struct List {
    source: Source,
    descriptors: Vec<Descriptor>,
    digests: BTreeSet<Digest>,
    omitted: Vec<String>,
    unreadable: usize,
}

impl List {
    pub(super) fn new(source: Source) -> Self {
        Self {
            source,
            descriptors: Vec::new(),
            digests: BTreeSet::new(),
            omitted: Vec::new(),
            unreadable: 0,
        }
    }

    pub(super) fn add_page(&mut self, bytes: &[u8]) -> Result<(), String> {
        for entry in entries(bytes)? {
            if self.is_full() {
                break;
            }
            match entry {
                Entry(Some(descriptor)) if self.digests.insert(descriptor.digest) => {
                    self.descriptors.push(*descriptor);
                }
                Entry(Some(_)) => {}
                Entry(None) => self.unreadable += 1,
            }
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.descriptors.len() >= MOST_LISTED
    }

    fn cut_off(&mut self) {
        let read = self.descriptors.len();
        self.omitted
            .push(format!("only the first {read} referrers were listed"));
    }

    pub(super) fn finish(mut self) -> Referrers {
        if self.unreadable > 0 {
            let count = self.unreadable;
            self.omitted.push(format!(
                "{count} entries in the list of referrers are no descriptors"
            ));
        }
        Referrers {
            source: self.source,
            descriptors: self.descriptors,
            omitted: self.omitted,
        }
    }
}

/// The entries of an index.
fn entries(bytes: &[u8]) -> Result<Vec<Entry>, String> {
    let index: IndexWire = json::parse(bytes)
        .map_err(|error| format!("a list of referrers that is no index: {error}"))?;
    // Go programs write an empty list as null.
    Ok(index.manifests.unwrap_or_default())
}

#[derive(Deserialize)]
struct IndexWire {
    #[serde(deserialize_with = "Option::deserialize")]
    manifests: Option<Vec<Entry>>,
}

/// A descriptor, or something else, of which nothing is kept.
struct Entry(Option<Box<Descriptor>>);

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Descriptor(Box<Descriptor>),
            Other(IgnoredAny),
        }
        Form::deserialize(deserializer).map(|form| match form {
            Form::Descriptor(descriptor) => Self(Some(descriptor)),
            Form::Other(_) => Self(None),
        })
    }
}

/// What registries without the API answer: a status that says so, or a page of something else.
fn lacks_api(answer: &Answer) -> bool {
    match answer.status {
        StatusCode::NOT_FOUND
        | StatusCode::BAD_REQUEST
        | StatusCode::METHOD_NOT_ALLOWED
        | StatusCode::NOT_ACCEPTABLE => true,
        StatusCode::OK => media_type(&answer.headers) != INDEX,
        _ => false,
    }
}

/// The next page, which must be of the same list at the same registry.
fn next_page(answer: &Answer, first: &Url) -> Result<Option<Url>, String> {
    let links = answer.headers.get_all(LINK).into_iter();
    let mut links = links.filter_map(|value| next_link(value.to_str().ok()?));
    let Some(target) = links.next() else {
        return Ok(None);
    };
    let url = first
        .join(target)
        .map_err(|error| format!("a next page that is no URL: {error}"))?;
    match url.origin() == first.origin() && url.path() == first.path() && url.username().is_empty()
    {
        true => Ok(Some(url)),
        false => Err("a list whose next page is somewhere else".to_owned()),
    }
}

/// The target of the link with the relation `next` (RFC 8288).
fn next_link(mut header: &str) -> Option<&str> {
    while let Some((_, rest)) = header.split_once('<') {
        let (target, rest) = rest.split_once('>')?;
        let parameters = rest.split('<').next().unwrap_or_default();
        let is_next = parameters.split([';', ',']).any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or_default();
            name.trim().eq_ignore_ascii_case("rel")
                && value
                    .trim()
                    .trim_matches('"')
                    .split(' ')
                    .any(|word| word.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(target);
        }
        header = rest;
    }
    None
}

/// The specification cuts the hash to 64 characters, so that a tag stays within 128.
fn fallback_tag(digest: &Digest) -> String {
    let hash: String = digest.hex().chars().take(64).collect();
    format!("{}-{hash}", digest.algorithm_name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_links() {
        for (header, expected) in [
            (
                r#"</v2/a/referrers/x?last=b>; rel="next""#,
                Some("/v2/a/referrers/x?last=b"),
            ),
            ("<u>;rel=next", Some("u")),
            (
                r#"<a,b>; rel="prev", <c>; title="x"; rel="Next""#,
                Some("c"),
            ),
            (r#"<a>; rel="prev next""#, Some("a")),
            (r#"<a>; rel="prev""#, None),
            ("<a", None),
            ("next", None),
        ] {
            assert_eq!(next_link(header), expected, "{header}");
        }
    }

    #[test]
    fn a_fallback_tag_fits_a_tag() {
        let digest = Digest::of(sealgate_core::digest::Algorithm::Sha512, b"x");
        assert_eq!(fallback_tag(&digest).len(), "sha512-".len() + 64);
        let digest = Digest::sha256(b"x");
        assert_eq!(fallback_tag(&digest), digest.tag_prefix());
    }
}
