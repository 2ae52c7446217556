//! What the vault does, in the audit trail: every call of a KMS, refusals, and finished work. That a
//! data key changes is told in the transaction that changes it ([`crate::StoredDataKeys`]).

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use portcullis_domain::{
    AuditAction, AuditActor, AuditActorKind, AuditEvent, AuditOutcome, AuditResource, AuditTrail,
    OrganisationId,
};
use portcullis_vault::{KmsOperation, VaultEvent, VaultObserver};
use serde_json::json;
use tokio::sync::mpsc;

/// Hands the vault's events on without making it wait.
pub struct VaultTrail {
    events: mpsc::Sender<AuditEvent>,
    lost: Arc<AtomicU64>,
}

/// Writes them to the audit trail.
pub struct VaultTrailWriter {
    events: mpsc::Receiver<AuditEvent>,
    /// Taken out of `events`, and not known to be written.
    present: Option<AuditEvent>,
    lost: Arc<AtomicU64>,
}

/// Events that wait for the database at most: an hour of a busy instance's.
const WAITING: usize = 16_384;
/// Between two tries to write.
const PAUSE: Duration = Duration::from_secs(1);

impl VaultTrail {
    /// Both ends.
    pub fn new() -> (Self, VaultTrailWriter) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let writer = VaultTrailWriter { events: receiver, present: None, lost: Arc::clone(&lost) };
        (Self { events: sender, lost }, writer)
    }
}

impl VaultObserver for VaultTrail {
    fn happened(&self, event: &VaultEvent) {
        // The trail is longer down than there is room: said when it is up again.
        if self.events.try_send(audited(event)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl VaultTrailWriter {
    /// Writes what happens to `trail`, until the vault is gone. What cannot be written is tried
    /// again; nothing is overtaken. Where this is given up, [`Self::drain`] goes on from there.
    pub async fn run(&mut self, trail: &dyn AuditTrail) {
        while let Some(event) = self.events.recv().await {
            let lost = self.lost.swap(0, Ordering::Relaxed);
            if lost > 0 {
                tracing::error!(
                    lost,
                    "events of the vault could not be audited: the audit trail \
                    was away for too long"
                );
            }
            self.present = Some(event.clone());
            let mut told = false;
            while let Err(error) = trail.record(event.clone()).await {
                if !told {
                    told = true;
                    tracing::warn!(%error, "the vault's events wait for the audit trail");
                }
                tokio::time::sleep(PAUSE).await;
            }
            self.present = None;
        }
    }

    /// Writes what is there already, each with one try. For commands, at their end.
    pub async fn drain(&mut self, trail: &dyn AuditTrail) {
        while let Some(event) = self.present.take().or_else(|| self.events.try_recv().ok()) {
            if let Err(error) = trail.record(event).await {
                tracing::warn!(%error, "an event of the vault was not audited");
            }
        }
    }
}

/// An event of the vault, as the trail tells it. It holds ids and names only.
fn audited(event: &VaultEvent) -> AuditEvent {
    match event {
        VaultEvent::KmsCalled(call) => {
            let action = match call.operation {
                KmsOperation::Describe | KmsOperation::Unwrap => AuditAction::Read,
                KmsOperation::Authenticate => AuditAction::SignIn,
                KmsOperation::Generate => AuditAction::Create,
                KmsOperation::Wrap | KmsOperation::Rewrap => AuditAction::Update,
            };
            let mut event = system(call.organisation, action, AuditResource::Kms);
            event.resource_id = Some(call.kms_key_id.clone());
            event.resource_name = Some(call.kms.to_owned());
            event.origin.path = format!("kms {}", call.operation);
            event.after = Some(json!({
                "operation": call.operation.name(),
                "took_ms": u64::try_from(call.took.as_millis()).unwrap_or(u64::MAX),
            }));
            if let Err(failure) = call.outcome {
                event.outcome = failed(failure.code());
            }
            event
        }
        VaultEvent::DataKeysDropped { organisation, failure } => {
            let mut event = system(*organisation, AuditAction::Disable, AuditResource::DataKey);
            event.after = Some(json!({"reason": failure.code()}));
            event
        }
        VaultEvent::WorkFinished { organisation, kind, done } => {
            let mut event = system(*organisation, AuditAction::Update, AuditResource::DataKey);
            event.origin.path = format!("vault {}", kind.name());
            event.after = Some(json!({"work": kind.name(), "done": done}));
            event
        }
        VaultEvent::OpenRefused { place } => {
            let action = AuditAction::Read;
            let mut event = system(place.organisation, action, AuditResource::DataKey);
            event.resource_id = Some(format!("{}/{}/{}", place.table, place.row, place.field));
            event.outcome = failed("a sealed value does not open where it lies");
            event
        }
    }
}

fn system(
    organisation: Option<OrganisationId>,
    action: AuditAction,
    resource: AuditResource,
) -> AuditEvent {
    let actor = AuditActor::nameless(AuditActorKind::System);
    AuditEvent::new(organisation, actor, action, resource)
}

fn failed(reason: &str) -> AuditOutcome {
    AuditOutcome::Failed { status: None, reason: reason.to_owned() }
}
