//! The engine from outside: what it finds, on streams, in JSON, redacted and restored.

mod allocation;
mod bounds;
mod checks;
mod custom;
mod fixtures;
mod growth;
mod json;
mod keys;
mod names;
mod redaction;
mod rows;
mod silence;
mod streams;
mod texts;
