//! plan → [`Planned`]: which provider is called, with which credential, for which model
//! (data-plane reference §4).

use std::{borrow::Cow, sync::Arc, time::Duration};

use http::{HeaderValue, header::CONTENT_TYPE};
use portcullis_domain::{
    ApiKeyToken, Fault, FaultKind, Integration, SealedPlace, Secret, VirtualKey,
};
use portcullis_providers::{
    catalog::{self, Provider},
    credential::Credential,
};
use portcullis_vault::{KeyRing, ReadError, VaultError};

use crate::{
    Parts,
    client_headers::ClientHeaders,
    header, multipart,
    stage::{
        allow_list,
        identify::Identified,
        inline_config::InlineConfig,
        named::{AskedModel, Named},
        receive::{Received, ReceivedBody},
        retry, saved_only,
    },
};

/// A call whose target is known and whose credential is open.
pub(crate) struct Planned<B> {
    pub(crate) received: Received<B>,
    pub(crate) target: Box<Target>,
}

/// Where a call goes.
pub(crate) struct Target {
    pub(crate) provider: &'static Provider,
    pub(crate) credential: Arc<Credential>,
    /// The virtual key, unless the caller brought the credential along.
    pub(crate) virtual_key: Option<(Arc<VirtualKey>, Arc<Integration>)>,
    /// Without `@slug/`.
    pub(crate) model: Option<String>,
    /// The query to send where it differs from the caller's.
    pub(crate) query: Option<String>,
    /// Seals what is kept of the call.
    pub(crate) key_ring: Arc<KeyRing>,
    pub(crate) timeout: Duration,
    /// When the target may be tried again.
    pub(crate) retry: retry::Rule,
    pub(crate) strict: bool,
    /// What the config says of the call.
    pub(crate) metadata: Vec<(String, String)>,
}

pub(crate) async fn plan<B>(parts: &Parts, mut received: Received<B>) -> Result<Planned<B>, Fault> {
    let identified = &received.identified;
    let accepted = &identified.accepted;
    let headers = &accepted.headers;
    saved_only::check(parts, identified)?;
    let config = InlineConfig::of(headers)?;
    let query_models = query_models(accepted.query());
    let asked_model = received.model().or(query_models.first().map(String::as_str));
    let asked_model = asked_model.map(|model| AskedModel::read(model, identified));
    let named = Named::of(headers, &config, asked_model.as_ref())?;
    let organisation = identified.organisation.id;
    let key_ring = match parts.vault.cached(Some(organisation)) {
        Some(ring) => ring,
        None => {
            let loaded = parts.vault.key_ring(Some(organisation)).await;
            loaded.map_err(|error| vault_closed(&error))?
        }
    };
    let host = custom_host(headers, &config)?;
    let (provider, credential, virtual_key) = match named {
        Named::VirtualKey(_) if host.is_some() => {
            // Whoever may use a credential must not be able to read it, and a host of the caller's
            // choice would.
            let text = "a custom host cannot be combined with a virtual key: its credential would \
                        be sent there. Set the custom host on the integration";
            return Err(Fault::client(FaultKind::HostRefused, text));
        }
        Named::VirtualKey(slug) => saved_target(parts, identified, slug, &key_ring).await?,
        Named::Provider(name) => {
            let brought = identified.provider_secret.as_ref();
            let brought = brought.map(|secret| secret.danger_expose().as_str());
            let secret = config.api_key.as_deref().or(brought);
            let mut credential = Credential::from_headers(headers, secret);
            if credential.secrets().any(ApiKeyToken::resembles) {
                let text = "the provider's credential is one of the gateway's own keys, which no \
                            provider may see: send the provider's key";
                return Err(Fault::client(FaultKind::BadRequest, text));
            }
            if let Some(host) = host {
                credential.settings.custom_host = Some(host.to_owned());
            }
            // A saved one was checked when it was saved; each is again with each connection.
            check_hosts(parts, &credential)?;
            (known_provider(name)?, Arc::new(credential), None)
        }
    };
    let model = asked_model.as_ref().map(|asked| asked.bare);
    if let Some((_, integration)) = &virtual_key {
        allow_list::check(&integration.models, &received, asked_model.as_ref())?;
    }
    let is_prefixed = asked_model.as_ref().is_some_and(|asked| asked.slug.is_some());
    let target = Box::new(Target {
        provider,
        virtual_key,
        model: model.map(str::to_owned),
        query: accepted.query().zip(model.filter(|_| is_prefixed)).map(bare_query),
        key_ring,
        timeout: timeout(parts, identified, &config)?,
        retry: retry::asked(headers, config.retry)?,
        strict: header::flag(headers, header::STRICT).or(config.strict).unwrap_or(true),
        metadata: config.metadata,
        credential,
    });
    let headers = &mut received.identified.accepted.headers;
    if let Some(names) = &config.forward_headers
        && !headers.contains_key(&header::FORWARD_HEADERS)
        && let Ok(names) = HeaderValue::from_str(names)
    {
        headers.insert(header::FORWARD_HEADERS, names);
    }
    if target.virtual_key.is_some() {
        header::remove_provider_settings(headers);
    }
    if let (true, Some(model)) = (is_prefixed, &target.model) {
        strip_form_model(&mut received, model);
    }
    Ok(Planned { received, target })
}

