//! Finds personal data and secrets in texts, redacts and restores them.

mod base64;
mod check;
mod context;
mod country;
mod detector;
mod domain;
mod entity;
mod finding;
mod names;
mod recognizer;
mod scan;

pub use detector::{Detector, Scanner};
pub use entity::{Country, Entity, Group};
pub use finding::Finding;
