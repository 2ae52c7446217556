//! Every row is found, and nothing is found that is not there.

use portcullis_domain::{NanoDollars, Usage};
use portcullis_providers::price::{Class, PriceContext, ServiceTier, table};

fn input_price(provider: &str, model: &str) -> Option<i64> {
    table().find(provider, model)?.rate(Class::Input, ServiceTier::Standard, 0)
}

#[test]
fn every_row_decodes_is_in_order_and_finds_itself() {
    let table = table();
    assert!(table.len() >= 1600, "{} models are priced", table.len());
    let mut rows = 0;
    let providers: Vec<&str> = table.providers().collect();
    assert!(providers.is_sorted_by(|a, b| a < b), "providers are sorted and unique");
    for provider in providers {
        let models: Vec<_> = table.models(provider).collect();
        assert!(models.is_sorted_by(|a, b| a.name() < b.name()), "{provider}");
        for model in &models {
            let found = table.find(provider, model.name()).unwrap();
            let rates = |price: portcullis_providers::price::Price| {
                Class::ALL.map(|class| price.rate(class, ServiceTier::Standard, 0))
            };
            assert_eq!(rates(found), rates(model.price()), "{provider} {}", model.name());
            assert!(
                found.origin().starts_with("litellm ") || found.origin().starts_with("portkey "),
                "{}",
                found.origin()
            );
            for class in Class::ALL {
                for tier in ServiceTier::ALL {
                    let rate = found.rate(class, tier, u64::MAX);
                    assert!(rate.is_none_or(|rate| rate > 0), "a zero is no price");
                }
            }
        }
        rows += models.len();
    }
    assert_eq!(rows, table.len());
}

#[test]
fn what_is_not_listed_is_not_found() {
    for (provider, model) in [
        ("openai", "gpt-none"),
        ("openai", ""),
        ("nobody", "gpt-4o"),
        ("", ""),
        ("openai", "claude-sonnet-4-5"),
        ("openai", "gpt-4o-mini-2"),
        ("openai", "default"),
        ("zzz", "zzz"),
    ] {
        assert!(table().find(provider, model).is_none(), "{provider} {model}");
        assert_eq!(table().models("nobody").count(), 0);
    }
}

#[test]
fn a_path_before_the_name_is_taken_off() {
    assert_eq!(input_price("google", "models/gemini-2.5-pro"), Some(1_250_000));
}

#[test]
fn a_date_is_taken_off_only_where_dated_versions_cost_the_same() {
    assert_eq!(input_price("openai", "gpt-5-2031-01-31"), Some(1_250_000));
    assert_eq!(input_price("anthropic", "claude-sonnet-4-5-20310131"), Some(3_000_000));
    // A dated version of this one has a price of its own, so the next may have another.
    assert_eq!(input_price("openai", "gpt-4o-2024-05-13"), Some(5_000_000));
    assert_eq!(input_price("openai", "gpt-4o"), Some(2_500_000));
    assert_eq!(input_price("openai", "gpt-4o-2031-01-31"), None);
    assert_eq!(input_price("openai", "gpt-none-2031-01-31"), None);
}

#[test]
fn a_tuned_model_is_priced_only_by_its_listed_base() {
    assert_eq!(input_price("openai", "ft:gpt-4o-2024-08-06:acme::a1"), Some(3_750_000));
    assert_eq!(input_price("openai", "ft:gpt-none:acme::a1"), None);
}

#[test]
fn a_model_on_the_own_machine_is_free() {
    let model = table().models("ollama").find(|model| model.price().is_free()).unwrap();
    let usage = Usage { input_tokens: Some(10), output_tokens: Some(10), ..Usage::default() };
    assert_eq!(model.price().cost(&usage, &PriceContext::default()), Some(NanoDollars(0)));
}
