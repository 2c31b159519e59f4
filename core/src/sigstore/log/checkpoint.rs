//! Checkpoints: a log's signed statement of its size and root (C2SP tlog-checkpoint and
//! signed-note).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::root::Log;
use super::log_scheme;
use crate::reason::{Code, Reason};

/// Bytes of a checkpoint; ten witnesses make 2 KiB.
const MAX_LEN: usize = 64 << 10;
/// Signatures of one checkpoint, of the log and its witnesses.
const MAX_SIGNATURES: usize = 64;

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
        if note.len() > MAX_LEN {
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
        let host = log.host();
        let signs = self
            .signatures
            .iter()
            .any(|s| s.name == host && s.hint == log.key_hint);
        if self.origin != host || !signs {
            return Err(invalid(&format!(
                "expected one of {host}, signed in that name, found the origin {:?} and signatures \
                 in the names {:?}",
                self.origin,
                self.signatures.iter().map(|s| s.name).collect::<Vec<_>>()
            )));
        }
        Ok(())
    }

    /// Whether the log signed it. Signatures of others, witnesses say, are let be.
    pub(super) fn verify(&self, log: &Log) -> Result<(), Reason> {
        let scheme = log_scheme(&log.key);
        let by_log = |signature: &&NoteSignature<'_>| signature.hint == log.key_hint;
        let mut own = self.signatures.iter().filter(by_log).peekable();
        if own.peek().is_none() {
            return Err(invalid(&format!(
                "it has no signature of the log {}",
                log.name
            )));
        }
        // Four bytes may collide: any of those signatures will do.
        match own.any(|s| {
            log.key
                .verify(scheme, self.text.as_bytes(), &s.signature)
                .is_ok()
        }) {
            true => Ok(()),
            false => Err(invalid(&format!(
                "the signature of the log {} does not verify",
                log.name
            ))),
        }
    }
}

fn read_signatures(text: &str) -> Result<Vec<NoteSignature<'_>>, Reason> {
    let mut signatures = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if signatures.len() == MAX_SIGNATURES {
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
