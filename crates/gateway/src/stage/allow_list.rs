//! Which models a virtual key's integration lets calls ask for.
//!
//! Where it forbids any, a call passes only when what it asks for is known: the provider may read
//! what we cannot, and must not be made to.

use portcullis_domain::{Fault, FaultKind, IntegrationModels};
use portcullis_providers::{Endpoint, inner_models::inner_models};

use crate::stage::{
    named::AskedModel,
    plan::{query_models, shown},
    receive::{Received, ReceivedBody},
};

/// Segments of proxied paths that name a model.
const MODEL_SEGMENTS: [&str; 4] = ["deployments", "engines", "invocations", "models"];

/// Refuses a call that asks for a model which is not allowed, or may do so.
pub(crate) fn check<B>(
    models: &IntegrationModels,
    received: &Received<B>,
    asked: Option<&AskedModel<'_>>,
) -> Result<(), Fault> {
    if !models.is_restricted() {
        return Ok(());
    }
    if let Some(asked) = asked
        && !models.allows(asked.bare)
    {
        return Err(Fault::client(FaultKind::ModelNotAllowed, not_enabled(asked.bare)));
    }
    let accepted = &received.identified.accepted;
    let is_proxied = accepted.endpoint == Endpoint::Proxy;
    let reads_only = matches!(accepted.method.as_str(), "GET" | "HEAD" | "DELETE");
    let queried = query_models(accepted.query());
    let names_others = queried
        .iter()
        .any(|model| !models.allows(AskedModel::read(model, &received.identified).bare))
        // A list of models to fall back on.
        || matches!(&received.body, ReceivedBody::Json(json) if json.member("models").is_some());
    let may_name_others = is_proxied
        && !reads_only
        && (matches!(received.body, ReceivedBody::Stream(_))
            || received.model().is_none()
            || accepted.path().split('/').any(|segment| MODEL_SEGMENTS.contains(&segment)));
    let is_unknown = asked.is_none() && accepted.endpoint.uses_model() && !is_proxied;
    if names_others || may_name_others || is_unknown {
        let text = "this virtual key is for certain models only, and it cannot be told which \
                    model the call asks for: name one in the body's 'model'";
        return Err(Fault::client(FaultKind::ModelNotAllowed, text));
    }
    let ReceivedBody::Json(json) = &received.body else { return Ok(()) };
    let refused = |text| Err(Fault::client(FaultKind::ModelNotAllowed, text));
    match inner_models(json) {
        Ok(inner) => match inner.iter().find(|model| !models.allows(model)) {
            Some(model) => refused(not_enabled(model)),
            None => Ok(()),
        },
        Err(unclear) => refused(format!("this virtual key is for certain models only: {unclear}")),
    }
}

/// What is said to whom asks for a model that is not allowed.
pub(crate) fn not_enabled(model: &str) -> String {
    format!("the model '{}' is not enabled for this virtual key", shown(model))
}
