//! Features and levels: how people speak of permissions. Each level of a feature is a list of
//! scopes (admin reference §2).

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Scope, ScopeSet};

/// How much of a feature is open. Each level holds the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Nothing.
    Disabled,
    /// List and read.
    Read,
    /// Make and change too.
    Write,
    /// Delete too.
    Delete,
}

/// Something that can be opened or closed up to a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// Logs and analytics together.
    Metrics,
    /// What was said in calls.
    Logs,
    /// That there were calls, and what they took.
    LogMetadata,
    /// Figures over many calls.
    Analytics,
    /// Calls to models.
    Completions,
    /// The prompt library.
    Prompts,
    /// Routing documents.
    Configs,
    /// Guardrails.
    Guardrails,
    /// Virtual keys (providers).
    VirtualKeys,
    /// Vaulted credentials.
    Integrations,
    /// People and what they are.
    Users,
    /// API keys of a workspace.
    ApiKeys,
}

/// The permissions of an API key by feature, as people set them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permissions(BTreeMap<Feature, Level>);

/// Why permissions cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MalformedPermissions {
    /// No such feature.
    #[error("'{0}' is no feature of a key; known are {known}", known = known())]
    Feature(String),
}

use Scope as S;

impl Feature {
    /// Every feature.
    pub const ALL: [Self; 12] = [
        Self::Metrics,
        Self::Logs,
        Self::LogMetadata,
        Self::Analytics,
        Self::Completions,
        Self::Prompts,
        Self::Configs,
        Self::Guardrails,
        Self::VirtualKeys,
        Self::Integrations,
        Self::Users,
        Self::ApiKeys,
    ];

    /// The seven by which an API key's permissions are set.
    pub const OF_KEYS: [Self; 7] = [
        Self::Metrics,
        Self::Completions,
        Self::Prompts,
        Self::Configs,
        Self::Guardrails,
        Self::VirtualKeys,
        Self::Users,
    ];

