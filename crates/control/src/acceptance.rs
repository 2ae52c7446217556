//! Accepting an invite: the one way in from outside.
//!
//! Whether an address has an account is not for whoever invites it, or bears its link, to find out.
//! So an invite shows nothing of it, and any password is taken that may be chosen: that of an
//! account which bears the address brings this account in, any other makes a new one.

use portcullis_domain::{
    Actor, ApiKey, ApiKeyDefaults, ApiKeyId, ApiKeyKind, ApiKeyMadeBy, ApiKeyToken, AuditAction,
    AuditOrigin, Invite, Member, Organisation, Scope, ScopeSet, Secret, Snapshot, Timestamp, User,
    UserId, Workspace, WorkspaceId, WorkspaceMember,
};
use portcullis_identity::{BackOff, SecretToken, check_password};
use portcullis_store::{Account, Act, MemberFilter, Page};

use crate::{
    ApiKeys, Caller, Control, ControlError, Grant, NewApiKey, Person, Result, SignedIn,
    attempt::{Concerned, Target},
    check,
    desk::Desk,
    invite,
    mint::Mint,
    password::in_steps,
    sign_in::{Beginning, Proof, check_proof, last_set},
    workspace,
};

/// What somebody may be told who bears an invite's token.
pub struct InviteDetail {
    /// The invite.
    pub invite: Invite,
    /// Where it leads.
    pub organisation: Organisation,
}

/// How somebody accepts an invite.
pub struct Acceptance {
    /// The invite's token.
    pub token: String,
    /// The first name of somebody new.
    pub first_name: Option<String>,
    /// The last name of somebody new.
    pub last_name: Option<String>,
    /// The password of an account that bears the invite's e-mail address, or the one of an account
    /// to be made. Not needed by whoever is signed in to one.
    pub password: Option<Secret<String>>,
}

