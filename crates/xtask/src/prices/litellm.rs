//! Reads LiteLLM's file: one object, dollars per unit, the unit and conditions in field names.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{
    Card, IMPLAUSIBLE_TOKEN, Key, Origin, Report, Row, Rows,
    format::{Class, Mode, QUALITIES, ServiceTier, THRESHOLDS},
    pico::{self, DOLLARS},
};

type Fields = BTreeMap<String, Box<RawValue>>;

/// LiteLLM's provider, the prefix of its models' names, and our slug.
const PROVIDERS: &[(&str, &str, &str)] = &[
    ("ai21", "ai21/", "ai21"),
    ("anthropic", "anthropic/", "anthropic"),
    ("anyscale", "anyscale/", "anyscale"),
    ("azure", "azure/", "azure-openai"),
    ("azure_ai", "azure_ai/", "azure-ai"),
    ("azure_text", "azure/", "azure-openai"),
    ("bedrock", "bedrock/", "bedrock"),
    ("bedrock_converse", "bedrock/", "bedrock"),
    ("bedrock_mantle", "bedrock_mantle/", "bedrock-mantle"),
    ("bigmodel", "bigmodel/", "zhipu"),
    ("cerebras", "cerebras/", "cerebras"),
    ("cloudflare", "cloudflare/", "workers-ai"),
    ("codestral", "codestral/", "mistral-ai"),
    ("cohere", "cohere/", "cohere"),
    ("cohere_chat", "cohere/", "cohere"),
    ("dashscope", "dashscope/", "dashscope"),
    ("databricks", "databricks/", "databricks"),
    ("deepgram", "deepgram/", "deepgram"),
    ("deepinfra", "deepinfra/", "deepinfra"),
    ("deepseek", "deepseek/", "deepseek"),
    ("fal_ai", "fal_ai/", "fal-ai"),
    ("featherless_ai", "featherless_ai/", "featherless-ai"),
    ("fireworks_ai", "fireworks_ai/", "fireworks-ai"),
    ("fireworks_ai-embedding-models", "fireworks_ai/", "fireworks-ai"),
    ("gemini", "gemini/", "google"),
    ("groq", "groq/", "groq"),
    ("hyperbolic", "hyperbolic/", "hyperbolic"),
    ("jina_ai", "jina_ai/", "jina"),
    ("lambda_ai", "lambda_ai/", "lambda"),
    ("minimax", "minimax/", "minimax"),
    ("mistral", "mistral/", "mistral-ai"),
    ("moonshot", "moonshot/", "moonshot"),
    ("nebius", "nebius/", "nebius"),
    ("novita", "novita/", "novita-ai"),
    ("nscale", "nscale/", "nscale"),
    ("oci", "oci/", "oracle"),
    ("ollama", "ollama/", "ollama"),
    ("openai", "openai/", "openai"),
    ("openrouter", "openrouter/", "openrouter"),
    ("ovhcloud", "ovhcloud/", "ovhcloud"),
    ("perplexity", "perplexity/", "perplexity-ai"),
    ("recraft", "recraft/", "recraft-ai"),
    ("replicate", "replicate/", "replicate"),
    ("sagemaker", "sagemaker/", "sagemaker"),
    ("sambanova", "sambanova/", "sambanova"),
    ("snowflake", "snowflake/", "snowflake"),
    ("stability", "stability/", "stability-ai"),
    ("text-completion-openai", "openai/", "openai"),
    ("together_ai", "together_ai/", "together-ai"),
    ("vertex_ai", "vertex_ai/", "vertex-ai"),
    ("voyage", "voyage/", "voyage"),
    ("xai", "xai/", "x-ai"),
    ("zai", "zai/", "z-ai"),
];

/// Deployments that are priced for one region only; ours are the default ones.
const AZURE_REGIONS: [&str; 4] = ["eu", "us", "global", "global-standard"];

