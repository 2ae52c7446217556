//! plan → [`Planned`]: which provider is called, with which credential, for which model
//! (data-plane reference §4).

use std::{sync::Arc, time::Duration};

use http::header::CONTENT_TYPE;
use portcullis_domain::{Fault, FaultKind, Integration, SealedPlace, Secret, Slug, VirtualKey};
use portcullis_providers::{
    catalog::{self, Provider},
    credential::Credential,
};
use portcullis_vault::KeyRing;

use crate::{
    Parts, header, multipart,
    stage::{
        identify::Identified,
        inline_config::InlineConfig,
        receive::{Received, ReceivedBody},
    },
};

/// A call whose target is known and whose credential is open.
pub(crate) struct Planned<B> {
    pub(crate) received: Received<B>,
    pub(crate) target: Target,
}

/// Where a call goes.
pub(crate) struct Target {
    pub(crate) provider: &'static Provider,
    pub(crate) credential: Credential,
    /// The virtual key, unless the caller brought the credential along.
    pub(crate) virtual_key: Option<(Arc<VirtualKey>, Arc<Integration>)>,
    /// Without `@slug/`.
    pub(crate) model: Option<String>,
    /// The query to send, without `@slug/`.
    pub(crate) query: Option<String>,
    /// Seals what is kept of the call.
    pub(crate) key_ring: Arc<KeyRing>,
    pub(crate) timeout: Duration,
    pub(crate) strict: bool,
}

pub(crate) async fn plan<B>(parts: &Parts, mut received: Received<B>) -> Result<Planned<B>, Fault> {
    let identified = &received.identified;
    let headers = &identified.accepted.headers;
    let config = InlineConfig::of(headers)?;
    let asked_model = received.model().map(str::to_owned);
    let query_model = query_model(identified.accepted.query.as_deref());
    let named = Named::of(identified, &config, asked_model.as_deref(), query_model.as_deref())?;
    let organisation = identified.organisation.id;
    let key_ring = match parts.vault.cached(Some(organisation)) {
        Some(ring) => ring,
        None => parts.vault.key_ring(Some(organisation)).await.map_err(|error| {
            let text = "the vault cannot be opened now: its key service does not answer";
            Fault::gateway(FaultKind::VaultUnavailable, text).with_detail(error)
        })?,
    };
    let (provider, mut credential, virtual_key) = match named {
        Named::VirtualKey(slug) => saved_target(identified, &slug, &key_ring)?,
        Named::Provider(name) => {
            let secret = config.api_key.clone().or_else(|| {
                identified.provider_secret.as_ref().map(|secret| secret.danger_expose().clone())
            });
            let secret = secret.map(Secret::new);
            let bearer = secret.as_ref().map(|secret| secret.danger_expose().as_str());
            (known_provider(&name)?, Credential::from_headers(headers, bearer), None)
        }
    };
    let custom_host = header::text(headers, header::CUSTOM_HOST).or(config.custom_host.as_deref());
    if let Some(host) = custom_host {
        if virtual_key.is_some() {
            // Whoever may use a credential must not be able to read it, and a host of the caller's
            // choice would.
            let text = "a custom host cannot be combined with a virtual key: its credential would \
                        be sent there. Set the custom host on the integration";
            return Err(Fault::client(FaultKind::HostRefused, text));
        }
        credential.settings.custom_host = Some(host.to_owned());
    }
    if let Some(host) = &credential.settings.custom_host {
        parts.egress.policy().check_url(host).map_err(|refused| {
            Fault::client(FaultKind::HostRefused, format!("the custom host is refused: {refused}"))
        })?;
    }
    let model = asked_model.as_deref().or(query_model.as_deref()).map(bare_model);
    if let (Some((_, integration)), Some(model)) = (&virtual_key, model)
        && !integration.models.allows(model)
    {
        let text = format!("the model '{}' is not enabled for this virtual key", shown(model));
        return Err(Fault::client(FaultKind::ModelNotAllowed, text));
    }
    let target = Target {
        provider,
        virtual_key,
        model: model.map(str::to_owned),
        query: bare_query(identified.accepted.query.as_deref(), query_model.as_deref()),
        key_ring,
        timeout: timeout(parts, identified, &config)?,
        strict: header::flag(headers, header::STRICT).or(config.strict).unwrap_or(true),
        credential,
    };
    if target.virtual_key.is_some() {
        header::remove_provider_settings(&mut received.identified.accepted.headers);
    }
    strip_form_model(&mut received);
    Ok(Planned { received, target })
}

/// What the call names as its target.
enum Named {
    VirtualKey(Slug),
    Provider(String),
}

impl Named {
    fn of(
        identified: &Identified,
        config: &InlineConfig,
        model: Option<&str>,
        query_model: Option<&str>,
    ) -> Result<Self, Fault> {
        let headers = &identified.accepted.headers;
        let provider = config.provider.as_deref().or(header::text(headers, header::PROVIDER));
        let at = |text: Option<&str>| {
            let slug = text?.strip_prefix('@')?.split('/').next()?;
            Some(slug.to_owned())
        };
        let slug = config
            .virtual_key
            .clone()
            .or_else(|| at(config.provider.as_deref()))
            .or_else(|| at(header::text(headers, header::PROVIDER)))
            .or_else(|| header::text(headers, header::VIRTUAL_KEY).map(str::to_owned));
        if let Some(slug) = slug {
            return Self::virtual_key(&slug);
        }
        if let Some(provider) = provider {
            return Ok(Self::Provider(provider.to_owned()));
        }
        if let Some(slug) = at(model).or_else(|| at(query_model)) {
            return Self::virtual_key(&slug);
        }
        let text = "no provider is named: write the model as '@<virtual key>/<model>', or send \
                    'x-portkey-virtual-key: <virtual key>', or 'x-portkey-provider: <name>' with \
                    the provider's own key as 'Authorization: Bearer'";
        Err(Fault::client(FaultKind::BadRequest, text))
    }

