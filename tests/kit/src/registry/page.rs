//! Lists in pages: `n`, `last`, and the `Link` header to the next one.

use axum::response::Response;
use http::header;

use super::misbehave::{next_page, set_header};
use super::request::Call;

/// A part of a list.
pub(crate) struct Page<'a, T> {
    pub(crate) entries: &'a [T],
    /// The name of the last entry, if others follow.
    more_after: Option<&'a str>,
}

impl<'a, T> Page<'a, T> {
    /// The first `size` entries of what is left of a list.
    pub(crate) fn cut(rest: &'a [T], name: impl Fn(&'a T) -> &'a str, size: Option<usize>) -> Self {
        let entries = size.and_then(|size| rest.get(..size)).unwrap_or(rest);
        let more_after = entries
            .last()
            .filter(|_| entries.len() < rest.len())
            .map(name);
        Self {
            entries,
            more_after,
        }
    }

    /// Adds the link to the next page, if there is one. All other parameters are kept.
    pub(crate) fn link(&self, mut answer: Response, call: &Call) -> Response {
        if let Some(last) = self.more_after {
            let kept = call.parameters().filter(|(name, _)| *name != "last");
            let query = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(kept)
                .append_pair("last", last)
                .finish();
            let next = format!("{}?{query}", call.path());
            set_header(&mut answer, header::LINK, &next_page(&next));
        }
        answer
    }
}