/// Whose account an invite is accepted with, and how that is known.
enum Acceptor {
    /// Of whoever is signed in.
    SignedIn(User),
    /// Of whoever knows its password.
    Proved(User, Proof),
    /// A new one, with the hash of its password.
    New(User, Secret<String>),
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
    /// Whether their account was made for it.
    pub is_new: bool,
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
        Ok(InviteDetail { invite, organisation: organisation.ok_or_else(missing)? })
    }

    /// Accepts an invite: with the account of whoever is signed in, if it bears the invite's e-mail
    /// address; else with the one whose password is given; else with a new one.
    pub async fn accept(
        &self,
        origin: &AuditOrigin,
        person: Option<&Person>,
        acceptance: Acceptance,
    ) -> Result<Accepted> {
        let detail = self.invite(&acceptance.token).await?;
        self.check_inviter(&detail.invite)?;
        in_steps(self.accept_now(origin, person, detail, acceptance)).await
    }

    async fn accept_now(
        &self,
        origin: &AuditOrigin,
        person: Option<&Person>,
        InviteDetail { invite, organisation }: InviteDetail,
        acceptance: Acceptance,
    ) -> Result<Accepted> {
        let parts = &*self.0;
        let now = parts.clock.now();
        let permit = invite.permit(now).ok_or(ControlError::NotFound("invite"))?;
        let is_theirs = |person: &&Person| person.user.email.folded() == invite.email.folded();
        let acceptor = match person.filter(is_theirs) {
            Some(person) => Acceptor::SignedIn(person.user.clone()),
            None => self.prove(origin, &invite, acceptance).await?,
        };
        let user = acceptor.user().clone();
        let arrival = self.arrival(&invite, &user, origin).await?;
        let scene = parts.scene_of(&user, origin);
        // In the same act: what is answered has the only copy of the keys, and must not fail for want
        // of a session.
        let beginning = match person {
            Some(_) => None,
            None => Some(parts.session_of(origin, user.clone(), Some(organisation.id))),
        };
        let write = async |act: &mut Act| -> Result<()> {
            match &acceptor {
                Acceptor::SignedIn(_) => {}
                Acceptor::Proved(user, proof) => check_proof(act, user, proof).await?,
                Acceptor::New(user, hash) => act.insert_user(&permit, user, Some(hash)).await?,
            }
            check_absent(act, &invite).await?;
            act.insert(&permit, &arrival.member).await?;
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
            match &beginning {
                Some(beginning) => beginning.write(act).await,
                None => Ok(()),
            }
        };
        parts.db.act(&scene, write).await?;
        parts.caught_up().await;
        let is_new = matches!(acceptor, Acceptor::New(..));
        let signed_in = beginning.map(Beginning::begun);
        let api_keys = arrival
            .keys
            .into_iter()
            .map(|(key, token)| (key.workspace_id, key.id, token))
            .collect();
        Ok(Accepted { signed_in, user, is_new, organisation, api_keys })
    }

    /// Whose password it is, or the account that is to be made with it.
    async fn prove(
        &self,
        origin: &AuditOrigin,
        invite: &Invite,
        acceptance: Acceptance,
    ) -> Result<Acceptor> {
        let email = invite.email.as_str();
        // All of this is asked of everybody: no account has a password that may not be chosen.
        let Some(password) = acceptance.password else {
            let message = "give the password of your account, if you have one with this e-mail \
                           address, or choose one; or sign in first";
            return Err(ControlError::invalid("password", message));
        };
        check_password(password.danger_expose(), email)
            .map_err(|weak| ControlError::invalid("password", weak.to_string()))?;
        let names = (acceptance.first_name, acceptance.last_name);
        let newcomer = newcomer(self.0.mint(), invite, names)?;
        let accounts = self.0.db.read().await?.users().of_email(&invite.email).await?;
        // Nobody else is to hear that this organisation invites the address.
        let organisation = Some(invite.organisation_id);
        let concerned = Concerned { email, accounts: &accounts, organisation };
        let target = Target::Invite(invite.organisation_id, &invite.email);
        let attempt = self.admit_attempt(origin, target, concerned).await?;
        let theirs = match self.whose_password(accounts.clone(), password.clone()).await {
            Ok(theirs) => theirs,
            Err(error) => {
                // It had no turn, and proves nothing.
                self.forgive(attempt, None).await?;
                return Err(self.failed(origin, concerned, error).await);
            }
        };
        let beside = accounts.into_iter().filter_map(|account| account.password_hash).collect();
        if let Some(Account { user, password_hash: Some(hash), .. }) = last_set(theirs) {
            self.forgive(attempt, None).await?;
            return Ok(Acceptor::Proved(user, Proof::Password(hash)));
        }
        // It may have been a guess at another account's password, and counts as one.
        self.forgive(attempt, Some(BackOff::ACCOUNT)).await?;
        Ok(Acceptor::New(newcomer, self.hash_password(password, beside).await?))
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

impl Acceptor {
    const fn user(&self) -> &User {
        match self {
            Self::SignedIn(user) | Self::Proved(user, _) | Self::New(user, _) => user,
        }
    }
}

/// An organisation has one member of an e-mail address, so that nobody takes one for the other.
async fn check_absent(act: &mut Act, invite: &Invite) -> Result<()> {
    let filter = MemberFilter { role: None, email: Some(invite.email.to_string()) };
    let mut tenant = act.tenant(invite.organisation_id);
    match tenant.members().list(&filter, Page::first(1)).await?.items.is_empty() {
        true => Ok(()),
        false => Err(ControlError::Conflict(invite::BELONGS_ALREADY.to_owned())),
    }
}

/// Somebody new.
fn newcomer(
    mint: Mint<'_>,
    invite: &Invite,
    (first, last): (Option<String>, Option<String>),
) -> Result<User> {
    let first = first.unwrap_or_else(|| invite.email.local_part().to_owned());
    let last = last.unwrap_or_default();
    check::personal_name(&first, "first_name")?;
    check::personal_name(&last, "last_name")?;
    let now = mint.now();
    Ok(User {
        id: mint.id(),
        email: invite.email.clone(),
        first_name: first,
        last_name: last,
        created_at: now,
        updated_at: now,
    })
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
