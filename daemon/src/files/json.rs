//! JSON as every file of ours is written and read.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::WriteError;

/// A document's bytes: indented, fields in the order of the type, one newline at the end.
pub fn to_json(document: &impl serde::Serialize) -> Result<Vec<u8>, WriteError> {
    let mut bytes = serde_json::to_vec_pretty(document).map_err(WriteError::Encode)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The same document on one line, for files that programs write often and people read seldom.
pub fn to_compact_json(document: &impl serde::Serialize) -> Result<Vec<u8>, WriteError> {
    let mut bytes = serde_json::to_vec(document).map_err(WriteError::Encode)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Reads a map and refuses a key that stands in it twice, where serde would silently keep the last.
pub fn unique_map<'de, D, V>(deserializer: D) -> Result<BTreeMap<String, V>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    deserializer.deserialize_map(UniqueMap(PhantomData))
}

struct UniqueMap<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for UniqueMap<V> {
    type Value = BTreeMap<String, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some(key) = access.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom(format_args!("`{key}` stands here twice")));
            }
            map.insert(key, access.next_value()?);
        }
        Ok(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Check that a repeated key is refused with its place.
    #[test]
    fn repeated_keys_are_refused() {
        let mut text = serde_json::Deserializer::from_str("{\"a\":1,\n\"a\":2}");
        let error = unique_map::<_, u8>(&mut text).unwrap_err();
        assert_eq!(error.to_string(), "`a` stands here twice at line 2 column 3");
    }
}
