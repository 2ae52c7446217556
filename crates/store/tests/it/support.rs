//! A fresh database of each engine for each test, and nouns to put into it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use portcullis_domain::{
    Actor, AddressRange, ApiKey, ApiKeyDefaults, ApiKeyDigest, ApiKeyKind, ApiKeyMadeBy,
    AuditActor, AuditActorKind, AuditLink, AuditOrigin, AuditProof, AuditSigner, Clock, Dice,
    Environment, Id, Integration, IntegrationModels, Noun, Organisation, OrganisationId,
    OrganisationSettings, Permit, Place, Scope, ScopeSet, Sealed, Slug, Timestamp, VirtualKey,
    Workspace, WorkspaceDefaults, WorkspaceId,
};
use portcullis_store::{Act, Db, Options, Result, Scene};
use portcullis_testkit::postgres::Postgres;
use tempfile::TempDir;

/// Runs the same test on both engines.
macro_rules! on_both_engines {
    ($($(#[$attribute:meta])* async fn $name:ident($world:ident) $body:block)*) => {$(
        mod $name {
            #[allow(unused_imports, reason = "not every test uses everything")]
            use super::*;

            async fn test($world: &crate::support::World) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn sqlite() {
                let world = crate::support::World::sqlite().await;
                test(&world).await;
                world.db.close().await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn postgres() {
                let world = crate::support::World::postgres().await;
                test(&world).await;
                world.db.close().await;
            }
        }
    )*};
}
pub(crate) use on_both_engines;

/// A migrated, empty database with what a test needs around it.
pub(crate) struct World {
    pub(crate) db: Db,
    pub(crate) url: String,
    pub(crate) time: Arc<Stopped>,
    pub(crate) dice: Counting,
    _directory: Option<TempDir>,
}

/// A clock that the test moves.
pub(crate) struct Stopped(AtomicI64);

/// Dice that never show the same twice.
pub(crate) struct Counting(AtomicU64);

/// One organisation with everything in it.
pub(crate) struct Tenant {
    pub(crate) organisation: Organisation,
    pub(crate) workspace: Workspace,
    pub(crate) api_key: ApiKey,
    pub(crate) integration: Integration,
    pub(crate) virtual_key: VirtualKey,
}

impl World {
    pub(crate) async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/portcullis.db", directory.path().display());
        Self::open(url, Some(directory)).await
    }

    pub(crate) async fn postgres() -> Self {
        let fresh = tokio::task::spawn_blocking(|| Postgres::shared().fresh_database());
        Self::open(fresh.await.unwrap(), None).await
    }

    pub(crate) async fn open(url: String, directory: Option<TempDir>) -> Self {
        let time = Arc::new(Stopped(AtomicI64::new(1_800_000_000_000_000)));
        let db = Db::connect(&url, Self::options(&time)).await.unwrap();
        db.migrate().await.unwrap();
        let dice = Counting(AtomicU64::new(1));
        Self { db, url, time, dice, _directory: directory }
    }

    fn options(time: &Arc<Stopped>) -> Options {
        Options::new(Arc::clone(time) as Arc<dyn Clock>)
    }

    /// The same database opened again, as another process would.
    pub(crate) async fn another(&self) -> Db {
        Db::connect(&self.url, Self::options(&self.time)).await.unwrap()
    }

    pub(crate) fn id<N: Noun>(&self) -> Id<N> {
        Id::mint(&*self.time, &self.dice)
    }

    /// What the operator may do in the organisation as a whole.
    pub(crate) fn permit(&self, organisation: OrganisationId) -> Permit {
        let place = Place::Organisation(organisation);
        Actor::operator(organisation).permit(Scope::WorkspacesUpdate, place).unwrap()
    }

    /// The same confined to one workspace.
    pub(crate) fn confined(&self, organisation: OrganisationId, workspace: WorkspaceId) -> Permit {
        let place = Place::Workspace(organisation, workspace);
        Actor::operator(organisation).permit(Scope::WorkspacesUpdate, place).unwrap()
    }

    /// An organisation with a workspace, a key, an integration and a virtual key, not yet stored.
    pub(crate) fn draw_tenant(&self, slug: &str) -> Tenant {
        let now = self.time.now();
        let organisation = Organisation {
            id: self.id(),
            slug: Slug::parse(slug).unwrap(),
            name: format!("{slug} & Söhne"),
            default_workspace: self.id(),
            settings: OrganisationSettings::default(),
            created_at: now,
            updated_at: now,
        };
        let workspace =
            self.draw_workspace(organisation.id, organisation.default_workspace, "ws-main");
        let api_key = self.draw_api_key(&workspace, ApiKeyKind::WorkspaceService);
        let integration = Integration {
            id: self.id(),
            organisation_id: organisation.id,
            workspace_id: Some(workspace.id),
            slug: Slug::parse("openai").unwrap(),
            name: "OpenAI".to_owned(),
            description: Some("for tests".to_owned()),
            provider: "openai".to_owned(),
            credential: sealed(1),
            key_hint: "sk********abc".to_owned(),
            key_fingerprint: "0123456789abcdef".to_owned(),
            models: IntegrationModels::default(),
            created_at: now,
            updated_at: now,
        };
        let virtual_key = VirtualKey {
            id: self.id(),
            organisation_id: organisation.id,
            workspace_id: workspace.id,
            slug: Slug::parse("openai").unwrap(),
            name: "OpenAI".to_owned(),
            note: None,
            integration_id: integration.id,
            expires_at: Some(now.plus_millis(1)),
            created_at: now,
            updated_at: now,
        };
        Tenant { organisation, workspace, api_key, integration, virtual_key }
    }

    pub(crate) fn draw_workspace(
        &self,
        organisation: OrganisationId,
        id: WorkspaceId,
        slug: &str,
    ) -> Workspace {
        let environment = |slug: &str| Environment {
            id: self.id(),
            organisation_id: organisation,
            workspace_id: id,
            slug: Slug::parse(slug).unwrap(),
            name: slug.to_uppercase(),
            created_at: self.time.now(),
            updated_at: self.time.now(),
        };
        let environments = vec![environment("production"), environment("staging")];
        Workspace {
            id,
            organisation_id: organisation,
            slug: Slug::parse(slug).unwrap(),
            name: slug.to_owned(),
            description: Some("a workspace".to_owned()),
            defaults: WorkspaceDefaults::default(),
            default_environment: environments[0].id,
            environments,
            created_at: self.time.now(),
            updated_at: self.time.now(),
        }
    }

    pub(crate) fn draw_api_key(&self, workspace: &Workspace, kind: ApiKeyKind) -> ApiKey {
        let mut digest = [0; 32];
        self.dice.fill(&mut digest);
        ApiKey {
            id: self.id(),
            organisation_id: workspace.organisation_id,
            workspace_id: workspace.id,
            environment_id: workspace.default_environment,
            user_id: None,
            kind,
            name: "a key".to_owned(),
            description: None,
            digest: ApiKeyDigest(digest),
            hint: "pc********xyz".to_owned(),
            previous: None,
            scopes: ScopeSet::parse(["logs.view", "completions.write"]).unwrap(),
            defaults: ApiKeyDefaults {
                metadata: BTreeMap::from([("team".to_owned(), "blue".to_owned())]),
                ..ApiKeyDefaults::default()
            },
            allowed_addresses: vec![AddressRange::parse("10.0.0.0/8").unwrap()],
            made_by: ApiKeyMadeBy::Api,
            is_token: false,
            expires_at: None,
            created_at: self.time.now(),
            updated_at: self.time.now(),
        }
    }

    /// Runs an act of the operator.
    pub(crate) async fn act<T, F>(&self, work: F) -> Result<T>
    where
        F: AsyncFnOnce(&mut Act) -> Result<T> + Clone,
    {
        self.db.act(&scene(), work).await
    }

    /// Stores everything of a tenant in one transaction.
    pub(crate) async fn add(&self, tenant: &Tenant) {
        let permit = self.permit(tenant.organisation.id);
        let done = self.act(async |act| {
            act.insert(&permit, &tenant.organisation).await?;
            act.insert(&permit, &tenant.workspace).await?;
            for environment in &tenant.workspace.environments {
                act.insert(&permit, environment).await?;
            }
            act.insert(&permit, &tenant.api_key).await?;
            act.insert(&permit, &tenant.integration).await?;
            act.insert(&permit, &tenant.virtual_key).await
        });
        done.await.unwrap();
    }

    /// [`World::draw_tenant`] and [`World::add`].
    pub(crate) async fn tenant(&self, slug: &str) -> Tenant {
        let tenant = self.draw_tenant(slug);
        self.add(&tenant).await;
        tenant
    }
}

impl Stopped {
    pub(crate) fn pass_millis(&self, millis: i64) {
        self.0.fetch_add(millis * 1000, Ordering::Relaxed);
    }
}

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }
}