    /// The ones that an organisation opens or closes by role.
    pub const OF_ROLES: [Self; 10] = [
        Self::Logs,
        Self::LogMetadata,
        Self::Analytics,
        Self::Prompts,
        Self::Configs,
        Self::Guardrails,
        Self::VirtualKeys,
        Self::Integrations,
        Self::Users,
        Self::ApiKeys,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Logs => "logs",
            Self::LogMetadata => "log_metadata",
            Self::Analytics => "analytics",
            Self::Completions => "completions",
            Self::Prompts => "prompts",
            Self::Configs => "configs",
            Self::Guardrails => "guardrails",
            Self::VirtualKeys => "virtual_keys",
            Self::Integrations => "integrations",
            Self::Users => "users",
            Self::ApiKeys => "api_keys",
        }
    }

    /// Reads the name on the wire.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feature| feature.name() == text)
    }

    /// What a level opens, with the levels before it.
    pub fn up_to(self, level: Level) -> ScopeSet {
        let levels = [Level::Read, Level::Write, Level::Delete];
        let open = levels.into_iter().filter(|open| *open <= level);
        open.flat_map(|level| self.opens(level).iter().copied()).collect()
    }

    /// What a level opens that the one before it does not.
    const fn opens(self, level: Level) -> &'static [Scope] {
        match (self, level) {
            (_, Level::Disabled) => &[],
            (Self::Metrics, Level::Read) => {
                &[S::AnalyticsView, S::LogsList, S::LogsView, S::LogsExport]
            }
            (Self::Metrics, Level::Write) => &[S::LogsWrite],
            (Self::Logs, Level::Read) => &[S::LogsView],
            (Self::Logs, Level::Write) => &[S::LogsExport],
            (Self::LogMetadata, Level::Read) => &[S::LogsList],
            (Self::Analytics, Level::Read) => &[S::AnalyticsView],
            (Self::Completions, Level::Write) => &[S::CompletionsWrite, S::ModelsList],
            (Self::Prompts, Level::Read) => &[S::PromptsList, S::PromptsRead],
            (Self::Prompts, Level::Write) => {
                &[S::PromptsCreate, S::PromptsUpdate, S::PromptsPublish]
            }
            (Self::Prompts, Level::Delete) => &[S::PromptsDelete],
            (Self::Configs, Level::Read) => &[S::ConfigsList, S::ConfigsRead],
            (Self::Configs, Level::Write) => &[S::ConfigsCreate, S::ConfigsUpdate],
            (Self::Configs, Level::Delete) => &[S::ConfigsDelete],
            (Self::Guardrails, Level::Read) => &[S::GuardrailsList, S::GuardrailsRead],
            (Self::Guardrails, Level::Write) => &[S::GuardrailsCreate, S::GuardrailsUpdate],
            (Self::Guardrails, Level::Delete) => &[S::GuardrailsDelete],
            (Self::VirtualKeys, Level::Read) => &[
                S::VirtualKeysList,
                S::VirtualKeysRead,
                S::VirtualKeysCopy,
                S::ProvidersList,
                S::ProvidersRead,
            ],
            (Self::VirtualKeys, Level::Write) => &[
                S::VirtualKeysCreate,
                S::VirtualKeysUpdate,
                S::VirtualKeysDuplicate,
                S::ProvidersCreate,
                S::ProvidersUpdate,
            ],
            (Self::VirtualKeys, Level::Delete) => &[S::VirtualKeysDelete, S::ProvidersDelete],
            (Self::Integrations, Level::Read) => &[
                S::OrganisationIntegrationsList,
                S::OrganisationIntegrationsRead,
                S::WorkspaceIntegrationsList,
                S::WorkspaceIntegrationsRead,
            ],
            (Self::Integrations, Level::Write) => &[
                S::OrganisationIntegrationsCreate,
                S::OrganisationIntegrationsUpdate,
                S::WorkspaceIntegrationsCreate,
                S::WorkspaceIntegrationsUpdate,
            ],
            (Self::Integrations, Level::Delete) => {
                &[S::OrganisationIntegrationsDelete, S::WorkspaceIntegrationsDelete]
            }
            (Self::Users, Level::Read) => &[
                S::OrganisationUsersList,
                S::OrganisationUsersRead,
                S::WorkspaceUsersList,
                S::WorkspaceUsersRead,
            ],
            (Self::Users, Level::Write) => &[
                S::OrganisationUsersCreate,
                S::OrganisationUsersUpdate,
                S::WorkspaceUsersCreate,
                S::WorkspaceUsersUpdate,
            ],
            (Self::Users, Level::Delete) => &[S::OrganisationUsersDelete, S::WorkspaceUsersDelete],
            (Self::ApiKeys, Level::Read) => &[
                S::WorkspaceServiceApiKeysList,
                S::WorkspaceServiceApiKeysRead,
                S::WorkspaceUserApiKeysList,
                S::WorkspaceUserApiKeysRead,
            ],
            (Self::ApiKeys, Level::Write) => &[
                S::WorkspaceServiceApiKeysCreate,
                S::WorkspaceServiceApiKeysUpdate,
                S::WorkspaceServiceApiKeysRotate,
                S::WorkspaceUserApiKeysCreate,
                S::WorkspaceUserApiKeysUpdate,
                S::WorkspaceUserApiKeysRotate,
            ],
            (Self::ApiKeys, Level::Delete) => {
                &[S::WorkspaceServiceApiKeysDelete, S::WorkspaceUserApiKeysDelete]
            }
            _ => &[],
        }
    }
}

impl Level {
    /// Every level.
    pub const ALL: [Self; 4] = [Self::Disabled, Self::Read, Self::Write, Self::Delete];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
        }
    }
}

/// What a key gets when nothing is said: calls, and reading prompts.
impl Default for Permissions {
    fn default() -> Self {
        let level = |feature| match feature {
            Feature::Completions => Level::Write,
            Feature::Prompts => Level::Read,
            _ => Level::Disabled,
        };
        Self(Feature::OF_KEYS.map(|feature| (feature, level(feature))).into())
    }
}

