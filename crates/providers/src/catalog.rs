//! The provider catalogue: one entry per file of `catalog/`, compiled in.
//!
//! To add a provider that speaks OpenAI's dialect: one file in `catalog/`, named after the name that
//! clients use. `build.rs` says what a file holds and refuses a bad one; the contract test holds
//! every entry to its promises.

use crate::{
    Endpoint,
    adapter::{Adapter, anthropic, azure_openai, openai},
    names::search,
};

include!(concat!(env!("OUT_DIR"), "/catalog.rs"));

/// A provider we know.
#[derive(Debug, PartialEq, Eq)]
pub struct Provider {
    /// The name that clients and settings use.
    pub name: &'static str,
    /// The name for people.
    pub title: &'static str,
    /// Where its API is, version path included, without a slash at the end. `{setting}` stands for
    /// a setting of the credential; empty when the credential must name a custom host.
    pub base_url: &'static str,
    /// Which adapter speaks to it.
    pub kind: AdapterKind,
    /// How it takes its key.
    pub auth: Auth,
    /// Whether it understands `stream_options.include_usage`.
    pub stream_usage: bool,
    /// Its paths that differ from OpenAI's, by the endpoint's internal name.
    pub paths: &'static [(&'static str, &'static str)],
    /// Its API reference.
    pub docs: &'static str,
}

/// The adapters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdapterKind {
    /// OpenAI's dialect.
    OpenAi,
    /// OpenAI's dialect behind Azure's deployments.
    AzureOpenAi,
    /// Anthropic's dialect.
    Anthropic,
}

/// How a provider takes its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: Bearer <key>`.
    Bearer,
    /// The key as the value of this header.
    Header(&'static str),
}

/// Older spellings of clients, and the names they stand for.
pub const OLDER_NAMES: [(&str, &str); 2] = [("open-ai", "openai"), ("hugging-face", "huggingface")];

/// The provider of that name, or of that older spelling.
pub fn find(name: &str) -> Option<&'static Provider> {
    let older = OLDER_NAMES.iter().find(|(older, _)| *older == name);
    let name = older.map_or(name, |(_, name)| name);
    let at = search(0..PROVIDERS.len(), name, |at| PROVIDERS[at].name.as_bytes())?;
    Some(&PROVIDERS[at])
}

/// All providers, by name.
pub fn all() -> &'static [Provider] {
    PROVIDERS
}

impl Provider {
    /// What speaks to it.
    pub fn adapter(&self) -> &'static dyn Adapter {
        match self.kind {
            AdapterKind::OpenAi => &openai::OpenAi,
            AdapterKind::AzureOpenAi => &azure_openai::AzureOpenAi,
            AdapterKind::Anthropic => &anthropic::Anthropic,
        }
    }

    /// Its own path for an endpoint, if it differs from OpenAI's.
    pub fn path(&self, endpoint: Endpoint) -> Option<&'static str> {
        let found = self.paths.iter().find(|(name, _)| *name == endpoint.name());
        found.map(|(_, path)| *path)
    }
}
