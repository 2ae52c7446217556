//! The database: SQLite or PostgreSQL behind one set of repositories and one SQL text.
//!
//! [`Db::read`] hands out a [`Reader`]; [`Db::act`] runs a closure in a transaction and hands it an
//! [`Act`]; [`Db::write`] hands out a plain [`Tx`] for what belongs to no tenant. Four guarantees
//! are in the types:
//!
//! - A tenant's rows are written only by an [`Act`], which demands a
//!   [`Permit`](portcullis_domain::Permit) and tells the audit trail and the data plane in the same
//!   transaction.
//! - A row is written only as it was read: [`Act::update`] takes what it was.
//! - A tenant's rows are read through [`Reader::tenant`], which is bound to one organisation.
//! - Sealed columns take only [`Sealed`](portcullis_domain::Sealed).
//!
//! To add a noun: a file here of the same name as in `domain`, implementing
//! [`Stored`](entity::Stored); a table in a new migration of both engines; a line in `MIGRATIONS`
//! and in [`Tenant`]; if the data plane must know it, a [`Subject`].

mod act;
mod api_key;
mod audit;
mod changes;
mod conditions;
mod data_key;
mod db;
mod dialect;
mod engine;
mod entity;
mod erasure;
mod error;
mod instance;
mod integration;
mod invite;
mod kms_connection;
mod log;
mod log_query;
mod member;
mod migrate;
mod organisation;
mod outbox;
mod sealed_value;
mod session;
mod tenant;
mod token_issuer;
mod user;
mod value;
mod vault_work;
mod virtual_key;
mod workspace;

pub use act::{Act, Note, Scene};
pub use api_key::ApiKeyFilter;
pub use audit::{AuditChains, AuditFilter, AuditTrailOf, StoredRecord};
pub use changes::Changes;
pub use data_key::{DataKey, DataKeyState, DataKeyWrapping, DataKeys};
pub use db::{Db, Options, Tx};
pub use dialect::Engine;
pub use engine::Reader;
pub use entity::{Entity, Rows};
pub use erasure::{ERASED_OTHERWISE, ERASED_TABLES, ErasedTable};
pub use error::{Error, Result};
pub use instance::{Instance, InstanceRow};
pub use integration::IntegrationFilter;
pub use invite::InviteFilter;
pub use kms_connection::{KmsConnection, KmsConnectionState, KmsConnections};
pub use log::{LogRow, Logs, Poison};
pub use log_query::{LogCursor, LogFilter, LogReach, LogsOf};
pub use member::{MemberFilter, WorkspaceMemberFilter};
pub use organisation::Organisations;
pub use outbox::{Event, Outbox, Subject};
pub use sealed_value::{SEALED_COLUMNS, SealedColumn, SealedValueCount, SealedValues};
pub use session::{Attempts, Sessions, SignInAttempts};
pub use tenant::{List, Page, Tenant};
pub use user::{Account, MOST_ACCOUNTS, Users};
pub use vault_work::{VaultWork, VaultWorkRow};
pub use workspace::WorkspaceFilter;
