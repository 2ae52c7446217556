//! 100,000 API keys: loading them, and making one change felt.

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::{Criterion, criterion_group, criterion_main};
use portcullis_control::{Compiler, bootstrap, load_snapshot};
use portcullis_domain::{
    Actor, ApiKey, ApiKeyDefaults, ApiKeyDigest, ApiKeyKind, Clock as _, Dice as _, Id, Live,
    Permit, Place, Scope, ScopeSet, Workspace,
};
use portcullis_runtime::{SystemClock, SystemDice};
use portcullis_store::{Db, Options, Tx};
use portcullis_vault::Pepper;
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
    let mut key = draw(&workspace, 0);
    let insert = async |tx: &mut Tx| tx.api_keys().insert(&permit, &key).await;
    runtime.block_on(db.write(insert)).expect("a key is written");
    group.bench_function("one change, from its commit until it is live", |b| {
        b.iter_custom(|rounds| {
            let mut total = Duration::ZERO;
            for _ in 0..rounds {
                SystemDice.fill(&mut key.digest.0);
                runtime.block_on(async {
                    let update = async |tx: &mut Tx| tx.api_keys().update(&permit, &key).await;
                    db.write(update).await.expect("a key is changed");
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
    let pepper = Pepper::mint(&SystemDice);
    let made = bootstrap(&db, &pepper, &SystemClock, &SystemDice, "Acme", "a@acme.test").await;
    let workspace = made.expect("an empty database takes an organisation").workspace;
    let permit = permit(&workspace);
    let fill = async |tx: &mut Tx| {
        for n in 0..KEYS {
            tx.api_keys().insert(&permit, &draw(&workspace, n)).await?;
        }
        Ok(())
    };
    let done: portcullis_store::Result<()> = db.write(fill).await;
    done.expect("the keys are written");
    (db, workspace)
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
        expires_at: None,
        created_at: now,
        updated_at: now,
    }
}

criterion_group!(benches, snapshot);
criterion_main!(benches);
