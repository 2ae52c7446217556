//! Bounds of the data plane.

use std::time::Duration;

/// Bounds of the data plane. Every input has one.
#[derive(Clone, Debug)]
pub struct GatewaySettings {
    /// Where applications of Microsoft Entra sign in: scheme and host. No call and no tenant's
    /// setting can change it, since secrets are sent there.
    pub entra_authority: String,
    /// The largest JSON body, in bytes; larger ones are answered 413.
    pub max_json_bytes: usize,
    /// The largest multipart or binary body that is streamed by, in bytes.
    pub max_upload_bytes: u64,
    /// The largest answer that is held whole, in bytes; streams are not held.
    pub max_answer_bytes: usize,
    /// How long a client may pause while it sends its body.
    pub body_idle_timeout: Duration,
    /// How long a provider may take to begin its answer, unless the call says otherwise.
    pub upstream_timeout: Duration,
    /// The longest such time that a call may ask for.
    pub upstream_timeout_max: Duration,
    /// How long to wait before a call's first retry, where it asks for retries; each further wait is
    /// twice as long.
    pub retry_wait: Duration,
    /// How long a provider may pause in the middle of its answer.
    pub upstream_idle_timeout: Duration,
    /// How long neither side of a realtime session may send anything.
    pub session_idle_timeout: Duration,
    /// How much of a request body and of a response body is kept in the record, each, in bytes.
    pub max_kept_bytes: usize,
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self {
            entra_authority: "https://login.microsoftonline.com".to_owned(),
            max_json_bytes: 32 << 20,
            max_upload_bytes: 512 << 20,
            max_answer_bytes: 64 << 20,
            body_idle_timeout: Duration::from_secs(30),
            upstream_timeout: Duration::from_secs(600),
            upstream_timeout_max: Duration::from_secs(3600),
            retry_wait: Duration::from_secs(1),
            upstream_idle_timeout: Duration::from_secs(300),
            session_idle_timeout: Duration::from_secs(15 * 60),
            max_kept_bytes: 1 << 20,
        }
    }
}
