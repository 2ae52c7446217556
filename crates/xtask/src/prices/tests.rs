//! What the two sources' rows become.

use std::fs;

use super::{
    Key, Report, Rows,
    format::{Class, Mode, ServiceTier},
    litellm, merge, portkey,
};

const LITELLM: &str = r#"{
  "gpt-9": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 2.5e-06,
    "output_cost_per_token": 1e-05, "input_cost_per_token_above_200k_tokens_batches": 2.5e-06},
  "azure/eu/gpt-9": {"litellm_provider": "azure", "mode": "chat", "input_cost_per_token": 3e-06},
  "gemini/zero": {"litellm_provider": "gemini", "mode": "chat", "input_cost_per_token": 0.0},
  "ollama/llama": {"litellm_provider": "ollama", "mode": "chat", "input_cost_per_token": 0.0},
  "ollama/big-cloud": {"litellm_provider": "ollama", "mode": "chat", "input_cost_per_token": 0.0},
  "openai/whisper-9": {"litellm_provider": "openai", "mode": "audio_transcription",
    "input_cost_per_second": 0.0001, "output_cost_per_second": 0.0001},
  "high/1024-x-1536/paint": {"litellm_provider": "openai", "mode": "image_generation",
    "output_cost_per_image": 0.25, "input_cost_per_token": 1e-06},
  "elsewhere/x": {"litellm_provider": "elsewhere", "mode": "chat", "input_cost_per_token": 1e-06}
}"#;

const PORTKEY: &str = r#"{
  "default": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 1}}}},
  "gpt-9": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 0.00025},
    "response_token": {"price": 0.001}, "cache_read_input_token": {"price": 0.000125},
    "cache_write_input_token": {"price": 0}}}},
  "long-lte-128k": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 0.0001}}}},
  "long-gt-128k": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 0.0002}}}},
  "tts-9": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 0.0015}}}},
  "whisper-9": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 0.6},
    "request_audio_token": {"price": 0.6}}}},
  "nothing": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 0}}}}
}"#;

/// The rows, by way of a folder of the test's own.
fn compiled(test: &str) -> (Rows, Report) {
    let folder = std::env::temp_dir().join(format!("prices-{}-{test}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("openai.json"), PORTKEY).unwrap();
    let mut report = Report::default();
    let litellm = litellm::read(LITELLM, &mut report).unwrap();
    let portkey = portkey::read(&folder, &mut report).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    (merge(litellm, portkey, &mut report), report)
}

#[test]
fn rows_follow_the_rules() {
    let (rows, report) = compiled("rules");
    let price = |provider: &str, model: &str, key| {
        rows.get(&(provider.to_owned(), model.to_owned()))
            .unwrap_or_else(|| panic!("{provider} {model}"))
            .card
            .get(&key)
            .copied()
    };
    let plain = Key::plain;
    assert_eq!(price("openai", "gpt-9", plain(Class::Input)), Some(2_500_000));
    assert_eq!(
        price("openai", "gpt-9", plain(Class::CacheRead)),
        Some(1_250_000),
        "taken from the other source, which agrees on input and output"
    );
    assert_eq!(price("openai", "gpt-9", plain(Class::CacheWrite)), None, "zero is no price");
    let batch = Key { tier: ServiceTier::Batch, threshold: 4, ..plain(Class::Input) };
    assert_eq!(price("openai", "gpt-9", batch), Some(2_500_000));
    let long = Key { threshold: 3, ..plain(Class::Input) };
    assert_eq!(price("openai", "long", plain(Class::Input)), Some(1_000_000));
    assert_eq!(price("openai", "long", long), Some(2_000_000));
    assert_eq!(price("openai", "tts-9", plain(Class::Character)), Some(15_000_000));
    assert_eq!(price("openai", "tts-9", plain(Class::Input)), None);
    assert_eq!(price("openai", "whisper-9", plain(Class::AudioMinute)), Some(6_000_000_000));
    let image = Key { quality: 3, size: (1024, 1536), ..plain(Class::Image) };
    assert_eq!(price("openai", "paint", image), Some(250_000_000_000));
    assert_eq!(price("openai", "paint", plain(Class::Input)), None);

    let names: Vec<&str> = rows.keys().map(|(_, model)| model.as_str()).collect();
    assert_eq!(names, ["llama", "gpt-9", "long", "paint", "tts-9", "whisper-9"]);
    let llama = &rows[&("ollama".to_owned(), "llama".to_owned())];
    assert!(llama.free && llama.mode == Mode::Chat);
    assert_eq!((report.both, report.agree, report.foreign, report.regional), (2, 2, 1, 1));
}

#[test]
fn the_same_sources_make_the_same_file() {
    let origins = ["a", "b", "c"].map(String::from);
    let file = || super::encode::encode(&compiled("same").0, &origins).unwrap();
    assert_eq!(file(), file());
}
