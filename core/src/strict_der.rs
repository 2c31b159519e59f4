//! The door for DER (X.690): nothing is read by `der` whose elements say that they are much longer
//! than all there is.
//!
//! A reader of `der` makes room for as many bytes as an element says it has, up to 256 MiB, before
//! it looks whether they are there: a few bytes of a stranger would take as much memory, and end an
//! instance in wasm.

use der::{Decode, ErrorKind, Length};

/// How much longer than all there is an element may say that it is: its reader says best what is
/// wrong with it.
const SLACK: usize = 4096;

/// Reads DER.
///
/// # Errors
/// If an element is much longer than all of it, or as `T` has it.
pub(crate) fn read<'a, T: Decode<'a>>(bytes: &'a [u8]) -> der::Result<T> {
    match too_long(bytes) {
        Some(claimed) => Err(der::Error::from(ErrorKind::Incomplete {
            expected_len: Length::try_from(claimed).unwrap_or(Length::MAX),
            actual_len: Length::try_from(bytes.len()).unwrap_or(Length::MAX),
        })),
        None => T::from_der(bytes),
    }
}

/// The end of the first element that ends far beyond all bytes; none if there is none before the
/// first one that is wrong in itself, at which every reader ends, or the end.
fn too_long(bytes: &[u8]) -> Option<usize> {
    let mut ends = Vec::new();
    let mut at = 0;
    loop {
        while ends.last().is_some_and(|end| *end <= at) {
            ends.pop();
        }
        let (constructed, start, length) = header(bytes.get(at..)?)?;
        let content = at.checked_add(start)?;
        let end = content.saturating_add(length);
        if end > bytes.len().saturating_add(SLACK) {
            return Some(end);
        }
        let outer = ends.last().copied().unwrap_or(bytes.len());
        if end > outer {
            return None;
        }
        at = match constructed {
            true => {
                ends.push(end);
                content
            }
            false => end,
        };
    }
}

/// Whether an element is constructed, where its content begins, and how long that is (X.690,
/// sections 8.1.2 and 8.1.3). None for what is no DER.
fn header(element: &[u8]) -> Option<(bool, usize, usize)> {
    let (first, rest) = element.split_first()?;
    // Numbers of tags beyond 30 take more bytes, the last of them below 128.
    let more = match first & 0x1f {
        0x1f => rest.iter().position(|byte| *byte < 0x80)? + 1,
        _ => 0,
    };
    let (length, rest) = rest.get(more..)?.split_first()?;
    let (of_length, length) = match usize::from(*length) {
        short @ 0..0x80 => (0, short),
        // Of indefinite length, or longer than anything.
        0x80 | 0x85.. => return None,
        long => {
            let digits = rest.get(..long - 0x80)?;
            let value = digits
                .iter()
                .fold(0, |value, digit| (value << 8) | usize::from(*digit));
            (digits.len(), value)
        }
    };
    Some((first & 0x20 != 0, 2 + more + of_length, length))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use der::asn1::{Any, OctetString};

    use super::*;

    #[test]
    fn an_element_longer_than_all_there_is_is_refused_before_there_is_room_for_it_rt_9() {
        for (bytes, claimed) in [
            // An octet string of 50 MB, alone and within a sequence.
            (&b"\x04\x84\x03\x02\x01\x06\x00"[..], 50_462_988),
            (b"\x30\x07\x04\x84\x03\x02\x01\x06\x00", 50_462_990),
            (b"\x30\x08\x02\x01\x01\x04\x82\x20\x00\x00", 8201),
            // With a tag of several bytes.
            (b"\x9f\x81\x01\x83\x01\x00\x00\x00", 65_543),
            (b"\x1f\x80\x01\x84\x01\x00\x00\x00", 16_777_224),
            // After a sequence, and what follows it.
            (b"\x30\x03\x02\x01\x01\x02\x01\x01\x04\x82\x20\x00", 8204),
        ] {
            assert_eq!(too_long(bytes), Some(claimed), "{bytes:02x?}");
            let error = read::<Any>(bytes).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Incomplete { .. }));
        }
    }

    #[test]
    fn what_fits_is_read_and_the_rest_left_to_its_reader() {
        let read = read::<OctetString>(b"\x04\x02\x00\x01").unwrap();
        assert_eq!(read.as_bytes(), [0, 1]);
        for bytes in [
            &b""[..],
            b"\x30\x00",
            b"\x30\x04\x04\x02\x00\x01",
            b"\x30\x03\x02\x01\x01\x30\x03\x02\x01\x01",
            // Longer than what it stands in, and no longer than all.
            b"\x30\x03\x04\x03\x00\x00\x00",
            // The same, at which a reader ends: what follows is not read.
            b"\x30\x03\x04\x03\x00\x00\x00\x04\x82\x20\x00",
            // A little longer than all, and by as much as that may be.
            b"\x04\x02\x00",
            b"\x30\x06\x04\x82\x01\x00\x00\x00",
            b"\x04\x82\x10\x00",
            // No DER: an indefinite length, a length that is cut off, one of five bytes.
            b"\x30\x80\x00\x00",
            b"\x04\x82\x01",
            b"\x04\x85\x01\x00\x00\x00\x00",
            b"\x1f\x81",
        ] {
            assert_eq!(too_long(bytes), None, "{bytes:02x?}");
        }
    }
}
