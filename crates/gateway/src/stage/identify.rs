//! identify → [`Identified`]: who calls, and whether they may (data-plane reference §2).
//!
//! It comes before the body is read: a caller without a key cannot make us hold anything.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, header::AUTHORIZATION};
use portcullis_domain::{
    ApiKey, ApiKeyToken, Environment, Fault, FaultKind, MalformedApiKey, Member, Organisation,
    Scope, Secret, Workspace,
};
use portcullis_identity::{TokenRefused, key_of_token, resembles_signed_token};
use portcullis_providers::Endpoint;

use crate::{
    Parts, client_headers::ClientHeaders, closing::Closing, header, stage::accept::Accepted,
};

/// A call of a known key, which is recorded whatever becomes of it. Whether it may be made from where
/// it comes, and with what it names, is not known yet.
pub(crate) struct Known {
    identified: Identified,
    /// What was taken out of the headers, for the record to tell of; it masks them.
    credentials: Credentials,
}

/// A call of a known key that may make it. The key itself is no longer among the headers.
pub(crate) struct Identified {
    pub(crate) accepted: Box<Accepted>,
    pub(crate) key: Arc<ApiKey>,
    pub(crate) organisation: Arc<Organisation>,
    pub(crate) workspace: Arc<Workspace>,
    /// The person behind a user-bound key.
    pub(crate) member: Option<Arc<Member>>,
    /// The provider credential the caller brought along, for targets that have none.
    pub(crate) provider_secret: Option<Secret<String>>,
    _proof: (),
}

/// The text that the Python SDK sends when it has no provider key (clients reference).
const PLACEHOLDER: &str = "OPENAI_API_KEY";

pub(crate) fn identify(parts: &Parts, mut accepted: Box<Accepted>) -> Result<Known, Fault> {
    let presented = take_credentials(&mut accepted.headers);
    let Some(token) = presented.key() else {
        let text = "No API key. Send it as 'x-portkey-api-key' or as 'Authorization: Bearer'";
        return Err(Fault::client(FaultKind::KeyUnknown, text));
    };
    let key = find_key(parts, &accepted, token)?;
    let snapshot = &accepted.snapshot;
    if key.is_expired(accepted.at) {
        return Err(Fault::client(FaultKind::KeyExpired, "API Key expired"));
    }
    // A person's key does what the person may do now.
    let (scopes, _) = snapshot.scopes_of(&key);
    let allowed = |scope| scopes.contains(scope);
    let may = allowed(Scope::CompletionsWrite)
        || (accepted.endpoint == Endpoint::ListModels
            && (allowed(Scope::VirtualKeysList) || allowed(Scope::ModelsList)));
    if !may {
        let text = "The API Key lacks the scope 'completions.write'";
        return Err(Fault::client(FaultKind::ScopeMissing, text));
    }
    let organisation = snapshot.organisation(key.organisation_id);
    let workspace = snapshot.workspace(key.workspace_id);
    let (Some(organisation), Some(workspace)) = (organisation, workspace) else {
        let fault = Fault::client(FaultKind::KeyUnknown, "Invalid API Key");
        return Err(fault.with_detail("the key's organisation or workspace is gone"));
    };
    let member = key.user_id.and_then(|user| snapshot.member(key.organisation_id, user));
    let identified = Identified {
        member: member.cloned(),
        key,
        organisation: Arc::clone(organisation),
        workspace: Arc::clone(workspace),
        provider_secret: presented.provider_secret,
        accepted,
        _proof: (),
    };
    Ok(Known { identified, credentials: presented.credentials })
}

impl Known {
    /// Begins what is recorded of the call.
    pub(crate) fn begin(&mut self, parts: &Parts) -> Closing {
        Closing::begin(parts, &mut self.identified, &self.credentials)
    }

    /// Checks that the key may be used from where the call comes, and with the configs it names.
    pub(crate) fn admit(self) -> Result<Identified, Fault> {
        let identified = self.identified;
        let Identified { key, workspace, accepted, .. } = &identified;
        if !key.allows_address(accepted.peer) {
            let text = "The API Key may not be used from this address";
            return Err(Fault::client(FaultKind::AddressRefused, text));
        }
        refuse_unsaved(key, workspace, &accepted.headers)?;
        Ok(identified)
    }
}

/// The key that is presented: one of ours, or a token that stands for one.
fn find_key(parts: &Parts, accepted: &Accepted, token: &str) -> Result<Arc<ApiKey>, Fault> {
    let unknown = || Fault::client(FaultKind::KeyUnknown, "Invalid API Key");
    if resembles_signed_token(token) {
        let found = key_of_token(token, &accepted.snapshot, accepted.at);
        return found.map_err(|refused| match refused {
            TokenRefused::Expired => Fault::client(FaultKind::KeyExpired, "API Key expired"),
            TokenRefused::Unenforced(_) => {
                Fault::client(FaultKind::BadRequest, format!("Invalid API Key: {refused}"))
            }
            // Which organisations there are is nobody's to find out.
            refused => unknown().with_detail(refused),
        });
    }
    if !ApiKeyToken::has_form(token) {
        return Err(unknown().with_detail(MalformedApiKey::Form));
    }
    let digest = parts.pepper.digest(token);
    let key = accepted.snapshot.api_key_by_digest(&digest, accepted.at);
    // The checksum tells only why a key is unknown: keys that are found need none.
    key.cloned().ok_or_else(|| match ApiKeyToken::check(token) {
        Ok(()) => unknown(),
        Err(malformed) => unknown().with_detail(malformed),
    })
}

impl Identified {
    /// The environment the call belongs to.
    pub(crate) fn environment(&self) -> Option<&Environment> {
        self.workspace.environment(self.key.environment_id)
    }
}

