//! Everybody who could call: nobody, every role in both presets, every kind of key with every level
//! of every feature, keys of single scopes, and those of foreign workspaces and organisations.

use portcullis_domain::{ApiKeyKind, OrganisationRole, ScopeSet, UserId, Workspace, WorkspaceRole};
use serde_json::{Value, json};

use super::{
    cells::{Cell, Where},
    stated::{self, Scopes},
};
use crate::api::{Admin, Credential};

/// Somebody with what is stated that they may do.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) name: String,
    pub(crate) credential: Credential,
    /// In the whole organisation.
    everywhere: Scopes,
    /// In the workspace that is called about, if they belong to it.
    here: Option<Scopes>,
    /// In another workspace of the organisation.
    there: Option<Scopes>,
    /// Whether they mean their own workspace whichever is named.
    is_bound: bool,
    /// Whether they are of another organisation.
    is_foreign: bool,
}

/// What is answered, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Who are you?
    Unknown,
    /// You may not.
    Denied,
    /// There is no such thing.
    Absent,
    /// You may.
    Allowed,
}

impl Caller {
    fn new(name: impl Into<String>, credential: Credential) -> Self {
        Self {
            name: name.into(),
            credential,
            everywhere: Scopes::new(),
            here: None,
            there: None,
            is_bound: false,
            is_foreign: false,
        }
    }

    fn everywhere(mut self, scopes: Scopes) -> Self {
        self.everywhere = scopes;
        self
    }

    fn here(mut self, scopes: Scopes) -> Self {
        self.here = Some(scopes);
        self
    }

    fn there(mut self, scopes: Scopes) -> Self {
        self.there = Some(scopes);
        self
    }

    fn bound(mut self) -> Self {
        self.is_bound = true;
        self
    }

    fn foreign(mut self) -> Self {
        self.is_foreign = true;
        self
    }

    /// What a call must be answered with. `names` says whether it names something of the
    /// organisation's by id or slug.
    pub(crate) fn expected(&self, cell: &Cell, names: bool) -> Outcome {
        if matches!(self.credential, Credential::Nobody) {
            return Outcome::Unknown;
        }
        let none = Scopes::new();
        let here = self.here.as_ref().unwrap_or(&none);
        let there = self.there.as_ref().unwrap_or(&none);
        let among = |needs: &[&'static str], scopes: &Scopes| {
            needs.iter().any(|scope| scopes.contains(scope))
        };
        let somewhere =
            |needs| [&self.everywhere, here, there].iter().any(|scopes| among(needs, scopes));
        if !somewhere(cell.door) {
            return Outcome::Denied;
        }
        let own = cell.at_home && self.is_bound;
        let names_person = cell.body.get("user_id").is_some();
        if self.is_foreign && names && (!own || names_person) {
            return Outcome::Absent;
        }
        if !cell.confined.is_empty() && self.everywhere.is_empty() {
            let is_theirs = [here, there].iter().any(|scopes| among(cell.confined, scopes));
            return if is_theirs { Outcome::Allowed } else { Outcome::Denied };
        }
        match cell.place {
            Where::Anywhere => Outcome::Allowed,
            Where::Organisation if among(cell.needs, &self.everywhere) => Outcome::Allowed,
            // Some of it is theirs to do, in their workspace: this is not.
            Where::Organisation if somewhere(cell.needs) => Outcome::Absent,
            Where::Organisation => Outcome::Denied,
            Where::Workspace if among(cell.needs, &self.everywhere) => Outcome::Allowed,
            Where::Workspace if among(cell.needs, here) => Outcome::Allowed,
            Where::Workspace if own && among(cell.needs, there) => {
                // Things of that name are not in their own.
                if names_a_thing(cell) { Outcome::Absent } else { Outcome::Allowed }
            }
            Where::Workspace if own && self.there.is_some() => Outcome::Denied,
            Where::Workspace if !self.everywhere.is_empty() || self.here.is_some() => {
                Outcome::Denied
            }
            Where::Workspace => Outcome::Absent,
        }
    }
}

fn names_a_thing(cell: &Cell) -> bool {
    cell.route.contains('{')
}

