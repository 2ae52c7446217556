//! The first organisation of an instance.

use std::sync::Arc;

use portcullis_domain::{
    Actor, ApiKey, ApiKeyDefaults, ApiKeyKind, ApiKeyMadeBy, ApiKeyToken, AuditOrigin, AuditSigner,
    Clock, Dice, EmailAddress, Member, Organisation, OrganisationRole, Place, Scope, ScopeSet,
    Secret, Slug, User, Workspace, WorkspaceRole,
};
use portcullis_identity::{PasswordHashing, mint_password};
use portcullis_store::{Act, Db, Scene};
use portcullis_vault::{AuditKey, Pepper};

use crate::{ControlError, Result, mint::Mint, organisation, workspace};

/// What was made. The key and the password are not stored in the clear and cannot be shown again.
pub struct Initialised {
    /// The organisation.
    pub organisation: Organisation,
    /// Its default workspace.
    pub workspace: Workspace,
    /// The owner's e-mail address.
    pub owner_email: String,
    /// The owner's first password.
    pub owner_password: Secret<String>,
    /// The master API key, with every scope.
    pub api_key: ApiKeyToken,
}

/// The secrets of the instance.
#[derive(Clone)]
pub struct InstanceKeys {
    /// Digests API keys.
    pub pepper: Arc<Pepper>,
    /// Signs the audit trail.
    pub audit: Arc<AuditKey>,
}

/// A first organisation that is made up but not written, so that its secrets can be put somewhere
/// safe first.
pub struct Prepared {
    made: Initialised,
    user: User,
    password_hash: Secret<String>,
    key: ApiKey,
    audit: Arc<AuditKey>,
}

/// Creates the first organisation: [`prepare`], then [`Prepared::commit`].
pub async fn bootstrap(
    db: &Db,
    keys: &InstanceKeys,
    clock: &dyn Clock,
    dice: &dyn Dice,
    organisation: &str,
    owner: &str,
) -> Result<Initialised> {
    prepare(keys, clock, dice, organisation, owner)?.commit(db).await
}

/// Makes up the first organisation with its default workspace and environments, its owner and its
/// master key. Nothing is written.
pub fn prepare(
    keys: &InstanceKeys,
    clock: &dyn Clock,
    dice: &dyn Dice,
    organisation: &str,
    owner: &str,
) -> Result<Prepared> {
    let mint = Mint { clock, dice };
    let name = organisation.trim();
    let slug = Slug::from_name(name, "organisation");
    let (organisation, workspace) = organisation::draw(mint, name, slug)?;
    let email = EmailAddress::parse(owner)
        .map_err(|error| ControlError::invalid("owner", error.to_string()))?;
    let now = mint.now();
    let user = User {
        id: mint.id(),
        first_name: email.local_part().to_owned(),
        last_name: String::new(),
        email,
        created_at: now,
        updated_at: now,
    };
    let owner_password = mint_password(dice);
    let password_hash = PasswordHashing::default().hash(&owner_password, &[], dice);
    let api_key = ApiKeyToken::mint("master", dice);
    let key = ApiKey {
        id: mint.id(),
        organisation_id: organisation.id,
        workspace_id: workspace.id,
        environment_id: workspace.default_environment,
        user_id: None,
        kind: ApiKeyKind::OrganisationService,
        name: "Master key".to_owned(),
        description: Some("Made with the organisation; holds every permission".to_owned()),
        digest: keys.pepper.digest(api_key.danger_expose()),
        hint: api_key.hint(),
        previous: None,
        scopes: ScopeSet::all(),
        defaults: ApiKeyDefaults::default(),
        allowed_addresses: Vec::new(),
        made_by: ApiKeyMadeBy::Instance,
        is_token: false,
        expires_at: None,
        created_at: now,
        updated_at: now,
    };
    let owner_email = user.email.to_string();
    let made = Initialised { organisation, workspace, owner_email, owner_password, api_key };
    Ok(Prepared { made, user, password_hash, key, audit: Arc::clone(&keys.audit) })
}

impl Prepared {
    /// What [`Prepared::commit`] will have made.
    pub fn made(&self) -> &Initialised {
        &self.made
    }

    /// Writes it. An instance that has an organisation is left as it is:
    /// [`ControlError::Conflict`].
    pub async fn commit(self, db: &Db) -> Result<Initialised> {
        let Self { made, user, password_hash, key, audit } = self;
        let (organisation, workspace) = (&made.organisation, &made.workspace);
        let operator = Actor::operator(organisation.id);
        let place = Place::Organisation(organisation.id);
        let permit = operator.permit(Scope::OrganisationSettingsUpdate, place)?;
        let now = organisation.created_at;
        let member = Member {
            organisation_id: organisation.id,
            user_id: user.id,
            role: OrganisationRole::Owner,
            email: user.email.to_string(),
            first_name: user.first_name.clone(),
            last_name: user.last_name.clone(),
            workspaces: Vec::new(),
            created_at: now,
            updated_at: now,
        };
        let place = portcullis_domain::WorkspaceMember {
            organisation_id: organisation.id,
            workspace_id: workspace.id,
            user_id: user.id,
            role: WorkspaceRole::Admin,
            created_at: now,
            updated_at: now,
        };
        let scene = Scene {
            actor: operator.audited(),
            origin: AuditOrigin { path: "init".to_owned(), ..AuditOrigin::default() },
            signer: audit as Arc<dyn AuditSigner>,
        };
        let write = async |act: &mut Act| -> Result<()> {
            if act.organisations().count().await? > 0 {
                let text = "the instance has an organisation already; nothing was changed";
                return Err(ControlError::Conflict(text.to_owned()));
            }
            act.insert(&permit, organisation).await?;
            workspace::insert(act, &permit, workspace).await?;
            act.insert_user(&permit, &user, Some(&password_hash)).await?;
            act.insert(&permit, &member).await?;
            act.insert(&permit, &place).await?;
            act.insert(&permit, &key).await?;
            Ok(())
        };
        db.act(&scene, write).await?;
        Ok(made)
    }
}