impl Dice for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        for (place, byte) in bytes.iter_mut().rev().zip(number.iter().rev().cycle()) {
            *place = *byte;
        }
    }
}

/// The operator at the command line, with a toy for a signer.
pub(crate) fn scene() -> Scene {
    Scene {
        actor: AuditActor::nameless(AuditActorKind::Operator),
        origin: AuditOrigin::default(),
        signer: Arc::new(Toy),
    }
}

/// Stands for the vault's key: not safe, but made of every byte of what it signs.
pub(crate) struct Toy;

impl AuditProof for Toy {
    fn hash(&self, previous: &[u8; 32], canonical: &str) -> [u8; 32] {
        let mut hash = [0_u8; 32];
        let mut carry = 7_u8;
        for (at, byte) in previous.iter().chain(canonical.as_bytes()).enumerate() {
            carry = carry.rotate_left(3) ^ byte;
            hash[at % 32] = hash[at % 32].wrapping_mul(31).wrapping_add(carry);
        }
        hash
    }

    fn is_signed(&self, hash: &[u8; 32], signature: &[u8; 64]) -> bool {
        signature[..32].iter().zip(hash).all(|(s, h)| *s == h ^ 0x5a)
    }
}

impl AuditSigner for Toy {
    fn link(&self, previous: &[u8; 32], canonical: &str) -> AuditLink {
        let hash = self.hash(previous, canonical);
        let mut signature = [0; 64];
        signature.iter_mut().zip(hash).for_each(|(s, h)| *s = h ^ 0x5a);
        AuditLink { hash, signature }
    }
}

/// Bytes with the vault's envelope around nothing.
pub(crate) fn sealed(fill: u8) -> Sealed {
    let mut bytes = Sealed::MAGIC.to_vec();
    bytes.resize(Sealed::HEADER_LEN + Sealed::TAG_LEN + 5, fill);
    Sealed::from_bytes(bytes).unwrap()
}
