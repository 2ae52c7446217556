//! What the control plane gets from outside.

use std::{future::Future, pin::Pin};

/// Gets small documents from outside, and says of other addresses whether calls may go there, under
/// the operator's rules of where this instance may go.
pub trait Fetch: Send + Sync {
    /// Whether a URL may be asked for at all; if not, why not.
    fn check(&self, url: &str) -> Result<(), String>;

    /// Whether calls may be sent below a base URL; if not, why not.
    fn check_base(&self, url: &str) -> Result<(), String>;

    /// The document at a URL, at most `most` bytes of it, or why it could not be had.
    fn get(&self, url: String, most: usize) -> Fetching;
}

/// A document on its way.
pub type Fetching = Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send>>;