/// The people: sessions of every role.
pub(crate) async fn people(
    admin: &Admin,
    next_door: &Workspace,
    prefix: &str,
    is_strict: bool,
) -> Vec<Caller> {
    let home = &admin.workspace;
    let organisation = home.organisation_id;
    let mut people = Vec::new();
    for (role, scopes) in [
        (OrganisationRole::Owner, stated::owner()),
        (OrganisationRole::Admin, stated::admin()),
        (OrganisationRole::Member, Scopes::new()),
    ] {
        let name = format!("{prefix}-{}", role.name());
        let person = admin.somebody(&name, organisation, role, &[]).await;
        people.push(Caller::new(name, person.session).everywhere(scopes));
    }
    for (role, scopes) in [
        (WorkspaceRole::Admin, stated::workspace_admin()),
        (WorkspaceRole::Manager, stated::workspace_manager()),
        (WorkspaceRole::Member, stated::workspace_member(is_strict)),
    ] {
        for is_here in [true, false] {
            let (workspace, side) = if is_here { (home, "here") } else { (next_door, "there") };
            let name = format!("{prefix}-workspace-{}-{side}", role.name());
            let places = [(workspace, role)];
            let role = OrganisationRole::Member;
            let person = admin.somebody(&name, organisation, role, &places).await;
            let caller = Caller::new(name, person.session);
            let scopes = scopes.clone();
            people.push(if is_here { caller.here(scopes) } else { caller.there(scopes) });
        }
    }
    people
}

/// Keys of every kind with every level of every feature, made through the API.
pub(crate) async fn feature_keys(admin: &Admin, person: UserId) -> Vec<Caller> {
    let mut keys = Vec::new();
    for kind in ["organisation/service", "workspace/service", "workspace/user"] {
        for (feature, _) in stated::FEATURES {
            for level in stated::LEVELS {
                let name = format!("{kind} {feature} {level}");
                let user = if kind.ends_with("user") { json!(person) } else { Value::Null };
                let body = json!({
                    "name": name, "user_id": user, "permissions": {feature: level},
                });
                let made = admin.ok(&format!("POST /v1/api-keys/{kind}"), body).await;
                let key = Credential::Key(made["key"].as_str().unwrap().to_owned());
                let scopes = stated::key(kind, feature, level);
                let caller = Caller::new(name, key);
                keys.push(if kind.starts_with("organisation") {
                    caller.everywhere(scopes)
                } else {
                    caller.here(scopes).bound()
                });
            }
        }
    }
    keys
}

/// Keys that may do all that their kind can, here, next door and abroad; and nobody.
pub(crate) async fn whole_keys(
    admin: &Admin,
    next_door: &Workspace,
    abroad: &Workspace,
    person: UserId,
) -> Vec<Caller> {
    let home = &admin.workspace;
    let mut callers = vec![Caller::new("nobody", Credential::Nobody)];
    for (kind, name, user) in [
        (ApiKeyKind::OrganisationService, "organisation/service", None),
        (ApiKeyKind::WorkspaceService, "workspace/service", None),
        (ApiKeyKind::WorkspaceUser, "workspace/user", Some(person)),
    ] {
        let most = stated::most(name);
        let key = async |workspace: &Workspace, user: Option<UserId>| {
            let (_, key) = admin.key_of(workspace, kind, scopes(&most), user).await;
            Credential::Key(key)
        };
        let caller = Caller::new(format!("whole {name}"), key(home, user).await);
        callers.push(match kind {
            ApiKeyKind::OrganisationService => caller.everywhere(most.clone()),
            _ => caller.here(most.clone()).bound(),
        });
        match kind {
            ApiKeyKind::OrganisationService => {
                let caller = Caller::new("abroad", key(abroad, None).await);
                callers.push(caller.everywhere(most.clone()).foreign());
            }
            ApiKeyKind::WorkspaceService => {
                let caller = Caller::new("next door", key(next_door, None).await);
                callers.push(caller.there(most.clone()).bound());
                let caller = Caller::new("workspace abroad", key(abroad, None).await);
                callers.push(caller.there(most.clone()).bound().foreign());
            }
            ApiKeyKind::WorkspaceUser => {}
        }
    }
    let organisation = abroad.organisation_id;
    let owner = admin.somebody("foreign-owner", organisation, OrganisationRole::Owner, &[]).await;
    callers.push(Caller::new("foreign owner", owner.session).everywhere(stated::owner()).foreign());
    callers
}

/// A key of the organisation with just those scopes.
pub(crate) async fn key_of(admin: &Admin, held: Scopes) -> Caller {
    let kind = ApiKeyKind::OrganisationService;
    let (_, key) = admin.key(&admin.workspace, kind, scopes(&held)).await;
    Caller::new(format!("a key with {held:?}"), Credential::Key(key)).everywhere(held)
}

fn scopes(names: &Scopes) -> ScopeSet {
    ScopeSet::parse(names.iter().copied()).unwrap()
}
