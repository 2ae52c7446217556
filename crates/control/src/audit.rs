//! The audit trail's ports: for areas that write no rows of their own.

use std::sync::Arc;

use portcullis_domain::{AuditEvent, AuditSigner, AuditTrail, AuditTrailFuture, AuditUnavailable};
use portcullis_store::{Db, Tx};

/// The audit trail in the database. Cheap to clone.
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
