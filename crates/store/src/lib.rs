//! The database: SQLite or PostgreSQL behind one set of repositories and one SQL text.
//!
//! [`Db::write`] runs a closure in a transaction and hands it a [`Tx`]; [`Db::read`] hands out a
//! [`Reader`]. Both give repositories by noun. Three guarantees are in the types:
//!
//! - Writes of a tenant's rows demand a [`Permit`](portcullis_domain::Permit) and add its
//!   organisation, and its workspace when it is confined to one, to the statement themselves.
//! - A tenant's rows are read through [`Reader::tenant`], which is bound to one organisation.
//! - Sealed columns take only [`Sealed`](portcullis_domain::Sealed).
//!
//! Every write that changes the data plane's configuration puts an event into the outbox in the
//! same transaction; [`Db::listen`] tells of them.
//!
//! To add a noun: a file here of the same name as in `domain`; a table in a new migration of both
//! engines; a line in `MIGRATIONS`; if the data plane must know it, a [`Subject`].

mod api_key;
mod audit;
mod changes;
mod conditions;
mod data_key;
mod db;
mod dialect;
mod engine;
mod error;
mod instance;
mod integration;
mod log;
mod log_query;
mod migrate;
mod organisation;
mod outbox;
mod tenant;
mod user;
mod value;
mod virtual_key;
mod workspace;

pub use api_key::{ApiKeys, ApiKeysOf};
pub use audit::{AuditChains, AuditFilter, AuditTrailOf, StoredRecord};
pub use changes::Changes;
pub use data_key::{DataKey, DataKeyState, DataKeys};
pub use db::{Db, Options, Tx};
pub use dialect::Engine;
pub use engine::Reader;
pub use error::{Error, Result};
pub use instance::{Instance, InstanceRow};
pub use integration::{IntegrationOwner, Integrations, IntegrationsOf};
pub use log::{LogBody, LogRow, Logs, Poison};
pub use log_query::{LogCursor, LogFilter, LogsOf};
pub use organisation::Organisations;
pub use outbox::{Event, Outbox, Subject};
pub use tenant::{List, Page, Tenant};
pub use user::{Users, UsersOf};
pub use virtual_key::{VirtualKeys, VirtualKeysOf};
pub use workspace::{Workspaces, WorkspacesOf};
