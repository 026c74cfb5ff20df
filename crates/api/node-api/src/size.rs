//! Sizes in requests: bytes as a number, or text with a unit.

use std::fmt;

use corbel_model::ByteSize;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// `536870912` or `"512 MiB"`. Sent as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub ByteSize);

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0.bytes())
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SizeVisitor;
        impl Visitor<'_> for SizeVisitor {
            type Value = Size;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size: bytes as a whole number, or text such as \"512 MiB\"")
            }
            fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<Size, E> {
                Ok(Size(ByteSize(bytes)))
            }
            // TOML's integers are signed.
            fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<Size, E> {
                u64::try_from(bytes)
                    .map(|bytes| Size(ByteSize(bytes)))
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(bytes), &self))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
                text.parse().map(Size).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(SizeVisitor)
    }
}

impl PartialSchema for Size {
    fn schema() -> RefOr<Schema> {
        let bytes = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(0))
            .description(Some("Bytes."));
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^\\s*[0-9]+\\s*([KMGTkmgt]([Ii]?[Bb])?|[Bb])?\\s*$"))
            .description(Some(
                "A whole number and a unit; units are binary (1 MiB = 1048576 bytes).",
            ));
        OneOfBuilder::new()
            .item(bytes)
            .item(text)
            .description(Some("An amount of bytes."))
            .examples([serde_json::json!("512 MiB"), serde_json::json!(536870912)])
            .into()
    }
}

impl ToSchema for Size {}
