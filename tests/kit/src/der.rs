//! Writes DER, also such as no library would: tests need what is broken, too.

use sealgate_core::UnixTime;

/// An element with this tag.
pub fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let len = content.len();
    match len {
        0..=0x7f => out.push(len as u8),
        0x80..=0xff => out.extend([0x81, len as u8]),
        0x100..=0xffff => out.extend([0x82, (len >> 8) as u8, len as u8]),
        _ => out.extend([0x83, (len >> 16) as u8, (len >> 8) as u8, len as u8]),
    }
    out.extend_from_slice(content);
    out
}

/// A SEQUENCE of elements.
pub fn sequence(elements: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &elements.concat())
}

/// A SET OF elements, in DER's order.
pub fn set(elements: &[Vec<u8>]) -> Vec<u8> {
    let mut elements = elements.to_vec();
    elements.sort();
    tlv(0x31, &elements.concat())
}

/// An OBJECT IDENTIFIER, from its dotted form.
///
/// # Panics
/// If it is none.
#[expect(clippy::expect_used, reason = "the identifiers are the test's own")]
pub fn oid(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u64> = dotted
        .split('.')
        .map(|arc| arc.parse().expect("an object identifier"))
        .collect();
    let (first, rest) = arcs.split_at(2);
    let mut content = Vec::new();
    let head = first.iter().fold(0, |sum, arc| sum * 40 + arc);
    for arc in std::iter::once(&head).chain(rest) {
        let mut groups = vec![(arc & 0x7f) as u8];
        let mut left = arc >> 7;
        while left > 0 {
            groups.push((left & 0x7f) as u8 | 0x80);
            left >>= 7;
        }
        content.extend(groups.iter().rev());
    }
    tlv(0x06, &content)
}

/// A non-negative INTEGER from its big-endian bytes.
pub fn integer(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().take_while(|byte| **byte == 0).count();
    let digits = bytes.get(start..).unwrap_or_default();
    let mut content = Vec::new();
    if digits.first().is_none_or(|first| *first >= 0x80) {
        content.push(0);
    }
    content.extend_from_slice(digits);
    tlv(0x02, &content)
}

/// A small INTEGER.
pub fn number(value: u64) -> Vec<u8> {
    integer(&value.to_be_bytes())
}

/// TRUE.
pub fn yes() -> Vec<u8> {
    tlv(0x01, &[0xff])
}

/// An OCTET STRING.
pub fn octets(content: &[u8]) -> Vec<u8> {
    tlv(0x04, content)
}

/// A BIT STRING of whole bytes.
pub fn bits(content: &[u8]) -> Vec<u8> {
    tlv(0x03, &[&[0], content].concat())
}

/// A BIT STRING of named bits, the first being number 0.
pub fn named_bits(set: &[u8]) -> Vec<u8> {
    let Some(last) = set.iter().max() else {
        return tlv(0x03, &[0]);
    };
    let mut bytes = vec![0_u8; usize::from(last / 8) + 1];
    for bit in set {
        if let Some(byte) = bytes.get_mut(usize::from(bit / 8)) {
            *byte |= 0x80 >> (bit % 8);
        }
    }
    tlv(0x03, &[&[7 - last % 8], bytes.as_slice()].concat())
}

/// A UTF8String.
pub fn utf8(text: &str) -> Vec<u8> {
    tlv(0x0c, text.as_bytes())
}

/// NULL.
pub fn null() -> Vec<u8> {
    tlv(0x05, &[])
}

/// A constructed element with a context-specific tag, around others.
pub fn context(number: u8, content: &[u8]) -> Vec<u8> {
    tlv(0xa0 | number, content)
}

/// A GeneralizedTime.
pub fn generalized_time(time: i64) -> Vec<u8> {
    tlv(0x18, digits(time).as_bytes())
}

/// A time as certificates write it: UTCTime up to 2049.
pub fn certificate_time(time: i64) -> Vec<u8> {
    let digits = digits(time);
    match digits.strip_prefix("20") {
        Some(short) if digits.as_str() < "2050" => tlv(0x17, short.as_bytes()),
        _ => tlv(0x18, digits.as_bytes()),
    }
}

fn digits(time: i64) -> String {
    let text = UnixTime::from_seconds(time).to_string();
    text.chars()
        .filter(|c| c.is_ascii_digit() || *c == 'Z')
        .collect()
}

/// A name from `C=US, ST=WA, O=acme`: one attribute per part; of nothing the empty name.
///
/// # Panics
/// If an attribute's type is not one of C, ST, L, O, OU, CN and EMAIL, or has no value.
#[expect(clippy::panic, reason = "the names are the test's own")]
pub fn name(text: &str) -> Vec<u8> {
    const EMAIL: &str = "1.2.840.113549.1.9.1";
    const COMPONENT: &str = "0.9.2342.19200300.100.1.25";
    let parts: Vec<_> = text
        .split(", ")
        .filter(|part| !part.is_empty())
        .map(|part| {
            let Some((kind, value)) = part.split_once('=') else {
                panic!("an attribute without a value: {part}");
            };
            let kind = match kind {
                "C" => "2.5.4.6",
                "ST" => "2.5.4.8",
                "L" => "2.5.4.7",
                "O" => "2.5.4.10",
                "OU" => "2.5.4.11",
                "CN" => "2.5.4.3",
                "EMAIL" => EMAIL,
                "DC" => COMPONENT,
                other => panic!("an attribute of an unknown type: {other}"),
            };
            let value = match kind {
                // RFC 5280 appendix A.1.
                EMAIL | COMPONENT => tlv(0x16, value.as_bytes()),
                _ => utf8(value),
            };
            set(&[sequence(&[oid(kind), value])])
        })
        .collect();
    sequence(&parts)
}
