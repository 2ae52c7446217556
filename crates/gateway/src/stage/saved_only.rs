//! Instances that serve saved targets only: what a call says itself of where it goes is refused, the
//! first in the contract's order (data-plane reference §4).

use http::{HeaderName, HeaderValue};
use portcullis_domain::{Fault, FaultKind, Inline};

use crate::{client_headers::ClientHeaders, header, settings::GatewaySettings};

/// Refuses a call that says itself where it goes, where the settings have it so.
pub(crate) fn check(settings: &GatewaySettings, headers: &ClientHeaders) -> Result<(), Fault> {
    if !settings.block_inline {
        return Ok(());
    }
    for inline in ORDER {
        if let Some(name) = said(inline, headers) {
            let what = match inline {
                Inline::Config => "a config that is not saved",
                Inline::Provider => "a provider whose credential is not saved",
                Inline::CustomHost => "a host",
                Inline::ProviderUrl => "a provider's address",
                Inline::ForwardHeaders => "headers to forward",
            };
            let text = format!(
                "this gateway serves saved targets only, and refuses {what} in '{name}': name a \
                 virtual key"
            );
            return Err(Fault::client(FaultKind::InlineBlocked(inline), text));
        }
    }
    Ok(())
}

/// The header in which it is said, as an error's `field` names it.
pub(crate) const fn field(inline: Inline) -> &'static str {
    match inline {
        Inline::Config => "x-portkey-config",
        Inline::Provider => "x-portkey-provider",
        Inline::CustomHost => "x-portkey-custom-host",
        Inline::ProviderUrl => "x-portkey-*-url",
        Inline::ForwardHeaders => "x-portkey-forward-headers",
    }
}

const ORDER: [Inline; 5] = [
    Inline::Config,
    Inline::Provider,
    Inline::CustomHost,
    Inline::ProviderUrl,
    Inline::ForwardHeaders,
];

/// The name of the header in which it is said, if it is.
fn said(inline: Inline, headers: &ClientHeaders) -> Option<&str> {
    let says = |value: &HeaderValue| !value.as_bytes().trim_ascii().is_empty();
    let is_said = match inline {
        // A saved config has a slug.
        Inline::Config => headers.get(&header::CONFIG).is_some_and(|config| {
            says(config) && !config.as_bytes().trim_ascii().starts_with(b"pc-")
        }),
        Inline::Provider => {
            header::provider(headers).is_some_and(|provider| !provider.starts_with('@'))
        }
        Inline::CustomHost => headers.get(&header::CUSTOM_HOST).is_some_and(says),
        Inline::ProviderUrl => {
            let is_url = |name: &str| name.starts_with("x-portkey-") && name.ends_with("-url");
            return headers
                .iter()
                .find_map(|(name, value)| (is_url(name.as_str()) && says(value)).then_some(name))
                .map(HeaderName::as_str);
        }
        Inline::ForwardHeaders => headers.get(&header::FORWARD_HEADERS).is_some_and(says),
    };
    is_said.then_some(field(inline))
}
