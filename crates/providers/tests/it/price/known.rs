//! Costs computed by hand from the published prices.

use portcullis_domain::{NanoDollars, Usage};
use portcullis_providers::price::{PriceContext, SearchContext, table};

const USUAL: PriceContext<'_> = PriceContext {
    service_tier: None,
    image_quality: None,
    image_size: None,
    search_context: SearchContext::Medium,
};

/// The cost in nano-dollars.
fn cost(provider: &str, model: &str, usage: Usage, context: PriceContext<'_>) -> Option<i64> {
    let price = table().find(provider, model).unwrap_or_else(|| panic!("{provider} {model}"));
    price.cost(&usage, &context).map(|NanoDollars(nano)| nano)
}

fn tokens(input: u64, output: u64) -> Usage {
    Usage { input_tokens: Some(input), output_tokens: Some(output), ..Usage::default() }
}

#[test]
fn cached_input_and_service_tiers() {
    let usage = Usage { cache_read_tokens: Some(200), ..tokens(1000, 100) };
    let tier = |tier| PriceContext { service_tier: Some(tier), ..USUAL };
    // 800 × 2.50 + 200 × 1.25 + 100 × 10.00 dollars per million.
    assert_eq!(cost("openai", "gpt-4o", usage, USUAL), Some(3_250_000));
    assert_eq!(cost("openai", "gpt-4o", usage, tier("default")), Some(3_250_000));
    // 800 × 1.25 + 200 × 1.25 (no cache price in batches: the usual one) + 100 × 5.00.
    let batch = PriceContext { service_tier: Some("batch"), ..USUAL };
    assert_eq!(cost("openai", "gpt-4o", usage, batch), Some(1_750_000));
    // 800 × 4.25 + 200 × 2.125 + 100 × 17.00.
    assert_eq!(cost("openai", "gpt-4o", usage, tier("priority")), Some(5_525_000));
    assert_eq!(cost("openai", "gpt-4o", usage, tier("a-new-tier")), None);
}

#[test]
fn cache_writes_by_lifetime_and_web_searches() {
    let usage = Usage {
        cache_read_tokens: Some(6000),
        cache_write_tokens: Some(3000),
        cache_write_1h_tokens: Some(1000),
        ..tokens(10_000, 500)
    };
    // 1000 × 3.00 + 6000 × 0.30 + 2000 × 3.75 + 1000 × 6.00 + 500 × 15.00.
    assert_eq!(cost("anthropic", "claude-sonnet-4-5", usage, USUAL), Some(25_800_000));
    let searching = Usage { web_searches: Some(2), ..usage };
    assert_eq!(cost("anthropic", "claude-sonnet-4-5", searching, USUAL), Some(45_800_000));
}

#[test]
fn audio_and_cached_audio() {
    let usage = Usage {
        input_audio_tokens: Some(400),
        output_audio_tokens: Some(200),
        ..tokens(1000, 300)
    };
    // 600 × 2.50 + 400 × 100 + 100 × 10.00 + 200 × 200.
    assert_eq!(cost("openai", "gpt-4o-audio-preview", usage, USUAL), Some(82_500_000));
    let usage = Usage {
        cache_read_tokens: Some(300),
        cached_audio_tokens: Some(200),
        input_audio_tokens: Some(600),
        output_audio_tokens: Some(100),
        ..tokens(1000, 100)
    };
    // 300 × 4.00 + 300 cached × 0.40 + 400 audio × 32.00 + 100 × 64.00.
    assert_eq!(cost("openai", "gpt-realtime", usage, USUAL), Some(20_520_000));
}

#[test]
fn long_contexts_begin_above_the_threshold() {
    // 200,000 × 1.25 + 1000 × 10.00, then 200,001 × 2.50 + 1000 × 15.00.
    assert_eq!(cost("google", "gemini-2.5-pro", tokens(200_000, 1000), USUAL), Some(260_000_000));
    assert_eq!(cost("google", "gemini-2.5-pro", tokens(200_001, 1000), USUAL), Some(515_002_500));
    let batch = PriceContext { service_tier: Some("batch"), ..USUAL };
    // 200,001 × 1.25 + 1000 × 7.50.
    assert_eq!(cost("google", "gemini-2.5-pro", tokens(200_001, 1000), batch), Some(257_501_250));
}

