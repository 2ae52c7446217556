//! Reads Portkey's files: one per provider, cents per unit, the unit in the shape of the object.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Card, IMPLAUSIBLE_TOKEN, Key, Origin, Report, Row, Rows,
    format::{Class, Mode, QUALITIES, ServiceTier, THRESHOLDS},
    pico::{self, CENTS},
};

/// Files whose provider is none of ours.
const FOREIGN: [&str; 1] = ["ember-cloud"];

/// Rows that are plainly wrong: here an image's price in cents stands for a million tokens.
const WRONG: [(&str, &str); 1] = [("google", "gemini-2.5-flash-image-preview")];

#[derive(Deserialize)]
struct Model {
    pricing_config: Option<Config>,
    custom_pricing: Option<Custom>,
}

#[derive(Deserialize)]
struct Config {
    pay_as_you_go: Option<Units>,
    batch_config: Option<Units>,
    fixed_cost: Option<Units>,
    currency: Option<String>,
}

#[derive(Deserialize)]
struct Custom {
    #[serde(default)]
    context_tier_map: BTreeMap<String, String>,
    #[serde(default)]
    regions: BTreeMap<String, Region>,
}

#[derive(Deserialize)]
struct Region {
    #[serde(default)]
    execution_modes: BTreeMap<String, Execution>,
}

#[derive(Deserialize)]
struct Execution {
    pricing_config: Option<Config>,
    #[serde(default)]
    context_tiers: BTreeMap<String, Tier>,
}

#[derive(Deserialize)]
struct Tier {
    pricing_config: Config,
}

type Units = BTreeMap<String, Box<RawValue>>;

#[derive(Deserialize)]
struct Stated {
    price: Box<RawValue>,
}

/// The rows of the folder, priced or not.
pub(super) fn read(folder: &Path, report: &mut Report) -> Result<Rows, String> {
    let at = |error: &dyn std::fmt::Display| format!("{}: {error}", folder.display());
    let mut rows = Rows::new();
    for file in fs::read_dir(folder).map_err(|error| at(&error))? {
        let path = file.map_err(|error| at(&error))?.path();
        let (Some(slug), Some("json")) = (
            path.file_stem().and_then(|name| name.to_str()),
            path.extension().and_then(|extension| extension.to_str()),
        ) else {
            continue;
        };
        let text = fs::read_to_string(&path).map_err(|error| at(&error))?;
        let models: BTreeMap<String, Model> =
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        if FOREIGN.contains(&slug) {
            report.foreign += models.len();
            continue;
        }
        for (name, model) in &models {
            // `default` is a template, not a model.
            if name != "default" {
                add_model(&mut rows, slug, name, model, report);
            }
        }
    }
    Ok(rows)
}

fn add_model(rows: &mut Rows, slug: &str, name: &str, model: &Model, report: &mut Report) {
    let (base, threshold) = context_variant(slug, name).unwrap_or((name, 0));
    if WRONG.contains(&(slug, base)) {
        report.implausible += 1;
        return;
    }
    let mut card = Reader { card: Card::new(), name, report };
    card.model(model);
    let card = card.card.into_iter().map(|(key, pico)| {
        let threshold = if key.threshold == 0 { threshold } else { key.threshold };
        (Key { threshold, ..key }, pico)
    });
    let row = rows.entry((slug.to_owned(), base.to_owned())).or_insert_with(|| Row {
        mode: Mode::Unknown,
        free: false,
        card: Card::new(),
        origin: Origin::Portkey,
    });
    row.card.extend(card);
    row.mode = mode(name, &row.card);
    row.free = slug == "openrouter" && name.ends_with(":free") && row.card.is_empty();
}

/// `NAME-lte-128k` and `NAME-gt-128k` are one model with a price for long contexts. Google's models
/// after the first generation carry the same suffix, but their long contexts begin at 200,000.
fn context_variant<'a>(slug: &str, name: &'a str) -> Option<(&'a str, u8)> {
    let (rest, thousands) = name.strip_suffix('k')?.rsplit_once('-')?;
    let tokens = match thousands.parse::<u64>().ok()? * 1000 {
        128_000 if slug == "google" && !name.starts_with("gemini-1") => 200_000,
        tokens => tokens,
    };
    let threshold = THRESHOLDS.iter().position(|at| *at == tokens)? as u8;
    match rest.strip_suffix("-gt") {
        Some(base) => Some((base, threshold)),
        None => Some((rest.strip_suffix("-lte")?, 0)),
    }
}

/// The data set states no mode; these follow from what is priced or how the model is called.
fn mode(name: &str, card: &Card) -> Mode {
    let has = |class| card.keys().any(|key| key.class == class);
    if has(Class::Image) {
        Mode::Image
    } else if has(Class::Page) {
        Mode::Ocr
    } else if has(Class::AudioMinute) {
        Mode::Transcription
    } else if has(Class::Character) {
        Mode::Speech
    } else if name.contains("rerank") {
        Mode::Rerank
    } else if name.contains("embed") {
        Mode::Embedding
    } else {
        Mode::Unknown
    }
}

struct Reader<'a> {
    card: Card,
    name: &'a str,
    report: &'a mut Report,
}

