//! What changed, in the order of commits.

use portcullis_domain::{
    ApiKeyId, IntegrationId, OrganisationId, Revision, Timestamp, UserId, VirtualKeyId, WorkspaceId,
};
use uuid::Uuid;

use crate::{
    Error, Reader, Result, Tx, dialect,
    value::{Row, values},
};

/// The outbox, through a [`Reader`] or a [`Tx`].
pub struct Outbox<'s, S>(&'s mut S);

/// One change. It says what changed, not how: load the subject; if it is not there, it is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its number; a later commit's is larger. Numbers may be left out.
    pub revision: Revision,
    /// Whose it is.
    pub organisation_id: OrganisationId,
    /// What changed.
    pub subject: Subject,
    /// When.
    pub created_at: Timestamp,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// An organisation.
    Organisation(OrganisationId),
    /// A person's place in the organisation or in its workspaces.
    Member(UserId),
    /// A workspace or one of its environments.
    Workspace(WorkspaceId),
    /// An API key.
    ApiKey(ApiKeyId),
    /// An integration.
    Integration(IntegrationId),
    /// A virtual key.
    VirtualKey(VirtualKeyId),
    /// An organisation's issuer of tokens.
    TokenIssuer(OrganisationId),
}

impl Reader {
    /// The outbox.
    pub fn outbox(&mut self) -> Outbox<'_, Self> {
        Outbox(self)
    }
}

impl Tx {
    /// The outbox.
    pub fn outbox(&mut self) -> Outbox<'_, Self> {
        Outbox(self)
    }

    /// Puts an event into the outbox. The repositories call it with every write.
    pub(crate) async fn announce(
        &mut self,
        organisation: OrganisationId,
        subject: Subject,
    ) -> Result<()> {
        if !self.has_news {
            dialect::lock_outbox(self).await?;
            dialect::notify(self).await?;
            self.has_news = true;
        }
        let (kind, id) = subject.parts();
        let now = self.clock.now();
        self.execute(
            "INSERT INTO outbox (organisation_id, subject_kind, subject_id, created_at)
             VALUES ($1, $2, $3, $4)",
            values![organisation, kind, id, now],
        )
        .await?;
        Ok(())
    }
}

impl Outbox<'_, Reader> {
    /// Up to `limit` events after `revision`, in order.
    pub async fn after(&mut self, revision: Revision, limit: u32) -> Result<Vec<Event>> {
        let sql = "SELECT revision, organisation_id, subject_kind, subject_id, created_at
             FROM outbox WHERE revision > $1 ORDER BY revision LIMIT $2";
        self.0.all(sql, values![revision, i64::from(limit)], read).await
    }

    /// The highest revision; 0 when nothing ever changed. Take it *before* loading a snapshot: what
    /// changes meanwhile is then applied once more, which does no harm.
    pub async fn max_revision(&mut self) -> Result<Revision> {
        let sql = "SELECT COALESCE(MAX(revision), 0) AS revision FROM outbox";
        self.0.one(sql, values![]).await?.int("revision")
    }

    /// The lowest revision still kept; 0 when the outbox is empty. Whoever is further behind may
    /// have missed events and must load everything.
    pub async fn min_revision(&mut self) -> Result<Revision> {
        let sql = "SELECT COALESCE(MIN(revision), 0) AS revision FROM outbox";
        self.0.one(sql, values![]).await?.int("revision")
    }
}

impl Outbox<'_, Tx> {
    /// Forgets events from before `instant`, but never the last one, which keeps the count. Says
    /// how many.
    pub async fn prune(&mut self, instant: Timestamp) -> Result<u64> {
        let sql = "DELETE FROM outbox
             WHERE created_at < $1 AND revision < (SELECT MAX(revision) FROM outbox)";
        self.0.execute(sql, values![instant]).await
    }
}

impl Subject {
    fn parts(self) -> (&'static str, Uuid) {
        match self {
            Self::Organisation(id) => ("organisation", id.uuid()),
            Self::Member(id) => ("member", id.uuid()),
            Self::Workspace(id) => ("workspace", id.uuid()),
            Self::ApiKey(id) => ("api_key", id.uuid()),
            Self::Integration(id) => ("integration", id.uuid()),
            Self::VirtualKey(id) => ("virtual_key", id.uuid()),
            Self::TokenIssuer(id) => ("token_issuer", id.uuid()),
        }
    }
}

fn read(row: &Row) -> Result<Event> {
    let subject = match row.text("subject_kind")?.as_str() {
        "organisation" => Subject::Organisation(row.id("subject_id")?),
        "member" => Subject::Member(row.id("subject_id")?),
        "workspace" => Subject::Workspace(row.id("subject_id")?),
        "api_key" => Subject::ApiKey(row.id("subject_id")?),
        "integration" => Subject::Integration(row.id("subject_id")?),
        "virtual_key" => Subject::VirtualKey(row.id("subject_id")?),
        "token_issuer" => Subject::TokenIssuer(row.id("subject_id")?),
        _ => return Err(Error::Corrupt("subject_kind")),
    };
    Ok(Event {
        revision: row.int("revision")?,
        organisation_id: row.id("organisation_id")?,
        subject,
        created_at: row.instant("created_at")?,
    })
}
