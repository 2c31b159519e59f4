//! Lists of referrers, read as they arrive.
//!
//! A list holds the annotations of every referrer, and whoever may push writes those: a list of
//! two entries may have megabytes, one of fifty thousand has twelve. So no list is kept. Its
//! entries are cut out on their way, without their annotations, and the likely signatures among
//! them are kept.

use std::fmt;

use sealgate_core::Descriptor;
use sealgate_core::{json, limits};

use super::entries::Entries;

/// Bytes of an entry without what is dropped; real ones have about three hundred.
const ENTRY_BYTES: usize = 4 << 10;
/// Bytes of a key; longer ones are none of those that are read.
const KEY_BYTES: usize = 128;
/// The fields of an entry that are read.
const FIELDS: [&str; 4] = ["mediaType", "digest", "size", "artifactType"];

/// Why something is no index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoIndex {
    /// It is no JSON, or not all of it: no registry takes such a manifest from anybody.
    Broken(&'static str),
    /// It is something else.
    Other(&'static str),
}

/// Fits "a list of referrers that …".
impl fmt::Display for NoIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Broken(why) | Self::Other(why)) = self;
        f.write_str(why)
    }
}

/// Reads one index, piece by piece.
///
/// What it passes over is checked for its brackets and strings alone: nobody reads it, so nobody
/// can read it differently. What it keeps comes in through [`json::parse`].
#[derive(Debug)]
pub(crate) struct IndexReader {
    /// The containers that are open, an object as `{`.
    open: Vec<u8>,
    expect: Expect,
    /// Inside a string: whether the letter before was a backslash.
    string: Option<bool>,
    /// Whether the string is a key.
    is_key: bool,
    /// The beginning of the number or word that is read.
    word: Option<Vec<u8>>,
    /// The key that was read last, of the index or of an entry, as it is written.
    key: Vec<u8>,
    /// Whether the member of the index that is read lists its entries.
    in_list: bool,
    /// Whether there was such a member.
    listed: bool,
    /// What is kept of the entry that is read.
    entry: Option<Vec<u8>>,
    /// Whether the member of the entry that is read is kept.
    keep: bool,
    entries: Entries,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Value,
    /// The first value of a list, or its end.
    ValueOrEnd,
    Key,
    /// The first key of an object, or its end.
    KeyOrEnd,
    Colon,
    CommaOrEnd,
    Nothing,
}

/// How many containers are open in the index, in its list, and in an entry.
const INDEX: usize = 1;
const LIST: usize = 2;
const ENTRY: usize = 3;

impl IndexReader {
    pub(crate) fn new() -> Self {
        Self {
            open: Vec::new(),
            expect: Expect::Value,
            string: None,
            is_key: false,
            word: None,
            key: Vec::new(),
            in_list: false,
            listed: false,
            entry: None,
            keep: false,
            entries: Entries::default(),
        }
    }

