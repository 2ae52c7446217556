//! The table of routes: whatever is served stands here, and nothing else is served.

use crate::{auth, resource, route::Route};

/// Every route.
pub(crate) fn all() -> Vec<Route> {
    [
        resource::openapi::routes(),
        resource::organisation::routes(),
        resource::kms::routes(),
        resource::token_issuer::routes(),
        resource::workspace::routes(),
        resource::environment::routes(),
        resource::workspace_member::routes(),
        resource::user::routes(),
        resource::invite::routes(),
        resource::api_key::routes(),
        resource::virtual_key::routes(),
        resource::provider::routes(),
        resource::integration::routes(),
        resource::log::routes(),
        resource::audit_log::routes(),
        auth::session::routes(),
        auth::invite::routes(),
        auth::personal_key::routes(),
    ]
    .concat()
}
