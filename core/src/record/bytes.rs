//! Bytes as text where they are text, else as base64: a recording of logs stays readable.

/// Bytes that are owned.
pub(crate) mod owned {
    use alloc::{format, string::String, vec::Vec};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        match core::str::from_utf8(bytes) {
            Ok(text) => to.collect_str(&format_args!("t{text}")),
            Err(_) => to.serialize_str(&format!("b{}", STANDARD.encode(bytes))),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let mut text = String::deserialize(from)?;
        if text.starts_with('t') {
            text.remove(0);
            return Ok(text.into_bytes());
        }
        let encoded = text
            .strip_prefix('b')
            .ok_or_else(|| D::Error::custom("neither text nor base64"))?;
        STANDARD.decode(encoded).map_err(D::Error::custom)
    }
}

/// The same for borrowed bytes.
pub(crate) mod cow {
    use alloc::borrow::Cow;
    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        super::owned::serialize(bytes, to)
    }

    pub(crate) fn deserialize<'de, 'a, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Cow<'a, [u8]>, D::Error> {
        super::owned::deserialize(from).map(Cow::Owned)
    }
}
