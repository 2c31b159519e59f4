//! A member of a JWS header: what its rules look at, and of the rest only what it is.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The value of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Member {
    /// A text.
    Text(String),
    /// A list of nothing but texts, maybe empty.
    Texts(Vec<String>),
    /// Anything else; what it is, in words.
    Other(&'static str),
}

impl Member {
    /// What it is, in words.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Texts(_) => "a list",
            Self::Other(kind) => kind,
        }
    }
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MemberVisitor)
    }
}

struct MemberVisitor;

impl<'de> Visitor<'de> for MemberVisitor {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a header")
    }

    fn visit_unit<E>(self) -> Result<Member, E> {
        Ok(Member::Other("null"))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Member, E> {
        Ok(Member::Other("a boolean"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Member, E> {
        Ok(Member::Other("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Member, E> {
        Ok(Member::Other("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Member, E> {
        Ok(Member::Other("a number"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Member, E> {
        Ok(Member::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Member, E> {
        Ok(Member::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Member, A::Error> {
        let mut texts = Vec::new();
        while let Some(member) = seq.next_element()? {
            let Member::Text(text) = member else {
                // What follows is well-formed, and not kept.
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(Member::Other("a list"));
            };
            texts.push(text);
        }
        Ok(Member::Texts(texts))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Member, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Member::Other("an object"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_read_as_far_as_the_rules_look() {
        let texts = |texts: &[&str]| Member::Texts(texts.iter().map(ToString::to_string).collect());
        for (json, expected) in [
            (r#""a\u0062""#, Member::Text("ab".to_owned())),
            (r#"["a","b"]"#, texts(&["a", "b"])),
            ("[]", texts(&[])),
            (r#"["a",[["b"]],1,{}]"#, Member::Other("a list")),
            (r#"{"a":{"b":[1]}}"#, Member::Other("an object")),
            ("null", Member::Other("null")),
            ("true", Member::Other("a boolean")),
            ("-1", Member::Other("a number")),
            ("1", Member::Other("a number")),
            ("1.5", Member::Other("a number")),
        ] {
            let member: Member = crate::json::parse(json.as_bytes()).unwrap();
            assert_eq!(member, expected, "{json}");
        }
    }
}