/// The rows of the file, priced or not.
pub(super) fn read(text: &str, report: &mut Report) -> Result<Rows, serde_json::Error> {
    let entries: BTreeMap<String, Fields> = serde_json::from_str(text)?;
    let mut rows = Rows::new();
    // A name with its provider's prefix is the more deliberate of two; it comes last and wins.
    let mut ordered: Vec<_> = entries.iter().collect();
    ordered.sort_by_key(|(name, fields)| {
        (provider(fields).is_some_and(|p| name.starts_with(p.1)), *name)
    });
    for (key, fields) in ordered {
        let Some(&(_, prefix, slug)) = provider(fields) else {
            report.foreign += 1;
            continue;
        };
        let stated = fields.get("mode").and_then(|mode| string(mode)).unwrap_or_default();
        let Some(mode) = mode(stated) else {
            report.foreign += 1;
            continue;
        };
        let name = key.strip_prefix(prefix).unwrap_or(key);
        if is_regional(slug, name) || name.ends_with("-steps") || name.contains("-steps/") {
            report.regional += 1;
            continue;
        }
        let (model, quality, size) = sized_image(name).unwrap_or((name, 0, (0, 0)));
        let mut card = card(fields, mode, report);
        if size != (0, 0) {
            // Only the price of an image differs by size; tokens are on the plain row.
            card = card
                .into_iter()
                .filter(|(key, _)| *key == Key::plain(Class::Image))
                .map(|(key, pico)| (Key { quality, size, ..key }, pico))
                .collect();
        }
        let row = rows.entry((slug.to_owned(), model.to_owned())).or_insert_with(|| Row {
            mode,
            free: false,
            card: Card::new(),
            origin: Origin::LiteLlm,
        });
        row.mode = mode;
        row.card.extend(card);
        row.free = slug == "ollama" && !model.ends_with("-cloud") && row.card.is_empty();
    }
    Ok(rows)
}

fn provider(fields: &Fields) -> Option<&'static (&'static str, &'static str, &'static str)> {
    let stated = string(fields.get("litellm_provider")?)?;
    let stated = if stated.starts_with("vertex_ai") { "vertex_ai" } else { stated };
    PROVIDERS.iter().find(|(name, ..)| *name == stated)
}

/// Nothing for what is no model that a gateway calls.
fn mode(stated: &str) -> Option<Mode> {
    Some(match stated {
        "chat" => Mode::Chat,
        "completion" => Mode::Completion,
        "responses" => Mode::Responses,
        "embedding" => Mode::Embedding,
        "image_generation" | "image_edit" => Mode::Image,
        "audio_transcription" => Mode::Transcription,
        "audio_speech" => Mode::Speech,
        "realtime" => Mode::Realtime,
        "rerank" => Mode::Rerank,
        "moderation" => Mode::Moderation,
        "ocr" => Mode::Ocr,
        "video_generation" => Mode::Video,
        "" => Mode::Unknown,
        _ => return None,
    })
}

fn is_regional(slug: &str, name: &str) -> bool {
    let Some((first, _)) = name.split_once('/') else { return false };
    match slug {
        "azure-openai" | "azure-ai" => AZURE_REGIONS.contains(&first),
        "bedrock" | "bedrock-mantle" => {
            first == "*"
                || first.ends_with(|c: char| c.is_ascii_digit()) && first.matches('-').count() >= 2
        }
        _ => false,
    }
}

/// `high/1024-x-1536/MODEL` or `1024-x-1536/MODEL`: the model, the quality's code and the size.
fn sized_image(name: &str) -> Option<(&str, u8, (u16, u16))> {
    let (first, rest) = name.split_once('/')?;
    if let Some((width, height)) = first.split_once("-x-") {
        return Some((rest, 0, (width.parse().ok()?, height.parse().ok()?)));
    }
    let quality = QUALITIES.iter().position(|quality| *quality == first)? as u8;
    let (size, model) = rest.split_once('/')?;
    let (width, height) = size.split_once("-x-")?;
    Some((model, quality, (width.parse().ok()?, height.parse().ok()?)))
}

