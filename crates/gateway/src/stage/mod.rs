//! The stages of a call, in the order of `pipeline.rs`.

pub(crate) mod accept;
pub(crate) mod allow_list;
pub(crate) mod attempt;
pub(crate) mod batch_account;
pub(crate) mod batch_output;
pub(crate) mod identify;
pub(crate) mod inline_config;
pub(crate) mod named;
pub(crate) mod plan;
pub(crate) mod realtime;
pub(crate) mod receive;
pub(crate) mod relay;
pub(crate) mod retry;
pub(crate) mod saved_only;
pub(crate) mod upload;
