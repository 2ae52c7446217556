//! The nouns of Portcullis, the rules that need no I/O, and the ports through which the data plane
//! speaks to everything else.
//!
//! Invariants: nothing here reads a clock, draws randomness, opens a file or a socket, or knows an
//! async runtime. Time and randomness come through [`Clock`] and [`Dice`].
//!
//! To add a noun: one file here, and a file of the same name in `store`, `control` and
//! `api/resource` where those layers know it.

mod api_key;
mod audit;
mod fault;
mod id;
mod log;
mod money;
mod organisation;
mod permission;
mod recorder;
mod scope;
mod sealed;
mod secret;
mod shards;
mod slug;
mod snapshot;
mod time;
mod usage;
mod user;
mod virtual_key;

pub use api_key::{
    ApiKey, ApiKeyDefaults, ApiKeyDigest, ApiKeyKind, ApiKeyToken, MalformedApiKey, PreviousDigest,
};
pub use audit::{
    AuditAction, AuditActor, AuditActorKind, AuditEvent, AuditLink, AuditOrigin, AuditOutcome,
    AuditProof, AuditRecord, AuditResource, AuditSigner, AuditTrail, AuditTrailFuture,
    AuditUnavailable, ChainCheck, ChainHead, Tampering, canonical,
};
pub use fault::{Fault, FaultKind, Origin, Retry};
pub use id::{
    ApiKeyId, CallId, DataKeyId, EnvironmentId, Id, IntegrationId, MalformedId, NodeId, Noun,
    OrganisationId, UserId, VirtualKeyId, WorkspaceId,
};
pub use log::{Content, ContentPart, Log, LogState, StoredContent, Timings};
pub use money::{NanoDollars, PicoDollars};
pub use organisation::{Environment, Organisation, Workspace};
pub use permission::{Actor, ActorKind, Denied, Permit, Place};
pub use recorder::{Opened, RecordUnavailable, Recorder};
pub use scope::{Scope, ScopeSet, UnknownScope};
pub use sealed::{NotSealed, Sealed, SealedPlace};
pub use secret::{Secret, mask};
pub use shards::Shards;
pub use slug::{MalformedSlug, Slug};
pub use snapshot::{Change, Live, Revision, Snapshot};
pub use time::{Clock, Dice, MalformedTimestamp, Timestamp};
pub use usage::{Usage, UsageSource};
pub use user::{OrganisationRole, User, WorkspaceRole};
pub use virtual_key::{Integration, IntegrationModel, IntegrationModels, VirtualKey};