impl Permissions {
    /// The default with some features set differently.
    pub fn try_new<'a>(
        named: impl IntoIterator<Item = (&'a str, Level)>,
    ) -> Result<Self, MalformedPermissions> {
        let mut permissions = Self::default();
        for (name, level) in named {
            let feature = Feature::parse(name).filter(|feature| Feature::OF_KEYS.contains(feature));
            let feature = feature.ok_or_else(|| MalformedPermissions::Feature(name.to_owned()))?;
            permissions.0.insert(feature, level);
        }
        Ok(permissions)
    }

    /// The scopes they come to. Whoever may read prompts may fill them in and call with them.
    pub fn scopes(&self) -> ScopeSet {
        let open = |(feature, level): (&Feature, &Level)| {
            let scopes = feature.up_to(*level);
            let uses_prompts = *feature == Feature::Prompts && *level >= Level::Read;
            if uses_prompts { scopes.with(&[Scope::PromptsRender]) } else { scopes }
        };
        self.0.iter().map(open).fold(ScopeSet::EMPTY, |all, scopes| all.union(&scopes))
    }

    /// What a set of scopes comes to, as far as features can say it: the highest level that is open
    /// entirely. `only` are the scopes that count: the ones that such a key can hold.
    pub fn of(scopes: &ScopeSet, only: impl Fn(Scope) -> bool) -> Self {
        // Whoever may call is also told what may be called.
        let only = |scope| scope != Scope::ModelsList && only(scope);
        let level = |feature: Feature| {
            let open = |level: &Level| {
                let wanted: ScopeSet = feature.up_to(*level).iter().filter(|s| only(*s)).collect();
                let before = match level {
                    Level::Delete => feature.up_to(Level::Write),
                    Level::Write => feature.up_to(Level::Read),
                    _ => ScopeSet::EMPTY,
                };
                wanted != before.iter().filter(|s| only(*s)).collect()
                    && scopes.contains_all(&wanted)
            };
            let levels = [Level::Delete, Level::Write, Level::Read];
            levels.into_iter().find(open).unwrap_or(Level::Disabled)
        };
        Self(Feature::OF_KEYS.map(|feature| (feature, level(feature))).into())
    }

    /// Each feature with its level.
    pub fn iter(&self) -> impl Iterator<Item = (Feature, Level)> + '_ {
        self.0.iter().map(|(feature, level)| (*feature, *level))
    }
}

fn known() -> String {
    Feature::OF_KEYS.map(Feature::name).join(", ")
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Feature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Feature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::parse(&name).ok_or_else(|| serde::de::Error::custom("expected a feature's name"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(scopes: &ScopeSet) -> Vec<&'static str> {
        scopes.iter().map(Scope::name).collect()
    }

    #[test]
    fn a_new_key_calls_and_reads_prompts_and_nothing_else() {
        let expected =
            ["prompts.read", "prompts.list", "prompts.render", "completions.write", "models.list"];
        assert_eq!(names(&Permissions::default().scopes()), expected);
    }

    #[test]
    fn each_level_of_each_feature_reads_back_from_its_scopes() {
        for feature in Feature::OF_KEYS {
            for level in Level::ALL {
                let set = Permissions::try_new([(feature.name(), level)]).unwrap();
                let told = Permissions::of(&set.scopes(), |_| true);
                let told = told.iter().find(|(known, _)| *known == feature).unwrap().1;
                // A level that opens nothing more than the one before it reads as that one.
                assert_eq!(feature.up_to(told), feature.up_to(level), "{feature} {level:?}");
            }
        }
    }

    #[test]
    fn a_key_that_only_calls_is_shown_to_call() {
        let calls = ScopeSet::EMPTY.with(&[Scope::CompletionsWrite]);
        let told = Permissions::of(&calls, |_| true);
        for (feature, level) in told.iter() {
            let expected = match feature {
                Feature::Completions => Level::Write,
                _ => Level::Disabled,
            };
            assert_eq!(level, expected, "{feature}");
        }
    }

    #[test]
    fn unknown_features_and_those_of_roles_are_refused() {
        for name in ["logs", "billing", ""] {
            let refused = Permissions::try_new([(name, Level::Read)]).unwrap_err();
            assert_eq!(refused, MalformedPermissions::Feature(name.to_owned()));
        }
    }
}
