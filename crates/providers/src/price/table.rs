//! The embedded table and how a model is found in it.

use std::{ops::Range, str};

use super::format::{
    Class, HEADER_BYTES, MAGIC, MODEL_BYTES, Mode, PROVIDER_BYTES, QUALITIES, ServiceTier,
    THRESHOLDS,
};
use crate::names::search;

/// All known prices, sorted by provider and model.
pub struct Table {
    bytes: &'static [u8],
    providers: usize,
    models: usize,
    models_at: usize,
    names_at: usize,
    cards_at: usize,
}

/// A model with its price.
#[derive(Clone, Copy)]
pub struct Model {
    name: &'static str,
    mode: Mode,
    price: Price,
}

/// The prices of one model at one provider.
#[derive(Clone, Copy)]
pub struct Price {
    card: &'static [u8],
    entries: u8,
    free: bool,
    origin: &'static str,
}

/// One line of a price card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) class: Class,
    pub(super) tier: ServiceTier,
    /// Index into [`THRESHOLDS`].
    pub(super) threshold: u8,
    /// Of an image; index into [`QUALITIES`].
    pub(super) quality: u8,
    /// Of an image, in pixels; zeros when sizes are not distinguished.
    pub(super) size: (u16, u16),
    /// In pico-dollars per unit.
    pub(super) pico: i64,
}

static TABLE: Table = Table::over(include_bytes!("../../data/prices.bin"));

/// The table that this release was built with.
pub fn table() -> &'static Table {
    &TABLE
}

impl Table {
    /// The price of a provider's model, by the provider's slug and the model's name as the provider
    /// knows it. Exact names first; then, because a wrong price is worse than none, only:
    ///
    /// - `models/NAME` is `NAME`;
    /// - `ft:BASE:OWNER:…` is `ft:BASE`, if that is listed;
    /// - `NAME-2025-01-31`, `NAME-20250131` and `NAME@20250131` are `NAME`, if that is listed and
    ///   every listed dated version of it costs what it costs.
    pub fn find(&self, provider: &str, model: &str) -> Option<Price> {
        let rows = self.rows(provider)?;
        let bare = model.strip_prefix("models/").unwrap_or(model);
        let at = self
            .position(&rows, model)
            .or_else(|| self.position(&rows, bare))
            .or_else(|| self.position(&rows, tuned_base(bare)?))
            .or_else(|| self.undated(&rows, undated_name(bare)?))?;
        Some(self.price(at))
    }

    /// A provider's models by name; none for a provider that is not listed.
    pub fn models(&self, provider: &str) -> impl Iterator<Item = Model> + '_ {
        self.rows(provider).unwrap_or(0..0).map(|at| self.model(at))
    }

    /// The providers' slugs in order.
    pub fn providers(&self) -> impl Iterator<Item = &'static str> + '_ {
        (0..self.providers).map(|at| self.provider(at))
    }

    /// Models priced, all providers together.
    pub fn len(&self) -> usize {
        self.models
    }

    /// Whether there is no price at all.
    pub fn is_empty(&self) -> bool {
        self.models == 0
    }

    /// Reads the header. Runs when the crate is compiled: a file of another version fails the build.
    const fn over(bytes: &'static [u8]) -> Self {
        let mut at = 0;
        while at < MAGIC.len() {
            assert!(bytes[at] == MAGIC[at], "data/prices.bin has another layout: compile it again");
            at += 1;
        }
        let providers = u32_at(bytes, 8) as usize;
        let models = u32_at(bytes, 12) as usize;
        let names = u32_at(bytes, 16) as usize;
        let cards = u32_at(bytes, 20) as usize;
        let models_at = HEADER_BYTES + (providers + 1) * PROVIDER_BYTES;
        let names_at = models_at + models * MODEL_BYTES;
        let cards_at = names_at + names;
        assert!(bytes.len() == cards_at + cards, "data/prices.bin is cut short: compile it again");
        Self { bytes, providers, models, models_at, names_at, cards_at }
    }

    /// The rows of a provider.
    fn rows(&self, provider: &str) -> Option<Range<usize>> {
        let name_at = |at| self.text_bytes(self.provider_text(at));
        let at = search(0..self.providers, provider, name_at)?;
        let first = |at: usize| {
            u32_at(self.bytes, HEADER_BYTES + at * PROVIDER_BYTES + size_of::<u32>()) as usize
        };
        Some(first(at)..first(at + 1))
    }

    fn position(&self, rows: &Range<usize>, name: &str) -> Option<usize> {
        search(rows.clone(), name, |at| self.text_bytes(self.model_text(at)))
    }

    /// The row of an undated name, unless dated versions of it cost something else.
    fn undated(&self, rows: &Range<usize>, name: &str) -> Option<usize> {
        let found = self.position(rows, name)?;
        let base = self.price(found);
        let siblings = (found + 1..rows.end)
            .map(|at| (at, self.model_name(at)))
            .take_while(|(_, sibling)| sibling.starts_with(name));
        for (at, sibling) in siblings {
            if undated_name(sibling) == Some(name) && !self.price(at).costs_like(&base) {
                return None;
            }
        }
        Some(found)
    }

    fn provider(&self, at: usize) -> &'static str {
        self.text(self.provider_text(at))
    }

    fn provider_text(&self, at: usize) -> u32 {
        u32_at(self.bytes, HEADER_BYTES + at * PROVIDER_BYTES)
    }

    fn model_name(&self, at: usize) -> &'static str {
        self.text(self.model_text(at))
    }

    fn model_text(&self, at: usize) -> u32 {
        u32_at(self.bytes, self.models_at + at * MODEL_BYTES)
    }

    fn model(&self, at: usize) -> Model {
        let mode = self.bytes[self.models_at + at * MODEL_BYTES + 8];
        let mode = Mode::ALL[usize::from(mode)];
        Model { name: self.model_name(at), mode, price: self.price(at) }
    }

    fn price(&self, at: usize) -> Price {
        let row = self.models_at + at * MODEL_BYTES;
        let card = u32_at(self.bytes, row + 4);
        let [origin, free] = [self.bytes[row + 9], self.bytes[row + 10]];
        let origin_at = HEADER_BYTES - (3 - usize::from(origin)) * size_of::<u32>();
        Price {
            card: &self.bytes[self.cards_at + (card >> 8) as usize..],
            entries: card as u8,
            free: free == 1,
            origin: self.text(u32_at(self.bytes, origin_at)),
        }
    }

    /// The text of a reference: its offset among the names in 24 bits, its length in 8.
    fn text(&self, reference: u32) -> &'static str {
        str::from_utf8(self.text_bytes(reference))
            .expect("the compiler writes UTF-8 names, and a test reads every row")
    }

    fn text_bytes(&self, reference: u32) -> &'static [u8] {
        let at = self.names_at + (reference >> 8) as usize;
        &self.bytes[at..at + (reference as u8) as usize]
    }
}

