//! The engine from outside: what it finds, on streams, in JSON, redacted and restored.

mod fixtures;
mod json;
mod names;
mod redaction;
mod streams;
mod texts;
