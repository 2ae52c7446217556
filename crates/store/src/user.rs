//! People and their memberships.

use portcullis_domain::{
    OrganisationId, OrganisationRole, Permit, Secret, User, UserId, WorkspaceId, WorkspaceRole,
};

use crate::{
    Error, List, Page, Reader, Result, Tx, tenant,
    value::{Row, values},
};

/// Changes people and memberships.
pub struct Users<'t>(&'t mut Tx);

/// One organisation's people.
pub struct UsersOf<'r> {
    pub(crate) reader: &'r mut Reader,
    pub(crate) organisation: OrganisationId,
}

impl Tx {
    /// The people, to change.
    pub fn users(&mut self) -> Users<'_> {
        Users(self)
    }
}

impl UsersOf<'_> {
    /// The person of that id, if a member, with their role.
    pub async fn find(&mut self, id: UserId) -> Result<Option<(User, OrganisationRole)>> {
        let sql = "SELECT id, email, name, created_at, role FROM users
             JOIN memberships ON user_id = id WHERE organisation_id = $1 AND id = $2";
        let row = self.reader.optional(sql, values![self.organisation, id]).await?;
        row.as_ref().map(read).transpose()
    }

    /// A page of the members with their roles.
    pub async fn list(&mut self, page: Page) -> Result<List<(User, OrganisationRole)>> {
        let from = "FROM users JOIN memberships ON user_id = id WHERE organisation_id = $1";
        let columns = "id, email, name, created_at, role";
        tenant::list(self.reader, columns, from, values![self.organisation], page, read).await
    }
}

impl Users<'_> {
    /// Adds a person as a member of the permit's organisation. Fails with [`Error::Taken`] when
    /// somebody has that e-mail address.
    pub async fn insert(
        &mut self,
        permit: &Permit,
        user: &User,
        password_hash: Option<&Secret<String>>,
        role: OrganisationRole,
    ) -> Result<()> {
        tenant::check(permit, permit.organisation(), None)?;
        self.0
            .execute(
                "INSERT INTO users (id, email, name, password_hash, created_at)
                 VALUES ($1, $2, $3, $4, $5)",
                values![
                    user.id,
                    user.email.as_str(),
                    user.name.as_str(),
                    password_hash.map(|hash| hash.danger_expose().as_str()),
                    user.created_at,
                ],
            )
            .await?;
        self.put_role(permit, user.id, role).await
    }

    /// Makes an existing person a member of the permit's organisation, or changes their role.
    pub async fn put_role(
        &mut self,
        permit: &Permit,
        user: UserId,
        role: OrganisationRole,
    ) -> Result<()> {
        tenant::check(permit, permit.organisation(), None)?;
        let sql = "INSERT INTO memberships (organisation_id, user_id, role) VALUES ($1, $2, $3)
             ON CONFLICT (organisation_id, user_id) DO UPDATE SET role = excluded.role";
        self.0.execute(sql, values![permit.organisation(), user, role.name()]).await?;
        Ok(())
    }

    /// Makes a member of the organisation one of a workspace, or changes their role there.
    pub async fn put_workspace_role(
        &mut self,
        permit: &Permit,
        workspace: WorkspaceId,
        user: UserId,
        role: WorkspaceRole,
    ) -> Result<()> {
        tenant::check(permit, permit.organisation(), Some(workspace))?;
        // The conflicting row is of the same workspace, which the foreign key ties to this
        // organisation.
        let sql = "INSERT INTO workspace_memberships (organisation_id, workspace_id, user_id, role)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (workspace_id, user_id) DO UPDATE SET role = excluded.role
             WHERE workspace_memberships.organisation_id = excluded.organisation_id";
        let values = values![permit.organisation(), workspace, user, role.name()];
        if self.0.execute(sql, values).await? == 0 {
            return Err(Error::ForeignPlace);
        }
        Ok(())
    }
}

fn read(row: &Row) -> Result<(User, OrganisationRole)> {
    let user = User {
        id: row.id("id")?,
        email: row.text("email")?,
        name: row.text("name")?,
        created_at: row.instant("created_at")?,
    };
    let role = OrganisationRole::parse(&row.text("role")?).ok_or(Error::Corrupt("role"))?;
    Ok((user, role))
}
