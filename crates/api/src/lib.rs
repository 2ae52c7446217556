//! The HTTP API of administration and sign-in over the use cases of `control`. No rule lives here.
//!
//! There is one table of routes, and everything is made from it: the router, the door that each
//! request must pass, what the audit trail is told, and the OpenAPI document. A route says its
//! method and path, who may come in, and which function serves it; the schemas of what it takes and
//! answers are those of that function's own types. A path that is not in the table is not served.
//!
//! To add a resource: `resource/<noun>.rs` with a `routes()` function, a line in
//! [`routes::all`], and, if it is new, its first path segment in [`owns`].

mod answer;
mod ask;
mod auth;
mod body;
mod cookie;
mod error;
mod openapi;
mod query;
mod resource;
mod route;
mod routes;
mod schema;
mod serve;
mod trace;

use axum::{Router, middleware};
use portcullis_control::Control;

pub use resource::NOT_SERVED;
pub use route::{Door, RouteInfo};
pub use serve::Peer;

/// Every surface of this crate: the admin API under `/v1`, and under `/v2`, where some clients look
/// for it; sign-in and what is people's own under `/auth`.
pub fn router(control: Control) -> Router {
    let mut router = Router::new();
    for route in routes::all() {
        let path = route.path;
        let served = serve::method(route);
        if let Some(rest) = path.strip_prefix("/v1") {
            router = router.route(&format!("/v2{rest}"), served.clone());
        }
        router = router.route(path, served);
    }
    router
        .fallback(error::route_unknown)
        .method_not_allowed_fallback(error::method_unknown)
        .layer(middleware::from_fn_with_state(control.clone(), trace::stamp))
        .with_state(control)
}

/// The table of routes, for those who test it.
pub fn route_table() -> Vec<RouteInfo> {
    routes::all().iter().map(route::Route::info).collect()
}

/// The OpenAPI document of everything that is served here.
pub fn openapi() -> serde_json::Value {
    openapi::document(&routes::all())
}

/// Whether a path after `/v1/` is the admin API's; every other one is the data plane's.
pub fn owns(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    resource::SERVED.contains(&first) || NOT_SERVED.contains(&first)
}
