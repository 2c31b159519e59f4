//! Writes DER by hand, so that what is made does not share a fault with what reads it.

use sealgate_core::UnixTime;

/// A value of this tag.
pub fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len().to_be_bytes();
    let significant: Vec<_> = length
        .iter()
        .copied()
        .skip_while(|byte| *byte == 0)
        .collect();
    match content.len() {
        0..0x80 => out.push(significant.first().copied().unwrap_or(0)),
        _ => {
            out.push(0x80 | significant.len() as u8);
            out.extend(significant);
        }
    }
    out.extend(content);
    out
}

/// `SEQUENCE`
pub fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

/// `SET OF`, sorted as DER asks.
pub fn set(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut parts = parts.to_vec();
    parts.sort();
    tlv(0x31, &parts.concat())
}

/// `[number]`, constructed.
pub fn context(number: u8, content: &[u8]) -> Vec<u8> {
    tlv(0xa0 | number, content)
}

/// `INTEGER`, not negative.
pub fn integer(value: u64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let mut bytes: Vec<_> = bytes
        .iter()
        .copied()
        .skip_while(|byte| *byte == 0)
        .collect();
    if bytes.first().is_none_or(|first| first & 0x80 != 0) {
        bytes.insert(0, 0);
    }
    tlv(2, &bytes)
}

/// `BOOLEAN` TRUE
pub fn yes() -> Vec<u8> {
    tlv(1, &[0xff])
}

/// `NULL`
pub fn null() -> Vec<u8> {
    tlv(5, &[])
}

/// `OCTET STRING`
pub fn octets(bytes: &[u8]) -> Vec<u8> {
    tlv(4, bytes)
}

/// `BIT STRING` without unused bits.
pub fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv(3, &[&[0], bytes].concat())
}

/// `UTF8String`
pub fn text(value: &str) -> Vec<u8> {
    tlv(0x0c, value.as_bytes())
}

/// `OBJECT IDENTIFIER`, from its dotted form.
///
/// # Panics
/// If it is not one.
#[expect(clippy::expect_used, reason = "the identifiers are the tests' own")]
pub fn oid(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u64> = dotted
        .split('.')
        .map(|arc| arc.parse().expect("an arc"))
        .collect();
    let [first, second, rest @ ..] = arcs.as_slice() else {
        return tlv(6, &[]);
    };
    let mut bytes = base128(first * 40 + second);
    for arc in rest {
        bytes.extend(base128(*arc));
    }
    tlv(6, &bytes)
}

/// `GeneralizedTime`
pub fn time(time: UnixTime) -> Vec<u8> {
    let digits: String = time
        .to_string()
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    tlv(0x18, format!("{digits}Z").as_bytes())
}

/// `UTCTime` until 2049, `GeneralizedTime` from then on (RFC 5280 section 4.1.2.5).
pub fn validity_time(at: UnixTime) -> Vec<u8> {
    let digits: String = at
        .to_string()
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    match digits.strip_prefix("20") {
        Some(short) if short < "50" => tlv(0x17, format!("{short}Z").as_bytes()),
        _ => time(at),
    }
}

fn base128(value: u64) -> Vec<u8> {
    let mut bytes = vec![(value & 0x7f) as u8];
    let mut rest = value >> 7;
    while rest > 0 {
        bytes.push(0x80 | (rest & 0x7f) as u8);
        rest >>= 7;
    }
    bytes.reverse();
    bytes
}
