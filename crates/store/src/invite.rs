//! Invites.

use portcullis_domain::{
    AuditResource, EmailAddress, Invite, InviteId, InviteStatus, OrganisationId, OrganisationRole,
    Timestamp, WorkspaceId,
};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::{
    Error, List, Page, Reader, Result, Rows, Subject,
    entity::{self, Stored},
    value::{Row, Value, json, values},
};

/// Which invites are wanted.
#[derive(Clone, Debug, Default)]
pub struct InviteFilter {
    /// Those as this role.
    pub role: Option<OrganisationRole>,
    /// Those of this e-mail address, whatever its case.
    pub email: Option<String>,
    /// Those that have come so far, at this instant.
    pub status: Option<(InviteStatus, Timestamp)>,
}

impl Reader {
    /// The invite whose token has that digest, of whichever organisation: for whoever was invited.
    pub async fn find_invite(&mut self, digest: &[u8; 32]) -> Result<Option<Invite>> {
        let sql = format!("{} WHERE digest = $1", entity::select::<Invite>());
        self.optional(sql, values![digest]).await?.as_ref().map(Invite::read).transpose()
    }
}

impl Rows<'_, Invite> {
    /// A page of them.
    pub async fn list(&mut self, filter: &InviteFilter, page: Page) -> Result<List<Invite>> {
        let mut conditions = self.conditions();
        conditions.compare("role =", filter.role.map(OrganisationRole::name));
        let email = filter.email.as_ref().map(|email| email.to_ascii_lowercase());
        conditions.compare("LOWER(email) =", email);
        if let Some((status, now)) = filter.status {
            let now = conditions.bind(now);
            let open = "accepted_at IS NULL AND cancelled_at IS NULL";
            conditions.and(&match status {
                InviteStatus::Accepted => format!("(accepted_at IS NOT NULL AND {now} = {now})"),
                InviteStatus::Cancelled => {
                    format!("(accepted_at IS NULL AND cancelled_at IS NOT NULL AND {now} = {now})")
                }
                InviteStatus::Expired => format!("({open} AND expires_at <= {now})"),
                InviteStatus::Pending => format!("({open} AND expires_at > {now})"),
            });
        }
        self.page(conditions, page).await
    }

    /// Those of one inviter that can still be accepted at `now`.
    pub async fn pending_of(&mut self, inviter: Uuid, now: Timestamp) -> Result<Vec<Invite>> {
        let mut conditions = self.conditions();
        conditions.compare("invited_by =", Some(inviter));
        conditions.and("accepted_at IS NULL AND cancelled_at IS NULL");
        conditions.compare("expires_at >", Some(now));
        self.all(conditions).await
    }
}

impl Stored for Invite {
    type Id = InviteId;
    const TABLE: &'static str = "invites";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "organisation_id",
        "created_at",
        "email",
        "role",
        "workspaces",
        "key_scopes",
        "digest",
        "invited_by",
        "expires_at",
        "accepted_at",
        "cancelled_at",
        "updated_at",
    ];
    const FIXED: &'static [&'static str] = &["id", "organisation_id", "created_at", "email"];
    const RESOURCE: AuditResource = AuditResource::Invite;

    fn organisation(&self) -> OrganisationId {
        self.organisation_id
    }

    fn workspace(&self) -> Option<WorkspaceId> {
        None
    }

    fn subject(&self) -> Option<Subject> {
        None
    }

    fn version(&self) -> Timestamp {
        self.updated_at
    }

    fn set_version(&mut self, at: Timestamp) {
        self.updated_at = at;
    }

    fn audit_id(&self) -> String {
        self.id.to_string()
    }

    fn audit_name(&self) -> String {
        self.email.to_string()
    }

    fn shown(&self) -> Json {
        json!({
            "email": self.email.as_str(),
            "role": self.role.name(),
            "workspaces": self.workspaces,
            "key_scopes": self.key_scopes,
            "expires_at": self.expires_at.to_string(),
            "accepted_at": self.accepted_at.map(|at| at.to_string()),
            "cancelled_at": self.cancelled_at.map(|at| at.to_string()),
        })
    }

    fn values(&self) -> Vec<Value> {
        values![
            self.id,
            self.organisation_id,
            self.created_at,
            self.email.as_str(),
            self.role.name(),
            json(&self.workspaces),
            self.key_scopes.as_ref().map(json),
            &self.digest,
            self.invited_by,
            self.expires_at,
            self.accepted_at,
            self.cancelled_at,
            self.updated_at,
        ]
    }

    fn read(row: &Row) -> Result<Self> {
        let scopes = row.opt_text("key_scopes")?;
        let scopes = scopes.map(|text| serde_json::from_str(&text)).transpose();
        let invited_by = row.opt_bytes("invited_by")?;
        let digest = row.bytes("digest")?.try_into();
        Ok(Self {
            id: row.id("id")?,
            organisation_id: row.id("organisation_id")?,
            email: EmailAddress::parse(&row.text("email")?).map_err(|_| Error::Corrupt("email"))?,
            role: OrganisationRole::parse(&row.text("role")?).ok_or(Error::Corrupt("role"))?,
            workspaces: row.json("workspaces")?,
            key_scopes: scopes.map_err(|_| Error::Corrupt("key_scopes"))?,
            digest: digest.map_err(|_| Error::Corrupt("digest"))?,
            invited_by: invited_by.and_then(|bytes| Uuid::from_slice(&bytes).ok()),
            expires_at: row.instant("expires_at")?,
            accepted_at: row.opt_instant("accepted_at")?,
            cancelled_at: row.opt_instant("cancelled_at")?,
            created_at: row.instant("created_at")?,
            updated_at: row.instant("updated_at")?,
        })
    }
}
