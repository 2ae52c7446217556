//! What people are: members of organisations and of workspaces.

use std::collections::HashMap;

use portcullis_domain::{
    AuditResource, Member, OrganisationId, OrganisationRole, Timestamp, UserId, WorkspaceId,
    WorkspaceMember, WorkspaceRole,
};
use serde_json::{Value as Json, json};

use crate::{
    Error, List, Page, Reader, Result, Rows, Subject,
    conditions::Conditions,
    entity::{self, Stored},
    value::{Row, Value, values},
};

/// Which members are wanted.
#[derive(Clone, Debug, Default)]
pub struct MemberFilter {
    /// Those of this role.
    pub role: Option<OrganisationRole>,
    /// The one of this e-mail address, whatever its case.
    pub email: Option<String>,
}

/// Which members of a workspace are wanted.
#[derive(Clone, Debug, Default)]
pub struct WorkspaceMemberFilter {
    /// Those of this role.
    pub role: Option<WorkspaceRole>,
    /// The one of this e-mail address, whatever its case.
    pub email: Option<String>,
}

impl Reader {
    /// Hands every member of every organisation to `take`, one at a time: for the snapshot.
    pub async fn load_members(&mut self, take: &mut (dyn FnMut(Member) + Send)) -> Result<()> {
        let mut places: HashMap<(OrganisationId, UserId), Vec<WorkspaceMember>> = HashMap::new();
        entity::load(self, &mut |place: WorkspaceMember| {
            places.entry((place.organisation_id, place.user_id)).or_default().push(place);
        })
        .await?;
        entity::load(self, &mut |mut member: Member| {
            let key = (member.organisation_id, member.user_id);
            member.workspaces = places.remove(&key).unwrap_or_default();
            take(member);
        })
        .await
    }

    /// The organisations that somebody belongs to, the oldest membership first: for the person
    /// themselves.
    pub async fn memberships_of(&mut self, user: UserId) -> Result<Vec<Member>> {
        let sql = format!(
            "{} WHERE memberships.user_id = $1 ORDER BY memberships.created_at,
             memberships.organisation_id",
            entity::select::<Member>()
        );
        let mut members = self.all(sql, values![user], Member::read).await?;
        for member in &mut members {
            Member::complete(self, std::slice::from_mut(member)).await?;
        }
        Ok(members)
    }
}

impl Rows<'_, Member> {
    /// A page of them.
    pub async fn list(&mut self, filter: &MemberFilter, page: Page) -> Result<List<Member>> {
        let mut conditions = self.conditions();
        conditions.compare("role =", filter.role.map(OrganisationRole::name));
        let email = filter.email.as_ref().map(|email| email.to_ascii_lowercase());
        conditions.compare("LOWER(users.email) =", email);
        self.page(conditions, page).await
    }

    /// Those of some ids, in no particular order.
    pub async fn of_ids(&mut self, ids: &[UserId]) -> Result<Vec<Member>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut conditions = self.conditions();
        conditions.within("memberships.user_id", ids.iter().map(|id| (*id).into()));
        self.all(conditions).await
    }

    /// How many owners there are. Asked in the transaction that takes one away.
    pub async fn count_owners(&mut self) -> Result<i64> {
        let sql = "SELECT COUNT(*) AS total FROM memberships
             WHERE organisation_id = $1 AND role = $2";
        let values = values![self.organisation, OrganisationRole::Owner.name()];
        self.reader.one(sql, values).await?.int("total")
    }
}

impl Rows<'_, WorkspaceMember> {
    /// Somebody's place in a workspace.
    pub async fn find_in(
        &mut self,
        workspace: WorkspaceId,
        user: UserId,
    ) -> Result<Option<WorkspaceMember>> {
        let mut conditions = self.conditions();
        conditions.compare("workspace_memberships.workspace_id =", Some(workspace));
        conditions.compare("workspace_memberships.user_id =", Some(user));
        Ok(self.all(conditions).await?.pop())
    }

    /// A page of a workspace's members.
    pub async fn list(
        &mut self,
        workspace: WorkspaceId,
        filter: &WorkspaceMemberFilter,
        page: Page,
    ) -> Result<List<WorkspaceMember>> {
        let mut conditions = self.conditions();
        conditions.compare("workspace_memberships.workspace_id =", Some(workspace));
        conditions.compare("role =", filter.role.map(WorkspaceRole::name));
        let email = filter.email.as_ref().map(|email| email.to_ascii_lowercase());
        conditions.compare("LOWER(users.email) =", email);
        self.page(conditions, page).await
    }

    /// Everybody in a workspace.
    pub async fn all_of(&mut self, workspace: WorkspaceId) -> Result<Vec<WorkspaceMember>> {
        let mut conditions = self.conditions();
        conditions.compare("workspace_memberships.workspace_id =", Some(workspace));
        self.all(conditions).await
    }
}

