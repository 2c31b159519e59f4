//! PEM (RFC 7468), as lenient on white space as the tools that write keys into YAML.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::KeyError;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// One PEM block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block<'a> {
    /// The words between `BEGIN` and the dashes.
    pub(super) label: &'a str,
    /// The decoded content.
    pub(super) der: Vec<u8>,
}

/// The only PEM block in `text`. Text around the block is ignored, as RFC 7468 section 2 says;
/// white space in its content too, wherever it is. A second block is an error, because nobody
/// could tell which key was meant.
pub(super) fn only_block(text: &str) -> Result<Block<'_>, KeyError> {
    let (block, rest) = next_block(text)?.ok_or(KeyError::NotPem)?;
    if rest.contains(BEGIN) {
        return Err(KeyError::SeveralPemBlocks);
    }
    Ok(block)
}

fn next_block(text: &str) -> Result<Option<(Block<'_>, &str)>, KeyError> {
    let Some((_, text)) = text.split_once(BEGIN) else {
        return Ok(None);
    };
    let (label, text) = text
        .split_once(DASHES)
        .ok_or(KeyError::MalformedPem("the BEGIN line has no end"))?;
    let (content, text) = text
        .split_once(END)
        .ok_or(KeyError::MalformedPem("the END line is missing"))?;
    let rest = text
        .strip_prefix(label)
        .and_then(|text| text.strip_prefix(DASHES))
        .ok_or(KeyError::MalformedPem("the BEGIN and END lines differ"))?;
    let der = decode(content)?;
    Ok(Some((Block { label, der }, rest)))
}

fn decode(content: &str) -> Result<Vec<u8>, KeyError> {
    let compact: String = content.split_ascii_whitespace().collect();
    STANDARD
        .decode(compact)
        .map_err(|_| KeyError::MalformedPem("the content is not Base64"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn indentation_crlf_and_text_around_the_block_do_not_matter() {
        let text = "a comment\r\n  -----BEGIN PUBLIC KEY-----\r\n  aGVs\r\n\tbG8=\r\n  -----END PUBLIC KEY-----\r\nbye";
        let block = only_block(text).unwrap();
        assert_eq!(block.label, "PUBLIC KEY");
        assert_eq!(block.der, b"hello");
    }

    #[test]
    fn broken_blocks_say_what_is_broken() {
        for (text, error) in [
            ("", KeyError::NotPem),
            ("hello", KeyError::NotPem),
            (
                "-----BEGIN PUBLIC KEY",
                KeyError::MalformedPem("the BEGIN line has no end"),
            ),
            (
                "-----BEGIN A-----\naGVsbG8=\n",
                KeyError::MalformedPem("the END line is missing"),
            ),
            (
                "-----BEGIN A-----\naGVsbG8=\n-----END B-----",
                KeyError::MalformedPem("the BEGIN and END lines differ"),
            ),
            (
                "-----BEGIN A-----\naGV*bG8=\n-----END A-----",
                KeyError::MalformedPem("the content is not Base64"),
            ),
            (
                "-----BEGIN A-----\naGVsbG8=\n-----END A-----\n-----BEGIN A-----",
                KeyError::SeveralPemBlocks,
            ),
        ] {
            assert_eq!(only_block(text).unwrap_err(), error, "{text:?}");
        }
    }
}
