//! What people are in an organisation and its workspaces, and what that lets them do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Feature, Level, Scope, ScopeSet};

/// What a person is in an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrganisationRole {
    /// Everything, including giving the organisation up.
    Owner,
    /// Everything but what concerns billing.
    Admin,
    /// What their workspaces allow.
    Member,
}

/// What a person is in a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkspaceRole {
    /// Everything in the workspace.
    Admin,
    /// Everything but the workspace's own settings.
    Manager,
    /// Use, and what the organisation lets members do besides.
    Member,
}

/// What a workspace's members may do unless the organisation says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolePreset {
    /// They make and change prompts and guardrails and make configs.
    #[default]
    Default,
    /// They read.
    Strict,
}

/// What an organisation says of its roles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoleSettings {
    /// Where members begin.
    pub preset: RolePreset,
    /// What is different for admins of workspaces.
    pub admin: RoleSwitches,
    /// What is different for managers of workspaces.
    pub manager: RoleSwitches,
    /// What is different for members of workspaces.
    pub member: RoleSwitches,
}

/// What is different for one role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoleSwitches {
    /// Features opened or closed up to a level.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub features: BTreeMap<Feature, Level>,
    /// Whether logs and analytics show only the calls of the person's own keys.
    pub own_data_only: bool,
}

/// What each workspace role comes to in one organisation: compiled once, looked up at every use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleScopes {
    workspace: [(ScopeSet, bool); 3],
}

/// What a member does with prompts and the like in the default preset, on top of reading.
const MEMBER_WRITES: &[Scope] = &[
    Scope::PromptsCreate,
    Scope::PromptsUpdate,
    Scope::ConfigsCreate,
    Scope::GuardrailsCreate,
    Scope::GuardrailsUpdate,
];

/// What every member of a workspace reads.
const MEMBER_READS: &[Scope] = &[
    Scope::AnalyticsView,
    Scope::LogsList,
    Scope::LogsView,
    Scope::PromptsList,
    Scope::PromptsRead,
    Scope::ConfigsList,
    Scope::ConfigsRead,
    Scope::GuardrailsList,
    Scope::GuardrailsRead,
    Scope::VirtualKeysList,
    Scope::VirtualKeysCopy,
    Scope::ProvidersList,
    Scope::WorkspacesList,
    Scope::WorkspacesRead,
    Scope::McpServersList,
    Scope::McpServersRead,
    Scope::AgentServersList,
    Scope::AgentServersRead,
];

/// What concerns a workspace as such, which its managers leave to its admins.
const WORKSPACE_ITSELF: &[Scope] = &[Scope::WorkspacesUpdate];

impl OrganisationRole {
    /// Every role, the highest first.
    pub const ALL: [Self; 3] = [Self::Owner, Self::Admin, Self::Member];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
        }
    }

    /// Reads the name on the wire.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == text)
    }

    /// What the role may do everywhere in the organisation.
    pub fn scopes(self) -> ScopeSet {
        match self {
            Self::Owner => ScopeSet::all(),
            Self::Admin => ScopeSet::all().without(&[Scope::BillingManage]),
            Self::Member => ScopeSet::EMPTY,
        }
    }
}

impl WorkspaceRole {
    /// Every role, the highest first.
    pub const ALL: [Self; 3] = [Self::Admin, Self::Manager, Self::Member];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Manager => "manager",
            Self::Member => "member",
        }
    }

    /// Reads the name on the wire.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == text)
    }

    fn scopes(self, preset: RolePreset) -> ScopeSet {
        let all = Scope::ALL.iter().copied().filter(|scope| scope.fits_workspace());
        match self {
            Self::Admin => all.collect(),
            Self::Manager => all.collect::<ScopeSet>().without(WORKSPACE_ITSELF),
            Self::Member => {
                let reads = MEMBER_READS.iter().chain(Scope::USE).copied().collect::<ScopeSet>();
                match preset {
                    RolePreset::Default => reads.with(MEMBER_WRITES),
                    RolePreset::Strict => reads,
                }
            }
        }
    }
}

impl RoleSettings {
    /// What the settings come to.
    pub fn compile(&self) -> RoleScopes {
        let of = |role: WorkspaceRole| {
            let switches = match role {
                WorkspaceRole::Admin => &self.admin,
                WorkspaceRole::Manager => &self.manager,
                WorkspaceRole::Member => &self.member,
            };
            let mut scopes = role.scopes(self.preset);
            for (feature, level) in &switches.features {
                scopes = scopes.without_set(&feature.up_to(Level::Delete));
                scopes = scopes.union(&feature.up_to(*level));
            }
            let fits = scopes.iter().filter(|scope| scope.fits_workspace()).collect();
            (fits, switches.own_data_only)
        };
        RoleScopes { workspace: WorkspaceRole::ALL.map(of) }
    }
}

impl RoleScopes {
    /// What the role may do in its workspace.
    pub const fn workspace(&self, role: WorkspaceRole) -> &ScopeSet {
        &self.workspace[role as usize].0
    }

    /// Whether the role sees only the calls of its own keys.
    pub const fn sees_own_data_only(&self, role: WorkspaceRole) -> bool {
        self.workspace[role as usize].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_ordered_by_what_they_may_do() {
        for preset in [RolePreset::Default, RolePreset::Strict] {
            let roles = RoleSettings { preset, ..RoleSettings::default() }.compile();
            let [admin, manager, member] = WorkspaceRole::ALL.map(|role| *roles.workspace(role));
            assert!(admin.contains_all(&manager) && manager.contains_all(&member));
            assert!(!manager.contains_all(&admin) && !member.contains_all(&manager));
            assert!(OrganisationRole::Admin.scopes().contains_all(&admin));
        }
        let (owner, admin) = (OrganisationRole::Owner.scopes(), OrganisationRole::Admin.scopes());
        assert_eq!(owner.without_set(&admin).iter().collect::<Vec<_>>(), [Scope::BillingManage]);
    }

    #[test]
    fn a_switch_opens_and_closes_its_feature_only() {
        let mut settings = RoleSettings::default();
        let before = *settings.compile().workspace(WorkspaceRole::Member);
        settings.member.features.insert(Feature::Prompts, Level::Disabled);
        settings.member.features.insert(Feature::VirtualKeys, Level::Delete);
        let after = *settings.compile().workspace(WorkspaceRole::Member);
        assert!(!after.contains(Scope::PromptsList) && !after.contains(Scope::PromptsCreate));
        assert!(after.contains(Scope::PromptsRender), "using one is not managing them");
        assert!(after.contains(Scope::VirtualKeysDelete));
        let untouched = |set: &ScopeSet| {
            let features = [Feature::Prompts, Feature::VirtualKeys];
            features.iter().fold(*set, |set, f| set.without_set(&f.up_to(Level::Delete)))
        };
        assert_eq!(untouched(&after), untouched(&before));
        // No switch gives a workspace's role what only the organisation's have.
        settings.member.features.insert(Feature::Integrations, Level::Delete);
        settings.member.features.insert(Feature::Users, Level::Delete);
        let member = *settings.compile().workspace(WorkspaceRole::Member);
        assert!(member.iter().all(Scope::fits_workspace));
        assert!(!member.contains(Scope::OrganisationUsersList));
    }
}
