//! Checkpoints: a log's signed statement of its size and root (C2SP tlog-checkpoint and
//! signed-note).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::log_scheme;
use crate::limits;
use crate::reason::{Code, Reason};
use crate::trust::Log;

/// A checkpoint, its signatures not verified.
#[derive(Debug)]
pub(super) struct Checkpoint<'a> {
    /// The signed text.
    text: &'a str,
    /// The log's name for itself.
    origin: &'a str,
    /// How many entries the log has.
    pub(super) tree_size: u64,
    /// The root of its tree.
    pub(super) root_hash: [u8; 32],
    signatures: Vec<NoteSignature<'a>>,
}

#[derive(Debug)]
struct NoteSignature<'a> {
    name: &'a str,
    hint: [u8; 4],
    signature: Vec<u8>,
}

impl<'a> Checkpoint<'a> {
    /// Reads a checkpoint.
    pub(super) fn parse(note: &'a str) -> Result<Self, Reason> {
        if note.len() > limits::CHECKPOINT_BYTES {
            return Err(invalid("it is too long"));
        }
        // The last empty line parts the text from the signatures.
        let split = note
            .rfind("\n\n")
            .ok_or_else(|| invalid("it has no signatures"))?;
        let (text, signatures) = note.split_at_checked(split + 1).unwrap_or_default();
        let mut lines = text.split('\n');
        let mut line = || lines.next().unwrap_or_default();
        let origin = line();
        if origin.is_empty() {
            return Err(invalid("it has no origin"));
        }
        let size = line();
        let canonical = size == "0" || size.starts_with(|c: char| ('1'..='9').contains(&c));
        let tree_size = size.parse().ok().filter(|_| canonical);
        let root_hash = STANDARD
            .decode(line())
            .ok()
            .and_then(|hash| hash.try_into().ok());
        Ok(Self {
            text,
            origin,
            tree_size: tree_size.ok_or_else(|| invalid("its second line is not a tree size"))?,
            root_hash: root_hash.ok_or_else(|| invalid("its third line is not a root hash"))?,
            signatures: read_signatures(signatures)?,
        })
    }

    /// Whether the log's name for itself is the host part of its URL, as Rekor v2's is.
    pub(super) fn verify_origin(&self, log: &Log) -> Result<(), Reason> {
        if self.origin != log.host() {
            return Err(invalid(&format!(
                "expected one of {}, found one of {:?}",
                log.host(),
                self.origin
            )));
        }
        Ok(())
    }

    /// Whether the log signed it in its name. Signatures of others, witnesses say, are let be.
    pub(super) fn verify(&self, log: &Log) -> Result<(), Reason> {
        let scheme = log_scheme(&log.key);
        let name = self.signer_name();
        let mut own = self
            .signatures
            .iter()
            .filter(|signature| signature.hint == log.key_hint && signature.name == name)
            .peekable();
        if own.peek().is_none() {
            return Err(invalid(&format!(
                "it has no signature of the log {} in the name {name:?}",
                log.name
            )));
        }
        // Four bytes may collide: any of those signatures will do.
        let verifies = |signature: &NoteSignature<'_>| {
            let signed = self.text.as_bytes();
            log.key.verify(scheme, signed, &signature.signature).is_ok()
        };
        match own.any(verifies) {
            true => Ok(()),
            false => Err(invalid(&format!(
                "the signature of the log {} does not verify",
                log.name
            ))),
        }
    }

    /// Rekor v1 adds the number of its tree to its name.
    fn signer_name(&self) -> &str {
        self.origin
            .split_once(" - ")
            .map_or(self.origin, |(name, _)| name)
    }
}

fn read_signatures(text: &str) -> Result<Vec<NoteSignature<'_>>, Reason> {
    let mut signatures = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if signatures.len() == limits::CHECKPOINT_SIGNATURES {
            return Err(invalid("it has too many signatures"));
        }
        signatures
            .push(read_signature(line).ok_or_else(|| invalid("a line of it is not a signature"))?);
    }
    match signatures.is_empty() {
        true => Err(invalid("it has no signatures")),
        false => Ok(signatures),
    }
}

/// `— NAME BASE64(hint ‖ signature)`
fn read_signature(line: &str) -> Option<NoteSignature<'_>> {
    let (name, encoded) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    let bytes = STANDARD.decode(encoded).ok()?;
    let (hint, signature) = bytes.split_first_chunk()?;
    if name.is_empty() || signature.is_empty() {
        return None;
    }
    Some(NoteSignature {
        name,
        hint: *hint,
        signature: signature.to_vec(),
    })
}

fn invalid(why: &str) -> Reason {
    Reason::new(
        Code::CheckpointInvalid,
        format!("the log's checkpoint: {why}"),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ROOT: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    const LINE: &str = "\u{2014} log.example AAAAAAEC\n";

    #[test]
    fn a_checkpoint_with_extensions_and_cosignatures_is_read() {
        let note = format!("log.example\n7\n{ROOT}\nan extension\n\n{LINE}{LINE}");
        let checkpoint = Checkpoint::parse(&note).unwrap();
        assert_eq!(
            (checkpoint.origin, checkpoint.tree_size),
            ("log.example", 7)
        );
        assert_eq!(
            checkpoint.text,
            format!("log.example\n7\n{ROOT}\nan extension\n")
        );
        assert_eq!(checkpoint.signatures.len(), 2);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for note in [
            String::new(),
            format!("log.example\n7\n{ROOT}\n"),
            format!("\n7\n{ROOT}\n\n{LINE}"),
            format!("log.example\n-7\n{ROOT}\n\n{LINE}"),
            format!("log.example\n+7\n{ROOT}\n\n{LINE}"),
            format!("log.example\n07\n{ROOT}\n\n{LINE}"),
            format!("log.example\n 7\n{ROOT}\n\n{LINE}"),
            format!("log.example\n18446744073709551616\n{ROOT}\n\n{LINE}"),
            format!("log.example\n7\nAAAA\n\n{LINE}"),
            format!("log.example\r\n7\r\n{ROOT}\r\n\r\n{LINE}"),
            format!("log.example\n7\n{ROOT}\n\n- log.example AAAAAAEC\n"),
            format!("log.example\n7\n{ROOT}\n\n\u{2014} log.example AAAA\n"),
            format!("log.example\n7\n{ROOT}\n\n\u{2014}  AAAAAAEC\n"),
            format!("log.example\n7\n{ROOT}\n\n{}", LINE.repeat(65)),
            format!(
                "log.example\n7\n{ROOT}\n{}\n\n{LINE}",
                "x".repeat(limits::CHECKPOINT_BYTES)
            ),
        ] {
            assert_eq!(
                Checkpoint::parse(&note).unwrap_err().code,
                Code::CheckpointInvalid,
                "{note:?}"
            );
        }
    }
}
