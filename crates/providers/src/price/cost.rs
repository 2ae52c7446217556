//! What a call cost: integer arithmetic over what it consumed, with one rounding at the end.

use portcullis_domain::{NanoDollars, Usage};

use super::{
    format::{Class, QUALITIES, ServiceTier, THRESHOLDS},
    table::Price,
};

/// What else a price depends on, as the request asked or the provider answered.
#[derive(Clone, Copy, Debug, Default)]
pub struct PriceContext<'a> {
    /// The provider's word for the service tier that served, `batch` among them; nothing is the
    /// usual one.
    pub service_tier: Option<&'a str>,
    /// The quality asked for the images, such as `high`.
    pub image_quality: Option<&'a str>,
    /// The size asked for the images in pixels, such as `1024x1536`.
    pub image_size: Option<&'a str>,
    /// How much context web searches brought in.
    pub search_context: SearchContext,
}

/// How much context a web search brings in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SearchContext {
    /// Little.
    Low,
    /// The usual amount.
    #[default]
    Medium,
    /// Much.
    High,
}

/// Sums are kept in pico-dollars divided by this, the milliseconds of a minute, so that audio by
/// the millisecond stays exact.
const FINE: i128 = 60_000;

impl Price {
    /// What `usage` costs, or nothing when the call is unpriced: something was consumed that has
    /// no price, the service tier is unknown, or nobody said what was consumed.
    ///
    /// - Classes inside a total are taken out of it and charged at their own price, or at their
    ///   parent's where they have none: cached audio as input audio, any cached or audio or image
    ///   input as input, reasoning and audio and image output as output, an hour's cache write as
    ///   a cache write. Together they are never charged for more units than the total states.
    /// - A long context is one whose input tokens, all classes together, exceed a threshold; it
    ///   changes every class that has a price above it.
    /// - A service tier without a price of its own costs what the usual one does.
    /// - Tokens, images, time, characters and pages measure the same consumption. A model with
    ///   token prices is charged by tokens, and by the other measures only where no tokens are
    ///   stated; a model without token prices is charged by the other measures.
    pub fn cost(&self, usage: &Usage, context: &PriceContext<'_>) -> Option<NanoDollars> {
        if self.is_free() {
            return Some(NanoDollars(0));
        }
        let rates = Rates {
            price: *self,
            of: self.rates(ServiceTier::of(context)?, usage.input_tokens.unwrap_or(0)),
            context,
        };
        let consumption = if rates.are_for_tokens() {
            if *usage == Usage::default() && rates[Class::Request].is_none() {
                return None;
            }
            rates.input(usage)?.saturating_add(rates.output(usage)?)
        } else {
            rates.measures(usage)?
        };
        let request = i128::from(rates[Class::Request].unwrap_or(0)) * FINE;
        let sum = consumption.saturating_add(request).saturating_add(rates.searches(usage)?);
        // The floor does not add a rounding: half a nano-dollar is a whole number of pico-dollars.
        Some(NanoDollars::from_pico(sum.div_euclid(FINE)))
    }

    /// The price of a class in pico-dollars per unit at a service tier and a number of input
    /// tokens. Images have theirs by quality and size and are not told here.
    pub fn rate(&self, class: Class, tier: ServiceTier, input_tokens: u64) -> Option<i64> {
        self.rates(tier, input_tokens)[class as usize]
    }

    fn rates(&self, tier: ServiceTier, input_tokens: u64) -> [Option<i64>; Class::ALL.len()] {
        let mut rates = [None; Class::ALL.len()];
        let mut ranks = [0; Class::ALL.len()];
        for entry in self.entries().filter(|entry| entry.class != Class::Image) {
            let applies = (entry.tier == tier || entry.tier == ServiceTier::Standard)
                && (entry.threshold == 0
                    || input_tokens > THRESHOLDS[usize::from(entry.threshold)]);
            // The context counts before the tier: providers that state no price for a tier in long
            // contexts do not offer it there.
            let rank = 1 + 2 * entry.threshold + u8::from(entry.tier == tier);
            let class = entry.class as usize;
            if applies && rank > ranks[class] {
                ranks[class] = rank;
                rates[class] = Some(entry.pico);
            }
        }
        rates
    }
}

impl ServiceTier {
    fn of(context: &PriceContext<'_>) -> Option<Self> {
        match context.service_tier {
            None | Some("" | "default" | "standard" | "standard_only" | "auto" | "on_demand") => {
                Some(Self::Standard)
            }
            Some("batch") => Some(Self::Batch),
            Some("flex") => Some(Self::Flex),
            Some("priority") => Some(Self::Priority),
            Some("ultrafast") => Some(Self::Ultrafast),
            Some(_) => None,
        }
    }
}

/// The prices that hold for one call. Sums are in [`FINE`] parts of a pico-dollar.
struct Rates<'a> {
    price: Price,
    of: [Option<i64>; Class::ALL.len()],
    context: &'a PriceContext<'a>,
}

impl std::ops::Index<Class> for Rates<'_> {
    type Output = Option<i64>;
    fn index(&self, class: Class) -> &Option<i64> {
        &self.of[class as usize]
    }
}

