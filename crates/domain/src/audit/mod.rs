//! The audit trail: what was done to an organisation, by whom, and proof that nobody changed the
//! story afterwards.
//!
//! An [`AuditEvent`] is what somebody tells; the store gives it its place in the organisation's
//! chain and turns it into an [`AuditRecord`]: a canonical text (see [`canonical`]) that names the
//! hash of the record before it, its own hash, and a signature over that hash. [`ChainCheck`] reads
//! the records again and names what does not fit; an [`AuditCheckpoint`] kept elsewhere proves that
//! nothing was cut off.
//!
//! Other areas write events through the [`AuditTrail`] port.

mod canonical;
mod chain;
mod checkpoint;
mod event;

pub use canonical::canonical;
pub use chain::{
    AuditLink, AuditProof, AuditRecord, AuditSigner, ChainCheck, ChainHead, Tampering,
};
pub use checkpoint::AuditCheckpoint;
pub use event::{
    AuditAction, AuditActor, AuditActorKind, AuditEvent, AuditOrigin, AuditOutcome, AuditResource,
    AuditTrail, AuditTrailFuture, AuditUnavailable,
};
