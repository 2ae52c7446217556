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
mod feature;
mod id;
mod invite;
mod log;
mod member;
mod money;
mod organisation;
mod permission;
mod recorder;
mod role;
mod scope;
mod sealed;
mod secret;
mod session;
mod shards;
mod slug;
mod snapshot;
mod time;
mod token_issuer;
mod usage;
mod user;
mod virtual_key;
mod workspace;

pub use api_key::{
    AddressRange, ApiKey, ApiKeyDefaults, ApiKeyDigest, ApiKeyKind, ApiKeyMadeBy, ApiKeyToken,
    MalformedAddressRange, MalformedApiKey, PreviousDigest,
};
pub use audit::{
    AuditAction, AuditActor, AuditActorKind, AuditCheckpoint, AuditEvent, AuditLink, AuditOrigin,
    AuditOutcome, AuditProof, AuditRecord, AuditResource, AuditSigner, AuditTrail,
    AuditTrailFuture, AuditUnavailable, ChainCheck, ChainHead, Tampering, canonical,
};
pub use fault::{Fault, FaultKind, Inline, Origin, Retry};
pub use feature::{Feature, Level, MalformedPermissions, Permissions};
pub use id::{
    ApiKeyId, CallId, DataKeyId, EnvironmentId, Id, IntegrationId, InviteId, KmsConnectionId,
    MalformedId, NodeId, Noun, OrganisationId, SessionId, UserId, VirtualKeyId, WorkspaceId,
};
pub use invite::{Invite, InviteStatus, InvitedTo};
pub use log::{Log, LogState, StoredContent, Timings};
pub use member::{Member, WorkspaceMember};
pub use money::{NanoDollars, PicoDollars};
pub use organisation::{Organisation, OrganisationSettings};
pub use permission::{Actor, ActorKind, Denied, Permit, Place, Reach, Standing};
pub use recorder::{Opened, RecordUnavailable, Recorder};
pub use role::{
    OrganisationRole, RolePreset, RoleScopes, RoleSettings, RoleSwitches, WorkspaceRole,
};
pub use scope::{Scope, ScopeSet, UnknownScope};
pub use sealed::{NotSealed, Sealed, SealedPlace};
pub use secret::{Secret, mask};
pub use session::{PreviousToken, Session};
pub use shards::Shards;
pub use slug::{MalformedSlug, Slug};
pub use snapshot::{Change, Live, Revision, Snapshot};
pub use time::{Clock, Dice, MalformedTimestamp, Timestamp};
pub use token_issuer::{TokenClaims, TokenIssuer, TokenKey, TokenKeyMaterial};
pub use usage::{Usage, UsageSource};
pub use user::{EmailAddress, MalformedEmailAddress, User};
pub use virtual_key::{Integration, IntegrationModel, IntegrationModels, VirtualKey};
pub use workspace::{Environment, Workspace, WorkspaceDefaults};
