//! Invites.

use portcullis_domain::{
    Actor, ActorKind, ApiKeyKind, AuditAction, EmailAddress, Invite, InviteId, InviteStatus,
    InvitedTo, OrganisationRole, Scope, ScopeSet, Timestamp, Workspace, WorkspaceRole,
};
use portcullis_identity::SecretToken;
use portcullis_store::{InviteFilter, List, MemberFilter, Page};
use uuid::Uuid;

use crate::{ControlError, Members, Result, WorkspaceMembers, desk::Desk};

/// Use cases of invites.
pub struct Invites<'a>(pub(crate) Desk<'a>);

/// An invite to create.
pub struct NewInvite {
    /// Whom.
    pub email: String,
    /// As what.
    pub role: OrganisationRole,
    /// Into which workspaces, by id or slug, as what.
    pub workspaces: Vec<(String, WorkspaceRole)>,
    /// What the keys may do that are made for the person in those workspaces; none are made when
    /// nothing is said.
    pub key_scopes: Option<ScopeSet>,
}

/// Which invites are wanted.
#[derive(Default)]
pub struct InviteQuery {
    /// Those as this role.
    pub role: Option<OrganisationRole>,
    /// Those of this e-mail address.
    pub email: Option<String>,
    /// Those that have come so far.
    pub status: Option<InviteStatus>,
}

/// How long an invite can be accepted: seven days.
const VALID_MILLIS: i64 = 7 * 24 * 3_600_000;
const MAX_WORKSPACES: usize = 100;

pub(crate) const BELONGS_ALREADY: &str =
    "somebody of that e-mail address belongs to the organisation already";

