//! The demonstration: the real node over a temporary data directory, with a simulated provider in
//! place of a real one. Everything it shows, it does over HTTP, as any client would.
//!
//! `stage.rs` sets it up, `story.rs` tells it, `provider.rs` plays the provider.

mod client;
mod directory;
mod events;
mod figures;
mod page;
mod provider;
mod search;
mod snippets;
mod stage;
mod story;

pub(crate) use directory::TemporaryDirectory;
pub(crate) use page::Page;
pub(crate) use snippets::invite;
pub(crate) use stage::Stage;
pub(crate) use story::tell;
