//! Base64 as Go reads it: with padding, line breaks wherever they stand.
//!
//! RFC 4648 section 3.3 lets a reader skip what is no character of the alphabet where it says so. Go's
//! `encoding/base64` skips CR and LF, so what `base64` of a shell wrapped is taken by cosign.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The bytes; none if it is no base64 in the standard alphabet.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(without(text.into()).as_bytes()).ok()
}

/// The text without its line breaks.
pub(crate) fn without(mut text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains(['\r', '\n']) {
        text.to_mut().retain(|c| !matches!(c, '\r' | '\n'));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_are_let_be_and_nothing_else() {
        for text in ["+/8=", "+/8=\n", "+\r\n/\n8\n=", "\n\n+/8="] {
            assert_eq!(decode(text).as_deref(), Some(&[0xfb, 0xff][..]), "{text:?}");
        }
        for text in ["+/8", "-_8=", "+/8= ", "+/\t8=", "+/8=\n+/8="] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }
}