/// Refuses a call for which a saved config or a guardrail is named that this version cannot look up:
/// a call without it would be another call than the one that was meant.
fn refuse_unsaved(
    key: &ApiKey,
    workspace: &Workspace,
    headers: &ClientHeaders,
) -> Result<(), Fault> {
    let refuse = |text: String| Err(Fault::client(FaultKind::BadRequest, text));
    let names_config = headers.contains_key(&header::CONFIG);
    if !key.defaults.allow_config_override && names_config {
        return refuse("The API Key does not allow a call to name a config".to_owned());
    }
    let (own, shared) = (&key.defaults, &workspace.defaults);
    if !names_config {
        if let Some(config) = &own.config {
            return refuse(format!("The API Key's default config '{config}' does not exist"));
        }
        if let Some(config) = &shared.config {
            return refuse(format!("The workspace's default config '{config}' does not exist"));
        }
    }
    if let Some(guardrail) = shared.input_guardrails.iter().chain(&shared.output_guardrails).next()
    {
        return refuse(format!("The workspace's guardrail '{guardrail}' does not exist"));
    }
    if let Some(guardrail) = own.input_guardrails.iter().chain(&own.output_guardrails).next() {
        return refuse(format!("The API Key's guardrail '{guardrail}' does not exist"));
    }
    Ok(())
}

/// The headers that may hold a credential.
static CREDENTIALS: [HeaderName; 3] = [header::API_KEY, AUTHORIZATION, header::ANTHROPIC_KEY];

/// Credentials as a call brought them, in the order of the headers' names.
pub(crate) struct Credentials([Option<HeaderValue>; 3]);

impl Credentials {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        let named = CREDENTIALS.iter().zip(&self.0);
        named.filter_map(|(name, value)| Some((name, value.as_ref()?)))
    }
}

struct Presented {
    credentials: Credentials,
    /// Which of them is ours.
    key: Option<usize>,
    provider_secret: Option<Secret<String>>,
}

impl Presented {
    fn key(&self) -> Option<&str> {
        self.credentials.0[self.key?].as_ref().map(text)
    }
}

/// Takes every credential out of the headers, so that none can be passed on by accident, and tells
/// our key from the provider's.
fn take_credentials(headers: &mut ClientHeaders) -> Presented {
    let credentials = Credentials(CREDENTIALS.each_ref().map(|name| headers.remove(name)));
    let [own, authorization, anthropic] = credentials
        .0
        .each_ref()
        .map(|value| value.as_ref().map(text).filter(|text| !text.is_empty()));
    let authorization = authorization.filter(|authorization| *authorization != PLACEHOLDER);
    // `x-api-key` is ours only when it looks so: Anthropic's SDK needs no extra header then.
    let resembles = |text: Option<&str>| text.is_some_and(ApiKeyToken::resembles);
    let key = if own.is_some() {
        own
    } else if authorization.is_some() && (resembles(authorization) || !resembles(anthropic)) {
        authorization
    } else if resembles(anthropic) {
        anthropic
    } else {
        None
    };
    // One of our keys never travels to a provider, wherever the caller put it.
    let provider_secret = [own, authorization, anthropic]
        .into_iter()
        .filter(|text| key.is_some() && *text != key && !resembles(*text))
        .find_map(|text| text.map(|text| Secret::new(text.to_owned())));
    let which =
        [own, authorization, anthropic].iter().position(|text| text.is_some() && *text == key);
    Presented { credentials, key: which, provider_secret }
}

/// What a credential's header says: `Bearer x` or plain `x`, since one SDK sends the value without
/// the scheme. Nothing when it is no text.
fn text(value: &HeaderValue) -> &str {
    let text = value.to_str().unwrap_or_default().trim();
    match text.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer ") => rest.trim(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::{ClientHeaders, take_credentials};

    const OURS: &str = "pck_production_key";

    fn told(pairs: &[(&'static str, &str)]) -> (Option<String>, Option<String>) {
        let headers: HeaderMap =
            pairs.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect();
        let mut headers = ClientHeaders::new(headers);
        let presented = take_credentials(&mut headers);
        assert!(headers.is_empty(), "credentials left behind: {:?}", *headers);
        let key = presented.key().map(str::to_owned);
        (key, presented.provider_secret.map(|secret| secret.danger_expose().clone()))
    }

    #[test]
    fn tells_our_key_from_the_providers() {
        let ours = || Some(OURS.to_owned());
        let bearer_ours = format!("Bearer {OURS}");
        // The SDKs' habits (clients reference).
        assert_eq!(told(&[("x-portkey-api-key", OURS)]), (ours(), None));
        assert_eq!(
            told(&[("x-portkey-api-key", OURS), ("authorization", "Bearer OPENAI_API_KEY")]),
            (ours(), None)
        );
        assert_eq!(
            told(&[("x-portkey-api-key", OURS), ("authorization", &bearer_ours)]),
            (ours(), None)
        );
        assert_eq!(told(&[("authorization", &bearer_ours)]), (ours(), None));
        assert_eq!(told(&[("authorization", OURS)]), (ours(), None));
        assert_eq!(
            told(&[("x-portkey-api-key", OURS), ("authorization", "sk-x")]),
            (ours(), Some("sk-x".to_owned()))
        );
        assert_eq!(told(&[("x-api-key", OURS)]), (ours(), None));
        assert_eq!(
            told(&[("x-api-key", OURS), ("authorization", "Bearer sk-ant")]),
            (ours(), Some("sk-ant".to_owned()))
        );
        assert_eq!(told(&[("x-api-key", "dummy")]), (None, None));
        assert_eq!(
            told(&[("x-portkey-api-key", OURS), ("x-api-key", "sk-ant")]),
            (ours(), Some("sk-ant".to_owned()))
        );
    }
}
