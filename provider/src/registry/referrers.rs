//! What refers to an image: the referrers API, its pages, and the tag that stands in for it.
//!
//! OCI distribution specification v1.1, "Listing Referrers" and "Referrers Tag Schema".

use std::collections::BTreeSet;

use http::StatusCode;
use http::header::LINK;
use sealgate_core::Descriptor;
use sealgate_core::evidence::Source;
use sealgate_core::reference::Repository;
use sealgate_core::{Digest, limits};
use tokio::time::Instant;
use url::Url;

use super::client::{Errand, INDEX, RegistryClient, Want, is_manifest, media_type};
use super::entries::Entries;
use super::error::{Cause, RegistryError};
use super::exchange::{Answer, Listed};
use super::likelihood::SIGNATURE_TYPES;
use super::listing::NoIndex;

/// Pages that are read of one list.
const MOST_PAGES: usize = 32;
/// Bytes that are read of one list, all its pages together. They are not kept.
const LIST_BYTES: usize = 32 << 20;
/// Pages and bytes that are read of the list of one artifact type.
const MOST_FILTERED_PAGES: usize = 8;
const FILTERED_BYTES: usize = limits::MANIFEST_BYTES;
/// What a registry says that lists the artifact type alone that it was asked for.
const FILTERS_APPLIED: &str = "oci-filters-applied";

/// What a registry lists as referring to a digest. Claims, nothing else: the artifact type of
/// a descriptor may be wrong, and a referrer may have another subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referrers {
    /// Where the list comes from.
    pub source: Source,
    /// The list, in the registry's order, each digest once, without annotations.
    pub descriptors: Vec<Descriptor>,
    /// Why the list is not complete, though the registry gave it.
    pub omitted: Vec<String>,
    /// Why it is unknown what else refers to the digest: the registry gave no list, and did not
    /// say that there is none. What is listed may admit an image; that nothing is listed must
    /// not refuse it.
    pub doubt: Option<RegistryError>,
}

/// What became of the referrers API.
enum Api {
    /// There is none, which the registry said as the specification wants it.
    Absent,
    /// There seems to be none, by this answer.
    Unclear(RegistryError),
    /// It listed everything.
    Whole,
    /// It listed more than is read.
    Cut,
}

impl RegistryClient {
    /// Lists what refers to `digest`.
    ///
    /// A registry that has no such API, or an empty answer of it, leads to the fallback tag. A
    /// list that is too long is read as far as the limits go, and asked for once more by the
    /// artifact types of signatures.
    ///
    /// # Errors
    /// If the registry failed. Nothing found is no error.
    pub async fn referrers(
        &self,
        repository: &Repository,
        digest: &Digest,
        deadline: Instant,
    ) -> Result<Referrers, RegistryError> {
        let errand = |want, most| Errand::new(repository, want, most, deadline).listed();
        let api = errand(Want::Referrers(digest), LIST_BYTES);
        let mut list = List::new(Source::ReferrersApi);
        let doubt = match self.pages(&api, None, MOST_PAGES, &mut list).await? {
            Api::Whole if !list.is_empty() => return Ok(list.finish()),
            Api::Cut => {
                self.add_filtered(&api, &mut list).await;
                return Ok(list.finish());
            }
            Api::Whole | Api::Absent => None,
            Api::Unclear(error) => Some(error),
        };
        let tag = fallback_tag(digest);
        let mut list = List::new(Source::ReferrersTag);
        let answered = self
            .listed_by_tag(&errand(Want::Tag(&tag), LIST_BYTES), &mut list)
            .await?;
        // An index there says that this is where clients list referrers.
        list.doubt = doubt.filter(|_| !answered).or(list.doubt.take());
        Ok(list.finish())
    }

    /// Adds the pages of the API, of one artifact type or of all.
    async fn pages(
        &self,
        errand: &Errand<'_>,
        artifact_type: Option<&str>,
        most_pages: usize,
        list: &mut List,
    ) -> Result<Api, RegistryError> {
        let peer = self.peer(errand.repository)?;
        let mut first = peer.url(errand.repository, &errand.want.path());
        if let Some(kind) = artifact_type {
            first.query_pairs_mut().append_pair("artifactType", kind);
        }
        let malformed = |found: NextPageError| errand.error(Cause::Malformed, found);
        let mut seen = BTreeSet::from([first.to_string()]);
        let mut errand = *errand;
        let mut url = first.clone();
        loop {
            let answer = self.get_url(&errand, &peer, url).await?;
            let listed = match page(&errand, answer, seen.len() == 1)? {
                Ok(page) => page,
                Err(none) => return Ok(none),
            };
            let Page { answer, listed } = listed;
            if artifact_type.is_some() && !is_filtered(&answer) {
                return Ok(Api::Cut);
            }
            list.entries.extend(listed.entries);
            errand.most = errand.most.saturating_sub(listed.bytes);
            if listed.cut_off {
                return Ok(Api::Cut);
            }
            let Some(next) = next_page(&answer, &first).map_err(malformed)? else {
                return Ok(Api::Whole);
            };
            if errand.most == 0 || seen.len() >= most_pages {
                return Ok(Api::Cut);
            }
            if !seen.insert(next.to_string()) {
                return Err(malformed(NextPageError::Before));
            }
            url = next;
        }
    }

