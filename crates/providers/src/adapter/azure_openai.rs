//! Azure OpenAI: OpenAI's dialect behind deployments, API versions and Azure's two ways to sign in.

use std::borrow::Cow;

use http::{HeaderName, HeaderValue};
use portcullis_domain::{Fault, FaultKind, Retry};

use super::{
    Adapter, Ask, Prepared,
    anthropic::messages_over_chat,
    openai::{Request, bearer, no_endpoint, secret_value},
    url,
};
use crate::{AzureSignIn, Endpoint, credential::AzureDeployment};

const API_KEY: HeaderName = HeaderName::from_static("api-key");

/// The API version used when neither credential nor call names one: the newest stable dated one.
const DEFAULT_VERSION: &str = "2024-10-21";
/// The same for realtime sessions, which no stable dated version has.
const REALTIME_VERSION: &str = "2025-04-01-preview";
/// From this dated version on, `stream_options` is understood.
const STREAM_OPTIONS_SINCE: &str = "2024-09-01";

/// Speaks to Azure OpenAI.
pub(crate) struct AzureOpenAi;

impl Adapter for AzureOpenAi {
    fn prepare(&self, ask: &Ask<'_>) -> Result<Prepared, Fault> {
        match ask.endpoint {
            Endpoint::Messages => return messages_over_chat(ask, self),
            // The output of a batch is a file, which the gateway asks for in two steps.
            Endpoint::CountTokens | Endpoint::BatchOutput => return Err(no_endpoint(ask)),
            _ => {}
        }
        if ask.endpoint == Endpoint::Realtime {
            return realtime(ask);
        }
        let Place { deployment, version } = place(ask, DEFAULT_VERSION);
        let base = url::base(ask.provider, &ask.credential.settings)?;
        let query = versioned(ask.query, version);
        let in_deployment = is_deployed(ask.endpoint) && version != "v1";
        let path: Cow<'_, str> = match deployment {
            Some(name) if in_deployment => {
                Cow::Owned(format!("/deployments/{}{}", url::segment(name), ask.path))
            }
            None if in_deployment => {
                let text = "name a model: it decides which Azure deployment is called";
                return Err(Fault::client(FaultKind::BadRequest, text));
            }
            _ if version == "v1" => Cow::Owned(format!("/v1{}", ask.path)),
            _ => Cow::Borrowed(ask.path),
        };
        let request = Request {
            url: url::join(&base, &path, query.as_deref())?,
            auth: auth(ask)?,
            // Outside `/deployments/` the body's model names the deployment.
            model: if in_deployment { ask.model } else { deployment.or(ask.model) },
            stream_usage: ask.provider.stream_usage
                && (version == "v1" || version >= STREAM_OPTIONS_SINCE),
        };
        request.prepare(ask)
    }
}

/// Opens a session. The dated API has the deployment in the query under a name of its own, `v1` as
/// the model.
fn realtime(ask: &Ask<'_>) -> Result<Prepared, Fault> {
    let Place { deployment, version } = place(ask, REALTIME_VERSION);
    let Some(deployment) = deployment else {
        let text = "name a model: it decides which Azure deployment is called";
        return Err(Fault::client(FaultKind::BadRequest, text));
    };
    let (path, name) =
        if version == "v1" { ("/v1/realtime", "model") } else { ("/realtime", "deployment") };
    let given = ask.query.unwrap_or_default().split('&');
    let rest = given
        .filter(|pair| !matches!(pair.split('=').next(), None | Some("" | "model" | "deployment")));
    let mut query = format!("{name}={}", url::segment(deployment));
    for pair in rest {
        query.push('&');
        query.push_str(pair);
    }
    let query = versioned(Some(&query), version);
    let request = Request {
        url: url::join(
            &url::base(ask.provider, &ask.credential.settings)?,
            path,
            query.as_deref(),
        )?,
        auth: auth(ask)?,
        model: None,
        stream_usage: false,
    };
    request.prepare(ask)
}

