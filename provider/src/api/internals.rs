//! See [`crate::internals`].

use super::images::Images;
use super::wire::ProviderRequest;
use crate::question::Question;

/// Reads a body as those of all routes, and the keys in it.
pub fn requests(body: &[u8]) {
    if let Ok(request) = ProviderRequest::parse(body) {
        for key in &request.keys {
            let _ = Question::from_key(key, None);
        }
    }
    if let Ok(images) = Images::parse(body, 1000) {
        for image in &images.images {
            let _ = images.form().question(image);
        }
    }
}
