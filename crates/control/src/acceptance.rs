//! Accepting an invite: the one way in from outside.

use portcullis_domain::{
    Actor, ApiKey, ApiKeyDefaults, ApiKeyId, ApiKeyKind, ApiKeyMadeBy, ApiKeyToken, AuditAction,
    AuditOrigin, Invite, Member, Organisation, Scope, ScopeSet, Secret, Snapshot, Timestamp, User,
    UserId, Workspace, WorkspaceId, WorkspaceMember,
};
use portcullis_identity::{SecretToken, check_password};
use portcullis_store::Act;

use crate::{
    ApiKeys, Caller, Control, ControlError, Grant, NewApiKey, Person, Result, SignedIn, check,
    desk::Desk, mint::Mint, workspace,
};

/// What somebody may be told who bears an invite's token.
pub struct InviteDetail {
    /// The invite.
    pub invite: Invite,
    /// Where it leads.
    pub organisation: Organisation,
    /// Whether somebody of that e-mail address is known: then it is accepted with their password.
    pub is_known: bool,
}

/// How somebody accepts an invite.
pub struct Acceptance {
    /// The invite's token.
    pub token: String,
    /// The first name of somebody new.
    pub first_name: Option<String>,
    /// The last name of somebody new.
    pub last_name: Option<String>,
    /// The password that somebody new chooses, or that somebody known has. Not needed by whoever
    /// is signed in.
    pub password: Option<Secret<String>>,
}

/// What an invite gives, not yet written.
struct Arrival {
    member: Member,
    places: Vec<WorkspaceMember>,
    keys: Vec<(ApiKey, ApiKeyToken)>,
}

/// What came of it.
pub struct Accepted {
    /// The session that begins, for whoever was not signed in.
    pub signed_in: Option<SignedIn>,
    /// Who.
    pub user: User,
    /// Where they belong now.
    pub organisation: Organisation,
    /// Keys that were made for them, shown once.
    pub api_keys: Vec<(WorkspaceId, ApiKeyId, ApiKeyToken)>,
}

impl Control {
    /// What an invite's token leads to.
    pub async fn invite(&self, token: &str) -> Result<InviteDetail> {
        let missing = || ControlError::NotFound("invite");
        let token = SecretToken::parse(token).ok_or_else(missing)?;
        let mut reader = self.0.db.read().await?;
        let invite = reader.find_invite(&token.digest()).await?.ok_or_else(missing)?;
        // One that is over is as good as none: whoever finds an old link learns nothing.
        invite.permit(self.0.clock.now()).ok_or_else(missing)?;
        let organisation = reader.organisations().find(invite.organisation_id).await?;
        let is_known = reader.users().find_by_email(&invite.email).await?.is_some();
        Ok(InviteDetail { invite, organisation: organisation.ok_or_else(missing)?, is_known })
    }

    /// Accepts an invite. Whoever is known proves who they are; whoever is new chooses a password.
    pub async fn accept(
        &self,
        origin: &AuditOrigin,
        person: Option<&Person>,
        acceptance: Acceptance,
    ) -> Result<Accepted> {
        let parts = &*self.0;
        let InviteDetail { invite, organisation, .. } = self.invite(&acceptance.token).await?;
        self.check_inviter(&invite)?;
        let now = parts.clock.now();
        let permit = invite.permit(now).ok_or(ControlError::NotFound("invite"))?;
        let known = parts.db.read().await?.users().find_by_email(&invite.email).await?;
        let (user, hash) = match known {
            Some(user) => {
                self.prove(origin, person, &user, acceptance.password).await?;
                (user, None)
            }
            None => {
                let (user, password) = newcomer(parts.mint(), &invite, acceptance)?;
                (user, Some(self.hash_password(password).await?))
            }
        };
        let arrival = self.arrival(&invite, &user, origin).await?;
        let scene = parts.scene_of(&user, origin);
        let write = async |act: &mut Act| -> Result<()> {
            if let Some(hash) = &hash {
                act.insert_user(&permit, &user, Some(hash)).await.map_err(taken)?;
            }
            act.insert(&permit, &arrival.member).await.map_err(taken)?;
            for place in &arrival.places {
                act.insert(&permit, place).await?;
            }
            for (key, _) in &arrival.keys {
                act.insert(&permit, key).await?;
            }
            let mut accepted = invite.clone();
            accepted.accepted_at = Some(now);
            // Fails when somebody else was quicker: an invite is accepted once.
            act.update_as(AuditAction::Accept, &permit, &invite, accepted).await?;
            Ok(())
        };
        parts.db.act(&scene, write).await?;
        parts.caught_up().await;
        let signed_in = match person {
            Some(_) => None,
            None => {
                let entered = organisation.id.to_string();
                Some(self.begin_session(origin, user.clone(), Some(&entered)).await?)
            }
        };
        let api_keys = arrival
            .keys
            .into_iter()
            .map(|(key, token)| (key.workspace_id, key.id, token))
            .collect();
        Ok(Accepted { signed_in, user, organisation, api_keys })
    }

    async fn prove(
        &self,
        origin: &AuditOrigin,
        person: Option<&Person>,
        user: &User,
        password: Option<Secret<String>>,
    ) -> Result<()> {
        if person.is_some_and(|person| person.user.id == user.id) {
            return Ok(());
        }
        let Some(password) = password else {
            let message = "somebody of that e-mail address is known: give their password, or sign \
                           in first";
            return Err(ControlError::invalid("password", message));
        };
        let attempt = self.count_attempt(origin, user.email.as_str()).await?;
        if !self.is_password(Some(user), password).await? {
            self.tell_failure(origin, Some(user), user.email.as_str()).await?;
            return Err(ControlError::SignInFailed);
        }
        self.forgive(attempt).await
    }

