//! The audit trail: chains of signed records, one for each organisation and one of the instance.
//!
//! A record is appended in the transaction of the act it tells of. Only appends to the same chain
//! wait for each other.

use portcullis_domain::{
    AuditEvent, AuditLink, AuditRecord, AuditSigner, ChainHead, OrganisationId, Timestamp, UserId,
    WorkspaceId,
};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::{
    Error, Reader, Result, Tx,
    conditions::Conditions,
    dialect, entity,
    value::{Row, values},
};

/// The chains, through a [`Reader`] or a [`Tx`].
pub struct AuditChains<'s, S>(&'s mut S);

/// One organisation's audit trail.
pub struct AuditTrailOf<'r> {
    pub(crate) reader: &'r mut Reader,
    pub(crate) organisation: OrganisationId,
}

/// Which events are wanted; what is `None` does not matter.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// From this instant on.
    pub from: Option<Timestamp>,
    /// Before this instant.
    pub until: Option<Timestamp>,
    /// In this workspace.
    pub workspace: Option<WorkspaceId>,
    /// By this kind of actor.
    pub actor_kind: Option<String>,
    /// By this key, or by this person, themselves or through a key of theirs.
    pub actor_or_user: Option<UserId>,
    /// What was done.
    pub action: Option<String>,
    /// To what kind of thing.
    pub resource: Option<String>,
    /// To which one.
    pub resource_id: Option<String>,
    /// With this outcome.
    pub outcome: Option<String>,
    /// Answered with this status.
    pub status: Option<u16>,
    /// With this HTTP method.
    pub method: Option<String>,
    /// Under this path.
    pub path: Option<String>,
    /// From this address.
    pub client: Option<String>,
    /// In this request.
    pub request_id: Option<String>,
    /// With this text in the event: a fingerprint, for one.
    pub text: Option<String>,
}

/// A record as it is stored, and whether the columns beside its text agree with it.
pub struct StoredRecord {
    /// The record.
    pub record: AuditRecord,
    /// Whether what is searched is what was recorded.
    pub columns_agree: bool,
}

macro_rules! columns {
    () => {
        "chain, seq, created_at, workspace_id, actor_kind, actor_id, user_id, action, resource,
         resource_id, outcome, status, method, path, client, request_id, event, hash, signature"
    };
}

impl Reader {
    /// The chains: for the operator, and for whoever verifies them.
    pub fn audit_chains(&mut self) -> AuditChains<'_, Self> {
        AuditChains(self)
    }
}

impl Tx {
    /// The chains, to append to.
    pub fn audit_chains(&mut self) -> AuditChains<'_, Self> {
        AuditChains(self)
    }
}

impl AuditChains<'_, Tx> {
    /// Appends an event to its organisation's chain, or to the instance's.
    pub async fn append(&mut self, signer: &dyn AuditSigner, event: &AuditEvent) -> Result<u64> {
        let tx = &mut *self.0;
        let chain = key(event.organisation);
        let head = dialect::lock_audit_chain(tx, chain).await?;
        let head = head.as_ref().map(read_head).transpose()?.unwrap_or_default();
        let record = AuditRecord::after(&head, tx.clock.now(), event, signer);
        let sql = "INSERT INTO audit_chains (chain, seq, hash) VALUES ($1, $2, $3)
             ON CONFLICT (chain) DO UPDATE SET seq = excluded.seq, hash = excluded.hash";
        tx.execute(sql, values![chain, record.seq, &record.link.hash]).await?;
        let columns = Columns::of(&record.event());
        tx.execute(
            concat!(
                "INSERT INTO audit_events (",
                columns!(),
                ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
                    $17, $18, $19)"
            ),
            values![
                chain,
                record.seq,
                record.at,
                columns.workspace,
                columns.actor_kind,
                columns.actor,
                columns.user,
                columns.action,
                columns.resource,
                columns.resource_id,
                columns.outcome,
                columns.status,
                columns.method,
                columns.path,
                columns.client,
                columns.request_id,
                record.canonical,
                &record.link.hash,
                record.link.signature.to_vec(),
            ],
        )
        .await?;
        Ok(record.seq)
    }
}

