//! One event, as it is told.

use std::{future::Future, net::IpAddr, pin::Pin};

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{ApiKeyId, OrganisationId, Scope, UserId, WorkspaceId};

/// One administrative act, or one access to what is sensitive. No secret may be in it: `before` and
/// `after` are made from views that show none.
#[derive(Clone, Debug)]
pub struct AuditEvent {
    /// Whose chain it belongs to; `None` for the instance's own.
    pub organisation: Option<OrganisationId>,
    /// The workspace it happened in, if in one.
    pub workspace: Option<WorkspaceId>,
    /// Who did it.
    pub actor: AuditActor,
    /// What was done.
    pub action: AuditAction,
    /// To what kind of thing.
    pub resource: AuditResource,
    /// To which one: its id.
    pub resource_id: Option<String>,
    /// What people call it.
    pub resource_name: Option<String>,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// The scope that was used, or that was missing.
    pub scope: Option<Scope>,
    /// From where it came.
    pub origin: AuditOrigin,
    /// The thing before, with secrets masked.
    pub before: Option<Value>,
    /// The thing after, with secrets masked.
    pub after: Option<Value>,
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditActor {
    /// What kind of actor.
    pub kind: AuditActorKind,
    /// Its id, if it has one.
    pub id: Option<Uuid>,
    /// The person behind a user-bound key.
    pub user: Option<UserId>,
    /// What people call it: an e-mail address, a key's name.
    pub name: String,
}

/// What kind of actor did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditActorKind {
    /// A person who is signed in, or who tries to be.
    User,
    /// An API key.
    ApiKey,
    /// A signed token of the organisation's own issuer.
    Token,
    /// The operator at the command line.
    Operator,
    /// The instance itself.
    System,
    /// Somebody unknown.
    Anonymous,
}

