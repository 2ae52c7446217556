//! Scopes: one permission each, `resource.verb` (admin reference §2).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! scopes {
    ($($name:ident $text:literal;)*) => {
        /// One permission of a key or role.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[allow(missing_docs, reason = "each variant's meaning is its name in the contract")]
        pub enum Scope { $($name),* }

        impl Scope {
            /// Every scope, in the order of the contract.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

scopes! {
    OrganisationUsersCreate "organisation_users.create";
    OrganisationUsersRead "organisation_users.read";
    OrganisationUsersUpdate "organisation_users.update";
    OrganisationUsersDelete "organisation_users.delete";
    OrganisationUsersList "organisation_users.list";
    OrganisationServiceApiKeysCreate "organisation_service_api_keys.create";
    OrganisationServiceApiKeysRead "organisation_service_api_keys.read";
    OrganisationServiceApiKeysUpdate "organisation_service_api_keys.update";
    OrganisationServiceApiKeysDelete "organisation_service_api_keys.delete";
    OrganisationServiceApiKeysList "organisation_service_api_keys.list";
    OrganisationServiceApiKeysRotate "organisation_service_api_keys.rotate";
    OrganisationSettingsRead "organisation_settings.read";
    OrganisationSettingsUpdate "organisation_settings.update";
    OrganisationGuardrailsCreate "organisation_guardrails.create";
    OrganisationGuardrailsRead "organisation_guardrails.read";
    OrganisationGuardrailsUpdate "organisation_guardrails.update";
    OrganisationGuardrailsDelete "organisation_guardrails.delete";
    OrganisationGuardrailsList "organisation_guardrails.list";
    OrganisationExclusionsUpdate "organisation_exclusions.update";
    OrganisationExclusionsList "organisation_exclusions.list";
    AuditLogsList "audit_logs.list";
    PluginsCreate "plugins.create";
    PluginsUpdate "plugins.update";
    PluginsList "plugins.list";
    DeploymentsCreate "deployments.create";
    DeploymentsRead "deployments.read";
    DeploymentsUpdate "deployments.update";
    DeploymentsDelete "deployments.delete";
    DeploymentsList "deployments.list";
    SecretReferencesCreate "secret_references.create";
    SecretReferencesRead "secret_references.read";
    SecretReferencesUpdate "secret_references.update";
    SecretReferencesDelete "secret_references.delete";
    SecretReferencesList "secret_references.list";
    WorkspacesCreate "workspaces.create";
    WorkspacesRead "workspaces.read";
    WorkspacesUpdate "workspaces.update";
    WorkspacesDelete "workspaces.delete";
    WorkspacesList "workspaces.list";
    WorkspaceServiceApiKeysCreate "workspace_service_api_keys.create";
    WorkspaceServiceApiKeysRead "workspace_service_api_keys.read";
    WorkspaceServiceApiKeysUpdate "workspace_service_api_keys.update";
    WorkspaceServiceApiKeysDelete "workspace_service_api_keys.delete";
    WorkspaceServiceApiKeysList "workspace_service_api_keys.list";
    WorkspaceServiceApiKeysRotate "workspace_service_api_keys.rotate";
    WorkspaceUserApiKeysCreate "workspace_user_api_keys.create";
    WorkspaceUserApiKeysRead "workspace_user_api_keys.read";
    WorkspaceUserApiKeysUpdate "workspace_user_api_keys.update";
    WorkspaceUserApiKeysDelete "workspace_user_api_keys.delete";
    WorkspaceUserApiKeysList "workspace_user_api_keys.list";
    WorkspaceUserApiKeysRotate "workspace_user_api_keys.rotate";
    WorkspaceUsersCreate "workspace_users.create";
    WorkspaceUsersRead "workspace_users.read";
    WorkspaceUsersUpdate "workspace_users.update";
    WorkspaceUsersDelete "workspace_users.delete";
    WorkspaceUsersList "workspace_users.list";
    PromptsCreate "prompts.create";
    PromptsRead "prompts.read";
    PromptsUpdate "prompts.update";
    PromptsDelete "prompts.delete";
    PromptsList "prompts.list";
    PromptsPublish "prompts.publish";
    PromptsRender "prompts.render";
    ConfigsCreate "configs.create";
    ConfigsRead "configs.read";
    ConfigsUpdate "configs.update";
    ConfigsDelete "configs.delete";
    ConfigsList "configs.list";
    GuardrailsCreate "guardrails.create";
    GuardrailsRead "guardrails.read";
    GuardrailsUpdate "guardrails.update";
    GuardrailsDelete "guardrails.delete";
    GuardrailsList "guardrails.list";
    GuardrailsInvoke "guardrails.invoke";
    ProvidersCreate "providers.create";
    ProvidersRead "providers.read";
    ProvidersUpdate "providers.update";
    ProvidersDelete "providers.delete";
    ProvidersList "providers.list";
    PoliciesCreate "policies.create";
    PoliciesRead "policies.read";
    PoliciesUpdate "policies.update";
    PoliciesDelete "policies.delete";
    PoliciesList "policies.list";
    VirtualKeysCreate "virtual_keys.create";
    VirtualKeysRead "virtual_keys.read";
    VirtualKeysUpdate "virtual_keys.update";
    VirtualKeysDelete "virtual_keys.delete";
    VirtualKeysList "virtual_keys.list";
    VirtualKeysDuplicate "virtual_keys.duplicate";
    VirtualKeysCopy "virtual_keys.copy";
    OrganisationIntegrationsCreate "organisation_integrations.create";
    OrganisationIntegrationsRead "organisation_integrations.read";
    OrganisationIntegrationsUpdate "organisation_integrations.update";
    OrganisationIntegrationsDelete "organisation_integrations.delete";
    OrganisationIntegrationsList "organisation_integrations.list";
    OrganisationMcpIntegrationsCreate "organisation_mcp_integrations.create";
    OrganisationMcpIntegrationsRead "organisation_mcp_integrations.read";
    OrganisationMcpIntegrationsUpdate "organisation_mcp_integrations.update";
    OrganisationMcpIntegrationsDelete "organisation_mcp_integrations.delete";
    OrganisationMcpIntegrationsList "organisation_mcp_integrations.list";
    OrganisationAgentIntegrationsCreate "organisation_agent_integrations.create";
    OrganisationAgentIntegrationsRead "organisation_agent_integrations.read";
    OrganisationAgentIntegrationsUpdate "organisation_agent_integrations.update";
    OrganisationAgentIntegrationsDelete "organisation_agent_integrations.delete";
    OrganisationAgentIntegrationsList "organisation_agent_integrations.list";
    WorkspaceIntegrationsCreate "workspace_integrations.create";
    WorkspaceIntegrationsRead "workspace_integrations.read";
    WorkspaceIntegrationsUpdate "workspace_integrations.update";
    WorkspaceIntegrationsDelete "workspace_integrations.delete";
    WorkspaceIntegrationsList "workspace_integrations.list";
    WorkspaceMcpIntegrationsCreate "workspace_mcp_integrations.create";
    WorkspaceMcpIntegrationsRead "workspace_mcp_integrations.read";
    WorkspaceMcpIntegrationsUpdate "workspace_mcp_integrations.update";
    WorkspaceMcpIntegrationsDelete "workspace_mcp_integrations.delete";
    WorkspaceMcpIntegrationsList "workspace_mcp_integrations.list";
    WorkspaceAgentIntegrationsCreate "workspace_agent_integrations.create";
    WorkspaceAgentIntegrationsRead "workspace_agent_integrations.read";
    WorkspaceAgentIntegrationsUpdate "workspace_agent_integrations.update";
    WorkspaceAgentIntegrationsDelete "workspace_agent_integrations.delete";
    WorkspaceAgentIntegrationsList "workspace_agent_integrations.list";
    AgentServersCreate "agent_servers.create";
    AgentServersRead "agent_servers.read";
    AgentServersUpdate "agent_servers.update";
    AgentServersDelete "agent_servers.delete";
    AgentServersList "agent_servers.list";
    McpServersCreate "mcp_servers.create";
    McpServersRead "mcp_servers.read";
    McpServersUpdate "mcp_servers.update";
    McpServersDelete "mcp_servers.delete";
    McpServersList "mcp_servers.list";
    AnalyticsView "analytics.view";
    LogsExport "logs.export";
    LogsList "logs.list";
    LogsView "logs.view";
    LogsWrite "logs.write";
    CompletionsWrite "completions.write";
    McpInvoke "mcp.invoke";
    AgentsInvoke "agents.invoke";
    ModelsList "models.list";
    BillingManage "billing.manage";
}

/// A name that is no scope.
#[derive(Debug, thiserror::Error)]
#[error("unknown scope '{0}'")]
pub struct UnknownScope(pub String);

impl Scope {
    /// Reads a scope's name, with or without the `portkey.` prefix that tokens may carry.
    pub fn parse(text: &str) -> Result<Self, UnknownScope> {
        let name = text.strip_prefix("portkey.").unwrap_or(text);
        let known = Self::ALL.iter().copied().find(|scope| scope.name() == name);
        known.ok_or_else(|| UnknownScope(text.to_owned()))
    }
}

impl Scope {
    /// Using models and what is configured, on the data plane. Every other scope administers.
    pub const USE: &'static [Self] = &[
        Self::CompletionsWrite,
        Self::PromptsRender,
        Self::GuardrailsInvoke,
        Self::McpInvoke,
        Self::AgentsInvoke,
        Self::LogsWrite,
        Self::ModelsList,
    ];

    /// Seeing calls, which a role may be confined to its own in.
    pub const SIGHT: &'static [Self] =
        &[Self::LogsView, Self::LogsList, Self::LogsExport, Self::AnalyticsView];

    /// Whether it can be held in a workspace; the others only in the organisation as a whole (admin
    /// reference §2).
    pub fn fits_workspace(self) -> bool {
        const OF_ORGANISATIONS: [&str; 7] = [
            "organisation_",
            "audit_logs.",
            "plugins.",
            "deployments.",
            "secret_references.",
            "billing.",
            "workspaces.",
        ];
        match self {
            Self::WorkspacesRead | Self::WorkspacesUpdate | Self::WorkspacesList => true,
            // What the organisation lets its workspaces use can be seen there.
            Self::OrganisationIntegrationsList
            | Self::OrganisationMcpIntegrationsList
            | Self::OrganisationAgentIntegrationsList => true,
            _ => !OF_ORGANISATIONS.iter().any(|prefix| self.name().starts_with(prefix)),
        }
    }

    /// Whether it administers API keys, which a person's own key never does.
    pub fn is_of_api_keys(self) -> bool {
        self.name().split_once('.').is_some_and(|(resource, _)| resource.ends_with("_api_keys"))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct ScopeSet([u64; 4]);

impl ScopeSet {
    /// No scope.
    pub const EMPTY: Self = Self([0; 4]);

    /// Every scope: what the master key holds.
    pub fn all() -> Self {
        Scope::ALL.iter().copied().collect()
    }

    /// Whether the set holds `scope`.
    pub const fn contains(&self, scope: Scope) -> bool {
        self.0[scope as usize / 64] & (1 << (scope as usize % 64)) != 0
    }

    /// Adds a scope.
    pub const fn insert(&mut self, scope: Scope) {
        self.0[scope as usize / 64] |= 1 << (scope as usize % 64);
    }

    /// Whether the set holds all of the other.
    pub fn contains_all(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(own, other)| own & other == *other)
    }

    /// What both hold.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] & other.0[at]))
    }

    /// What either holds.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] | other.0[at]))
    }

    /// What this holds and the other does not.
    #[must_use]
    pub fn without_set(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] & !other.0[at]))
    }

    /// This with some scopes more.
    #[must_use]
    pub fn with(&self, scopes: &[Scope]) -> Self {
        self.union(&scopes.iter().copied().collect())
    }

    /// This without some scopes.
    #[must_use]
    pub fn without(&self, scopes: &[Scope]) -> Self {
        self.without_set(&scopes.iter().copied().collect())
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        *self == Self::EMPTY
    }

    /// The scopes held, in the contract's order.
    pub fn iter(&self) -> impl Iterator<Item = Scope> + '_ {
        Scope::ALL.iter().copied().filter(|scope| self.contains(*scope))
    }

    /// Reads a list of names.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, UnknownScope> {
        names.into_iter().map(Scope::parse).collect()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut set = Self::EMPTY;
        for scope in scopes {
            set.insert(scope);
        }
        set
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Scope::name)).finish()
    }
}

impl Serialize for ScopeSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Scope::name))
    }
}

impl<'de> Deserialize<'de> for ScopeSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        Self::parse(names.iter().map(String::as_str)).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{Scope, ScopeSet};

    #[test]
    fn every_name_reads_back_and_fits_the_set() {
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.name()).unwrap(), *scope);
            assert_eq!(Scope::parse(&format!("portkey.{scope}")).unwrap(), *scope);
            assert!(ScopeSet::all().contains(*scope));
        }
        assert!(Scope::parse("completions").is_err());
        assert_eq!(ScopeSet::all().iter().count(), Scope::ALL.len());
    }
}