    fn virtual_key(slug: &str) -> Result<Self, Fault> {
        let slug = slug.strip_prefix('@').unwrap_or(slug);
        Slug::parse(slug).map(Self::VirtualKey).map_err(|_| unknown_virtual_key(slug))
    }
}

type SavedTarget = (&'static Provider, Credential, Option<(Arc<VirtualKey>, Arc<Integration>)>);

fn saved_target(
    identified: &Identified,
    slug: &Slug,
    key_ring: &KeyRing,
) -> Result<SavedTarget, Fault> {
    let accepted = &identified.accepted;
    let found = accepted.snapshot.virtual_key(identified.workspace.id, slug);
    let Some((key, integration)) = found else {
        return Err(unknown_virtual_key(slug.as_str()));
    };
    if key.is_expired(accepted.at) {
        return Err(Fault::client(FaultKind::VirtualKeyExpired, "the virtual key has expired"));
    }
    let place = SealedPlace {
        organisation: Some(integration.organisation_id),
        table: "integrations",
        row: integration.id.uuid(),
        field: "credential",
    };
    let broken = |detail: &dyn std::fmt::Display| {
        Fault::gateway(FaultKind::VaultUnavailable, "the virtual key's credential does not open")
            .with_detail(detail)
    };
    let opened = key_ring.open(&place, &integration.credential).map_err(|e| broken(&e))?;
    let credential = Credential::parse(opened.danger_expose()).map_err(|e| broken(&e))?;
    let saved = (Arc::clone(key), Arc::clone(integration));
    Ok((known_provider(&integration.provider)?, credential, Some(saved)))
}

fn known_provider(name: &str) -> Result<&'static Provider, Fault> {
    catalog::find(name).ok_or_else(|| {
        let text = format!("there is no provider '{}' in the catalogue", shown(name));
        Fault::client(FaultKind::BadRequest, text)
    })
}

fn unknown_virtual_key(slug: &str) -> Fault {
    let text = format!("there is no virtual key '{}' in this workspace", shown(slug));
    Fault::client(FaultKind::BadRequest, text)
}

/// Client text in an error: short, and one line.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

/// `@slug/model` without `@slug/`; a model's own slashes stay.
fn bare_model(model: &str) -> &str {
    match model.strip_prefix('@') {
        Some(rest) => rest.split_once('/').map_or(model, |(_slug, bare)| bare),
        None => model,
    }
}

fn query_model(query: Option<&str>) -> Option<String> {
    let pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.filter(|(name, _)| *name == "model").map(|(_, value)| value).next()?;
    Some(percent_encoding::percent_decode_str(value).decode_utf8().ok()?.into_owned())
}

fn bare_query(query: Option<&str>, model: Option<&str>) -> Option<String> {
    let query = query?;
    let Some(model) = model.filter(|model| model.starts_with('@')) else {
        return Some(query.to_owned());
    };
    let bare = bare_model(model);
    let bare = percent_encoding::utf8_percent_encode(bare, percent_encoding::NON_ALPHANUMERIC);
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some(("model", _)) => format!("model={bare}"),
        _ => pair.to_owned(),
    });
    Some(pairs.collect::<Vec<_>>().join("&"))
}

/// Takes `@slug/` out of a form's `model` field; JSON bodies are edited by the adapter.
fn strip_form_model<B>(received: &mut Received<B>) {
    let Some(model) = received.model().filter(|model| model.starts_with('@')) else { return };
    let bare = bare_model(model).to_owned();
    let content_type = received.identified.accepted.headers.get(CONTENT_TYPE);
    let boundary = content_type
        .and_then(|value| value.to_str().ok())
        .and_then(multipart::boundary)
        .map(str::to_owned);
    if let (ReceivedBody::Whole(bytes), Some(boundary)) = (&mut received.body, boundary)
        && let Some(span) = multipart::field(bytes, &boundary, "model")
    {
        *bytes = multipart::replaced(bytes, span, &bare);
    }
}

fn timeout(
    parts: &Parts,
    identified: &Identified,
    config: &InlineConfig,
) -> Result<Duration, Fault> {
    let settings = &parts.settings;
    let header = header::text(&identified.accepted.headers, header::REQUEST_TIMEOUT);
    let millis = match header {
        Some(text) => Some(text.parse::<u64>().map_err(|_| {
            let text = "x-portkey-request-timeout must be a whole number of milliseconds";
            Fault::client(FaultKind::BadRequest, text)
        })?),
        None => config.request_timeout,
    };
    let asked = millis.map_or(settings.upstream_timeout, Duration::from_millis);
    Ok(asked.min(settings.upstream_timeout_max))
}

#[cfg(test)]
mod tests {
    use super::{bare_model, bare_query};

    #[test]
    fn the_prefix_goes_and_the_models_own_slashes_stay() {
        assert_eq!(bare_model("@open/meta/llama-3"), "meta/llama-3");
        assert_eq!(bare_model("meta/llama-3"), "meta/llama-3");
        assert_eq!(bare_model("@open"), "@open");
        let query = bare_query(Some("a=1&model=%40open%2Fgpt-4o"), Some("@open/gpt-4o"));
        assert_eq!(query.as_deref(), Some("a=1&model=gpt%2D4o"));
    }
}
