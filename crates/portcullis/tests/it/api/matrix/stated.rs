//! What the roles and permissions are said to come to, in names of scopes: stated here, and not
//! taken from the code.

use std::collections::BTreeSet;

use portcullis_domain::Scope;

pub(crate) type Scopes = BTreeSet<&'static str>;

/// Who has it, of owner, admin and member.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Has {
    All,
    Admins,
    Owner,
}

/// The matrix that the field's users know: feature, what is done, its scopes, and who has it.
pub(crate) const MATRIX: &[(&str, &str, &[&str], Has)] = &[
    ("logs and analytics", "view", &["logs.view", "analytics.view"], Has::All),
    ("logs and analytics", "filter and group", &["logs.list"], Has::All),
    ("prompts", "list", &["prompts.list"], Has::All),
    ("prompts", "view", &["prompts.read"], Has::All),
    ("prompts", "create", &["prompts.create"], Has::All),
    ("prompts", "update", &["prompts.update"], Has::All),
    ("prompts", "delete", &["prompts.delete"], Has::Admins),
    ("prompts", "publish", &["prompts.publish"], Has::Admins),
    ("configs", "list", &["configs.list"], Has::All),
    ("configs", "view", &["configs.read"], Has::All),
    ("configs", "create", &["configs.create"], Has::All),
    ("configs", "update", &["configs.update"], Has::Admins),
    ("configs", "delete", &["configs.delete"], Has::Admins),
    ("guardrails", "list", &["guardrails.list"], Has::All),
    ("guardrails", "view", &["guardrails.read"], Has::All),
    ("guardrails", "create", &["guardrails.create"], Has::All),
    ("guardrails", "update", &["guardrails.update"], Has::All),
    ("guardrails", "delete", &["guardrails.delete"], Has::Admins),
    ("virtual keys", "list", &["virtual_keys.list", "providers.list"], Has::All),
    ("virtual keys", "copy", &["virtual_keys.copy"], Has::All),
    ("virtual keys", "create", &["virtual_keys.create", "providers.create"], Has::Admins),
    ("virtual keys", "edit", &["virtual_keys.update", "providers.update"], Has::Admins),
    ("virtual keys", "duplicate", &["virtual_keys.duplicate"], Has::Admins),
    ("virtual keys", "delete", &["virtual_keys.delete", "providers.delete"], Has::Admins),
    ("team", "add users", &["organisation_users.create", "workspace_users.create"], Has::Admins),
    ("team", "assign roles", &["organisation_users.update", "workspace_users.update"], Has::Admins),
    ("organisation", "update", &["organisation_settings.update"], Has::Admins),
    (
        "API keys",
        "create",
        &[
            "organisation_service_api_keys.create",
            "workspace_service_api_keys.create",
            "workspace_user_api_keys.create",
        ],
        Has::Admins,
    ),
    (
        "API keys",
        "edit and update",
        &[
            "organisation_service_api_keys.update",
            "workspace_service_api_keys.update",
            "workspace_user_api_keys.update",
        ],
        Has::Admins,
    ),
    (
        "API keys",
        "delete",
        &[
            "organisation_service_api_keys.delete",
            "workspace_service_api_keys.delete",
            "workspace_user_api_keys.delete",
        ],
        Has::Admins,
    ),
    (
        "API keys",
        "rotate",
        &[
            "organisation_service_api_keys.rotate",
            "workspace_service_api_keys.rotate",
            "workspace_user_api_keys.rotate",
        ],
        Has::Admins,
    ),
    ("billing", "manage", &["billing.manage"], Has::Owner),
];

/// What members have of which the matrix does not speak: their workspace to find their way in it,
/// what it offers, and its use.
const MEMBERS_BESIDES: &[&str] = &[
    "workspaces.list",
    "workspaces.read",
    "mcp_servers.list",
    "mcp_servers.read",
    "agent_servers.list",
    "agent_servers.read",
    "completions.write",
    "models.list",
    "prompts.render",
    "guardrails.invoke",
    "mcp.invoke",
    "agents.invoke",
    "logs.write",
];

/// What the strict preset takes from members: it leaves them reading.
const NOT_STRICT: &[&str] = &[
    "prompts.create",
    "prompts.update",
    "configs.create",
    "guardrails.create",
    "guardrails.update",
];

/// What concerns the organisation as a whole: nothing that is of one workspace only holds it.
const OF_ORGANISATIONS: &[&str] = &[
    "organisation_users.",
    "organisation_service_api_keys.",
    "organisation_settings.",
    "organisation_guardrails.",
    "organisation_exclusions.",
    "audit_logs.",
    "plugins.",
    "deployments.",
    "secret_references.",
    "billing.",
    "workspaces.create",
    "workspaces.delete",
];