    /// Reads the next bytes.
    ///
    /// # Errors
    /// If this is no index.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> Result<(), NoIndex> {
        while let Some((&byte, rest)) = bytes.split_first() {
            bytes = match self.string {
                Some(escaped) => self.read_string(bytes, escaped)?,
                None => {
                    self.read_between(byte)?;
                    rest
                }
            };
        }
        Ok(())
    }

    /// All entries, once the index has ended.
    ///
    /// # Errors
    /// If it has not, or lists nothing.
    pub(crate) fn finish(self) -> Result<Entries, NoIndex> {
        match (self.expect, self.listed) {
            (Expect::Nothing, true) => Ok(self.entries),
            (Expect::Nothing, false) => Err(NoIndex::Other("has no list of manifests")),
            _ => Err(NoIndex::Broken("ends too early")),
        }
    }

    /// The entries so far, of an index that is too long.
    ///
    /// # Errors
    /// If its list has not begun so far.
    pub(crate) fn cut_off(self) -> Result<Entries, NoIndex> {
        match self.listed {
            true => Ok(self.entries),
            false => Err(NoIndex::Other("has no list of manifests where it begins")),
        }
    }

    /// Reads a string up to the next byte that means something; returns what follows.
    fn read_string<'a>(&mut self, bytes: &'a [u8], escaped: bool) -> Result<&'a [u8], NoIndex> {
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | ..0x20);
        let length = match escaped {
            true => 1,
            false => bytes.iter().position(special).unwrap_or(bytes.len()),
        };
        let (text, rest) = bytes.split_at_checked(length).unwrap_or((bytes, &[]));
        self.take(text);
        if escaped {
            self.string = Some(false);
            return Ok(rest);
        }
        let Some((byte, rest)) = rest.split_first() else {
            return Ok(rest);
        };
        match byte {
            b'"' => {
                self.string = None;
                self.end_string()?;
            }
            b'\\' => {
                self.string = Some(true);
                self.take(b"\\");
            }
            _ => return Err(NoIndex::Broken("has a control character in a string")),
        }
        Ok(rest)
    }

    fn read_between(&mut self, byte: u8) -> Result<(), NoIndex> {
        let in_word = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        if let Some(word) = &mut self.word {
            if in_word {
                if word.len() < 8 {
                    word.push(byte);
                }
                self.take(&[byte]);
                return Ok(());
            }
            self.end_word()?;
        }
        let value = matches!(self.expect, Expect::Value | Expect::ValueOrEnd);
        match (byte, self.expect) {
            (b' ' | b'\t' | b'\r' | b'\n', _) => {}
            (b'"', Expect::Key | Expect::KeyOrEnd) => {
                self.string = Some(false);
                self.is_key = true;
                self.key.clear();
                self.take_inner(b"\"");
            }
            (b':', Expect::Colon) => {
                self.take_inner(b":");
                self.expect = Expect::Value;
            }
            (b',', Expect::CommaOrEnd) => {
                self.take_inner(b",");
                self.expect = match self.open.last() {
                    Some(b'{') => Expect::Key,
                    _ => Expect::Value,
                };
            }
            (b'}', Expect::KeyOrEnd | Expect::CommaOrEnd) => self.close(b'{')?,
            (b']', Expect::ValueOrEnd | Expect::CommaOrEnd) => self.close(b'[')?,
            _ if value && matches!(byte, b'{' | b'[') => self.open(byte)?,
            _ if value && (in_word || byte == b'"') => {
                self.begin_value(byte)?;
                self.take(&[byte]);
                match byte {
                    b'"' => self.string = Some(false),
                    _ => self.word = Some(vec![byte]),
                }
            }
            _ => return Err(NoIndex::Broken("is no JSON")),
        }
        Ok(())
    }

    /// Before the first byte of a value.
    fn begin_value(&mut self, byte: u8) -> Result<(), NoIndex> {
        let wrong = match (self.open.len(), self.in_list) {
            (0, _) => byte != b'{',
            // Go programs write an empty list as `null`.
            (INDEX, true) => byte != b'[' && byte != b'n',
            _ => false,
        };
        if wrong {
            return Err(NoIndex::Other("is no index"));
        }
        if self.in_list && self.open.len() == LIST {
            match byte {
                b'{' => self.entry = Some(Vec::new()),
                _ => self.entries.unreadable += 1,
            }
        }
        Ok(())
    }

    fn open(&mut self, byte: u8) -> Result<(), NoIndex> {
        if self.open.len() >= limits::JSON_DEPTH {
            return Err(NoIndex::Other("nests too deep"));
        }
        self.begin_value(byte)?;
        self.take(&[byte]);
        self.open.push(byte);
        self.expect = match byte {
            b'{' => Expect::KeyOrEnd,
            _ => Expect::ValueOrEnd,
        };
        Ok(())
    }

    fn close(&mut self, opened: u8) -> Result<(), NoIndex> {
        if self.open.pop() != Some(opened) {
            return Err(NoIndex::Broken("is no JSON"));
        }
        match opened {
            b'{' => self.take(b"}"),
            _ => self.take(b"]"),
        }
        self.end_value();
        Ok(())
    }

    fn end_word(&mut self) -> Result<(), NoIndex> {
        let word = self.word.take().unwrap_or_default();
        if self.in_list && self.open.len() == INDEX && word != b"null" {
            return Err(NoIndex::Other("is no index"));
        }
        self.end_value();
        Ok(())
    }

    fn end_string(&mut self) -> Result<(), NoIndex> {
        if !self.is_key {
            self.take(b"\"");
            self.end_value();
            return Ok(());
        }
        self.is_key = false;
        self.take_inner(b"\"");
        self.expect = Expect::Colon;
        let quoted = [b"\"", self.key.as_slice(), b"\""].concat();
        let name: String = json::parse(&quoted).unwrap_or_default();
        if self.open.len() == INDEX && name == "manifests" {
            if self.listed {
                return Err(NoIndex::Other("lists its manifests twice"));
            }
            self.listed = true;
            self.in_list = true;
        }
        if self.open.len() == ENTRY
            && FIELDS.contains(&name.as_str())
            && let Some(entry) = &mut self.entry
        {
            entry.push(if entry.is_empty() { b'{' } else { b',' });
            entry.extend(quoted);
            entry.push(b':');
            self.keep = true;
        }
        Ok(())
    }

    /// After the last byte of a value.
    fn end_value(&mut self) {
        self.expect = Expect::CommaOrEnd;
        match self.open.len() {
            0 => self.expect = Expect::Nothing,
            INDEX => self.in_list = false,
            LIST => {
                if let Some(entry) = self.entry.take() {
                    self.add(entry);
                }
            }
            ENTRY => self.keep = false,
            _ => {}
        }
    }

    fn add(&mut self, mut entry: Vec<u8>) {
        let short = entry.len() <= ENTRY_BYTES;
        entry.push(b'}');
        match json::parse::<Descriptor>(&entry) {
            Ok(descriptor) if short => self.entries.add(descriptor),
            _ => self.entries.unreadable += 1,
        }
    }

    /// Keeps bytes of a key that may be a field's, or of a value that is kept.
    fn take(&mut self, bytes: &[u8]) {
        if self.keep
            && let Some(entry) = &mut self.entry
            && entry.len() <= ENTRY_BYTES
        {
            entry.extend(bytes);
        } else if self.is_key && self.key.len() <= KEY_BYTES {
            self.key.extend(bytes.iter().take(KEY_BYTES + 1));
        }
    }

    /// Keeps punctuation and the quotes of keys, if they are within a value that is kept.
    fn take_inner(&mut self, bytes: &[u8]) {
        if self.keep && self.open.len() > ENTRY {
            self.take(bytes);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use sealgate_core::Digest;

    use super::*;
    use crate::registry::entries::MOST_FOREIGN;

    /// Reads an index in pieces of this size.
    fn read_in(text: &str, size: usize) -> Result<Entries, NoIndex> {
        let mut reader = IndexReader::new();
        for piece in text.as_bytes().chunks(size) {
            reader.push(piece)?;
        }
        reader.finish()
    }

    /// The same, whatever the size of the pieces.
    fn read(text: &str) -> Result<Entries, NoIndex> {
        let whole = read_in(text, text.len().max(1));
        for size in [1, 2, 3, 7, 64] {
            assert_eq!(read_in(text, size), whole, "{size}: {text}");
        }
        whole
    }

    fn digest(n: usize) -> Digest {
        Digest::sha256(n.to_string().as_bytes())
    }

    /// An entry with these members beside those that are read.
    fn entry(n: usize, kind: &str, more: &str) -> String {
        let digest = digest(n);
        format!(
            r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{digest}",{more}"size":{n},"artifactType":"{kind}"}}"#
        )
    }

    const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

    #[test]
    fn entries_are_read_as_a_reader_of_the_whole_index_reads_them() {
        let more = r#""annotations":{"a":"}]\"\\","b\"":"{[","manifests":"x"},"platform":{"os":["a",{"digest":"x"}]},"urls":[],"x":null,"#;
        let entries = [
            entry(1, BUNDLE, ""),
            entry(2, "\\u0061/b\\\"c", more),
            entry(1, BUNDLE, more),
            entry(3, "", " "),
        ];
        let text = format!(
            " {{ \"schemaVersion\" : 2, \"annotations\":{{\"manifests\":[{{}}]}},\n \"m\\u0061nifests\": [ {} ] , \"subject\" : null }}\n",
            entries.join(" , ")
        );
        let found = read(&text).unwrap();
        let whole: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mut expected = Vec::new();
        for at in [0, 1, 3] {
            let mut entry = whole["manifests"][at].clone();
            entry.as_object_mut().unwrap().remove("annotations");
            expected.push(serde_json::from_value::<Descriptor>(entry).unwrap());
        }
        assert_eq!(found.descriptors, expected);
        assert_eq!((found.unreadable, found.left_out), (0, 0));
    }

    #[test]
    fn what_is_no_index_is_refused() {
        for (text, why) in [
            ("", "ends too early"),
            ("{", "ends too early"),
            (r#"{"manifests":[{}"#, "ends too early"),
            ("[]", "is no index"),
            ("7", "is no index"),
            ("<html>", "is no JSON"),
            ("\u{feff}{}", "is no JSON"),
            ("{}", "has no list"),
            (r#"{"x":{"manifests":[]}}"#, "has no list"),
            (r#"{"manifests":7}"#, "is no index"),
            (r#"{"manifests":"x"}"#, "is no index"),
            (r#"{"manifests":{}}"#, "is no index"),
            (r#"{"manifests":nil}"#, "is no index"),
            (r#"{"manifests":[],"manifests":[]}"#, "twice"),
            (r#"{"manifests":[],"\u006danifests":[]}"#, "twice"),
            (r#"{"manifests":[]} x"#, "is no JSON"),
            (r#"{"manifests":[]}}"#, "is no JSON"),
            (r#"{"manifests":[}"#, "is no JSON"),
            (r#"{"manifests":[{]}"#, "is no JSON"),
            (r#"{"manifests":[{"a"}]}"#, "is no JSON"),
            (r#"{"manifests":[{},]}"#, "is no JSON"),
            (r#"{"manifests":[] "a":1}"#, "is no JSON"),
            (r#"{"a":1,}"#, "is no JSON"),
            ("{\"a\":\"\n\"}", "control character"),
        ] {
            let mut reader = IndexReader::new();
            let found = reader.push(text.as_bytes()).and_then(|()| reader.finish());
            let found = found.unwrap_err().to_string();
            assert!(found.contains(why), "{text}: {found}");
        }
        let deep = format!(r#"{{"manifests":[{{"a":{}"#, "[".repeat(200));
        assert!(read(&deep).unwrap_err().to_string().contains("too deep"));
    }

    #[test]
    fn entries_that_are_no_descriptors_are_counted() {
        let good = entry(1, BUNDLE, "");
        let twice = entry(2, BUNDLE, r#""si\u007ae":2,"#);
        let reserved =
            r#"{"mediaType":"a","digest":{"$serde_json::private::RawValue":"1"},"size":1}"#;
        let long = entry(3, &"x".repeat(5000), "");
        let nested = entry(4, BUNDLE, "").replace("\"size\":4", r#""size":{"a":[1,{"b":2}]}"#);
        let text = format!(
            r#"{{"manifests":[7,"x",null,[],{{}},{{"digest":"md5:x"}},{twice},{reserved},{long},{nested},{good}]}}"#
        );
        let found = read(&text).unwrap();
        assert_eq!(found.unreadable, 10);
        assert_eq!(found.descriptors.len(), 1);
        assert_eq!(found.descriptors[0].digest, digest(1));
        assert!(read(r#"{"manifests":null}"#).unwrap().is_empty());
        assert!(read(r#"{"manifests":[]}"#).unwrap().is_empty());
    }

    #[test]
    fn annotations_take_no_room_and_noise_pushes_out_no_signature_f6() {
        let large = format!(r#""annotations":{{"a":"{}"}},"#, "x".repeat(2_200_000));
        let text = format!(
            r#"{{"manifests":[{},{}]}}"#,
            entry(1, "a/b", &large),
            entry(2, BUNDLE, &large)
        );
        let mut reader = IndexReader::new();
        for piece in text.as_bytes().chunks(16 << 10) {
            reader.push(piece).unwrap();
            let held = reader.entry.as_ref().map_or(0, Vec::capacity) + reader.key.capacity();
            assert!(held < 16 << 10, "{held}");
        }
        assert_eq!(reader.finish().unwrap().descriptors.len(), 2);

        let mut reader = IndexReader::new();
        reader.push(br#"{"manifests":["#).unwrap();
        for n in 0..50_000 {
            let entry = entry(n, "application/x-noise", "") + ",";
            reader.push(entry.as_bytes()).unwrap();
        }
        reader.push(entry(50_000, BUNDLE, "").as_bytes()).unwrap();
        reader.push(b"]}").unwrap();
        let found = reader.finish().unwrap();
        assert_eq!(found.descriptors.len(), MOST_FOREIGN + 1);
        assert_eq!(found.left_out, 0, "what others attach is no defect");
        assert_eq!(found.descriptors.last().unwrap().digest, digest(50_000));
    }

    #[test]
    fn what_was_read_of_a_list_that_is_cut_off_is_kept() {
        let mut reader = IndexReader::new();
        let text = format!(r#"{{"manifests":[{},{{"digest":"#, entry(1, BUNDLE, ""));
        reader.push(text.as_bytes()).unwrap();
        assert_eq!(reader.cut_off().unwrap().descriptors.len(), 1);
        let mut reader = IndexReader::new();
        reader.push(br#"{"annotations":{"a":"aaaaaaaa"#).unwrap();
        let why = reader.cut_off().unwrap_err().to_string();
        assert!(why.contains("where it begins"), "{why}");
    }
}
