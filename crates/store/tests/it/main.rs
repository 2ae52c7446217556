//! The store's tests: one suite, run on SQLite and on PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod audit;
mod configuration;
mod logs;
mod schema;
mod sealed_fields;
mod support;
mod tenancy;
mod transactions;
mod vault_tables;