impl Stored for Member {
    type Id = UserId;
    const TABLE: &'static str = "memberships";
    const COLUMNS: &'static [&'static str] =
        &["organisation_id", "user_id", "created_at", "role", "updated_at"];
    const FIXED: &'static [&'static str] = &["organisation_id", "user_id", "created_at"];
    const KEY: &'static str = "user_id";
    const JOINED: (&'static str, &'static str) = (
        " JOIN users ON users.id = memberships.user_id",
        ", users.email, users.first_name, users.last_name",
    );
    const RESOURCE: AuditResource = AuditResource::Member;

    fn organisation(&self) -> OrganisationId {
        self.organisation_id
    }

    fn workspace(&self) -> Option<WorkspaceId> {
        None
    }

    fn subject(&self) -> Option<Subject> {
        Some(Subject::Member(self.user_id))
    }

    fn version(&self) -> Timestamp {
        self.updated_at
    }

    fn set_version(&mut self, at: Timestamp) {
        self.updated_at = at;
    }

    fn audit_id(&self) -> String {
        self.user_id.to_string()
    }

    fn audit_name(&self) -> String {
        self.email.clone()
    }

    fn shown(&self) -> Json {
        json!({"email": self.email, "role": self.role.name()})
    }

    fn values(&self) -> Vec<Value> {
        values![
            self.organisation_id,
            self.user_id,
            self.created_at,
            self.role.name(),
            self.updated_at,
        ]
    }

    fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            organisation_id: row.id("organisation_id")?,
            user_id: row.id("user_id")?,
            role: OrganisationRole::parse(&row.text("role")?).ok_or(Error::Corrupt("role"))?,
            email: row.text("email")?,
            first_name: row.text("first_name")?,
            last_name: row.text("last_name")?,
            workspaces: Vec::new(),
            created_at: row.instant("created_at")?,
            updated_at: row.instant("updated_at")?,
        })
    }

    async fn complete(reader: &mut Reader, rows: &mut [Self]) -> Result<()> {
        let Some(first) = rows.first() else { return Ok(()) };
        let organisation = first.organisation_id;
        let mut conditions = Conditions::of("workspace_memberships.organisation_id", organisation);
        let users = rows.iter().map(|row| row.user_id.into());
        conditions.within("workspace_memberships.user_id", users);
        let places = reader.tenant(organisation).workspace_members().all(conditions).await?;
        for place in places {
            let row = rows.iter_mut().find(|row| row.user_id == place.user_id);
            row.into_iter().for_each(|row| row.workspaces.push(place.clone()));
        }
        Ok(())
    }
}

impl Stored for WorkspaceMember {
    type Id = UserId;
    const TABLE: &'static str = "workspace_memberships";
    const COLUMNS: &'static [&'static str] =
        &["organisation_id", "workspace_id", "user_id", "created_at", "role", "updated_at"];
    const FIXED: &'static [&'static str] =
        &["organisation_id", "workspace_id", "user_id", "created_at"];
    const KEY: &'static str = "user_id";
    const JOINED: (&'static str, &'static str) =
        (" JOIN users ON users.id = workspace_memberships.user_id", "");
    const RESOURCE: AuditResource = AuditResource::WorkspaceMember;

    fn organisation(&self) -> OrganisationId {
        self.organisation_id
    }

    fn workspace(&self) -> Option<WorkspaceId> {
        Some(self.workspace_id)
    }

    fn subject(&self) -> Option<Subject> {
        Some(Subject::Member(self.user_id))
    }

    fn version(&self) -> Timestamp {
        self.updated_at
    }

    fn set_version(&mut self, at: Timestamp) {
        self.updated_at = at;
    }

    fn audit_id(&self) -> String {
        self.user_id.to_string()
    }

    fn audit_name(&self) -> String {
        String::new()
    }

    fn shown(&self) -> Json {
        json!({"workspace_id": self.workspace_id, "role": self.role.name()})
    }

    fn values(&self) -> Vec<Value> {
        values![
            self.organisation_id,
            self.workspace_id,
            self.user_id,
            self.created_at,
            self.role.name(),
            self.updated_at,
        ]
    }

    fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            organisation_id: row.id("organisation_id")?,
            workspace_id: row.id("workspace_id")?,
            user_id: row.id("user_id")?,
            role: WorkspaceRole::parse(&row.text("role")?).ok_or(Error::Corrupt("role"))?,
            created_at: row.instant("created_at")?,
            updated_at: row.instant("updated_at")?,
        })
    }
}