impl AuditChains<'_, Reader> {
    /// Every chain with its recorded end; `None` is the instance's.
    pub async fn heads(&mut self) -> Result<Vec<(Option<OrganisationId>, ChainHead)>> {
        let sql = "SELECT chain, seq, hash FROM audit_chains ORDER BY chain";
        self.0.all(sql, values![], |row| Ok((chain(row)?, read_head(row)?))).await
    }

    /// The recorded end of one chain.
    pub async fn head(&mut self, chain: Option<OrganisationId>) -> Result<ChainHead> {
        let sql = "SELECT seq, hash FROM audit_chains WHERE chain = $1";
        let row = self.0.optional(sql, values![key(chain)]).await?;
        Ok(row.as_ref().map(read_head).transpose()?.unwrap_or_default())
    }

    /// Chains that have events, also those without a recorded end.
    pub async fn with_events(&mut self) -> Result<Vec<Option<OrganisationId>>> {
        let sql = "SELECT DISTINCT chain FROM audit_events ORDER BY chain";
        self.0.all(sql, values![], chain).await
    }

    /// Up to `limit` records of a chain after the one of number `after`, in order.
    pub async fn after(
        &mut self,
        chain: Option<OrganisationId>,
        after: u64,
        limit: u32,
    ) -> Result<Vec<StoredRecord>> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM audit_events WHERE chain = $1 AND seq > $2 ORDER BY seq LIMIT $3"
        );
        self.0.all(sql, values![key(chain), after, i64::from(limit)], read).await
    }
}

impl AuditTrailOf<'_> {
    /// Up to `limit` events, newest first, before the one of number `before`, leaving out `skip`.
    pub async fn list(
        &mut self,
        filter: &AuditFilter,
        before: Option<u64>,
        skip: u32,
        limit: u32,
    ) -> Result<Vec<AuditRecord>> {
        let mut conditions = self.conditions(filter);
        conditions.compare("seq <", before);
        let (limit, skip) = (conditions.bind(i64::from(limit)), conditions.bind(i64::from(skip)));
        let sql = format!(
            concat!(
                "SELECT ",
                columns!(),
                " FROM audit_events WHERE {} ORDER BY seq DESC LIMIT {} OFFSET {}"
            ),
            conditions.text, limit, skip
        );
        self.reader.all(sql, conditions.values, |row| Ok(read(row)?.record)).await
    }

    /// Up to `limit` events after the one of number `after`, oldest first: for an export.
    pub async fn after(
        &mut self,
        filter: &AuditFilter,
        after: u64,
        limit: u32,
    ) -> Result<Vec<AuditRecord>> {
        let mut conditions = self.conditions(filter);
        conditions.compare("seq >", Some(after));
        let limit = conditions.bind(i64::from(limit));
        let sql = format!(
            concat!("SELECT ", columns!(), " FROM audit_events WHERE {} ORDER BY seq LIMIT {}"),
            conditions.text, limit
        );
        self.reader.all(sql, conditions.values, |row| Ok(read(row)?.record)).await
    }

    /// How many events there are, counted up to `most`.
    pub async fn count(&mut self, filter: &AuditFilter, most: u32) -> Result<u64> {
        let mut conditions = self.conditions(filter);
        let most = conditions.bind(i64::from(most));
        let sql = format!(
            "SELECT COUNT(*) AS total
             FROM (SELECT 1 FROM audit_events WHERE {} LIMIT {most}) AS counted",
            conditions.text
        );
        let total = self.reader.one(sql, conditions.values).await?.int("total")?;
        u64::try_from(total).map_err(|_| Error::Corrupt("total"))
    }

    fn conditions(&self, filter: &AuditFilter) -> Conditions {
        let mut all = Conditions::of("chain", self.organisation);
        all.compare("created_at >=", filter.from);
        all.compare("created_at <", filter.until);
        all.compare("workspace_id =", filter.workspace);
        all.compare("actor_kind =", filter.actor_kind.as_deref());
        if let Some(who) = filter.actor_or_user {
            let who = all.bind(who);
            all.and(&format!("(actor_id = {who} OR user_id = {who})"));
        }
        all.compare("action =", filter.action.as_deref());
        all.compare("resource =", filter.resource.as_deref());
        all.compare("resource_id =", filter.resource_id.as_deref());
        all.compare("outcome =", filter.outcome.as_deref());
        match filter.status {
            // What succeeded bears no status of its own.
            Some(200) => all.and("outcome = 'success'"),
            status => all.compare("status =", status),
        }
        all.compare("method =", filter.method.as_deref());
        if let Some(path) = filter.path.as_deref() {
            let path = all.bind(entity::pattern("", path));
            all.and(&format!("path LIKE {path} ESCAPE '!'"));
        }
        all.compare("client =", filter.client.as_deref());
        all.compare("request_id =", filter.request_id.as_deref());
        if let Some(text) = filter.text.as_deref() {
            let text = all.bind(entity::pattern("%", text));
            all.and(&format!("event LIKE {text} ESCAPE '!'"));
        }
        all
    }
}