/// Refuses what the caller may not have called, before anything is recorded of it.
fn check_hosts(parts: &Parts, credential: &Credential) -> Result<(), Fault> {
    for (_, host) in credential.settings.hosts() {
        parts.egress.policy().check_base(host).map_err(|refused| {
            Fault::client(FaultKind::HostRefused, format!("the custom host is refused: {refused}"))
        })?;
    }
    Ok(())
}

/// The custom host that the call names. One that is not plain text is refused rather than
/// overlooked: the call would go elsewhere than its caller meant.
fn custom_host<'a>(
    headers: &'a ClientHeaders,
    config: &'a InlineConfig,
) -> Result<Option<&'a str>, Fault> {
    let Some(value) = headers.get(&header::CUSTOM_HOST) else {
        return Ok(config.custom_host.as_deref());
    };
    match value.to_str() {
        Ok(host) if host.trim().is_empty() => Ok(config.custom_host.as_deref()),
        Ok(host) => Ok(Some(host.trim())),
        Err(_) => {
            let text = "the custom host is refused: it is not written in ASCII";
            Err(Fault::client(FaultKind::HostRefused, text))
        }
    }
}

type SavedTarget =
    (&'static Provider, Arc<Credential>, Option<(Arc<VirtualKey>, Arc<Integration>)>);

async fn saved_target(
    parts: &Parts,
    identified: &Identified,
    slug: &str,
    key_ring: &KeyRing,
) -> Result<SavedTarget, Fault> {
    let accepted = &identified.accepted;
    let found = accepted.snapshot.virtual_key(identified.workspace.id, slug);
    let Some((key, integration)) = found else {
        return Err(unknown_virtual_key(slug));
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
    let sealed = &integration.credential;
    let parse = |opened: &Secret<Vec<u8>>| Credential::parse(opened.danger_expose());
    let credential = match key_ring.read(&place, sealed, parse) {
        Ok(credential) => credential,
        Err(ReadError::Read(malformed)) => return Err(broken(&malformed)),
        // Another node may have sealed it with a data key that this ring does not hold yet.
        Err(ReadError::Open(_)) => match parts.vault.open(&place, sealed).await {
            Ok(opened) => Arc::new(parse(&opened).map_err(|e| broken(&e))?),
            Err(error) if error.kms_failure().is_some() => return Err(vault_closed(&error)),
            Err(error) => return Err(broken(&error)),
        },
    };
    let saved = (Arc::clone(key), Arc::clone(integration));
    Ok((known_provider(&integration.provider)?, credential, Some(saved)))
}

/// The fault of a vault that has no keys for the organisation. What stands in the way is said: the
/// organisation's own people can mend it.
pub(crate) fn vault_closed(error: &VaultError) -> Fault {
    let (kind, text) = match error.kms_failure() {
        Some(failure) if failure.is_transient() => (
            FaultKind::KmsUnavailable,
            format!("the vault cannot be opened now: {}", failure.advice()),
        ),
        Some(failure) => {
            (FaultKind::KmsRefused, format!("the vault cannot be opened: {}", failure.advice()))
        }
        None => (FaultKind::VaultUnavailable, "the vault cannot be opened now".to_owned()),
    };
    Fault::gateway(kind, text).with_detail(error)
}

fn known_provider(name: &str) -> Result<&'static Provider, Fault> {
    catalog::find(name).ok_or_else(|| {
        let text = format!("there is no provider '{}' in the catalogue", shown(name));
        Fault::client(FaultKind::BadRequest, text)
    })
}

/// The fault of a slug that names no virtual key here.
pub(crate) fn unknown_virtual_key(slug: &str) -> Fault {
    let text = format!("there is no virtual key '{}' in this workspace", shown(slug));
    Fault::client(FaultKind::BadRequest, text)
}

/// Client text in an error: short, and one line.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

/// The models that the query names.
pub(crate) fn query_models(query: Option<&str>) -> Vec<String> {
    let decoded = |text| percent_encoding::percent_decode_str(text).decode_utf8_lossy();
    let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let models = pairs.filter(|(name, _)| decoded(name) == "model");
    models.map(|(_, value)| decoded(value).into_owned()).collect()
}

/// The query with the bare model in place of `@slug/model`.
fn bare_query((query, model): (&str, &str)) -> String {
    let bare = percent_encoding::utf8_percent_encode(model, percent_encoding::NON_ALPHANUMERIC);
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some(("model", _)) => Cow::Owned(format!("model={bare}")),
        _ => Cow::Borrowed(pair),
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// Puts the bare model into a form's `model` field; JSON bodies are edited by the adapter.
fn strip_form_model<B>(received: &mut Received<B>, model: &str) {
    let content_type = received.identified.accepted.headers.get(&CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    if let (ReceivedBody::Whole(bytes), Some(content_type)) = (&mut received.body, content_type)
        && let Ok(Some(span)) = multipart::field(bytes, content_type, "model")
    {
        *bytes = multipart::replaced(bytes, span, model);
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
    use super::bare_query;

    #[test]
    fn only_the_model_changes_in_a_query() {
        let query = bare_query(("a=1&model=%40open%2Fgpt-4o&b", "gpt-4o"));
        assert_eq!(query, "a=1&model=gpt%2D4o&b");
    }
}
