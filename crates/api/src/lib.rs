//! The admin REST API: paths, bodies and envelopes of the admin reference over the use cases of
//! `control`. No rule lives here.
//!
//! To add a resource: `resource/<noun>.rs` with a `routes()` function, merged below, and its first
//! path segment in [`owns`].

mod body;
mod caller;
mod error;
mod page;
mod resource;
mod trace;

use axum::{Router, middleware};
use portcullis_control::Control;

pub use resource::NOT_SERVED;

/// The admin API under `/v1`, and under `/v2`, where some clients look for it.
pub fn router(control: Control) -> Router {
    let routes = Router::new()
        .merge(resource::virtual_key::routes())
        .merge(resource::provider::routes())
        .merge(resource::integration::routes())
        .merge(resource::api_key::routes())
        .merge(resource::kms::routes())
        .merge(resource::log::routes());
    Router::new()
        .nest("/v1", routes.clone())
        .nest("/v2", routes)
        .fallback(error::route_unknown)
        .method_not_allowed_fallback(error::method_unknown)
        .layer(middleware::from_fn_with_state(control.clone(), trace::stamp))
        .with_state(control)
}

/// Whether a path after `/v1/` is the admin API's; every other one is the data plane's.
pub fn owns(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    resource::SERVED.contains(&first) || NOT_SERVED.contains(&first)
}