macro_rules! names {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $type { $($(#[$variant_doc])* $variant),* }

        impl $type {
            /// Every one of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

names! {
    /// What was done.
    AuditAction {
        /// Something new was made.
        Create "create",
        /// One thing was read.
        Read "read",
        /// Several things were listed or searched.
        List "list",
        /// Something was changed.
        Update "update",
        /// Something was removed.
        Delete "delete",
        /// A secret was replaced.
        Rotate "rotate",
        /// Something was copied.
        Duplicate "duplicate",
        /// Data left in bulk.
        Export "export",
        /// An invite was sent again.
        Resend "resend",
        /// An invite was accepted.
        Accept "accept",
        /// Somebody signed in.
        SignIn "sign_in",
        /// Somebody could not sign in.
        SignInFailed "sign_in_failed",
        /// Somebody signed out.
        SignOut "sign_out",
        /// Somebody went over to this organisation.
        Enter "enter",
        /// Something was made usable.
        Enable "enable",
        /// Something was made unusable.
        Disable "disable",
    }
}

names! {
    /// To what kind of thing it was done.
    AuditResource {
        /// The organisation and its settings.
        Organisation "organisation",
        /// A workspace.
        Workspace "workspace",
        /// An environment of a workspace.
        Environment "environment",
        /// A person.
        User "user",
        /// What a person is in the organisation.
        Member "member",
        /// What a person is in a workspace.
        WorkspaceMember "workspace_member",
        /// An invite.
        Invite "invite",
        /// A person's session.
        Session "session",
        /// An API key.
        ApiKey "api_key",
        /// A virtual key (provider).
        VirtualKey "virtual_key",
        /// An integration.
        Integration "integration",
        /// The issuer of signed tokens.
        TokenIssuer "token_issuer",
        /// Logs of calls.
        Log "log",
        /// The audit trail itself.
        AuditLog "audit_log",
        /// A key management service.
        Kms "kms",
        /// A data key of the vault.
        DataKey "data_key",
    }
}

/// How an act ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditOutcome {
    /// It was done.
    Success,
    /// It was not permitted.
    Denied {
        /// What was answered.
        status: Option<u16>,
        /// Why.
        reason: String,
    },
    /// It was permitted and could not be done.
    Failed {
        /// What was answered.
        status: Option<u16>,
        /// Why.
        reason: String,
    },
}

/// From where an act came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditOrigin {
    /// The request's id: the trace id that was answered.
    pub request_id: Option<String>,
    /// The HTTP method; empty for what was no request.
    pub method: String,
    /// The path; for what was no request, the command.
    pub path: String,
    /// The query.
    pub query: Option<String>,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
}

/// Where areas that write no rows of their own tell of what they did.
pub trait AuditTrail: Send + Sync {
    /// Records one event, on its own. When it returns, the event is in the database.
    fn record(&self, event: AuditEvent) -> AuditTrailFuture<'_>;
}

/// What [`AuditTrail::record`] answers.
pub type AuditTrailFuture<'a> =
    Pin<Box<dyn Future<Output = Result<(), AuditUnavailable>> + Send + 'a>>;

/// The audit trail cannot be written. Whoever must leave a trace must not act then.
#[derive(Debug, thiserror::Error)]
#[error("the audit trail cannot be written: {0}")]
pub struct AuditUnavailable(pub String);

/// Longer texts of a caller's are cut.
const MAX_TEXT: usize = 1024;
/// Larger views are left out, with their size in their place.
const MAX_VIEW: usize = 32 * 1024;

impl AuditEvent {
    /// An act that succeeded; what else is known is filled in by the caller.
    pub fn new(
        organisation: Option<OrganisationId>,
        actor: AuditActor,
        action: AuditAction,
        resource: AuditResource,
    ) -> Self {
        Self {
            organisation,
            workspace: None,
            actor,
            action,
            resource,
            resource_id: None,
            resource_name: None,
            outcome: AuditOutcome::Success,
            scope: None,
            origin: AuditOrigin::default(),
            before: None,
            after: None,
        }
    }

    /// The event's own part of the canonical text: bounded, and without members that say nothing.
    pub(super) fn members(&self) -> Map<String, Value> {
        let actor = json!({
            "kind": self.actor.kind.name(),
            "id": self.actor.id.map(|id| id.to_string()),
            "user": self.actor.user.map(|id| id.to_string()),
            "name": bounded(&self.actor.name),
        });
        let resource = json!({
            "type": self.resource.name(),
            "id": self.resource_id.as_deref().map(bounded),
            "name": self.resource_name.as_deref().map(bounded),
        });
        let request = json!({
            "id": self.origin.request_id.as_deref().map(bounded),
            "method": bounded(&self.origin.method),
            "path": bounded(&self.origin.path),
            "query": self.origin.query.as_deref().map(bounded),
            "client": self.origin.client.map(|address| address.to_string()),
            "user_agent": self.origin.user_agent.as_deref().map(bounded),
        });
        let members = [
            ("actor", said(actor)),
            ("action", json!(self.action.name())),
            ("resource", said(resource)),
            ("workspace", json!(self.workspace)),
            ("outcome", json!(self.outcome.name())),
            ("status", json!(self.outcome.status())),
            ("reason", json!(self.outcome.reason().map(bounded))),
            ("scope", json!(self.scope.map(Scope::name))),
            ("request", said(request)),
            ("before", self.before.as_ref().map_or(Value::Null, view)),
            ("after", self.after.as_ref().map_or(Value::Null, view)),
        ];
        let said = members.into_iter().filter(|(_, value)| !value.is_null());
        said.map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl AuditActor {
    /// An API key of that name.
    pub fn api_key(id: ApiKeyId, user: Option<UserId>, name: impl Into<String>) -> Self {
        Self { kind: AuditActorKind::ApiKey, id: Some(id.uuid()), user, name: name.into() }
    }

    /// A person of that e-mail address.
    pub fn user(id: UserId, email: impl Into<String>) -> Self {
        let kind = AuditActorKind::User;
        Self { kind, id: Some(id.uuid()), user: Some(id), name: email.into() }
    }

    /// An actor without an id.
    pub fn nameless(kind: AuditActorKind) -> Self {
        Self { kind, id: None, user: None, name: kind.name().to_owned() }
    }
}

impl AuditActorKind {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::ApiKey => "api_key",
            Self::Token => "token",
            Self::Operator => "operator",
            Self::System => "system",
            Self::Anonymous => "anonymous",
        }
    }
}

impl AuditOutcome {
    /// The name on the wire.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Denied { .. } => "denied",
            Self::Failed { .. } => "failed",
        }
    }

    /// What was answered, if that is known.
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Success => None,
            Self::Denied { status, .. } | Self::Failed { status, .. } => *status,
        }
    }

    /// Why it was not done.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Success => None,
            Self::Denied { reason, .. } | Self::Failed { reason, .. } => Some(reason),
        }
    }
}

fn bounded(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

/// Without the members that are null.
fn said(mut value: Value) -> Value {
    if let Value::Object(members) = &mut value {
        members.retain(|_, value| !value.is_null());
    }
    value
}

fn view(value: &Value) -> Value {
    let bytes = value.to_string().len();
    if bytes <= MAX_VIEW { value.clone() } else { json!({"left_out": "too large", "bytes": bytes}) }
}
