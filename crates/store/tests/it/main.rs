//! The store's tests: one suite, run on SQLite and on PostgreSQL.

mod configuration;
mod logs;
mod schema;
mod support;
mod tenancy;
mod transactions;
mod vault_tables;
