//! 100,000 API keys: loading them, and making one change felt.

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::{Criterion, criterion_group, criterion_main};
use portcullis_control::{Compiler, InstanceKeys, bootstrap, load_snapshot};
use portcullis_domain::{
    Actor, ApiKey, ApiKeyDefaults, ApiKeyDigest, ApiKeyKind, ApiKeyMadeBy, AuditActor,
    AuditActorKind, AuditOrigin, Clock as _, Dice as _, Id, Live, Permit, Place, Scope, ScopeSet,
    Workspace,
};
use portcullis_runtime::{SystemClock, SystemDice};
use portcullis_store::{Act, Db, Options, Scene};
use portcullis_vault::{AuditKey, Pepper};
use sqlx::{Connection as _, SqliteConnection};
use tokio::task::JoinSet;

const KEYS: u32 = 100_000;

fn snapshot(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let url = format!("sqlite://{}", directory.path().join("portcullis.db").display());
    let (db, workspace) = runtime.block_on(filled(&url));
    let mut group = c.benchmark_group("100,000 API keys");
    group.sample_size(10);
    group.bench_function("load", |b| {
        b.iter(|| {
            let loaded = runtime.block_on(load_snapshot(&db)).expect("the database loads");
            assert_eq!(loaded.api_key_count(), KEYS as usize + 1);
            black_box(loaded)
        });
    });
    let live = Arc::new(Live::default());
    let mut following = JoinSet::new();
    let mut reached = runtime.block_on(async {
        let started = Compiler::start(db.clone(), Arc::clone(&live)).await;
        let (compiler, reached) = started.expect("the database loads");
        following.spawn(compiler.follow());
        reached
    });
    let permit = permit(&workspace);
    let scene = scene();
    let mut key = draw(&workspace, 0);
    let insert = async |act: &mut Act| act.insert(&permit, &key).await;
    runtime.block_on(db.act(&scene, insert)).expect("a key is written");
    group.bench_function("one change, from its commit until it is live", |b| {
        b.iter_custom(|rounds| {
            let mut total = Duration::ZERO;
            for _ in 0..rounds {
                let before = key.clone();
                SystemDice.fill(&mut key.digest.0);
                runtime.block_on(async {
                    let update =
                        async |act: &mut Act| act.update(&permit, &before, key.clone()).await;
                    key = db.act(&scene, update).await.expect("a key is changed");
                    let start = Instant::now();
                    let is_live = |live: &Live| {
                        let snapshot = live.current();
                        snapshot.api_key_by_digest(&key.digest, SystemClock.now()).is_some()
                    };
                    while !is_live(&live) {
                        reached.changed().await.expect("the compiler follows");
                    }
                    total += start.elapsed();
                });
            }
            total
        });
    });
    group.finish();
}

async fn filled(url: &str) -> (Db, Workspace) {
    let opened = Db::connect(url, Options::new(Arc::new(SystemClock))).await;
    let db = opened.expect("the database opens");
    db.migrate().await.expect("the schema is made");
    let keys = InstanceKeys {
        pepper: Arc::new(Pepper::mint(&SystemDice)),
        audit: Arc::new(AuditKey::mint(&SystemDice)),
    };
    let made = bootstrap(&db, &keys, &SystemClock, &SystemDice, "Acme", "a@acme.test").await;
    let workspace = made.expect("an empty database takes an organisation").workspace;
    // In the database itself: through the store each would leave a trace in the audit trail.
    let mut database = SqliteConnection::connect(url).await.expect("the file opens again");
    let sql = "WITH RECURSIVE numbers (n) AS (
            SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $1
        )
        INSERT INTO api_keys (id, organisation_id, workspace_id, environment_id, kind, name, digest,
            hint, scopes, defaults, created_at, updated_at)
        SELECT randomblob(16), organisation_id, workspace_id, environment_id, 'workspace-service',
            'key ' || n, randomblob(32), 'pc********xyz', '[\"completions.write\"]', '{}',
            created_at, updated_at
        FROM api_keys CROSS JOIN numbers";
    let filled = sqlx::query(sql).bind(i64::from(KEYS)).execute(&mut database).await;
    filled.expect("the keys are written");
    database.close().await.expect("the file closes");
    (db, workspace)
}

fn scene() -> Scene {
    Scene {
        actor: AuditActor::nameless(AuditActorKind::Operator),
        origin: AuditOrigin::default(),
        signer: Arc::new(AuditKey::mint(&SystemDice)),
    }
}

fn permit(workspace: &Workspace) -> Permit {
    let organisation = workspace.organisation_id;
    let operator = Actor::operator(organisation);
    let place = Place::Organisation(organisation);
    operator.permit(Scope::WorkspacesUpdate, place).expect("the operator may")
}

fn draw(workspace: &Workspace, n: u32) -> ApiKey {
    let mut digest = ApiKeyDigest([0; 32]);
    SystemDice.fill(&mut digest.0);
    let now = SystemClock.now();
    ApiKey {
        id: Id::mint(&SystemClock, &SystemDice),
        organisation_id: workspace.organisation_id,
        workspace_id: workspace.id,
        environment_id: workspace.default_environment,
        user_id: None,
        kind: ApiKeyKind::WorkspaceService,
        name: format!("key {n}"),
        description: None,
        digest,
        hint: "pc********xyz".to_owned(),
        previous: None,
        scopes: ScopeSet::parse(["completions.write"]).expect("a known scope"),
        defaults: ApiKeyDefaults::default(),
        allowed_addresses: Vec::new(),
        made_by: ApiKeyMadeBy::Api,
        is_token: false,
        expires_at: None,
        created_at: now,
        updated_at: now,
    }
}

criterion_group!(benches, snapshot);
criterion_main!(benches);