impl Rates<'_> {
    fn are_for_tokens(&self) -> bool {
        Class::ALL.into_iter().any(|class| class.is_token() && self[class].is_some())
    }

    fn input(&self, usage: &Usage) -> Option<i128> {
        use Class::{
            CacheRead, CacheWrite, CacheWrite1h, CachedAudio, Input, InputAudio, InputImage,
        };
        let units = |class: Option<u64>| class.unwrap_or(0);
        let cached_audio = units(usage.cached_audio_tokens);
        let hour = units(usage.cache_write_1h_tokens);
        let parts: [(u64, &[Class]); 6] = [
            (cached_audio, &[CachedAudio, InputAudio, CacheRead, Input]),
            (units(usage.cache_read_tokens).saturating_sub(cached_audio), &[CacheRead, Input]),
            (hour, &[CacheWrite1h, CacheWrite, Input]),
            (units(usage.cache_write_tokens).saturating_sub(hour), &[CacheWrite, Input]),
            (units(usage.input_audio_tokens).saturating_sub(cached_audio), &[InputAudio, Input]),
            (units(usage.input_image_tokens), &[InputImage, Input]),
        ];
        match self.tokens(usage.input_tokens, &parts, Input)? {
            0 if !has_any(&parts, usage.input_tokens) => Some(
                self.audio(usage.audio_millis)?
                    .saturating_add(self.units(usage.characters, Class::Character)?)
                    .saturating_add(self.units(usage.pages, Class::Page)?),
            ),
            sum => Some(sum),
        }
    }

    fn output(&self, usage: &Usage) -> Option<i128> {
        use Class::{Output, OutputAudio, OutputImage, Reasoning};
        let units = |class: Option<u64>| class.unwrap_or(0);
        let parts: [(u64, &[Class]); 3] = [
            (units(usage.reasoning_tokens), &[Reasoning, Output]),
            (units(usage.output_audio_tokens), &[OutputAudio, Output]),
            (units(usage.output_image_tokens), &[OutputImage, Output]),
        ];
        match self.tokens(usage.output_tokens, &parts, Output)? {
            0 if !has_any(&parts, usage.output_tokens) => self.images(usage.images),
            sum => Some(sum),
        }
    }

    /// A total and its parts: each part at the first price of its list, the rest at `class`'s.
    fn tokens(&self, total: Option<u64>, parts: &[(u64, &[Class])], class: Class) -> Option<i128> {
        let mut left = total.unwrap_or(u64::MAX);
        let mut sum = 0i128;
        for &(units, prices) in parts {
            let units = units.min(left);
            left -= units;
            if units > 0 {
                let rate = prices.iter().find_map(|&class| self[class])?;
                sum = sum.saturating_add(charge(rate, units));
            }
        }
        let rest = if total.is_some() { left } else { 0 };
        Some(sum.saturating_add(self.units(Some(rest), class)?))
    }

    /// By other measures than tokens; at least one of them must be known.
    fn measures(&self, usage: &Usage) -> Option<i128> {
        let stated = [usage.images, usage.audio_millis, usage.characters, usage.pages];
        if stated.iter().all(Option::is_none) && self[Class::Request].is_none() {
            return None;
        }
        Some(
            self.images(usage.images)?
                .saturating_add(self.audio(usage.audio_millis)?)
                .saturating_add(self.units(usage.characters, Class::Character)?)
                .saturating_add(self.units(usage.pages, Class::Page)?),
        )
    }

    fn searches(&self, usage: &Usage) -> Option<i128> {
        let special = match self.context.search_context {
            SearchContext::Low => Class::WebSearchLow,
            SearchContext::Medium => Class::WebSearch,
            SearchContext::High => Class::WebSearchHigh,
        };
        let class = if self[special].is_some() { special } else { Class::WebSearch };
        self.units(usage.web_searches, class)
    }

    fn units(&self, units: Option<u64>, class: Class) -> Option<i128> {
        match units {
            None | Some(0) => Some(0),
            Some(units) => Some(charge(self[class]?, units)),
        }
    }

    fn audio(&self, millis: Option<u64>) -> Option<i128> {
        match millis {
            None | Some(0) => Some(0),
            Some(millis) => Some(i128::from(self[Class::AudioMinute]?) * i128::from(millis)),
        }
    }

    fn images(&self, images: Option<u64>) -> Option<i128> {
        match images {
            None | Some(0) => Some(0),
            Some(images) => Some(charge(self.image()?, images)),
        }
    }

    /// The price of one image. A quality or size that was asked for must be listed, unless the
    /// model does not distinguish any.
    fn image(&self) -> Option<i64> {
        let entries = || self.price.entries().filter(|entry| entry.class == Class::Image);
        let quality = match self.context.image_quality {
            Some(asked) if asked != "auto" && entries().any(|entry| entry.quality > 0) => {
                QUALITIES.iter().position(|name| *name == asked).filter(|&at| at > 0)? as u8
            }
            _ => 0,
        };
        let of_quality = || entries().filter(move |entry| entry.quality == quality);
        let size = match self.context.image_size {
            Some(asked) if asked != "auto" && of_quality().any(|entry| entry.size != (0, 0)) => {
                let (width, height) = asked.split_once('x')?;
                (width.parse().ok()?, height.parse().ok()?)
            }
            _ => (0, 0),
        };
        of_quality().find(|entry| entry.size == size).map(|entry| entry.pico)
    }
}

fn has_any(parts: &[(u64, &[Class])], total: Option<u64>) -> bool {
    total.unwrap_or(0) > 0 || (total.is_none() && parts.iter().any(|(units, _)| *units > 0))
}

fn charge(rate: i64, units: u64) -> i128 {
    (i128::from(rate) * i128::from(units)).saturating_mul(FINE)
}
