//! One of everything in an organisation, made through the API, and how it is named.

use portcullis_domain::{ApiKeyKind, CallId, OrganisationRole, ScopeSet, Workspace, WorkspaceRole};
use portcullis_runtime::{SystemClock, SystemDice};
use serde_json::{Value, json};

use crate::api::Admin;

const VIRTUAL_KEY: &str = "made-there";
const SHARED: &str = "made-shared";
const GRANTED: &str = "made-granted";

/// How things are named: by id or slug.
#[derive(Clone, Debug)]
pub(crate) struct Things {
    pub(crate) organisation: String,
    pub(crate) organisation_slug: String,
    pub(crate) workspace: String,
    pub(crate) workspace_slug: String,
    pub(crate) environment: String,
    /// A virtual key of the workspace, with an integration of its own of the same slug.
    pub(crate) virtual_key: String,
    /// An integration of the organisation that the workspace may use.
    pub(crate) shared: String,
    /// The same, by id.
    pub(crate) shared_id: String,
    /// The workspace's provider of it.
    pub(crate) granted: String,
    pub(crate) organisation_key: String,
    pub(crate) workspace_key: String,
    /// A person of the organisation and of the workspace, member of both.
    pub(crate) user: String,
    pub(crate) email: String,
    pub(crate) user_key: String,
    /// The person's session.
    pub(crate) session: String,
    /// An invite that was accepted.
    pub(crate) invite: String,
    pub(crate) log: String,
}

impl Things {
    /// Makes one of everything in a workspace with a key that may do so. Slugs are the same in every
    /// organisation.
    pub(crate) async fn make(
        admin: &Admin,
        workspace: &Workspace,
        master: &str,
        name: &str,
    ) -> Self {
        let within = workspace.id.to_string();
        let ok = async |call: &str, body: Value| {
            let reply = admin.call(master, call, &body).await;
            assert_eq!(reply.status, 200, "{call}: {}", reply.body);
            reply.body
        };
        let key = json!({
            "name": VIRTUAL_KEY, "slug": VIRTUAL_KEY, "provider": "openai", "key": "sk-abcdefgh",
            "workspace_id": within,
        });
        ok("POST /v1/virtual-keys", key).await;
        let shared = json!({
            "name": SHARED, "slug": SHARED, "ai_provider_id": "openai", "key": "sk-abcdefgh",
            "create_default_provider": false,
        });
        ok("POST /v1/integrations", shared).await;
        let shared = ok(&format!("GET /v1/integrations/{SHARED}"), Value::Null).await;
        let access = json!({"workspaces": [
            {"id": within, "enabled": true, "default_provider_slug": GRANTED},
        ]});
        ok(&format!("PUT /v1/integrations/{SHARED}/workspaces"), access).await;
        let none = || ScopeSet::parse([]).unwrap();
        let organisation_key = admin.key(workspace, ApiKeyKind::OrganisationService, none()).await;
        let workspace_key = admin.key(workspace, ApiKeyKind::WorkspaceService, none()).await;
        let places = [(workspace, WorkspaceRole::Member)];
        let organisation = workspace.organisation_id;
        let role = OrganisationRole::Member;
        let user = admin.somebody(&format!("{name}-somebody"), organisation, role, &places).await;
        let user_key = admin.key_of(workspace, ApiKeyKind::WorkspaceUser, none(), Some(user.id));
        let (user_key, _) = user_key.await;
        let sessions = admin.call_as(&user.session, "GET /auth/sessions", &Value::Null).await;
        let own = ok("GET /v1/admin/organisation", Value::Null).await;
        let email = format!("{name}-invited@people.test");
        let body = json!({"email": email, "role": "member", "workspaces": []});
        let invite = ok("POST /v1/admin/users/invites", body).await;
        let token = invite["invite_link"].as_str().unwrap().rsplit_once('#').unwrap().1;
        let body = json!({"token": token, "password": "three blind mice"});
        let nobody = crate::api::Credential::Nobody;
        let accepted = admin.call_as(&nobody, "POST /auth/invites/accept", &body).await;
        assert_eq!(accepted.status, 200, "{}", accepted.body);
        Self {
            organisation: organisation.to_string(),
            organisation_slug: own["slug"].as_str().unwrap().to_owned(),
            workspace: within,
            workspace_slug: workspace.slug.to_string(),
            environment: workspace.default_environment.to_string(),
            virtual_key: VIRTUAL_KEY.to_owned(),
            shared: SHARED.to_owned(),
            shared_id: shared["id"].as_str().unwrap().to_owned(),
            granted: GRANTED.to_owned(),
            organisation_key: organisation_key.0,
            workspace_key: workspace_key.0,
            user: user.id.to_string(),
            email: user.email,
            user_key,
            session: sessions.body["data"][0]["id"].as_str().unwrap().to_owned(),
            invite: invite["id"].as_str().unwrap().to_owned(),
            log: admin.log(workspace, None).await,
        }
    }

    /// Every name.
    pub(crate) fn names(&self) -> [&str; 17] {
        [
            &self.organisation,
            &self.organisation_slug,
            &self.workspace,
            &self.workspace_slug,
            &self.environment,
            &self.virtual_key,
            &self.shared,
            &self.shared_id,
            &self.granted,
            &self.organisation_key,
            &self.workspace_key,
            &self.user,
            &self.email,
            &self.user_key,
            &self.session,
            &self.invite,
            &self.log,
        ]
    }

    /// Names of which nothing bears any.
    pub(crate) fn unknown() -> Self {
        let id = || CallId::mint(&SystemClock, &SystemDice).to_string();
        let slug = |name: &str| format!("nothing-{name}");
        Self {
            organisation: id(),
            organisation_slug: slug("organisation"),
            workspace: id(),
            workspace_slug: slug("workspace"),
            environment: id(),
            virtual_key: slug("there"),
            shared: slug("shared"),
            shared_id: id(),
            granted: slug("granted"),
            organisation_key: id(),
            workspace_key: id(),
            user: id(),
            email: "nobody@people.test".to_owned(),
            user_key: id(),
            session: id(),
            invite: id(),
            log: id(),
        }
    }
}
