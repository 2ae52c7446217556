//! Failures of data-plane calls: whose fault, what to tell the caller, what to tell us.

use std::{borrow::Cow, fmt};

/// Why a call could not be served. `public` is stable, safe text for the caller; `detail` is for
/// our log and holds no secret and no content either.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Whose fault it is.
    pub origin: Origin,
    /// The reason, for tests, metrics and the status.
    pub kind: FaultKind,
    /// Whether trying again can help.
    pub retry: Retry,
    /// What the caller is told.
    pub public: Cow<'static, str>,
    /// What the log is told.
    pub detail: String,
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The caller's.
    Client,
    /// Ours.
    Gateway,
    /// The provider's, or the way to it.
    Upstream,
}

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same target may do better.
    SameTarget,
    /// Only another target may do better.
    NextTarget,
    /// Nothing will.
    Stop,
}

/// The reason of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The request cannot be understood or makes no sense.
    BadRequest,
    /// There is no such route.
    RouteUnknown,
    /// No key was presented, or nobody knows it.
    KeyUnknown,
    /// The key has expired.
    KeyExpired,
    /// The key lacks a scope.
    ScopeMissing,
    /// The key may not be used from where it was.
    AddressRefused,
    /// The virtual key has expired.
    VirtualKeyExpired,
    /// The model is not on the virtual key's list.
    ModelNotAllowed,
    /// The batch has no output, or none yet.
    OutputMissing,
    /// The body is larger than allowed.
    BodyTooLarge,
    /// The caller was too slow to send.
    ClientTooSlow,
    /// The caller went away.
    ClientGone,
    /// A call says itself where it goes, on an instance that serves saved targets only.
    InlineBlocked(Inline),
    /// The custom host is not one we may call.
    HostRefused,
    /// No connection to the provider could be made.
    UpstreamUnreachable,
    /// The provider took too long to begin its answer.
    UpstreamTimeout,
    /// The provider broke off, or its answer cannot be understood.
    UpstreamBroken,
    /// The vault cannot open the credential now.
    VaultUnavailable,
    /// The organisation's key service does not answer, and its keys' time in memory is over.
    KmsUnavailable,
    /// The organisation's key service refuses the use of its key.
    KmsRefused,
    /// The record cannot be written.
    RecordUnavailable,
    /// A bug of ours.
    Internal,
}

/// What a call may say of its target itself (data-plane reference §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Inline {
    /// A config, written out.
    Config,
    /// A provider of the catalogue, with a credential of the caller's.
    Provider,
    /// A custom host.
    CustomHost,
    /// A provider's own setting of an address.
    ProviderUrl,
    /// Headers to forward.
    ForwardHeaders,
}

impl Fault {
    /// A fault of the caller.
    pub fn client(kind: FaultKind, public: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Origin::Client, kind, Retry::Stop, public)
    }

    /// A fault of ours.
    pub fn gateway(kind: FaultKind, public: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Origin::Gateway, kind, Retry::Stop, public)
    }

    /// A fault of the provider.
    pub fn upstream(kind: FaultKind, retry: Retry, public: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Origin::Upstream, kind, retry, public)
    }

    fn new(
        origin: Origin,
        kind: FaultKind,
        retry: Retry,
        public: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { origin, kind, retry, public: public.into(), detail: String::new() }
    }

    /// Adds what only our log may know.
    #[must_use]
    pub fn with_detail(mut self, detail: impl fmt::Display) -> Self {
        self.detail = detail.to_string();
        self
    }
}

impl FaultKind {
    /// The HTTP status (data-plane reference §2, §7, §12).
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest | Self::InlineBlocked(_) | Self::HostRefused => 400,
            Self::KeyUnknown | Self::KeyExpired | Self::VirtualKeyExpired => 401,
            Self::ScopeMissing | Self::AddressRefused => 403,
            Self::RouteUnknown | Self::OutputMissing => 404,
            Self::ClientTooSlow | Self::UpstreamTimeout => 408,
            Self::ModelNotAllowed => 412,
            Self::BodyTooLarge => 413,
            Self::ClientGone => 499,
            Self::Internal => 500,
            Self::UpstreamBroken => 502,
            Self::UpstreamUnreachable
            | Self::VaultUnavailable
            | Self::KmsUnavailable
            | Self::KmsRefused
            | Self::RecordUnavailable => 503,
        }
    }

    /// A stable name for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::RouteUnknown => "route_unknown",
            Self::KeyUnknown => "key_unknown",
            Self::KeyExpired => "key_expired",
            Self::ScopeMissing => "scope_missing",
            Self::AddressRefused => "address_refused",
            Self::VirtualKeyExpired => "virtual_key_expired",
            Self::ModelNotAllowed => "model_not_allowed",
            Self::OutputMissing => "output_missing",
            Self::BodyTooLarge => "body_too_large",
            Self::ClientTooSlow => "client_too_slow",
            Self::ClientGone => "client_gone",
            Self::InlineBlocked(inline) => inline.code(),
            Self::HostRefused => "host_refused",
            Self::UpstreamUnreachable => "upstream_unreachable",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::UpstreamBroken => "upstream_broken",
            Self::VaultUnavailable => "vault_unavailable",
            Self::KmsUnavailable => "kms_unavailable",
            Self::KmsRefused => "kms_refused",
            Self::RecordUnavailable => "record_unavailable",
            Self::Internal => "internal",
        }
    }
}

impl Inline {
    /// The error code of the contract.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Config => "inline_config_blocked",
            Self::Provider => "inline_provider_blocked",
            Self::CustomHost => "inline_custom_host_blocked",
            Self::ProviderUrl => "inline_provider_url_blocked",
            Self::ForwardHeaders => "inline_forward_headers_blocked",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.public)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, " ({})", self.detail) }
    }
}

impl std::error::Error for Fault {}