impl Model {
    /// The name, as the provider knows it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it is for.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// What it costs.
    pub fn price(&self) -> Price {
        self.price
    }
}

impl Price {
    /// The data set and its version that this price comes from.
    pub fn origin(&self) -> &'static str {
        self.origin
    }

    /// Whether the model costs nothing, such as one that runs on the operator's own machine.
    pub fn is_free(&self) -> bool {
        self.free
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> + use<> {
        let mut rest = self.card;
        (0..self.entries).map(move |_| Entry::take(&mut rest))
    }

    /// Whether the plain token prices are the same.
    fn costs_like(&self, other: &Self) -> bool {
        let plain = |price: &Self, class| {
            price
                .entries()
                .find(|e| (e.class, e.tier, e.threshold) == (class, ServiceTier::Standard, 0))
                .map(|entry| entry.pico)
        };
        [Class::Input, Class::Output, Class::CacheRead]
            .into_iter()
            .all(|class| plain(self, class) == plain(other, class))
    }
}

impl Entry {
    /// Reads one entry off the front.
    fn take(rest: &mut &'static [u8]) -> Self {
        let class = Class::ALL[usize::from(byte(rest))];
        let condition = byte(rest);
        let (mut quality, mut size) = (0, (0, 0));
        if class == Class::Image {
            quality = byte(rest);
            size.0 = u16::from_le_bytes([byte(rest), byte(rest)]);
            size.1 = u16::from_le_bytes([byte(rest), byte(rest)]);
        }
        let (mut pico, mut shift) = (0, 0);
        loop {
            let next = byte(rest);
            pico |= i64::from(next & 0x7f) << shift;
            shift += 7;
            if next & 0x80 == 0 {
                break;
            }
        }
        let entry = Self {
            class,
            tier: ServiceTier::ALL[usize::from(condition >> 4)],
            threshold: condition & 0xf,
            quality,
            size,
            pico,
        };
        debug_assert!(usize::from(entry.threshold) < THRESHOLDS.len());
        debug_assert!(usize::from(entry.quality) < QUALITIES.len());
        entry
    }
}

fn byte(rest: &mut &'static [u8]) -> u8 {
    let (first, tail) = rest.split_first().expect("a card holds the entries its row counts");
    *rest = tail;
    *first
}

const fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// `ft:BASE` of `ft:BASE:OWNER:…`.
fn tuned_base(model: &str) -> Option<&str> {
    let base = model.strip_prefix("ft:")?.split_once(':')?.0;
    Some(&model[.."ft:".len() + base.len()])
}

/// The name before a trailing date.
fn undated_name(model: &str) -> Option<&str> {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let split = |tail: usize| {
        let at = model.len().checked_sub(tail).filter(|&at| at > 0)?;
        model.split_at_checked(at)
    };
    if let Some((name, date)) = split("-20250131".len())
        && date.starts_with(['-', '@'])
        && date[1..].starts_with("20")
        && digits(&date[1..])
    {
        return Some(name);
    }
    let (name, date) = split("-2025-01-31".len())?;
    let mut parts = date.strip_prefix("-20")?.split('-');
    let whole = [2, 2, 2]
        .into_iter()
        .all(|len| parts.next().is_some_and(|part| part.len() == len && digits(part)));
    whole.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::{tuned_base, undated_name};

    #[test]
    fn only_whole_dates_are_dates() {
        assert_eq!(undated_name("gpt-4o-2024-08-06"), Some("gpt-4o"));
        assert_eq!(undated_name("claude-opus-4-20250514"), Some("claude-opus-4"));
        assert_eq!(undated_name("claude-opus-4@20250514"), Some("claude-opus-4"));
        for other in ["gpt-4-0613", "gpt-4o", "-20250131", "", "model-12345678", "é2024-08-06"] {
            assert_eq!(undated_name(other), None, "{other}");
        }
    }

    #[test]
    fn a_tuned_model_has_a_base() {
        assert_eq!(tuned_base("ft:gpt-4o-2024-08-06:acme::x1"), Some("ft:gpt-4o-2024-08-06"));
        assert_eq!(tuned_base("ft:gpt-4o"), None);
        assert_eq!(tuned_base("gpt-4o"), None);
    }
}
