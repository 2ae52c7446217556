//! Finds personal data and secrets in texts, redacts and restores them.

mod base64;
mod check;
mod context;
mod country;
mod custom;
mod detector;
mod domain;
mod entity;
mod finding;
mod names;
mod pipeline;
mod recognizer;
mod scan;
mod stream;
mod unmask;

pub use custom::{ConfigError, CustomType, LONGEST_CUSTOM, MOST_WORDS};
pub use detector::{Builder, DEFAULT_THRESHOLD, Detector, Scanner};
pub use entity::{Country, Entity, Group};
pub use finding::{Evidence, Finding};
pub use stream::StreamScanner;