impl Invites<'_> {
    /// Invites somebody. The token is shown once, in the link.
    pub async fn create(&self, new: NewInvite) -> Result<(Invite, SecretToken)> {
        let permit = self.0.permit(Scope::OrganisationUsersCreate, self.0.here())?;
        let email = EmailAddress::parse(&new.email)
            .map_err(|error| ControlError::invalid("email", error.to_string()))?;
        Members(self.0).check_grant(new.role)?;
        let workspaces = self.workspaces(&new).await?;
        let mut reader = self.0.parts.db.read().await?;
        // Who belongs to other organisations, or to none, is not looked at.
        let filter = MemberFilter { role: None, email: Some(email.to_string()) };
        let mut tenant = reader.tenant(self.0.organisation());
        if !tenant.members().list(&filter, Page::first(1)).await?.items.is_empty() {
            return Err(ControlError::Conflict(BELONGS_ALREADY.to_owned()));
        }
        drop(reader);
        let mint = self.0.parts.mint();
        let (token, now) = (SecretToken::mint(mint.dice), mint.now());
        let invite = Invite {
            id: mint.id(),
            organisation_id: self.0.organisation(),
            email,
            role: new.role,
            workspaces,
            key_scopes: new.key_scopes,
            digest: token.digest(),
            invited_by: inviter(self.0.actor()),
            expires_at: now.plus_millis(VALID_MILLIS),
            accepted_at: None,
            cancelled_at: None,
            created_at: now,
            updated_at: now,
        };
        self.0.create(&permit, &invite).await?;
        Ok((invite, token))
    }

    /// The invites of the organisation, newest first.
    pub async fn list(&self, query: InviteQuery, page: Page) -> Result<List<Invite>> {
        self.0.permit(Scope::OrganisationUsersList, self.0.here())?;
        let now = self.0.parts.clock.now();
        let filter = InviteFilter {
            role: query.role,
            email: query.email,
            status: query.status.map(|status| (status, now)),
        };
        let mut reader = self.0.parts.db.read().await?;
        Ok(reader.tenant(self.0.organisation()).invites().list(&filter, page).await?)
    }

    /// One invite.
    pub async fn retrieve(&self, id: InviteId) -> Result<Invite> {
        self.0.permit(Scope::OrganisationUsersRead, self.0.here())?;
        self.load(id).await
    }

    /// Takes an invite back: it stays in the list, as cancelled. One that was accepted cannot be.
    pub async fn delete(&self, id: InviteId) -> Result<()> {
        let permit = self.0.permit(Scope::OrganisationUsersDelete, self.0.here())?;
        let before = self.load(id).await?;
        let now = self.0.parts.clock.now();
        self.check_open(&before, now)?;
        let mut invite = before.clone();
        invite.cancelled_at = Some(now);
        self.0.update_as(AuditAction::Delete, &permit, &before, invite).await?;
        Ok(())
    }

    /// Makes a new token for an invite that was not accepted yet, and gives it its time again. The
    /// old token is refused from now on.
    pub async fn resend(&self, id: InviteId) -> Result<(Invite, SecretToken)> {
        let permit = self.0.permit(Scope::OrganisationUsersUpdate, self.0.here())?;
        let before = self.load(id).await?;
        let mint = self.0.parts.mint();
        self.check_open(&before, mint.now())?;
        // Whoever sends it again vouches for it.
        Members(self.0).check_grant(before.role)?;
        for invited in &before.workspaces {
            let workspace = self.0.named_workspace(&invited.workspace.to_string()).await?;
            WorkspaceMembers(self.0).check_grant(&workspace, invited.role)?;
            self.check_keys(before.key_scopes.as_ref(), &workspace)?;
        }
        let token = SecretToken::mint(mint.dice);
        let mut invite = before.clone();
        invite.digest = token.digest();
        invite.invited_by = inviter(self.0.actor());
        invite.expires_at = mint.now().plus_millis(VALID_MILLIS);
        let invite = self.0.update_as(AuditAction::Resend, &permit, &before, invite).await?;
        Ok((invite, token))
    }

    fn check_open(&self, invite: &Invite, now: Timestamp) -> Result<()> {
        match invite.status(now) {
            InviteStatus::Pending | InviteStatus::Expired => Ok(()),
            InviteStatus::Accepted => {
                Err(ControlError::Conflict("the invite was accepted already".to_owned()))
            }
            InviteStatus::Cancelled => {
                Err(ControlError::Conflict("the invite was taken back already".to_owned()))
            }
        }
    }

    async fn workspaces(&self, new: &NewInvite) -> Result<Vec<InvitedTo>> {
        if new.workspaces.len() > MAX_WORKSPACES {
            return Err(ControlError::invalid("workspaces", "at most 100 can be named"));
        }
        let members = WorkspaceMembers(self.0);
        let mut workspaces: Vec<InvitedTo> = Vec::with_capacity(new.workspaces.len());
        for (named, role) in &new.workspaces {
            let workspace = self.0.named_workspace(named).await?;
            members.check_grant(&workspace, *role)?;
            self.check_keys(new.key_scopes.as_ref(), &workspace)?;
            if workspaces.iter().any(|known| known.workspace == workspace.id) {
                return Err(ControlError::invalid("workspaces", "one is named twice"));
            }
            workspaces.push(InvitedTo { workspace: workspace.id, role: *role });
        }
        Ok(workspaces)
    }

    fn check_keys(&self, scopes: Option<&ScopeSet>, workspace: &Workspace) -> Result<()> {
        let held = self.0.actor().gives_at(self.0.within(workspace.id));
        let cannot =
            |scope: &Scope| !held.contains(*scope) || !ApiKeyKind::WorkspaceUser.can_hold(*scope);
        match scopes.and_then(|scopes| scopes.iter().find(cannot)) {
            None => Ok(()),
            Some(scope) => Err(ControlError::invalid(
                "workspace_api_key_details.scopes",
                format!("'{scope}' cannot be held by a person's key, or you do not hold it"),
            )),
        }
    }

    async fn load(&self, id: InviteId) -> Result<Invite> {
        let mut reader = self.0.parts.db.read().await?;
        let found = reader.tenant(self.0.organisation()).invites().find(id).await?;
        found.ok_or(ControlError::NotFound("invite"))
    }
}

/// By whom: that they may still give what they gave is asked when the invite is accepted. For a
/// token its issuer answers, of which an organisation has one, known by the organisation's id.
fn inviter(actor: &Actor) -> Option<Uuid> {
    match actor.kind() {
        ActorKind::ApiKey(id, _) => Some(id.uuid()),
        ActorKind::User(id, _) => Some(id.uuid()),
        ActorKind::Token(_) => Some(actor.organisation().uuid()),
        ActorKind::Operator => None,
    }
}