    /// Whoever invited must still be able to give what the invite gives: somebody who was made
    /// less, or a key that was revoked or has expired, gives nothing any more.
    fn check_inviter(&self, invite: &Invite) -> Result<()> {
        let Some(inviter) = invite.invited_by else { return Ok(()) };
        let snapshot = self.0.live.current();
        let organisation = invite.organisation_id;
        let issuer = snapshot.token_issuer(organisation);
        let issuer = issuer.filter(|_| inviter == organisation.uuid());
        let held = match (issuer, snapshot.member(organisation, UserId::from_uuid(inviter))) {
            (Some(issuer), _) => issuer.scopes,
            (None, Some(member)) => member.role.scopes(),
            (None, None) => key_scopes(&snapshot, ApiKeyId::from_uuid(inviter), invite, self.now()),
        };
        let mut given = invite.role.scopes().with(&[Scope::OrganisationUsersCreate]);
        if let Some(roles) = snapshot.roles(organisation) {
            for place in &invite.workspaces {
                given = given.union(roles.workspace(place.role));
            }
        }
        if let Some(scopes) = &invite.key_scopes {
            given = given.union(scopes);
        }
        if held.contains_all(&given) { Ok(()) } else { Err(ControlError::NotFound("invite")) }
    }

    /// What an invite gives to somebody.
    async fn arrival(&self, invite: &Invite, user: &User, origin: &AuditOrigin) -> Result<Arrival> {
        let mint = self.0.mint();
        let now = mint.now();
        let member = Member {
            organisation_id: invite.organisation_id,
            user_id: user.id,
            role: invite.role,
            email: user.email.to_string(),
            first_name: user.first_name.clone(),
            last_name: user.last_name.clone(),
            workspaces: Vec::new(),
            created_at: now,
            updated_at: now,
        };
        let mut reader = self.0.db.read().await?;
        let mut tenant = reader.tenant(invite.organisation_id);
        let mut workspaces = Vec::with_capacity(invite.workspaces.len());
        for invited in &invite.workspaces {
            // One that was deleted meanwhile is left out.
            let workspace = tenant.workspaces().find(invited.workspace).await?;
            workspaces.extend(workspace.map(|workspace| (workspace, invited.role)));
        }
        drop(reader);
        let places: Vec<WorkspaceMember> = workspaces
            .iter()
            .map(|(workspace, role)| workspace::place(mint, workspace, user.id, *role))
            .collect();
        let mut keys = Vec::new();
        if let Some(scopes) = &invite.key_scopes {
            // Made on behalf of whoever invited, who was found to hold what it gives.
            let actor = Actor::operator(invite.organisation_id);
            let caller = Caller { actor, origin: origin.clone() };
            let desk = Desk { parts: &self.0, caller: &caller };
            for (workspace, _) in &workspaces {
                let new = first_key(user, workspace, *scopes);
                keys.push(ApiKeys(desk).draw(new, workspace)?);
            }
        }
        Ok(Arrival { member, places, keys })
    }
}

/// Somebody new, and the password they choose.
fn newcomer(
    mint: Mint<'_>,
    invite: &Invite,
    acceptance: Acceptance,
) -> Result<(User, Secret<String>)> {
    let Some(password) = acceptance.password else {
        return Err(ControlError::invalid("password", "choose one"));
    };
    check_password(password.danger_expose(), invite.email.as_str())
        .map_err(|weak| ControlError::invalid("password", weak.to_string()))?;
    let (first, last) = (acceptance.first_name, acceptance.last_name);
    let first = first.unwrap_or_else(|| invite.email.local_part().to_owned());
    let last = last.unwrap_or_default();
    check::personal_name(&first, "first_name")?;
    check::personal_name(&last, "last_name")?;
    let now = mint.now();
    let user = User {
        id: mint.id(),
        email: invite.email.clone(),
        first_name: first,
        last_name: last,
        created_at: now,
        updated_at: now,
    };
    Ok((user, password))
}

fn first_key(user: &User, workspace: &Workspace, scopes: ScopeSet) -> NewApiKey {
    NewApiKey {
        kind: ApiKeyKind::WorkspaceUser,
        name: format!("{}'s key", user.email),
        description: None,
        workspace: None,
        environment: None,
        user_id: Some(user.id),
        grant: Grant::Scopes(scopes),
        defaults: ApiKeyDefaults {
            config: workspace.defaults.user_api_key_config.clone(),
            ..ApiKeyDefaults::default()
        },
        allowed_addresses: Vec::new(),
        made_by: ApiKeyMadeBy::Instance,
        expires_at: None,
    }
}

fn key_scopes(snapshot: &Snapshot, id: ApiKeyId, invite: &Invite, now: Timestamp) -> ScopeSet {
    let key = snapshot.api_key(id);
    let key = key.filter(|key| key.organisation_id == invite.organisation_id);
    let key = key.filter(|key| !key.is_expired(now));
    key.map_or(ScopeSet::EMPTY, |key| snapshot.scopes_of(key).0)
}

/// Somebody was quicker.
fn taken(error: portcullis_store::Error) -> ControlError {
    match error {
        portcullis_store::Error::Taken => {
            ControlError::Conflict("you belong to the organisation already".to_owned())
        }
        other => other.into(),
    }
}
