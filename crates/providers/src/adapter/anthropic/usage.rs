//! What Anthropic says was used.

use portcullis_domain::Usage;
use serde::Deserialize;

use crate::adapter::{Observed, noted};

/// A `usage` object. A stream states it in `message_start` and again, in running totals, in each
/// `message_delta`.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stated {
    /// Input tokens outside the prompt cache.
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    pub(super) cache_read_input_tokens: Option<u64>,
    pub(super) cache_creation_input_tokens: Option<u64>,
    cache_creation: Option<Lifetimes>,
    server_tool_use: Option<ServerTools>,
    /// Which prices hold: `standard`, `priority` or `batch`.
    service_tier: Option<String>,
}

/// Tokens written to the prompt cache, by how long they are kept.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Lifetimes {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct ServerTools {
    web_search_requests: Option<u64>,
}

impl Stated {
    /// Takes what a later statement says; what it leaves out stays.
    pub(super) fn merge(&mut self, later: Self) {
        macro_rules! take { ($($field:ident)*) => {$(
            if later.$field.is_some() { self.$field = later.$field; }
        )*} }
        take!(input_tokens output_tokens cache_read_input_tokens cache_creation_input_tokens
            cache_creation server_tool_use service_tier);
    }

    /// What counts of a `message_start`: the output tokens there are no count of anything yet, and
    /// a stream that breaks off must not seem to have cost that little.
    pub(super) fn at_start(self) -> Self {
        Self { output_tokens: None, ..self }
    }

    /// Has it observed, in place of what was.
    pub(super) fn note(&self, observed: &mut Observed) {
        observed.usage = self.usage();
        observed.service_tier = self.service_tier.as_deref().map(noted);
    }

    /// In our terms, where the input includes what the cache gave and took.
    pub(super) fn usage(&self) -> Usage {
        let written = self.cache_creation_input_tokens;
        let cached = self.cache_read_input_tokens.unwrap_or(0).saturating_add(written.unwrap_or(0));
        Usage {
            input_tokens: self.input_tokens.map(|fresh| fresh.saturating_add(cached)),
            output_tokens: self.output_tokens,
            cache_read_tokens: self.cache_read_input_tokens,
            cache_write_tokens: written,
            // With server tools the total keeps growing while the breakdown stays at its first
            // statement, so it counts only when it adds up.
            cache_write_1h_tokens: self
                .cache_creation
                .filter(|by| {
                    by.ephemeral_5m_input_tokens.checked_add(by.ephemeral_1h_input_tokens)
                        == written
                })
                .map(|by| by.ephemeral_1h_input_tokens),
            web_searches: self.server_tool_use.and_then(|tools| tools.web_search_requests),
            ..Usage::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Stated;

    fn stated(text: &str) -> Stated {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn input_includes_the_cache_and_the_breakdown_counts_when_it_adds_up() {
        let mut sum = stated(
            r#"{"input_tokens":10,"cache_read_input_tokens":100,"cache_creation_input_tokens":30,
                "cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20},
                "output_tokens":1}"#,
        );
        let usage = sum.usage();
        assert_eq!(usage.input_tokens, Some(140));
        assert_eq!(usage.cache_write_1h_tokens, Some(20));

        sum.merge(stated(
            r#"{"cache_creation_input_tokens":50,"output_tokens":9,
                "server_tool_use":{"web_search_requests":2}}"#,
        ));
        let usage = sum.usage();
        assert_eq!(usage.input_tokens, Some(160));
        assert_eq!(usage.output_tokens, Some(9));
        assert_eq!(usage.cache_write_tokens, Some(50));
        assert_eq!(usage.cache_write_1h_tokens, None);
        assert_eq!(usage.web_searches, Some(2));
    }
}
