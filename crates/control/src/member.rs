//! The people of an organisation.

use portcullis_domain::{
    Member, OrganisationId, OrganisationRole, Permit, Scope, ScopeSet, UserId, WorkspaceMember,
};
use portcullis_store::{Act, List, MemberFilter, Page};

use crate::{ControlError, Result, desk::Desk};

/// Use cases of the people of an organisation.
pub struct Members<'a>(pub(crate) Desk<'a>);

impl Members<'_> {
    /// The people of the organisation, newest first.
    pub async fn list(&self, filter: MemberFilter, page: Page) -> Result<List<Member>> {
        self.0.permit(Scope::OrganisationUsersList, self.0.here())?;
        let mut reader = self.0.parts.db.read().await?;
        Ok(reader.tenant(self.0.organisation()).members().list(&filter, page).await?)
    }

    /// One of them.
    pub async fn retrieve(&self, id: UserId) -> Result<Member> {
        self.0.permit(Scope::OrganisationUsersRead, self.0.here())?;
        self.load(id).await
    }

    /// Gives somebody another role.
    pub async fn update(&self, id: UserId, role: OrganisationRole) -> Result<()> {
        let permit = self.0.permit(Scope::OrganisationUsersUpdate, self.0.here())?;
        let before = self.load(id).await?;
        self.check_rank(before.role)?;
        self.check_grant(role)?;
        let mut after = before.clone();
        after.role = role;
        let organisation = self.0.organisation();
        let inviter = id.uuid();
        let now = self.0.parts.clock.now();
        let write = async |act: &mut Act| {
            keep_an_owner(act, organisation, &before, Some(role)).await?;
            act.update(&permit, &before, after.clone()).await?;
            if role > before.role {
                // What they could give before is not given any more.
                cancel_invites(act, &permit, organisation, inviter, now).await?;
            }
            Ok(())
        };
        self.0.act(write).await
    }

    /// Takes somebody out of the organisation, with their places in its workspaces, the keys that
    /// stand for them and the invites they have sent.
    pub async fn delete(&self, id: UserId) -> Result<()> {
        let permit = self.0.permit(Scope::OrganisationUsersDelete, self.0.here())?;
        let organisation = self.0.organisation();
        let now = self.0.parts.clock.now();
        let write = async |act: &mut Act| {
            // As they are in this very transaction: they may have been made more a moment ago.
            let found = act.tenant(organisation).members().find(id).await?;
            let member = found.ok_or(ControlError::NotFound("user"))?;
            self.check_rank(member.role)?;
            keep_an_owner(act, organisation, &member, None).await?;
            let mut tenant = act.tenant(organisation);
            let keys = tenant.api_keys().all_of(Some(id), None).await?;
            for key in &keys {
                act.remove(&permit, key).await?;
            }
            for place in &member.workspaces {
                act.remove(&permit, place).await?;
            }
            cancel_invites(act, &permit, organisation, id.uuid(), now).await?;
            act.remove(&permit, &member).await?;
            Ok(())
        };
        self.0.act(write).await
    }

    /// Nobody makes anybody more than they are.
    pub(crate) fn check_grant(&self, role: OrganisationRole) -> Result<()> {
        match self.lacking(&role.scopes()) {
            None => Ok(()),
            Some(scope) => Err(ControlError::invalid(
                "role",
                format!(
                    "'{}' holds the scope '{scope}', which cannot be granted by somebody who does \
                     not hold it",
                    role.name()
                ),
            )),
        }
    }

    /// Nobody changes anybody who may do more.
    pub(crate) fn check_rank(&self, role: OrganisationRole) -> Result<()> {
        self.lacking(&role.scopes()).map_or(Ok(()), |scope| Err(ControlError::Outranked(scope)))
    }

    fn lacking(&self, scopes: &ScopeSet) -> Option<Scope> {
        let held = self.0.actor().scopes_at(self.0.here());
        scopes.without_set(&held).iter().next()
    }

    async fn load(&self, id: UserId) -> Result<Member> {
        let mut reader = self.0.parts.db.read().await?;
        let found = reader.tenant(self.0.organisation()).members().find(id).await?;
        found.ok_or(ControlError::NotFound("user"))
    }
}

/// An organisation keeps an owner, whatever happens at the same time: asked in the transaction.
async fn keep_an_owner(
    act: &mut Act,
    organisation: OrganisationId,
    before: &Member,
    role: Option<OrganisationRole>,
) -> Result<()> {
    if before.role == OrganisationRole::Owner && role != Some(OrganisationRole::Owner) {
        let owners = act.tenant(organisation).members().count_owners().await?;
        if owners <= 1 {
            let message = "the organisation's last owner can be neither removed nor made less: \
                           make somebody else an owner first";
            return Err(ControlError::Conflict(message.to_owned()));
        }
    }
    Ok(())
}

async fn cancel_invites(
    act: &mut Act,
    permit: &Permit,
    organisation: OrganisationId,
    inviter: uuid::Uuid,
    now: portcullis_domain::Timestamp,
) -> Result<()> {
    let mut tenant = act.tenant(organisation);
    for before in tenant.invites().pending_of(inviter, now).await? {
        let mut invite = before.clone();
        invite.cancelled_at = Some(now);
        act.update(permit, &before, invite).await?;
    }
    Ok(())
}

/// A member of a workspace together with what they are in the organisation.
pub struct WorkspaceMemberDetail {
    /// Their place in the workspace.
    pub place: WorkspaceMember,
    /// Their place in the organisation.
    pub member: Member,
    /// What they may do in the workspace.
    pub scopes: ScopeSet,
}
