//! One file per resource of the admin reference.

pub(crate) mod api_key;
pub(crate) mod audit_log;
pub(crate) mod environment;
pub(crate) mod integration;
pub(crate) mod invite;
pub(crate) mod kms;
pub(crate) mod log;
mod log_content;
pub(crate) mod openapi;
pub(crate) mod organisation;
pub(crate) mod provider;
pub(crate) mod token_issuer;
pub(crate) mod user;
pub(crate) mod virtual_key;
pub(crate) mod workspace;
pub(crate) mod workspace_member;

/// First path segments that are served.
pub(crate) const SERVED: [&str; 8] = [
    "admin",
    "api-keys",
    "audit-logs",
    "integrations",
    "logs",
    "openapi.json",
    "providers",
    "virtual-keys",
];

/// First path segments of the admin reference that this version does not serve. They are answered
/// as such, and never proxied to a provider.
pub const NOT_SERVED: [&str; 15] = [
    "analytics",
    "collections",
    "configs",
    "feedback",
    "guardrails",
    "labels",
    "mcp-integrations",
    "mcp-servers",
    "otel",
    "policies",
    "prompts",
    "scim",
    "secret-references",
    "workspace-exclusions",
    "proxy",
];