#[test]
fn images_by_quality_and_size_or_by_tokens() {
    let two = Usage { images: Some(2), ..Usage::default() };
    let asked = |quality, size| PriceContext { image_quality: quality, image_size: size, ..USUAL };
    for (quality, size, nano) in [
        (None, None, Some(80_000_000)),
        (Some("auto"), Some("auto"), Some(80_000_000)),
        (Some("hd"), Some("1024x1792"), Some(240_000_000)),
        (Some("hd"), None, Some(160_000_000)),
        (Some("hd"), Some("31x31"), None),
        (Some("splendid"), None, None),
        (Some("hd"), Some("large"), None),
    ] {
        let cost = cost("openai", "dall-e-3", two, asked(quality, size));
        assert_eq!(cost, nano, "{quality:?} {size:?}");
    }
    let one = Usage { images: Some(1), ..Usage::default() };
    let high = asked(Some("high"), Some("1024x1024"));
    assert_eq!(cost("openai", "gpt-image-1", one, high), Some(167_000_000));
    // Once: the tokens are the image. 50 × 5.00 + 4160 × 40.00.
    let both = Usage { images: Some(1), ..tokens(50, 4160) };
    assert_eq!(cost("openai", "gpt-image-1", both, high), Some(166_650_000));
}

#[test]
fn time_characters_pages_and_requests() {
    let usage = Usage { audio_millis: Some(1500), ..Usage::default() };
    assert_eq!(cost("openai", "whisper-1", usage, USUAL), Some(150_000), "0.006 a minute");
    assert_eq!(cost("openai", "gpt-4o-transcribe", usage, USUAL), Some(150_000));
    // By tokens where they are stated, and not by time again.
    let usage = Usage { audio_millis: Some(1500), ..tokens(100, 10) };
    assert_eq!(cost("openai", "gpt-4o-transcribe", usage, USUAL), Some(350_000));
    let usage = Usage { characters: Some(1000), ..Usage::default() };
    assert_eq!(cost("openai", "tts-1", usage, USUAL), Some(15_000_000));
    let usage = Usage { pages: Some(3), ..Usage::default() };
    assert_eq!(cost("mistral-ai", "mistral-ocr-latest", usage, USUAL), Some(12_000_000));
    let rerank = cost("cohere", "rerank-v3.5", Usage::default(), USUAL);
    assert_eq!(rerank, Some(2_000_000));
}

#[test]
fn reasoning_without_a_price_of_its_own_is_output() {
    let thinking = Usage { reasoning_tokens: Some(80), ..tokens(0, 100) };
    assert_eq!(
        cost("openai", "gpt-5", thinking, USUAL),
        cost("openai", "gpt-5", tokens(0, 100), USUAL)
    );
}

#[test]
fn what_has_no_price_is_never_free() {
    // Embeddings have no output price.
    assert_eq!(cost("openai", "text-embedding-3-small", tokens(10, 0), USUAL), Some(200));
    assert_eq!(cost("openai", "text-embedding-3-small", tokens(10, 1), USUAL), None);
    // A chat model has no price for characters or images alone.
    let characters = Usage { characters: Some(10), ..Usage::default() };
    assert_eq!(cost("openai", "gpt-4o", characters, USUAL), None);
    let images = Usage { images: Some(1), ..Usage::default() };
    assert_eq!(cost("openai", "gpt-4o", images, USUAL), None);
    // A model by the minute has none for tokens.
    assert_eq!(cost("openai", "whisper-1", tokens(10, 10), USUAL), None);
    // Nobody said what was consumed; but a stated zero is a zero.
    assert_eq!(cost("openai", "gpt-4o", Usage::default(), USUAL), None);
    assert_eq!(cost("openai", "gpt-4o", tokens(0, 0), USUAL), Some(0));
}

#[test]
fn parts_are_never_charged_beyond_their_total() {
    let wrong = Usage { cache_read_tokens: Some(5000), ..tokens(1000, 0) };
    let all_cached = Usage { cache_read_tokens: Some(1000), ..tokens(1000, 0) };
    assert_eq!(cost("openai", "gpt-4o", wrong, USUAL), cost("openai", "gpt-4o", all_cached, USUAL));
}