/// What is searched for, as the event itself says it.
#[derive(PartialEq)]
struct Columns {
    workspace: Option<Uuid>,
    actor_kind: String,
    actor: Option<Uuid>,
    user: Option<Uuid>,
    action: String,
    resource: String,
    resource_id: Option<String>,
    outcome: String,
    status: Option<i64>,
    method: String,
    path: String,
    client: Option<String>,
    request_id: Option<String>,
}

impl Columns {
    fn of(event: &Map<String, Json>) -> Self {
        let text = |path: &[&str]| -> Option<String> {
            let (first, rest) = path.split_first()?;
            let value = rest.iter().try_fold(event.get(*first)?, |value, name| value.get(*name))?;
            value.as_str().map(column_text)
        };
        let id = |path: &[&str]| text(path).and_then(|text| Uuid::parse_str(&text).ok());
        Self {
            workspace: id(&["workspace"]),
            actor_kind: text(&["actor", "kind"]).unwrap_or_default(),
            actor: id(&["actor", "id"]),
            user: id(&["actor", "user"]),
            action: text(&["action"]).unwrap_or_default(),
            resource: text(&["resource", "type"]).unwrap_or_default(),
            resource_id: text(&["resource", "id"]),
            outcome: text(&["outcome"]).unwrap_or_default(),
            status: event.get("status").and_then(Json::as_i64),
            method: text(&["request", "method"]).unwrap_or_default(),
            path: text(&["request", "path"]).unwrap_or_default(),
            client: text(&["request", "client"]),
            request_id: text(&["request", "id"]),
        }
    }

    fn read(row: &Row) -> Result<Self> {
        let uuid = |column| -> Result<Option<Uuid>> {
            Ok(row.opt_bytes(column)?.and_then(|bytes| Uuid::from_slice(&bytes).ok()))
        };
        Ok(Self {
            workspace: uuid("workspace_id")?,
            actor_kind: row.text("actor_kind")?,
            actor: uuid("actor_id")?,
            user: uuid("user_id")?,
            action: row.text("action")?,
            resource: row.text("resource")?,
            resource_id: row.opt_text("resource_id")?,
            outcome: row.text("outcome")?,
            status: row.opt_int("status")?,
            method: row.text("method")?,
            path: row.text("path")?,
            client: row.opt_text("client")?,
            request_id: row.opt_text("request_id")?,
        })
    }
}

/// PostgreSQL takes no NUL in a text.
fn column_text(text: &str) -> String {
    text.replace('\0', "")
}

/// The chain's key: the organisation's id, or nil for the instance.
fn key(chain: Option<OrganisationId>) -> Uuid {
    chain.map_or(Uuid::nil(), |id| id.uuid())
}

fn chain(row: &Row) -> Result<Option<OrganisationId>> {
    let id = row.uuid("chain")?;
    Ok((!id.is_nil()).then(|| OrganisationId::from_uuid(id)))
}

fn read_head(row: &Row) -> Result<ChainHead> {
    Ok(ChainHead { seq: seq(row)?, hash: array(row, "hash")? })
}

fn seq(row: &Row) -> Result<u64> {
    u64::try_from(row.int("seq")?).map_err(|_| Error::Corrupt("seq"))
}

/// Damaged bytes are read as zeros: the check of the chain says where.
fn array<const N: usize>(row: &Row, column: &'static str) -> Result<[u8; N]> {
    Ok(row.bytes(column)?.try_into().unwrap_or([0; N]))
}

fn read(row: &Row) -> Result<StoredRecord> {
    let record = AuditRecord {
        chain: chain(row)?,
        seq: seq(row)?,
        at: row.instant("created_at")?,
        canonical: row.text("event")?,
        link: AuditLink { hash: array(row, "hash")?, signature: array(row, "signature")? },
    };
    let event = record.event();
    let columns_agree = event.get("at").and_then(Json::as_i64) == Some(record.at.micros())
        && Columns::of(&event) == Columns::read(row)?;
    Ok(StoredRecord { record, columns_agree })
}
