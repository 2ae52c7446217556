//! Finds personal data and secrets in texts, redacts and restores them.

mod base64;
mod check;
mod context;
mod country;
mod custom;
mod detector;
mod domain;
mod entity;
pub mod eval;
mod finding;
mod layers;
pub mod names;
mod pipeline;
mod recognizer;
mod redact;
mod scan;
mod scanner;
mod stream;
mod trail;
mod unmask;

pub use custom::{ConfigError, CustomType, LONGEST_CUSTOM, MOST_WORDS};
pub use detector::{Builder, DEFAULT_THRESHOLD, Detector};
pub use entity::{Country, Entity, Group};
pub use finding::{Evidence, Finding};
pub use layers::Format;
pub use redact::{
    Blocked, Ledger, MOST_VALUES, Mode, Policy, PolicyError, Redacted, Restorer, StreamRedactor,
    redact, restore,
};
pub use scanner::Scanner;
pub use stream::StreamScanner;