/// Where in a resource a call goes.
struct Place<'a> {
    deployment: Option<&'a str>,
    /// A date, or `v1`.
    version: &'a str,
}

/// Finds the deployment: by alias, model or name among those of the credential; else the one that
/// headers name; else the default one; else one called like the model. The version is the
/// credential's, or `default_version`.
fn place<'a>(ask: &'a Ask<'_>, default_version: &'static str) -> Place<'a> {
    let settings = &ask.credential.settings;
    let deployments = settings.azure_deployment_config.as_deref().unwrap_or_default();
    let named = |deployment: &&AzureDeployment| {
        let names = [
            deployment.alias.as_deref(),
            deployment.azure_model_slug.as_deref(),
            Some(&deployment.azure_deployment_name),
        ];
        ask.model.is_some() && names.contains(&ask.model)
    };
    let version = settings.azure_api_version.as_deref();
    if let Some(found) = deployments.iter().find(named) {
        return found.into();
    }
    if let Some(name) = settings.azure_deployment_id.as_deref() {
        return Place { deployment: Some(name), version: version.unwrap_or(default_version) };
    }
    if let Some(found) = deployments.iter().find(|deployment| deployment.is_default) {
        return found.into();
    }
    // Calls without a model, files for one, go to the resource: any deployment's version will do.
    let any = deployments.first().map(|deployment| &*deployment.azure_api_version);
    let version = version.or(any).unwrap_or(default_version);
    Place { deployment: ask.model, version }
}

impl<'a> From<&'a AzureDeployment> for Place<'a> {
    fn from(deployment: &'a AzureDeployment) -> Self {
        Self {
            deployment: Some(&deployment.azure_deployment_name),
            version: &deployment.azure_api_version,
        }
    }
}

/// Whether an endpoint lies below `/deployments/{name}` in the dated API.
fn is_deployed(endpoint: Endpoint) -> bool {
    matches!(
        endpoint,
        Endpoint::ChatComplete
            | Endpoint::Complete
            | Endpoint::Embed
            | Endpoint::ImageGenerate
            | Endpoint::ImageEdit
            | Endpoint::ImageVariation
            | Endpoint::CreateSpeech
            | Endpoint::CreateTranscription
            | Endpoint::CreateTranslation
    )
}

/// The query with the API version, which the `v1` form does not need and a caller may name.
fn versioned<'a>(query: Option<&'a str>, version: &str) -> Option<Cow<'a, str>> {
    let given = query.filter(|query| !query.is_empty());
    let names_one = given.is_some_and(|query| {
        query.split('&').any(|pair| pair.split('=').next() == Some("api-version"))
    });
    if names_one || version == "v1" {
        return given.map(Cow::Borrowed);
    }
    let version = url::segment(version);
    Some(Cow::Owned(match given {
        Some(query) => format!("{query}&api-version={version}"),
        None => format!("api-version={version}"),
    }))
}

/// An access token, or else the resource's key.
pub(super) fn auth(ask: &Ask<'_>) -> Result<Option<(HeaderName, HeaderValue)>, Fault> {
    let credential = ask.credential;
    let refused = |text: String| {
        let fault = Fault::client(FaultKind::BadRequest, text);
        Fault { retry: Retry::NextTarget, ..fault }
    };
    match credential.settings.azure_sign_in() {
        Err(wrong) => return Err(refused(format!("the Azure setting {wrong}"))),
        Ok(AzureSignIn::Entra(_)) if credential.access_token().is_none() => {
            return Err(refused("the Azure credential is not signed in".to_owned()));
        }
        Ok(_) => {}
    }
    if let Some(token) = credential.access_token() {
        return bearer(token).map(Some);
    }
    let key = credential.key.as_ref();
    key.map(|key| Ok((API_KEY, secret_value(key.danger_expose())?))).transpose()
}
