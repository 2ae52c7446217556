//! What fields of bodies may hold, as the OpenAPI document says it. The use cases check it; here it
//! is told, so that whoever makes a form or a client from the document asks for what will be taken.

use portcullis_domain::{Feature, Scope};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

/// Something of it can be seen, and nothing of it ends a line.
pub(crate) const NAME: &str =
    r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0\s][^\x00-\x1f\x7f-\x9f]*$";
/// A slug (admin reference §1).
pub(crate) const SLUG: &str = "^[a-zA-Z0-9_-]{1,255}$";
/// Nothing of it ends a line.
pub(crate) const LINE: &str = r"^[^\x00-\x1f\x7f-\x9f]*$";
/// An e-mail address in ASCII.
pub(crate) const EMAIL: &str = r"^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-zA-Z0-9][a-zA-Z0-9-]*(\.[a-zA-Z0-9][a-zA-Z0-9-]*)+$";

/// Names of scopes.
pub(crate) fn scopes(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": scope()})
}

/// Names of scopes, or nothing said.
pub(crate) fn optional_scopes(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["array", "null"], "items": scope()})
}

fn scope() -> Value {
    let names: Vec<&str> = Scope::ALL.iter().map(|scope| scope.name()).collect();
    json!({"type": "string", "enum": names})
}

/// Levels of what keys may do.
pub(crate) fn permissions(_: &mut SchemaGenerator) -> Schema {
    levels(&Feature::OF_KEYS, json!(["object", "null"]))
}

/// Levels of what roles may do.
pub(crate) fn role_features(_: &mut SchemaGenerator) -> Schema {
    levels(&Feature::OF_ROLES, json!("object"))
}

fn levels(features: &[Feature], kind: Value) -> Schema {
    let names: Vec<&str> = features.iter().map(|feature| feature.name()).collect();
    json_schema!({
        "type": kind,
        "propertyNames": {"enum": names},
        "additionalProperties": {"enum": ["disabled", "read", "write", "delete"]},
    })
}

/// Names of providers, with the older spellings of clients.
pub(crate) fn provider(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": portcullis_control::provider_names()})
}

/// How long a rotated key's old secret stays valid, in milliseconds.
pub(crate) fn overlap(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["integer", "null"],
        "anyOf": [
            {"type": "null"},
            {"const": 0},
            {"type": "integer", "minimum": 1_800_000, "maximum": 7_776_000_000_i64},
        ],
    })
}