fn card(fields: &Fields, mode: Mode, report: &mut Report) -> Card {
    let mut card = Card::new();
    for (name, value) in fields {
        if let Some((key, times)) = key(name, mode) {
            add(&mut card, key, value.get(), times, report);
        }
    }
    let tiers = fields.get("tiered_pricing").map(|raw| raw.get()).unwrap_or("[]");
    // Tiers by something else than input tokens have no range of that form; they are left out.
    for tier in serde_json::from_str::<Vec<Fields>>(tiers).unwrap_or_default() {
        let Some([from, _]) =
            tier.get("range").and_then(|range| serde_json::from_str::<[f64; 2]>(range.get()).ok())
        else {
            continue;
        };
        let Some(threshold) = THRESHOLDS.iter().position(|at| *at as f64 == from) else { continue };
        for (name, value) in &tier {
            if let Some((key, times)) = key(name, mode) {
                let key = Key { threshold: threshold as u8, ..key };
                add(&mut card, key, value.get(), times, report);
            }
        }
    }
    if let Some(searches) = fields.get("search_context_cost_per_query") {
        let sizes: Fields = serde_json::from_str(searches.get()).unwrap_or_default();
        for (class, size) in [
            (Class::WebSearch, "search_context_size_medium"),
            (Class::WebSearchLow, "search_context_size_low"),
            (Class::WebSearchHigh, "search_context_size_high"),
        ] {
            if let Some(value) = sizes.get(size) {
                add(&mut card, Key::plain(class), value.get(), 1, report);
            }
        }
        let usual = card.get(&Key::plain(Class::WebSearch)).copied();
        for class in [Class::WebSearchLow, Class::WebSearchHigh] {
            if usual.is_some() && card.get(&Key::plain(class)).copied() == usual {
                card.remove(&Key::plain(class));
            }
        }
    }
    card
}

fn add(card: &mut Card, key: Key, text: &str, times: u32, report: &mut Report) {
    // A zero says "unknown" more often than "free", so it is no price.
    let Some(read) = pico::parse(text, DOLLARS, times).filter(|read| read.pico > 0) else { return };
    if key.class.is_token() && read.pico >= IMPLAUSIBLE_TOKEN {
        report.implausible += 1;
        return;
    }
    report.rounded += usize::from(!read.exact);
    card.insert(key, read.pico);
}

/// What a field prices, and how many of its units make one of ours.
fn key(field: &str, mode: Mode) -> Option<(Key, u32)> {
    let (field, tier) = [
        ("_batches", ServiceTier::Batch),
        ("_flex", ServiceTier::Flex),
        ("_priority", ServiceTier::Priority),
        ("_ultrafast", ServiceTier::Ultrafast),
    ]
    .into_iter()
    .find_map(|(suffix, tier)| Some((field.strip_suffix(suffix)?, tier)))
    .unwrap_or((field, ServiceTier::Standard));
    let (field, threshold) = match field.strip_suffix("k_tokens") {
        Some(rest) => {
            let (field, thousands) = rest.rsplit_once("_above_")?;
            let tokens = thousands.parse::<u64>().ok()? * 1000;
            (field, THRESHOLDS.iter().position(|at| *at == tokens)? as u8)
        }
        None => (field, 0),
    };
    let (class, times) = match (field, mode) {
        ("input_cost_per_token", _) => (Class::Input, 1),
        ("output_cost_per_token", _) => (Class::Output, 1),
        ("cache_read_input_token_cost" | "input_cost_per_token_cache_hit", _) => {
            (Class::CacheRead, 1)
        }
        ("cache_creation_input_token_cost", _) => (Class::CacheWrite, 1),
        ("cache_creation_input_token_cost_above_1hr", _) => (Class::CacheWrite1h, 1),
        ("cache_creation_input_token_cost_above_12hr", _) => (Class::CacheWrite12h, 1),
        ("output_cost_per_reasoning_token", _) => (Class::Reasoning, 1),
        ("input_cost_per_audio_token", _) => (Class::InputAudio, 1),
        ("cache_read_input_audio_token_cost", _) => (Class::CachedAudio, 1),
        ("output_cost_per_audio_token", _) => (Class::OutputAudio, 1),
        ("input_cost_per_image_token", _) => (Class::InputImage, 1),
        ("output_cost_per_image_token", _) => (Class::OutputImage, 1),
        ("input_cost_per_second", Mode::Transcription) | ("input_cost_per_audio_per_second", _) => {
            (Class::AudioMinute, 60)
        }
        ("input_cost_per_character", Mode::Speech) => (Class::Character, 1),
        ("input_cost_per_request", _) | ("input_cost_per_query", Mode::Rerank) => {
            (Class::Request, 1)
        }
        ("ocr_cost_per_page", _) => (Class::Page, 1),
        ("output_cost_per_image", Mode::Image) => (Class::Image, 1),
        _ => return None,
    };
    Some((Key { tier, threshold, ..Key::plain(class) }, times))
}

fn string(raw: &RawValue) -> Option<&str> {
    serde_json::from_str(raw.get()).ok()
}
