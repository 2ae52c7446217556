//! The audit trail: searching it, taking it out, and telling it of what use cases do not write.

use std::sync::Arc;

use portcullis_domain::{
    AuditAction, AuditEvent, AuditOutcome, AuditRecord, AuditResource, AuditSigner, AuditTrail,
    AuditTrailFuture, AuditUnavailable, ChainHead, Scope,
};
use portcullis_store::{AuditFilter, Db, Note, Tx};

use crate::{Caller, Control, Result, desk::Desk, log::MOST_COUNTED};

/// Use cases of the audit trail of an organisation.
pub struct AuditLogs<'a>(pub(crate) Desk<'a>);

/// A page of the audit trail.
pub struct AuditPage {
    /// The events, newest first.
    pub records: Vec<AuditRecord>,
    /// How many match in all, counted up to 10,000.
    pub total: u64,
    /// Whether there are more than were counted.
    pub total_is_capped: bool,
}

/// The most events in one answer of an export.
pub const EXPORT_STEP: u32 = 500;

impl AuditLogs<'_> {
    /// Events, newest first, before the one of number `before`, leaving out `skip`.
    pub async fn list(
        &self,
        filter: &AuditFilter,
        before: Option<u64>,
        skip: u32,
        limit: u32,
    ) -> Result<AuditPage> {
        self.0.permit(Scope::AuditLogsList, self.0.here())?;
        let mut reader = self.0.parts.logs.read().await?;
        let mut tenant = reader.tenant(self.0.organisation());
        let records = tenant.audit_trail().list(filter, before, skip, limit).await?;
        let most = u64::from(MOST_COUNTED);
        let total = tenant.audit_trail().count(filter, MOST_COUNTED + 1).await?;
        Ok(AuditPage { records, total: total.min(most), total_is_capped: total > most })
    }

    /// Begins an export: that somebody takes events out is an event itself, the last one that the
    /// export holds.
    pub async fn begin_export(&self, format: &'static str) -> Result<()> {
        self.0.permit(Scope::AuditLogsList, self.0.here())?;
        let note = Note {
            scope: Some(Scope::AuditLogsList),
            resource_name: Some(format.to_owned()),
            ..Note::new(Some(self.0.organisation()), AuditAction::Export, AuditResource::AuditLog)
        };
        self.0.note(note).await
    }

    /// The next events of an export after the one of number `after`, oldest first; at most
    /// [`EXPORT_STEP`], and fewer only at the end.
    pub async fn export(&self, filter: &AuditFilter, after: u64) -> Result<Vec<AuditRecord>> {
        self.0.permit(Scope::AuditLogsList, self.0.here())?;
        let mut reader = self.0.parts.logs.read().await?;
        let mut tenant = reader.tenant(self.0.organisation());
        Ok(tenant.audit_trail().after(filter, after, EXPORT_STEP).await?)
    }

    /// The end of the chain, and the key by which it is signed: kept elsewhere, they prove later
    /// that nothing was cut off.
    pub async fn head(&self) -> Result<(ChainHead, String)> {
        self.0.permit(Scope::AuditLogsList, self.0.here())?;
        let mut reader = self.0.parts.db.read().await?;
        let head = reader.audit_chains().head(Some(self.0.organisation())).await?;
        Ok((head, self.0.parts.audit.public().to_string()))
    }
}

/// What was asked for, as the table of routes says it.
pub struct Asked<'a> {
    /// What was to be done.
    pub action: AuditAction,
    /// To what kind of thing.
    pub resource: AuditResource,
    /// To which one, as it was named.
    pub id: Option<&'a str>,
}

impl Control {
    /// Tells the audit trail of a request that came to nothing.
    pub async fn tell_refusal(
        &self,
        caller: &Caller,
        asked: &Asked<'_>,
        outcome: AuditOutcome,
        scope: Option<Scope>,
    ) -> Result<()> {
        self.tell(caller, asked, outcome, scope).await
    }

    /// Tells the audit trail that a key used an administrative scope to read.
    pub async fn tell_use(&self, caller: &Caller, asked: &Asked<'_>, scope: Scope) -> Result<()> {
        self.tell(caller, asked, AuditOutcome::Success, Some(scope)).await
    }

    async fn tell(
        &self,
        caller: &Caller,
        asked: &Asked<'_>,
        outcome: AuditOutcome,
        scope: Option<Scope>,
    ) -> Result<()> {
        let note = Note {
            resource_id: asked.id.map(str::to_owned),
            outcome,
            scope,
            ..Note::new(Some(caller.actor.organisation()), asked.action, asked.resource)
        };
        Desk { parts: &self.0, caller }.note(note).await
    }
}

/// The audit trail in the database, for areas that write no rows of their own. Cheap to clone.
#[derive(Clone)]
pub struct StoredAuditTrail {
    db: Db,
    signer: Arc<dyn AuditSigner>,
}

impl StoredAuditTrail {
    /// Keeps it in `db`, signed by `signer`.
    pub fn new(db: Db, signer: Arc<dyn AuditSigner>) -> Self {
        Self { db, signer }
    }
}

impl AuditTrail for StoredAuditTrail {
    fn record(&self, event: AuditEvent) -> AuditTrailFuture<'_> {
        Box::pin(async move {
            let write = async |tx: &mut Tx| tx.audit_chains().append(&*self.signer, &event).await;
            let written: portcullis_store::Result<u64> = self.db.write(write).await;
            written.map(drop).map_err(|error| AuditUnavailable(error.to_string()))
        })
    }
}
