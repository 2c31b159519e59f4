//! Durations (`250ms`, `2s`, `10m`) and sizes (`64KiB`, `256MiB`) as people write them.

/// Durations: for `#[serde(with = "units::duration")]`.
pub(super) mod duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).ok_or_else(|| {
            de::Error::custom(format!(
                "expected a duration such as 250ms, 2s, 10m or 1h, found {text:?}"
            ))
        })
    }

    pub(in crate::config) fn serialize<S: Serializer>(
        value: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&print(*value))
    }

    pub(super) fn parse(text: &str) -> Option<Duration> {
        text.parse::<jiff::SignedDuration>().ok()?.try_into().ok()
    }

    /// The largest unit that fits without a remainder.
    pub(super) fn print(value: Duration) -> String {
        let millis = value.as_millis();
        for (unit, size) in [("h", 3_600_000), ("m", 60_000), ("s", 1000)] {
            if millis > 0 && millis.is_multiple_of(size) {
                return format!("{}{unit}", millis / size);
            }
        }
        match millis {
            0 => "0s".to_owned(),
            _ => format!("{millis}ms"),
        }
    }
}

/// Durations that may be absent: for `#[serde(with = "units::optional_duration")]`.
pub(super) mod optional_duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Written(#[serde(with = "super::duration")] Duration);

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<Written>::deserialize(deserializer)?.map(|Written(value)| value))
    }

    pub(in crate::config) fn serialize<S: Serializer>(
        value: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.map(Written).serialize(serializer)
    }
}

/// Sizes in bytes: for `#[serde(with = "units::bytes")]`.
pub(super) mod bytes {
    use serde::{Deserialize, Deserializer, Serializer, de};

    const UNITS: [(&str, u64); 4] = [
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
        ("B", 1),
    ];

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u64),
        Text(String),
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<u64, D::Error> {
        let wrong = "expected a size such as 64KiB, 256MiB or 2GiB, or a number of bytes";
        match Written::deserialize(deserializer).map_err(|_| de::Error::custom(wrong))? {
            Written::Number(bytes) => Ok(bytes),
            Written::Text(text) => {
                parse(&text).ok_or_else(|| de::Error::custom(format!("{wrong}, found {text:?}")))
            }
        }
    }

    pub(in crate::config) fn serialize<S: Serializer>(
        value: &u64,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&print(*value))
    }

    pub(super) fn parse(text: &str) -> Option<u64> {
        let (number, size) = UNITS
            .iter()
            .find_map(|(unit, size)| Some((text.strip_suffix(unit)?, *size)))
            .unwrap_or((text, 1));
        number.trim().parse::<u64>().ok()?.checked_mul(size)
    }

    pub(super) fn print(value: u64) -> String {
        UNITS
            .iter()
            .find(|(_, size)| value > 0 && value.is_multiple_of(*size))
            .map_or_else(
                || "0B".to_owned(),
                |(unit, size)| format!("{}{unit}", value / size),
            )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{bytes, duration};

    #[test]
    fn durations_survive_a_round_trip() {
        for text in ["250ms", "2s", "90s", "10m", "1h", "0s"] {
            let parsed = duration::parse(text);
            let again = parsed
                .map(duration::print)
                .as_deref()
                .and_then(duration::parse);
            assert!(parsed.is_some() && parsed == again, "{text}");
        }
        assert_eq!(duration::parse("2s"), Some(Duration::from_secs(2)));
        for bad in ["", "2", "-2s", "soon"] {
            assert_eq!(duration::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn sizes_survive_a_round_trip() {
        for (text, size) in [
            ("64KiB", 65_536),
            ("256MiB", 256 << 20),
            ("2GiB", 2 << 30),
            ("7B", 7),
        ] {
            assert_eq!(bytes::parse(text), Some(size));
            assert_eq!(bytes::print(size), text);
        }
        for bad in ["", "1MB", "-1KiB", "18446744073709551615GiB"] {
            assert_eq!(bytes::parse(bad), None, "{bad:?}");
        }
    }
}
