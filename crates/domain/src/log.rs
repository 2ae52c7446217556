//! The record of one data-plane call. Fields and units follow `log-fields.md` of the reference.

use std::{borrow::Cow, collections::BTreeMap, net::IpAddr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    ApiKeyId, CallId, EnvironmentId, IntegrationId, NanoDollars, NodeId, OrganisationId,
    SealedPlace, Timestamp, Usage, UsageSource, UserId, VirtualKeyId, WorkspaceId,
};

/// The record of one call. Written twice: when the provider is about to be called, with what is
/// known then, and when the call ends. Texts that are the same for many calls are not copied for
/// each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Log {
    /// The call's id.
    pub id: CallId,
    /// How far the call came.
    pub state: LogState,
    /// When the call was accepted.
    pub created_at: Timestamp,

    // Whose.
    /// The organisation.
    pub organisation_id: OrganisationId,
    /// The organisation's name at the time.
    pub organisation_name: Arc<str>,
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// The workspace's slug.
    pub workspace_slug: Arc<str>,
    /// The environment.
    pub environment_id: EnvironmentId,
    /// The environment's slug.
    pub environment: Arc<str>,
    /// The API key presented.
    pub api_key_id: ApiKeyId,
    /// The person behind a user-bound key.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_id: Option<UserId>,
    /// `_user` of the metadata: the end user the application names.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user: Option<String>,

    // What was asked.
    /// The endpoint's internal name, `chatComplete` for one.
    pub endpoint: Cow<'static, str>,
    /// The HTTP method.
    pub request_method: Cow<'static, str>,
    /// Path and query as asked; secrets masked.
    pub request_url: String,
    /// Whether the path was proxied without being understood.
    pub is_proxy_call: bool,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// The model asked for, without the `@slug/` prefix.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub model_asked: Option<String>,
    /// Metadata of the request, key and workspace together.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub metadata: BTreeMap<String, String>,
    /// Groups calls.
    pub trace_id: String,
    /// This call in its trace.
    pub span_id: String,
    /// The span this one belongs under.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub parent_span_id: Option<String>,
    /// The span's name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub span_name: Option<String>,

    // By whom, technically.
    /// The SDK's version, `portkey-2.3.4` for one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sdk_version: Option<String>,
    /// The SDK's runtime.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub runtime: Option<String>,
    /// The SDK's runtime's version.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub runtime_version: Option<String>,
    /// The user agent, at most 256 characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_agent: Option<String>,
    /// The peer's IP address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub client_address: Option<IpAddr>,

    // Where it went.
    /// The provider's name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub provider: Option<Cow<'static, str>>,
    /// The virtual key's slug.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub virtual_key: Option<Arc<str>>,
    /// The virtual key.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub virtual_key_id: Option<VirtualKeyId>,
    /// The integration behind it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub integration_id: Option<IntegrationId>,
    /// The host that was called.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub upstream_host: Option<String>,
    /// The path of the target in the config, `config` when there is one only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last_used_option: Option<Cow<'static, str>>,
    /// How many times a provider was called.
    pub attempts: u32,
    /// `x-portkey-retry-attempt-count`: 0 none needed, n the n-th retry succeeded, -1 all failed.
    pub retry_success_count: i32,
    /// `DISABLED` until a cache is asked for.
    pub cache_status: Cow<'static, str>,

    // What came of it.
    /// The status the client got; 499 when it had gone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub response_status: Option<u16>,
    /// Whether the client got a whole, successful answer.
    pub is_success: bool,
    /// The fault's name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<Cow<'static, str>>,
    /// The fault's detail; no secret, no content.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error_detail: Option<String>,
    /// The model that the provider says served.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub model_served: Option<String>,
    /// The provider's own id of the answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub upstream_id: Option<String>,
    /// Why generation ended, in the provider's word.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub finish_reason: Option<String>,

    // What it took.
    /// Units consumed.
    pub usage: Usage,
    /// Where the units come from.
    pub usage_source: UsageSource,
    /// The cost; `None` when the model is unpriced, never zero for that.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cost: Option<NanoDollars>,
    /// Which row of the price table was used.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub price_origin: Option<Cow<'static, str>>,
    /// Bytes of the request body.
    pub request_bytes: u64,
    /// Bytes of body sent to the client.
    pub response_bytes: u64,
    /// Pieces of body sent to the client.
    pub response_chunks: u32,
    /// Where the time went.
    pub timings: Timings,

    // By whom of us.
    /// The node that served.
    pub node_id: NodeId,
    /// Its version.
    pub gateway_version: Cow<'static, str>,
    /// Whether the content was kept.
    pub stored_content: StoredContent,
}

/// How far a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogState {
    /// The provider is being called.
    Open,
    /// The client got the whole answer, be it an error.
    Finished,
    /// The call failed: no provider could be reached, or it broke off.
    Failed,
    /// The client hung up.
    HungUp,
    /// The process ended in the middle; nothing is known beyond the opening.
    Interrupted,
}

impl LogState {
    /// The name in logs and filters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::HungUp => "hung_up",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Where a call's time went, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Timings {
    /// From accepting the call to the last byte.
    pub total: u64,
    /// Receiving and parsing the request.
    pub request_parsing: u64,
    /// Identifying, planning and preparing, up to sending.
    pub pre_processing: u64,
    /// From sending to the provider's response head: of several requests, from sending the first to
    /// the head of the last, and waits between them are part of it.
    pub upstream: u64,
    /// From accepting the call to the first byte of body for the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_to_first_byte: Option<u64>,
    /// Understanding and translating the answer.
    pub response_parsing: u64,
    /// What we added: total less waiting for the provider.
    pub gateway: u64,
}

/// Whether a call's content was kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoredContent {
    /// None, as asked (`x-portkey-debug: false`) or because there is none.
    #[default]
    None,
    /// All of it.
    Full,
    /// The beginning: it was longer than is kept.
    Truncated,
}

impl Log {
    /// Where the call's content belongs: what the client sent and got, sealed as one value.
    pub fn content_place(&self) -> SealedPlace {
        SealedPlace {
            organisation: Some(self.organisation_id),
            table: "log_contents",
            row: self.id.uuid(),
            field: "sealed",
        }
    }
}