impl Reader<'_> {
    fn model(&mut self, model: &Model) {
        if let Some(config) = &model.pricing_config {
            self.config(config, ServiceTier::Standard, 0);
        }
        // The detailed prices come second and replace the plain ones.
        let Some(custom) = &model.custom_pricing else { return };
        let Some(region) = custom.regions.get("default") else { return };
        for (mode, execution) in &region.execution_modes {
            let Some(tier) = tier(mode) else { continue };
            if let Some(config) = &execution.pricing_config {
                self.config(config, tier, 0);
            }
            for (from, label) in &custom.context_tier_map {
                let threshold = from
                    .parse::<u64>()
                    .ok()
                    .and_then(|from| THRESHOLDS.iter().position(|at| *at == from));
                if let (Some(threshold), Some(context)) =
                    (threshold, execution.context_tiers.get(label))
                {
                    self.config(&context.pricing_config, tier, threshold as u8);
                }
            }
        }
    }

    fn config(&mut self, config: &Config, tier: ServiceTier, threshold: u8) {
        if config.currency.as_deref().is_some_and(|currency| currency != "USD") {
            return;
        }
        let key = |class| Key { tier, threshold, ..Key::plain(class) };
        for (name, value) in config.pay_as_you_go.iter().flatten() {
            match name.as_str() {
                "additional_units" => {
                    for (name, value) in parsed::<Units>(value).unwrap_or_default() {
                        if let Some(class) = additional_class(&name) {
                            self.add(key(class), &value);
                        }
                    }
                }
                "image" => self.images(value),
                name => {
                    if let Some(class) = class(name) {
                        self.add(key(class), value);
                    }
                }
            }
        }
        for (name, value) in config.batch_config.iter().flatten() {
            if let Some(class) = class(name) {
                self.add(Key { tier: ServiceTier::Batch, ..key(class) }, value);
            }
        }
        if let Some(value) = config.fixed_cost.as_ref().and_then(|fixed| fixed.get("request")) {
            self.add(key(Class::Request), value);
        }
    }

    fn images(&mut self, value: &RawValue) {
        let qualities: BTreeMap<String, Units> = parsed(value).unwrap_or_default();
        for (quality, sizes) in &qualities {
            let quality = if quality == "default" { "" } else { quality };
            let Some(quality) = QUALITIES.iter().position(|known| *known == quality) else {
                continue;
            };
            for (size, value) in sizes {
                let size = match size.split_once('x').map(|(w, h)| (w.parse(), h.parse())) {
                    Some((Ok(width), Ok(height))) => (width, height),
                    _ if size == "default" => (0, 0),
                    _ => continue,
                };
                self.add(Key { quality: quality as u8, size, ..Key::plain(Class::Image) }, value);
            }
        }
    }

    fn add(&mut self, key: Key, value: &RawValue) {
        let Some(stated) = parsed::<Stated>(value) else { return };
        // A zero says "unknown" more often than "free", so it is no price.
        let Some(read) = pico::parse(stated.price.get(), CENTS, 1).filter(|read| read.pico > 0)
        else {
            return;
        };
        let Some(class) = self.real_class(key.class, read.pico) else {
            self.report.implausible += 1;
            return;
        };
        self.report.rounded += usize::from(!read.exact);
        self.card.insert(Key { class, ..key }, read.pico);
    }

    /// The data set writes prices per character, minute, page or search as if they were per token.
    fn real_class(&self, class: Class, pico: i64) -> Option<Class> {
        let spoken = self.name.starts_with("tts") || self.name.starts_with("aura");
        let unclear = ["-tts", "-TTS", "speech"].iter().any(|part| self.name.contains(part))
            && !self.name.starts_with("gpt-")
            && !self.name.starts_with("gemini-");
        match class {
            Class::Input if spoken => Some(Class::Character),
            Class::Input | Class::Output if unclear => None,
            _ if !class.is_token() || pico < IMPLAUSIBLE_TOKEN => Some(class),
            Class::InputAudio => Some(Class::AudioMinute),
            Class::Input if self.name.contains("rank") => Some(Class::Request),
            Class::Input if self.name.contains("ocr") || self.name.contains("document-ai") => {
                Some(Class::Page)
            }
            _ => None,
        }
    }
}

fn tier(mode: &str) -> Option<ServiceTier> {
    Some(match mode {
        "standard" => ServiceTier::Standard,
        "batch" => ServiceTier::Batch,
        "flex" => ServiceTier::Flex,
        "priority" => ServiceTier::Priority,
        _ => return None,
    })
}

fn class(unit: &str) -> Option<Class> {
    Some(match unit {
        "request_token" | "request_text_token" => Class::Input,
        "response_token" | "response_text_token" => Class::Output,
        "cache_read_input_token" | "cache_read_text_input_token" => Class::CacheRead,
        "cache_write_input_token" => Class::CacheWrite,
        "reasoning_token" => Class::Reasoning,
        "request_audio_token" => Class::InputAudio,
        "cache_read_audio_input_token" => Class::CachedAudio,
        "response_audio_token" => Class::OutputAudio,
        "request_image_token" => Class::InputImage,
        "response_image_token" => Class::OutputImage,
        _ => return None,
    })
}

fn additional_class(unit: &str) -> Option<Class> {
    Some(match unit {
        "cache_write_1h" => Class::CacheWrite1h,
        "web_search" | "web_search_medium_context" => Class::WebSearch,
        "web_search_low_context" => Class::WebSearchLow,
        "web_search_high_context" => Class::WebSearchHigh,
        "generated_images" => Class::Image,
        _ => return None,
    })
}

fn parsed<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}
