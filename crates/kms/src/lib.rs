//! Key management services.
