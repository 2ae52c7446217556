//! Costs against exact fractions, summed part by part and rounded once.

use portcullis_domain::{NanoDollars, Usage};
use portcullis_providers::price::{Class, PriceContext, ServiceTier, table};
use proptest::prelude::*;

/// A fraction of whole numbers; sums are exact.
#[derive(Clone, Copy)]
struct Fraction {
    over: i128,
    under: i128,
}

impl Fraction {
    fn plus(self, over: i128, under: i128) -> Self {
        Self { over: self.over * under + over * self.under, under: self.under * under }
    }

    /// Nano-dollars of a fraction of a pico-dollar, half up: floor(x / 1000 + 1 / 2).
    fn nano(self) -> i64 {
        let under = self.under * 2000;
        let over = self.over * 2 + self.under * 1000;
        i64::try_from(over.div_euclid(under)).expect("the units of a test are few")
    }
}

/// A consistent usage from six input classes and four output classes.
fn usage(input: [u64; 6], output: [u64; 4]) -> Usage {
    let [text, read, write, hour, audio, image] = input;
    let [said, reasoning, spoken, drawn] = output;
    Usage {
        input_tokens: Some(input.iter().sum()),
        output_tokens: Some(said + reasoning + spoken + drawn),
        cache_read_tokens: Some(read),
        cache_write_tokens: Some(write + hour),
        cache_write_1h_tokens: Some(hour),
        input_audio_tokens: Some(audio),
        input_image_tokens: Some(image),
        reasoning_tokens: Some(reasoning),
        output_audio_tokens: Some(spoken),
        output_image_tokens: Some(drawn),
        ..Usage { characters: Some(text), ..Usage::default() }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tokens(
        row in any::<prop::sample::Index>(),
        input in prop::array::uniform6(0u64..200_000),
        output in prop::array::uniform4(0u64..50_000),
        tier in 0usize..4,
        searches in 0u64..4,
    ) {
        let table = table();
        let models: Vec<_> = table.providers().flat_map(|provider| table.models(provider)).collect();
        let price = row.get(&models).price();
        let tier = ServiceTier::ALL[tier];
        let name = [None, Some("batch"), Some("flex"), Some("priority")][tier as usize];
        let usage = Usage { web_searches: Some(searches), ..usage(input, output) };
        let rate = |class| price.rate(class, tier, usage.input_tokens.unwrap());
        prop_assume!(!price.is_free());
        prop_assume!(Class::ALL.iter().any(|class| class.is_token() && rate(*class).is_some()));
        prop_assume!(usage.input_tokens > Some(0) && usage.output_tokens > Some(0));

        let parts: [(u64, &[Class]); 11] = [
            (input[0], &[Class::Input]),
            (input[1], &[Class::CacheRead, Class::Input]),
            (input[2], &[Class::CacheWrite, Class::Input]),
            (input[3], &[Class::CacheWrite1h, Class::CacheWrite, Class::Input]),
            (input[4], &[Class::InputAudio, Class::Input]),
            (input[5], &[Class::InputImage, Class::Input]),
            (output[0], &[Class::Output]),
            (output[1], &[Class::Reasoning, Class::Output]),
            (output[2], &[Class::OutputAudio, Class::Output]),
            (output[3], &[Class::OutputImage, Class::Output]),
            (searches, &[Class::WebSearch]),
        ];
        let sum = parts
            .into_iter()
            .filter(|(units, _)| *units > 0)
            .map(|(units, classes)| {
                Some(i128::from(units) * i128::from(classes.iter().find_map(|c| rate(*c))?))
            })
            .try_fold(Fraction { over: 0, under: 1 }, |sum, part| Some(sum.plus(part?, 1)))
            .map(|sum| sum.plus(i128::from(rate(Class::Request).unwrap_or(0)), 1).nano());
        let context = PriceContext { service_tier: name, ..PriceContext::default() };
        prop_assert_eq!(price.cost(&usage, &context), sum.map(NanoDollars));
    }

    #[test]
    fn time(millis in 1u64..100_000_000) {
        for (provider, model) in [("openai", "whisper-1"), ("deepgram", "nova-3")] {
            let price = table().find(provider, model).unwrap();
            let minute = price.rate(Class::AudioMinute, ServiceTier::Standard, 0).unwrap();
            let usage = Usage { audio_millis: Some(millis), ..Usage::default() };
            let exact = Fraction { over: 0, under: 1 }
                .plus(i128::from(minute) * i128::from(millis), 60_000);
            let cost = price.cost(&usage, &PriceContext::default());
            prop_assert_eq!(cost, Some(NanoDollars(exact.nano())));
        }
    }

    #[test]
    fn nothing_overflows(units in prop::array::uniform6(any::<u64>()), row in any::<prop::sample::Index>()) {
        let table = table();
        let models: Vec<_> = table.providers().flat_map(|provider| table.models(provider)).collect();
        let usage = Usage {
            input_tokens: Some(units[0]),
            output_tokens: Some(units[1]),
            cache_read_tokens: Some(units[2]),
            images: Some(units[3]),
            audio_millis: Some(units[4]),
            web_searches: Some(units[5]),
            ..Usage::default()
        };
        if let Some(cost) = row.get(&models).price().cost(&usage, &PriceContext::default()) {
            prop_assert!(cost >= NanoDollars(0));
        }
    }
}
