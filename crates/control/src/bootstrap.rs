//! The first organisation of an instance.

use argon2::{Argon2, PasswordHasher as _};
use portcullis_domain::{
    Actor, ApiKey, ApiKeyDefaults, ApiKeyKind, ApiKeyToken, Clock, Dice, Environment,
    EnvironmentId, Id, Organisation, OrganisationRole, Place, Scope, ScopeSet, Secret, Slug, User,
    Workspace, WorkspaceRole,
};
use portcullis_store::{Db, Reader, Tx};
use portcullis_vault::Pepper;

use crate::{ControlError, Result};

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

/// A first organisation that is made up but not written, so that its secrets can be put somewhere
/// safe first.
pub struct Prepared {
    made: Initialised,
    user: User,
    password_hash: Secret<String>,
    key: ApiKey,
}

/// Creates the first organisation: [`prepare`], then [`Prepared::commit`].
pub async fn bootstrap(
    db: &Db,
    pepper: &Pepper,
    clock: &dyn Clock,
    dice: &dyn Dice,
    organisation: &str,
    owner: &str,
) -> Result<Initialised> {
    prepare(pepper, clock, dice, organisation, owner)?.commit(db).await
}

/// Makes up the first organisation with its default workspace and environments, its owner and its
/// master key. Nothing is written.
pub fn prepare(
    pepper: &Pepper,
    clock: &dyn Clock,
    dice: &dyn Dice,
    organisation: &str,
    owner: &str,
) -> Result<Prepared> {
    let name = organisation.trim();
    if !(1..=255).contains(&name.chars().count()) {
        return Err(ControlError::invalid("organisation", "must have 1 to 255 characters"));
    }
    let owner = owner.trim();
    let plausible = owner.len() <= 254
        && !owner.chars().any(|c| c.is_whitespace() || c.is_control())
        && owner.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.'));
    if !plausible {
        let message = "must be an e-mail address such as owner@acme.example";
        return Err(ControlError::invalid("owner", message));
    }
    let now = clock.now();
    let environment = |name: &str| Environment {
        id: EnvironmentId::mint(clock, dice),
        slug: Slug::from_name(name, "environment"),
        name: name.to_owned(),
    };
    let environments =
        vec![environment("Production"), environment("Staging"), environment("Development")];
    let organisation_id = Id::mint(clock, dice);
    let mut suffix = [0; 3];
    dice.fill(&mut suffix);
    let suffix = suffix.map(|byte| format!("{byte:02x}")).concat();
    let workspace = Workspace {
        id: Id::mint(clock, dice),
        organisation_id,
        slug: Slug::from_name(&format!("ws-shared-{suffix}"), "ws-shared"),
        name: "Shared Team Workspace".to_owned(),
        description: None,
        default_environment: environments[0].id,
        environments,
        created_at: now,
        updated_at: now,
    };
    let organisation = Organisation {
        id: organisation_id,
        slug: Slug::from_name(name, "organisation"),
        name: name.to_owned(),
        default_workspace: workspace.id,
        created_at: now,
    };
    let user = User {
        id: Id::mint(clock, dice),
        email: owner.to_owned(),
        name: owner.split('@').next().unwrap_or_default().to_owned(),
        created_at: now,
    };
    let owner_password = password(dice);
    let password_hash = password_hash(&owner_password, dice)?;
    let api_key = ApiKeyToken::mint("master", dice);
    let key = ApiKey {
        id: Id::mint(clock, dice),
        organisation_id,
        workspace_id: workspace.id,
        environment_id: workspace.default_environment,
        user_id: None,
        kind: ApiKeyKind::OrganisationService,
        name: "Master key".to_owned(),
        description: Some("Made with the organisation; holds every permission".to_owned()),
        digest: pepper.digest(api_key.danger_expose()),
        hint: api_key.hint(),
        previous: None,
        scopes: ScopeSet::all(),
        defaults: ApiKeyDefaults::default(),
        expires_at: None,
        created_at: now,
        updated_at: now,
    };
    let owner_email = user.email.clone();
    let made = Initialised { organisation, workspace, owner_email, owner_password, api_key };
    Ok(Prepared { made, user, password_hash, key })
}

impl Prepared {
    /// What [`Prepared::commit`] will have made.
    pub fn made(&self) -> &Initialised {
        &self.made
    }

    /// Writes it. An instance that has an organisation is left as it is:
    /// [`ControlError::Conflict`].
    pub async fn commit(self, db: &Db) -> Result<Initialised> {
        let Self { made, user, password_hash, key } = self;
        let (organisation, workspace) = (&made.organisation, &made.workspace);
        let operator = Actor::operator(organisation.id);
        let place = Place::Organisation(organisation.id);
        let permit = operator.permit(Scope::OrganisationSettingsUpdate, place)?;
        db.write(async |tx: &mut Tx| -> Result<()> {
            if Reader::organisations(tx).count().await? > 0 {
                let text = "the instance has an organisation already; nothing was changed";
                return Err(ControlError::Conflict(text.to_owned()));
            }
            tx.organisations().insert(&permit, organisation).await?;
            tx.workspaces().insert(&permit, workspace).await?;
            let hash = Some(&password_hash);
            tx.users().insert(&permit, &user, hash, OrganisationRole::Owner).await?;
            let role = WorkspaceRole::Admin;
            tx.users().put_workspace_role(&permit, workspace.id, user.id, role).await?;
            tx.api_keys().insert(&permit, &key).await?;
            Ok(())
        })
        .await?;
        Ok(made)
    }
}

/// 20 characters without look-alikes: 115 bits.
fn password(dice: &dyn Dice) -> Secret<String> {
    const LETTERS: &[u8] = b"23456789abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ";
    let mut text = String::with_capacity(20);
    while text.len() < 20 {
        let mut byte = [0];
        dice.fill(&mut byte);
        let limit = 256 - 256 % LETTERS.len();
        if usize::from(byte[0]) < limit {
            text.push(char::from(LETTERS[usize::from(byte[0]) % LETTERS.len()]));
        }
    }
    Secret::new(text)
}

/// Argon2id with the crate's recommended parameters (OWASP: 19 MiB, 2 passes).
fn password_hash(password: &Secret<String>, dice: &dyn Dice) -> Result<Secret<String>> {
    let mut salt = [0; 16];
    dice.fill(&mut salt);
    let hash = Argon2::default()
        .hash_password_with_salt(password.danger_expose().as_bytes(), &salt)
        .map_err(|error| ControlError::Internal(error.to_string()))?;
    Ok(Secret::new(hash.to_string()))
}
