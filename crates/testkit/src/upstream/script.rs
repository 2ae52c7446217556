//! How a call asks the upstream to misbehave.
//!
//! Directives are words joined by `+`, spaces or commas, in any of: the model name
//! (`chunks-100+gap-5`), the header `x-upstream-script`, the query member `script`, or the prompt
//! (`[script status-500]`). The last place lets a test keep a real, priced model name. Words that
//! are no directive are ignored, so `gpt-4o-mini` is a model like any other.

use std::time::Duration;

/// What one call asked for. The default is a well-behaved answer at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// `slow-<ms>`: wait before the head of the answer.
    pub slow: Duration,
    /// `gap-<ms>`: wait before each event after the first.
    pub gap: Duration,
    /// `status-<code>`: answer this error.
    pub status: Option<u16>,
    /// `retry-after-<s>`: send the header on an error.
    pub retry_after: Option<u64>,
    /// `chunks-<n>`: the text comes in exactly this many pieces.
    pub chunks: Option<usize>,
    /// `bytes-<n>`: the text, or the binary body, is this long.
    pub bytes: Option<usize>,
    /// `split-<n>`: write the body in pieces of this many bytes, wherever events end.
    pub split: Option<usize>,
    /// `die-after-<n>-chunks`: close the connection after this many events.
    pub die_after: Option<usize>,
    /// `hang-after-<n>-chunks`: send nothing more after this many events.
    pub hang_after: Option<usize>,
    /// `error-after-<n>-chunks`: an error event in the dialect's form, then the end.
    pub error_after: Option<usize>,
    /// `cached-<n>`: report this many prompt tokens as read from the provider's cache.
    pub cached: u64,
    /// `reasoning-<n>`: report this many reasoning tokens.
    pub reasoning: u64,
    /// `hang`: never answer.
    pub hang: bool,
    /// `reset`: reset the TCP connection instead of answering.
    pub reset: bool,
    /// `no-usage`: report no usage at all.
    pub no_usage: bool,
    /// `garbage`: answer 200 with bytes that are no JSON.
    pub garbage: bool,
}

impl Script {
    /// Adds the directives found in `words` to this script.
    pub fn read(&mut self, words: &str) {
        for word in words.split(|c: char| c == '+' || c == ',' || c.is_whitespace()) {
            self.directive(word);
        }
    }

    /// Adds the directives of every `[script …]` in a request body, in whatever dialect it is.
    pub fn read_prompt(&mut self, body: &[u8]) {
        const OPEN: &[u8] = b"[script ";
        for start in memchr::memmem::find_iter(body, OPEN) {
            let rest = &body[start + OPEN.len()..];
            if let Some(end) = memchr::memchr(b']', rest) {
                self.read(&String::from_utf8_lossy(&rest[..end]));
            }
        }
    }

    fn directive(&mut self, word: &str) {
        let after = |name: &str| {
            word.strip_prefix(name)?.strip_prefix("-after-")?.strip_suffix("-chunks")?.parse().ok()
        };
        if let Some(count) = after("die") {
            self.die_after = Some(count);
        } else if let Some(count) = after("hang") {
            self.hang_after = Some(count);
        } else if let Some(count) = after("error") {
            self.error_after = Some(count);
        } else if let Some((name, Ok(value))) =
            word.rsplit_once('-').map(|(name, value)| (name, value.parse::<u64>()))
        {
            self.number(name, value);
        } else {
            match word {
                "hang" => self.hang = true,
                "reset" => self.reset = true,
                "no-usage" => self.no_usage = true,
                "garbage" => self.garbage = true,
                _ => {}
            }
        }
    }

    fn number(&mut self, name: &str, value: u64) {
        let count = usize::try_from(value).unwrap_or(usize::MAX);
        match name {
            "slow" => self.slow = Duration::from_millis(value),
            "gap" => self.gap = Duration::from_millis(value),
            "status" => self.status = u16::try_from(value).ok(),
            "retry-after" => self.retry_after = Some(value),
            "chunks" => self.chunks = Some(count),
            "bytes" => self.bytes = Some(count),
            "split" => self.split = Some(count.max(1)),
            "cached" => self.cached = value,
            "reasoning" => self.reasoning = value,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_join_and_unknown_words_do_nothing() {
        let mut script = Script::default();
        script.read("gpt-4o-mini");
        script.read("claude-sonnet-4-20250514");
        assert_eq!(script, Script::default());

        script.read("chunks-100+gap-5 die-after-3-chunks,status-503+retry-after-7");
        assert_eq!(script.chunks, Some(100));
        assert_eq!(script.gap, Duration::from_millis(5));
        assert_eq!(script.die_after, Some(3));
        assert_eq!(script.status, Some(503));
        assert_eq!(script.retry_after, Some(7));
    }

    #[test]
    fn a_prompt_carries_directives() {
        let mut script = Script::default();
        script
            .read_prompt(br#"{"messages":[{"content":"hi [script hang-after-2-chunks] there"}]}"#);
        assert_eq!(script.hang_after, Some(2));
    }
}
