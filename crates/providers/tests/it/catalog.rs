//! Every provider of the catalogue keeps its promises.

use http::{HeaderName, Uri};
use portcullis_providers::catalog::{self, AdapterKind, Auth};

#[test]
fn every_entry_keeps_the_contract() {
    assert!(catalog::all().len() >= 50, "{} providers", catalog::all().len());
    for provider in catalog::all() {
        let name = provider.name;
        assert_eq!(catalog::find(name), Some(provider), "{name} is found, and once");
        assert!(name.bytes().all(|b| b == b'-' || b.is_ascii_lowercase() || b.is_ascii_digit()));
        assert!(!provider.title.is_empty(), "{name}");
        assert!(provider.docs.parse::<Uri>().is_ok_and(|uri| uri.host().is_some()), "{name}");
        if let Auth::Header(header) = provider.auth {
            assert!(HeaderName::from_lowercase(header.as_bytes()).is_ok(), "{name}");
        }
        for (endpoint, path) in provider.paths {
            assert!(path.starts_with('/'), "{name}: {endpoint}");
            let known = ENDPOINTS.iter().any(|endpoint_| endpoint_.name() == *endpoint);
            assert!(known, "{name}: there is no endpoint {endpoint}");
        }
        if provider.base_url.is_empty() {
            continue;
        }
        let filled = provider.base_url.replace(['{', '}'], "").replace('_', "-");
        let uri: Uri = filled.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(uri.scheme_str(), Some("https"), "{name}");
        assert!(uri.host().is_some_and(|host| host.contains('.')), "{name}");
        assert!(uri.query().is_none() && !filled.ends_with('/'), "{name}");
    }
    assert_eq!(catalog::find("no-such-provider"), None);
    for (older, name) in [("open-ai", "openai"), ("hugging-face", "huggingface")] {
        assert_eq!(catalog::find(older).map(|provider| provider.name), Some(name));
    }
    assert_eq!(catalog::find("anthropic").map(|p| p.kind), Some(AdapterKind::Anthropic));
    assert_eq!(catalog::find("azure-openai").map(|p| p.kind), Some(AdapterKind::AzureOpenAi));
}

/// The endpoints whose paths a provider may change.
const ENDPOINTS: &[portcullis_providers::Endpoint] = {
    use portcullis_providers::Endpoint::{ChatComplete, Complete, Embed, ImageGenerate, Rerank};
    &[ChatComplete, Complete, Embed, ImageGenerate, Rerank]
};