/// The organisation's integrations can be seen from a workspace, no more.
const SEEN_FROM_WORKSPACES: &[&str] = &[
    "organisation_integrations.",
    "organisation_mcp_integrations.",
    "organisation_agent_integrations.",
];

/// The seven features of a key: what reading opens, what writing opens besides, and deleting.
type Opens = &'static [&'static str];
pub(crate) const FEATURES: [(&str, [Opens; 3]); 7] = [
    (
        "metrics",
        [&["analytics.view", "logs.list", "logs.view", "logs.export"], &["logs.write"], &[]],
    ),
    ("completions", [&[], &["completions.write", "models.list"], &[]]),
    (
        "prompts",
        [
            &["prompts.list", "prompts.read", "prompts.render"],
            &["prompts.create", "prompts.update", "prompts.publish"],
            &["prompts.delete"],
        ],
    ),
    (
        "configs",
        [
            &["configs.list", "configs.read"],
            &["configs.create", "configs.update"],
            &["configs.delete"],
        ],
    ),
    (
        "guardrails",
        [
            &["guardrails.list", "guardrails.read"],
            &["guardrails.create", "guardrails.update"],
            &["guardrails.delete"],
        ],
    ),
    (
        "virtual_keys",
        [
            &[
                "virtual_keys.list",
                "virtual_keys.read",
                "virtual_keys.copy",
                "providers.list",
                "providers.read",
            ],
            &[
                "virtual_keys.create",
                "virtual_keys.update",
                "virtual_keys.duplicate",
                "providers.create",
                "providers.update",
            ],
            &["virtual_keys.delete", "providers.delete"],
        ],
    ),
    (
        "users",
        [
            &[
                "organisation_users.list",
                "organisation_users.read",
                "workspace_users.list",
                "workspace_users.read",
            ],
            &[
                "organisation_users.create",
                "organisation_users.update",
                "workspace_users.create",
                "workspace_users.update",
            ],
            &["organisation_users.delete", "workspace_users.delete"],
        ],
    ),
];

pub(crate) const LEVELS: [&str; 4] = ["disabled", "read", "write", "delete"];

/// Every scope there is.
pub(crate) fn all() -> Scopes {
    Scope::ALL.iter().map(|scope| scope.name()).collect()
}

/// What an owner of the organisation may do everywhere.
pub(crate) fn owner() -> Scopes {
    all()
}

/// What an admin of the organisation may do everywhere.
pub(crate) fn admin() -> Scopes {
    all().into_iter().filter(|scope| *scope != "billing.manage").collect()
}

/// What an admin of a workspace may do there.
pub(crate) fn workspace_admin() -> Scopes {
    all().into_iter().filter(|scope| fits_workspace(scope)).collect()
}

/// What a manager of a workspace may do there: all but change the workspace itself.
pub(crate) fn workspace_manager() -> Scopes {
    workspace_admin().into_iter().filter(|scope| *scope != "workspaces.update").collect()
}

/// What a member of a workspace may do there.
pub(crate) fn workspace_member(is_strict: bool) -> Scopes {
    let stated = MATRIX.iter().filter(|(.., has)| *has == Has::All);
    let stated = stated.flat_map(|(_, _, scopes, _)| scopes.iter());
    let all = stated.chain(MEMBERS_BESIDES).copied();
    all.filter(|scope| !(is_strict && NOT_STRICT.contains(scope))).collect()
}

/// What a key of that kind can hold at most.
pub(crate) fn most(kind: &str) -> Scopes {
    let fits = |scope: &&str| match kind {
        "organisation/service" => true,
        "workspace/service" => fits_workspace(scope),
        _ => fits_workspace(scope) && !scope.contains("_api_keys."),
    };
    all().into_iter().filter(fits).collect()
}

/// What a key holds of which one feature is set to a level, and nothing is said of the others.
pub(crate) fn key(kind: &str, feature: &str, level: &str) -> Scopes {
    let level_of = |name: &str| match name {
        name if name == feature => LEVELS.iter().position(|known| *known == level).unwrap(),
        "completions" => 2,
        "prompts" => 1,
        _ => 0,
    };
    let open = FEATURES.iter().flat_map(|(name, opens)| opens[..level_of(name)].iter());
    let most = most(kind);
    open.flat_map(|scopes| scopes.iter()).copied().filter(|scope| most.contains(scope)).collect()
}

fn fits_workspace(scope: &str) -> bool {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| scope.starts_with(prefix));
    !begins(OF_ORGANISATIONS) && (!begins(SEEN_FROM_WORKSPACES) || scope.ends_with(".list"))
}