    /// The signatures of a list that is too long, if the registry can list them alone.
    async fn add_filtered(&self, errand: &Errand<'_>, list: &mut List) {
        let mut whole = true;
        let left_out = std::mem::take(&mut list.entries.left_out);
        for kind in SIGNATURE_TYPES {
            let errand = Errand {
                most: FILTERED_BYTES,
                ..*errand
            };
            let pages = self.pages(&errand, Some(kind), MOST_FILTERED_PAGES, list);
            match pages.await {
                Ok(Api::Whole) => {}
                Ok(_) => whole = false,
                Err(error) => {
                    whole = false;
                    list.doubt.get_or_insert(error);
                }
            }
        }
        // What they leave out stands in the whole list, too, and was counted as far as that was read.
        list.entries.left_out = list.entries.left_out.max(left_out);
        list.omitted.push(match whole {
            true => "of a list of referrers that is too long only the signatures were read",
            false => "a list of referrers that is too long was not read to its end",
        });
    }

    /// Adds what is under the fallback tag, and says whether that is an index. Anybody who may
    /// push may have written it, so nothing in it is an error.
    async fn listed_by_tag(
        &self,
        errand: &Errand<'_>,
        list: &mut List,
    ) -> Result<bool, RegistryError> {
        let answer = self.get_any(errand).await?;
        match errand.refusal(&answer) {
            Some(error) if error.is_not_found() => return Ok(false),
            Some(error) => return Err(error),
            None => {}
        }
        match answer.listed {
            Ok(listed) => {
                list.entries.extend(listed.entries);
                if listed.cut_off {
                    list.omitted
                        .push("the index under the referrers tag was not read to its end");
                }
                Ok(true)
            }
            Err(why) => {
                // Who may push can put any manifest there, but no page of HTML, and no half of one.
                let kind = media_type(&answer.headers);
                if matches!(why, NoIndex::Broken(_)) || !is_manifest(&kind) {
                    let found = format!("something that {why}");
                    list.doubt = Some(errand.error(Cause::Malformed, found));
                }
                list.unreadable_index = Some(why);
                Ok(false)
            }
        }
    }
}

/// A page of a list.
struct Page {
    answer: Answer,
    listed: Listed,
}

/// Tells a page from the answers of registries that have no API, on the first page, and those
/// from failures.
fn page(
    errand: &Errand<'_>,
    mut answer: Answer,
    first: bool,
) -> Result<Result<Page, Api>, RegistryError> {
    if let Some(error) = errand.refusal(&answer) {
        return match error.cause() {
            Cause::NotFound if first => Ok(Err(Api::Absent)),
            Cause::NotFound => Err(errand.error(Cause::Malformed, "a next page that is not there")),
            // 400, 405 and 406 are what such registries answer; a proxy in front of another may,
            // too.
            Cause::UnexpectedStatus if first => Ok(Err(Api::Unclear(error))),
            _ if first && answer.status == StatusCode::NOT_IMPLEMENTED => {
                Ok(Err(Api::Unclear(error)))
            }
            _ => Err(error),
        };
    }
    // Whatever type it is sent with: what reads as an index is one.
    match std::mem::replace(&mut answer.listed, Ok(Listed::default())) {
        Ok(listed) => Ok(Ok(Page { answer, listed })),
        Err(why) => {
            let error = errand.error(Cause::Malformed, format!("a list of referrers that {why}"));
            match first && media_type(&answer.headers) != INDEX {
                true => Ok(Err(Api::Unclear(error))),
                false => Err(error),
            }
        }
    }
}

/// Whether the registry did list one artifact type alone.
fn is_filtered(answer: &Answer) -> bool {
    let applied = answer.headers.get_all(FILTERS_APPLIED).into_iter();
    let mut applied = applied.filter_map(|value| value.to_str().ok());
    applied.any(|value| value.split(',').any(|one| one.trim() == "artifactType"))
}

/// A list in the making.
struct List {
    source: Source,
    entries: Entries,
    omitted: Vec<&'static str>,
    unreadable_index: Option<NoIndex>,
    doubt: Option<RegistryError>,
}

impl List {
    fn new(source: Source) -> Self {
        Self {
            source,
            entries: Entries::default(),
            omitted: Vec::new(),
            unreadable_index: None,
            doubt: None,
        }
    }

    fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn finish(self) -> Referrers {
        let mut omitted: Vec<_> = self.omitted.into_iter().map(str::to_owned).collect();
        if let Some(why) = self.unreadable_index {
            omitted.push(format!("the referrers tag names something that {why}"));
        }
        let Entries {
            descriptors,
            unreadable,
            left_out,
            ..
        } = self.entries;
        if unreadable > 0 {
            omitted.push(format!(
                "{unreadable} entries in the list of referrers are no descriptors"
            ));
        }
        if left_out > 0 {
            omitted.push(format!(
                "{left_out} possible signatures were left out beside {} referrers",
                descriptors.len()
            ));
        }
        Referrers {
            source: self.source,
            descriptors,
            omitted,
            doubt: self.doubt,
        }
    }
}

/// The next page, which must be of the same list at the same registry.
fn next_page(answer: &Answer, first: &Url) -> Result<Option<Url>, NextPageError> {
    let links = answer.headers.get_all(LINK).into_iter();
    let mut links = links.filter_map(|value| next_link(value.to_str().ok()?));
    let Some(target) = links.next() else {
        return Ok(None);
    };
    let url = first.join(target)?;
    match url.origin() == first.origin() && url.path() == first.path() && url.username().is_empty()
    {
        true => Ok(Some(url)),
        false => Err(NextPageError::Elsewhere),
    }
}

/// Why a list cannot be read on.
#[derive(Debug, thiserror::Error)]
enum NextPageError {
    #[error("a next page that is no URL: {0}")]
    NoUrl(#[from] url::ParseError),
    #[error("a list whose next page is somewhere else")]
    Elsewhere,
    #[error("a list whose next page is one before it")]
    Before,
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
