//! What is told of an error and of what caused it.

use std::error::Error;

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
