//! The pattern layer: one pass that stops at triggers and asks, there, what they are part of.

mod candidate;
mod cx;
mod encoded;
mod engine;
mod forms;
pub(crate) mod hold;
mod labelled;
mod run;
mod trigger;

pub(crate) use candidate::{Candidate, Sink};
pub(crate) use cx::{BACK, Cx, HOLD};
pub(crate) use engine::{Engine, Plan};
pub(crate) use forms::Form;
pub(crate) use labelled::{Shape, Spaced, Value};
pub(crate) use run::{Run, Separator};
