//! PEM (RFC 7468), as lenient on white space as the tools that write keys into YAML.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// One PEM block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    /// The words between `BEGIN` and the dashes.
    pub(crate) label: &'a str,
    /// What lies between the lines, not decoded.
    pub(crate) content: &'a str,
}

impl Block<'_> {
    /// The content. White space in it does not matter, wherever it is: some signers write one long
    /// line, which RFC 7468 forbids and everybody reads.
    pub(crate) fn decode(&self) -> Result<Vec<u8>, Malformed> {
        let compact: String = self.content.split_ascii_whitespace().collect();
        STANDARD
            .decode(compact)
            .map_err(|_| Malformed("the content is not Base64"))
    }
}

/// A PEM block that is broken, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

/// Whether a text has the beginning of a block.
pub(crate) fn is_pem(text: &[u8]) -> bool {
    text.windows(BEGIN.len()).any(|w| w == BEGIN.as_bytes())
}

/// The PEM blocks in a text, up to the first that is broken. Text around them is ignored, as
/// RFC 7468 section 2 says.
pub(crate) fn blocks(text: &str) -> Blocks<'_> {
    Blocks(text)
}

/// See [`blocks`].
pub(crate) struct Blocks<'a>(&'a str);

impl<'a> Iterator for Blocks<'a> {
    type Item = Result<Block<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let (_, text) = self.0.split_once(BEGIN)?;
        let read = read(text);
        self.0 = read.as_ref().map_or("", |(_, rest)| *rest);
        Some(read.map(|(block, _)| block))
    }
}

/// The block that begins with `text`, and what follows it.
fn read(text: &str) -> Result<(Block<'_>, &str), Malformed> {
    let (label, text) = text
        .split_once(DASHES)
        .ok_or(Malformed("the BEGIN line has no end"))?;
    let (content, text) = text
        .split_once(END)
        .ok_or(Malformed("the END line is missing"))?;
    let rest = text
        .strip_prefix(label)
        .and_then(|text| text.strip_prefix(DASHES))
        .ok_or(Malformed("the BEGIN and END lines differ"))?;
    Ok((Block { label, content }, rest))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn indentation_crlf_and_text_around_the_block_do_not_matter() {
        let text = "a comment\r\n  -----BEGIN PUBLIC KEY-----\r\n  aGVs\r\n\tbG8=\r\n  -----END PUBLIC KEY-----\r\nbye";
        let mut found = blocks(text);
        let block = found.next().unwrap().unwrap();
        assert_eq!(block.label, "PUBLIC KEY");
        assert_eq!(block.decode().unwrap(), b"hello");
        assert!(found.next().is_none());
    }

    #[test]
    fn broken_blocks_say_what_is_broken() {
        for (text, why) in [
            ("-----BEGIN PUBLIC KEY", "the BEGIN line has no end"),
            ("-----BEGIN A-----\naGVsbG8=\n", "the END line is missing"),
            (
                "-----BEGIN A-----\naGVsbG8=\n-----END B-----",
                "the BEGIN and END lines differ",
            ),
            (
                "-----BEGIN A-----\naGV*bG8=\n-----END A-----",
                "the content is not Base64",
            ),
        ] {
            let read = blocks(text).next().unwrap();
            let decoded = read.and_then(|block| block.decode());
            assert_eq!(decoded, Err(Malformed(why)), "{text:?}");
        }
    }

    #[test]
    fn nothing_follows_a_broken_block() {
        let good = "-----BEGIN A-----\naGVsbG8=\n-----END A-----\n";
        assert_eq!(blocks("").count() + blocks("hello").count(), 0);
        assert_eq!(blocks(&good.repeat(3)).count(), 3);
        let broken = format!("{good}-----BEGIN A-----\n-----END B-----\n{good}");
        let read: Vec<_> = blocks(&broken).map(|block| block.is_ok()).collect();
        assert_eq!(read, [true, false]);
    }
}
