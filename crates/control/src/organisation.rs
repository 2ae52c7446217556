//! The organisation: its name and what it says of its people.

use portcullis_domain::{
    EmailAddress, Feature, Organisation, OrganisationSettings, RoleSettings, Scope, Slug,
    Workspace, WorkspaceRole,
};

use portcullis_store::Act;

use crate::{ControlError, Result, check, desk::Desk, mint::Mint, workspace};

/// Use cases of the caller's organisation.
pub struct Organisations<'a>(pub(crate) Desk<'a>);

/// What to change of an organisation; `None` leaves a field as it is.
#[derive(Default)]
pub struct OrganisationChange {
    /// Its name.
    pub name: Option<String>,
    /// What its roles may do.
    pub roles: Option<RoleSettings>,
    /// Whether people may make API keys of their own.
    pub personal_api_keys: Option<bool>,
    /// Whether calls may name saved targets only.
    pub block_inline: Option<bool>,
    /// Who is written to about billing; `Some(None)` is nobody.
    pub billing_contact: Option<Option<String>>,
}

impl Organisations<'_> {
    /// The organisation.
    pub async fn retrieve(&self) -> Result<Organisation> {
        self.0.permit(Scope::OrganisationSettingsRead, self.0.here())?;
        self.load().await
    }

    /// Writes a new organisation with its default workspace: for the operator, who is told of in
    /// its trail first.
    pub(crate) async fn create(
        &self,
        organisation: &Organisation,
        workspace: &Workspace,
    ) -> Result<()> {
        let permit = self.0.permit(Scope::OrganisationSettingsUpdate, self.0.here())?;
        let write = async |act: &mut Act| {
            act.insert(&permit, organisation).await?;
            Ok(workspace::insert(act, &permit, workspace).await?)
        };
        self.0.act(write).await
    }

    /// Changes the organisation.
    pub async fn update(&self, change: OrganisationChange) -> Result<Organisation> {
        let permit = self.0.permit(Scope::OrganisationSettingsUpdate, self.0.here())?;
        let before = self.load().await?;
        let mut organisation = before.clone();
        if let Some(name) = change.name {
            check::name(&name, "name")?;
            organisation.name = name;
        }
        let settings = &mut organisation.settings;
        if let Some(roles) = change.roles {
            check_roles(&roles)?;
            settings.roles = roles;
        }
        if let Some(allowed) = change.personal_api_keys {
            settings.personal_api_keys = allowed;
        }
        if let Some(blocked) = change.block_inline {
            settings.block_inline = blocked;
        }
        if let Some(contact) = change.billing_contact {
            let field = "settings.billing_contact";
            if let Some(contact) = &contact {
                EmailAddress::parse(contact)
                    .map_err(|error| ControlError::invalid(field, error.to_string()))?;
            }
            settings.billing_contact = contact;
        }
        self.check_grant(&before.settings, &organisation.settings)?;
        if before.settings.billing_contact != organisation.settings.billing_contact {
            self.0.permit(Scope::BillingManage, self.0.here())?;
        }
        self.0.update(&permit, &before, organisation).await
    }

    /// Nobody grants more than they hold, neither by opening something to a role.
    fn check_grant(
        &self,
        before: &OrganisationSettings,
        after: &OrganisationSettings,
    ) -> Result<()> {
        let (before, after) = (before.roles.compile(), after.roles.compile());
        let held = self.0.actor().scopes_at(self.0.here());
        for role in WorkspaceRole::ALL {
            let opened = after.workspace(role).without_set(before.workspace(role));
            if let Some(scope) = opened.iter().find(|scope| !held.contains(*scope)) {
                let message =
                    format!("'{scope}' cannot be granted by somebody who does not hold it");
                return Err(ControlError::invalid("settings.roles", message));
            }
            // To see the calls of others is what those scopes are for.
            let sees_more = before.sees_own_data_only(role) && !after.sees_own_data_only(role);
            let mut sight = Scope::SIGHT.iter();
            if let Some(scope) = sight.find(|scope| sees_more && !held.contains(**scope)) {
                let message = format!(
                    "'{scope}' of others' calls cannot be granted by somebody who does not hold it"
                );
                return Err(ControlError::invalid("settings.roles", message));
            }
        }
        Ok(())
    }

    async fn load(&self) -> Result<Organisation> {
        let mut reader = self.0.parts.db.read().await?;
        let found = reader.organisations().find(self.0.organisation()).await?;
        found.ok_or(ControlError::NotFound("organisation"))
    }
}

/// A new organisation of that name with its default workspace, not yet written.
pub(crate) fn draw(mint: Mint<'_>, name: &str, slug: Slug) -> Result<(Organisation, Workspace)> {
    check::name(name, "organisation")?;
    let id = mint.id();
    let workspace = workspace::draw(mint, id, "Shared Team Workspace", "ws-shared");
    let now = mint.now();
    let organisation = Organisation {
        id,
        slug,
        name: name.to_owned(),
        default_workspace: workspace.id,
        settings: OrganisationSettings::default(),
        created_at: now,
        updated_at: now,
    };
    Ok((organisation, workspace))
}

fn check_roles(roles: &RoleSettings) -> Result<()> {
    for (name, switches) in
        [("admin", &roles.admin), ("manager", &roles.manager), ("member", &roles.member)]
    {
        let unknown = switches.features.keys().find(|f| !Feature::OF_ROLES.contains(f));
        if let Some(feature) = unknown {
            let known = Feature::OF_ROLES.map(Feature::name).join(", ");
            let message =
                format!("'{feature}' of {name} cannot be switched by role; known are {known}");
            return Err(ControlError::invalid("settings.roles", message));
        }
    }
    Ok(())
}
