//! One file per resource of the admin reference.

pub(crate) mod api_key;
pub(crate) mod integration;
pub(crate) mod kms;
pub(crate) mod log;
pub(crate) mod provider;
pub(crate) mod virtual_key;

/// First path segments that are served.
pub(crate) const SERVED: [&str; 6] =
    ["admin", "api-keys", "integrations", "logs", "providers", "virtual-keys"];

/// First path segments of the admin reference that this version does not serve. They are answered
/// as such, and never proxied to a provider.
pub const NOT_SERVED: [&str; 17] = [
    "analytics",
    "audit-logs",
    "collections",
    "configs",
    "feedback",
    "guardrails",
    "labels",
    "mcp-integrations",
    "mcp-servers",
    "openapi.json",
    "otel",
    "policies",
    "prompts",
    "scim",
    "secret-references",
    "workspace-exclusions",
    "proxy",
];
