//! Responses of other servers: read within a bound, and what is told of them when they break.

use std::error::Error;

use reqwest::Response;

/// Why a body could not be read.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// The connection broke.
    Broken(reqwest::Error),
    /// There are more bytes than allowed.
    TooLarge,
}

/// Reads a body of at most `most` bytes, whatever the response says of its length.
pub(crate) async fn read_body(mut response: Response, most: usize) -> Result<Vec<u8>, BodyError> {
    let promised = response.content_length().unwrap_or_default();
    let promised = usize::try_from(promised).unwrap_or(most).min(most);
    let mut body = Vec::with_capacity(promised);
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Broken)? {
        if body.len() + chunk.len() > most {
            return Err(BodyError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// An error, and what caused it, down to the root.
pub(crate) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// The message of the root: what reqwest means by "error sending request", and without the URL.
pub(crate) fn root_cause(error: &(dyn Error + 'static)) -> String {
    causes(error)
        .last()
        .map_or_else(String::new, ToString::to_string)
}

/// The messages of an error and of everything that caused it.
pub(crate) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let messages: Vec<_> = causes(error).map(ToString::to_string).collect();
    messages.join(": ")
}
