//! An organisation's own KMS key, its whole life long: with emulators of AWS KMS behind a proxy that
//! fails when told to.

use std::time::{Duration, Instant};

use portcullis_testkit::{
    client,
    kms::{Account, Emulator, Fault, FaultProxy, KeyKind},
};
use serde_json::{Value, json};

use crate::world::{Engine, PATIENCE, World, refused, succeed, until_status};

pub(crate) const KMS: &str = "/v1/admin/organisation/kms";

/// A gate that is that account's user, whose key rings live for a second, and a proxy before the
/// emulator.
async fn gate(emulator: Emulator, engine: Engine) -> (World, Account, FaultProxy) {
    let account = Account::at(emulator).await;
    let world = World::start_with(engine, |setup| {
        setup
            .env("AWS_ACCESS_KEY_ID", &account.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &account.secret_access_key)
            .env("AWS_ENDPOINT_URL_STS", account.url())
            .env("PORTCULLIS_VAULT__CACHE_S", "1")
            .env("PORTCULLIS_VAULT__GRACE_S", "2")
    })
    .await;
    world.virtual_key("openai", "openai").await;
    let proxy = FaultProxy::before(account.url()).await;
    (world, account, proxy)
}

/// Asks again and again until the organisation's keys stand so.
pub(crate) async fn until(world: &World, status: &str) -> Value {
    let begun = Instant::now();
    loop {
        let answer = succeed(world.get(KMS)).await;
        if answer["status"] == status {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "not {status}: {answer}\n{}", world.gate.output());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn code(answer: &client::Answer) -> Value {
    answer.json()["error"]["code"].clone()
}

async fn whole_life(emulator: Emulator, engine: Engine) {
    let (world, account, proxy) = gate(emulator, engine).await;
    let key = account.key(KeyKind::Symmetric).await;
    succeed(world.chat("gpt-4o-mini")).await;
    let before = succeed(world.get(KMS)).await;
    assert_eq!((&before["status"], &before["provider"]), (&json!("default"), &json!("local")));
    assert_eq!(before["providers"][0]["name"], "aws");

    // What has to be granted, and to whom.
    let path = format!("{KMS}/guide?provider=aws&key_arn={}", key.arn);
    let guide = succeed(world.get(&path)).await;
    // Who we are is only told where there is a token service.
    let us = guide["principal"].as_str();
    assert_eq!(us.is_some_and(|us| us.ends_with(":user/gate")), emulator == Emulator::Moto);
    let bound = &guide["documents"][0]["json"][0]["Condition"]["StringEquals"];
    assert_eq!(bound["kms:EncryptionContext:organisation"], world.made.organisation_id);

    // Keys that cannot serve, each with its reason; nothing changes.
    let connect = |parameters: Value| world.put(KMS, &parameters);
    let (rsa, mac) = (account.key(KeyKind::Rsa).await, account.key(KeyKind::Hmac).await);
    let disabled = account.key(KeyKind::Symmetric).await;
    account.disable(&disabled).await;
    let leaving = account.key(KeyKind::Symmetric).await;
    account.schedule_deletion(&leaving).await;
    let missing = key.arn.replace(&key.id, "00000000-0000-0000-0000-000000000000");
    for (arn, expected) in [
        (&rsa.arn, "key_asymmetric"),
        (&mac.arn, "key_usage_wrong"),
        (&disabled.arn, "key_disabled"),
        (&leaving.arn, "key_pending_deletion"),
        (&missing, "key_not_found"),
    ] {
        let body = json!({"provider": "aws", "key_arn": arn, "endpoint": proxy.url()});
        let answer = refused(connect(body), 400).await;
        assert_eq!(code(&answer), expected, "{}", answer.text());
    }
    for (fault, status, expected) in [
        (Fault::throttling(), 503, "throttled"),
        (Fault::clock_skew(), 503, "clock_skew"),
        (Fault::expired_credentials(), 503, "credentials_expired"),
        (Fault::Reset, 503, "unreachable"),
        (
            Fault::Error { status: 400, code: "AccessDeniedException", message: "" },
            400,
            "access_denied",
        ),
    ] {
        proxy.set(fault);
        let body = json!({"provider": "aws", "key_arn": key.arn, "endpoint": proxy.url()});
        let answer = refused(connect(body), status).await;
        assert_eq!(code(&answer), expected, "{}", answer.text());
    }
    proxy.set(Fault::Pass);
    for body in [
        json!({}),
        json!({"provider": "none"}),
        json!({"provider": "aws"}),
        json!({"provider": "aws", "key_arn": key.arn, "region": "eu-west-1"}),
        json!({"provider": "aws", "key_arn": key.arn, "endpoint": "http://169.254.169.254"}),
        json!({"provider": "aws", "key_arn": key.arn, "key": "x"}),
    ] {
        refused(connect(body), 400).await;
    }
    assert_eq!(succeed(world.get(KMS)).await["status"], "default");

    // Connected by an alias, which is pinned to the key it means.
    let name = format!("life-{}", key.id);
    let alias = account.alias(&name, &key).await;
    let body = json!({"provider": "aws", "key_arn": alias, "endpoint": proxy.url()});
    let connected = succeed(connect(body)).await;
    assert_eq!((&connected["key_id"], &connected["key_arn"]), (&json!(key.arn), &json!(alias)));
    let active = until(&world, "active").await;
    assert!(active["verified_at"].is_string(), "{active}");
    for data_key in active["data_keys"].as_array().unwrap() {
        assert_eq!(data_key["kms_key_id"], key.arn);
    }
    succeed(world.chat("gpt-4o-mini")).await;
    let verified = succeed(world.post(&format!("{KMS}/verify"), &json!({}))).await;
    assert_eq!((&verified["status"], &verified["key_id"]), (&json!("ok"), &json!(key.arn)));

    // The alias moves: verifying follows it.
    let next = account.key(KeyKind::Symmetric).await;
    account.move_alias(&name, &next).await;
    let verified = succeed(world.post(&format!("{KMS}/verify"), &json!({}))).await;
    assert_eq!(verified["key_id"], next.arn);
    until(&world, "active").await;

    // A new data key; what the old one sealed is sealed anew.
    let logs = world.logs_of(2).await;
    let rotated = succeed(world.post(&format!("{KMS}/rotate"), &json!({}))).await;
    let id = rotated["data_key_id"].clone();
    until(&world, "active").await;
    let status = vault_status(&world);
    let ours = status.iter().find(|s| s["organisation_id"] == world.made.organisation_id).unwrap();
    for data_key in ours["data_keys"].as_array().unwrap() {
        let count = data_key["sealed"].as_object().unwrap().len();
        assert_eq!(count > 0, data_key["id"] == id, "{data_key}");
    }
    assert_eq!((&ours["kms"], &ours["kms_key_id"]), (&json!("aws"), &json!(next.arn)));
    assert_eq!(ours["kms_key_enabled"], true, "{ours}");
    for log in &logs {
        let path = format!("/v1/logs/{}", log["id"].as_str().unwrap());
        assert!(succeed(world.get(&path)).await["request"]["body"].is_object());
    }
    succeed(world.chat("gpt-4o-mini")).await;

    // The customer takes the key away, and gives it back. moto lets disabled keys work.
    if emulator == Emulator::LocalStack {
        account.disable(&next).await;
        until_status(|| world.chat("gpt-4o-mini"), 503).await;
        let answer = refused(world.chat("gpt-4o-mini"), 503).await;
        assert_eq!(answer.json()["error"]["type"], "kms_refused", "{}", answer.text());
        assert!(answer.text().contains("disabled"), "{}", answer.text());
        let unusable = until(&world, "unusable").await;
        assert_eq!(unusable["error"]["code"], "key_disabled", "{unusable}");
        // Neither can secrets be written, nor the connection be left.
        let body = json!({"name": "x", "slug": "x", "provider": "openai", "key": "sk-x"});
        let answer = refused(world.post("/v1/virtual-keys", &body), 400).await;
        assert_eq!(code(&answer), "key_disabled");
        let answer = refused(world.delete(KMS), 400).await;
        assert_eq!(code(&answer), "key_disabled");
        account.enable(&next).await;
        until_status(|| world.chat("gpt-4o-mini"), 200).await;
        until(&world, "active").await;
    }

    // An outage longer than lifetime and grace, and its end.
    proxy.set(Fault::Reset);
    succeed(world.chat("gpt-4o-mini")).await;
    let took = until_status(|| world.chat("gpt-4o-mini"), 503).await;
    assert!(took >= Duration::from_secs(1), "the grace is used: {took:?}");
    let answer = refused(world.chat("gpt-4o-mini"), 503).await;
    assert_eq!(answer.json()["error"]["type"], "kms_unavailable", "{}", answer.text());
    assert_eq!(succeed(world.get(KMS)).await["error"]["code"], "unreachable");
    proxy.set(Fault::Pass);
    until_status(|| world.chat("gpt-4o-mini"), 200).await;

    let metrics = client::get(format!("http://{}/metrics", world.gate.metrics_address()));
    let metrics = metrics.send().await.unwrap().text();
    for wanted in [
        "portcullis_kms_calls_total{kms=\"aws\",operation=\"unwrap\",outcome=\"ok\"}",
        "portcullis_kms_calls_total{kms=\"aws\",operation=\"unwrap\",outcome=\"unreachable\"}",
        "portcullis_kms_latency_seconds_bucket{",
        "portcullis_vault_cache_hits_total",
    ] {
        assert!(metrics.contains(wanted), "{wanted} in {metrics}");
    }

    // Back to the instance's key: the customer's is not asked any more.
    succeed(world.delete(KMS)).await;
    until(&world, "default").await;
    proxy.set(Fault::Hang);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    succeed(world.chat("gpt-4o-mini")).await;
    refused(world.delete(KMS), 409).await;
    if engine == Engine::Sqlite {
        assert_audited(world).await;
    }
}

/// Every kind of call and of change is in the audit trail.
async fn assert_audited(mut world: World) {
    use sqlx::{Connection as _, Row as _};
    world.gate.terminate();
    assert!(world.gate.ended_within(PATIENCE).await.success());
    let path = world.gate.setup().data_dir().join("portcullis.db");
    let url = format!("sqlite://{}", path.display());
    let mut conn = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let sql = "SELECT resource || ' ' || action || ' ' || outcome || ' ' || path, COUNT(*)
        FROM audit_events WHERE HEX(chain) = $1 GROUP BY 1";
    let chain = world.made.organisation_id.replace('-', "").to_uppercase();
    let rows = sqlx::query(sql).bind(chain).fetch_all(&mut conn).await.unwrap();
    let told: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    for wanted in [
        // Connecting, following the alias, leaving.
        "kms create success /v1/admin/organisation/kms",
        "kms update success /v1/admin/organisation/kms/verify",
        "kms delete success /v1/admin/organisation/kms",
        "kms read success /v1/admin/organisation/kms/verify",
        "kms update failed /v1/admin/organisation/kms",
        "data_key rotate success /v1/admin/organisation/kms/rotate",
        // What the KMS was asked.
        "kms create success kms generate",
        "kms read success kms unwrap",
        "kms read failed kms unwrap",
        // What became of data keys.
        "data_key create success ",
        "data_key update success ",
        "data_key disable success ",
        "data_key update success vault rewrap",
        "data_key update success vault reseal",
    ] {
        assert!(told.iter().any(|one| one == wanted), "{wanted:?} in {told:#?}");
    }
}

fn vault_status(world: &World) -> Vec<Value> {
    let said = world.gate.setup().run(&["vault", "status", "--json"]).unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    serde_json::from_slice(&said.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_life_of_a_key_at_localstack_on_sqlite() {
    whole_life(Emulator::LocalStack, Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_life_of_a_key_at_moto_on_postgres() {
    whole_life(Emulator::Moto, Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_middle_of_sealing_anew_it_goes_on_where_it_was() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let world =
            World::start_with(engine, |setup| setup.env("PORTCULLIS_VAULT__RESEAL_PER_S", "40"));
        let mut world = world.await;
        world.virtual_key("openai", "openai").await;
        for _ in 0..60 {
            succeed(world.chat("gpt-4o-mini")).await;
        }
        let logs = world.logs_of(60).await;
        succeed(world.post(&format!("{KMS}/rotate"), &json!({}))).await;
        let begun = Instant::now();
        loop {
            let answer = succeed(world.get(KMS)).await;
            if answer["progress"][0]["done"].as_u64().unwrap_or(0) >= 30 {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "{answer}\n{}", world.gate.output());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        world.gate.kill();
        world.gate.start_again().await;
        let answer = succeed(world.get(KMS)).await;
        assert_eq!(answer["status"], "resealing", "it was cut off: {answer}");
        succeed(world.chat("gpt-4o-mini")).await;
        let path = format!("/v1/logs/{}", logs[30]["id"].as_str().unwrap());
        assert!(succeed(world.get(&path)).await["request"]["body"].is_object());
        until(&world, "default").await;
        for log in &logs {
            let path = format!("/v1/logs/{}", log["id"].as_str().unwrap());
            let detail = succeed(world.get(&path)).await;
            assert!(detail["request"]["body"].is_object(), "{detail}");
            assert!(detail["response"]["body"].is_object(), "{detail}");
        }
        let status = vault_status(&world);
        let ours = &status.iter().find(|s| !s["organisation_id"].is_null()).unwrap()["data_keys"];
        assert_eq!(ours[0]["sealed"], json!({}), "{ours}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_instances_own_key_can_be_in_a_kms_and_move_there_and_back() {
    let account = Account::at(Emulator::LocalStack).await;
    let key = account.key(KeyKind::Symmetric).await;
    let settings = json!({"key_arn": key.arn, "endpoint": account.url()}).to_string();
    let with = |setup: portcullis_testkit::process::Setup| {
        setup
            .env("AWS_ACCESS_KEY_ID", &account.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &account.secret_access_key)
    };
    let mut world = World::start_with(Engine::Sqlite, with).await;
    world.virtual_key("openai", "openai").await;
    succeed(world.chat("gpt-4o-mini")).await;
    let file = world.gate.setup().data_dir().join("vault.key").display().to_string();
    let to_kms = [
        ("PORTCULLIS_VAULT__KMS", "aws"),
        ("PORTCULLIS_VAULT__KMS_SETTINGS", &*settings),
        ("PORTCULLIS_VAULT__FORMER_KEY_FILE", &*file),
    ];
    let back = [
        ("PORTCULLIS_VAULT__KMS", "local"),
        ("PORTCULLIS_VAULT__KMS_SETTINGS", ""),
        ("PORTCULLIS_VAULT__FORMER_KEY_FILE", ""),
        ("PORTCULLIS_VAULT__FORMER_KMS", "aws"),
        ("PORTCULLIS_VAULT__FORMER_KMS_SETTINGS", &*settings),
    ];
    for (environment, kms) in [(&to_kms[..], "aws"), (&back[..], "local")] {
        world.gate.terminate();
        assert!(world.gate.ended_within(PATIENCE).await.success());
        world.gate.set_env(environment);
        let rewrapped = world.gate.setup().run(&["vault", "rewrap"]).unwrap();
        assert!(rewrapped.status.success(), "{}", String::from_utf8_lossy(&rewrapped.stderr));
        for status in vault_status(&world) {
            assert_eq!(status["kms"], kms);
            for data_key in status["data_keys"].as_array().unwrap() {
                assert_eq!((&data_key["kms"], &data_key["unwraps"]), (&json!(kms), &json!(true)));
            }
        }
        world.gate.start_again().await;
        succeed(world.chat("gpt-4o-mini")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erased_organisations_backup_is_unreadable_without_its_kms() {
    const CANARY: &str = "sk-Kanarienvogel-4711-Schluessel";
    const EXTERNAL_ID: &str = "Kanarienvogel-0815";
    let (mut world, account, proxy) = gate(Emulator::Moto, Engine::Sqlite).await;
    let upstream = world.upstream.base_url();
    world.virtual_key_with("openai", "canary", CANARY, &upstream).await;
    let database = world.gate.setup().data_dir().join("portcullis.db");
    let before = wrapped_keys(&database, &world.made.organisation_id).await;
    let key = account.key(KeyKind::Symmetric).await;
    let uses = json!({"Effect": "Allow", "Action": "kms:*", "Resource": "*"});
    let role = account.role("erased", &uses).await;
    let body = json!({
        "provider": "aws", "key_arn": key.arn, "endpoint": proxy.url(), "role_arn": role,
        "external_id": EXTERNAL_ID,
    });
    succeed(world.put(KMS, &body)).await;
    until(&world, "active").await;
    let chat = |world: &World| {
        let call = world.post("/v1/chat/completions", &crate::world::chat_body("gpt-4o-mini"));
        call.header("x-portkey-virtual-key", "canary")
    };
    succeed(chat(&world)).await;
    world.logs_of(1).await;
    world.gate.terminate();
    assert!(world.gate.ended_within(PATIENCE).await.success());

    // The backup, the instance's own key included.
    let backup = tempfile::tempdir().unwrap();
    let data = world.gate.setup().data_dir();
    for name in ["portcullis.db", "vault.key"] {
        std::fs::copy(data.join(name), backup.path().join(name)).unwrap();
    }
    let live = || std::fs::read(data.join("portcullis.db")).unwrap();
    let holds = |haystack: &[u8], needle: &[u8]| memchr::memmem::find(haystack, needle).is_some();
    for canary in [CANARY, EXTERNAL_ID] {
        assert!(!holds(&live(), canary.as_bytes()), "{canary}");
    }
    let mut wrapped = wrapped_keys(&data.join("portcullis.db"), &world.made.organisation_id).await;
    assert!(!wrapped.is_empty() && wrapped.iter().all(|key| holds(&live(), key)));
    // As they were wrapped before the key was connected, which the instance's key still opens.
    assert!(!before.is_empty() && before.iter().all(|key| !wrapped.contains(key)));
    wrapped.extend(before);

    let slug = world.made.organisation_slug.clone();
    let erase = |confirm: &str| {
        let words = ["erase", "--organisation", &slug, "--confirm", confirm];
        world.gate.setup().run(&words).unwrap()
    };
    assert!(!erase("another").status.success());
    assert!(!erase("").status.success());
    let erased = erase(&slug);
    assert!(erased.status.success(), "{}", String::from_utf8_lossy(&erased.stderr));
    assert!(!erase(&slug).status.success(), "it is gone");
    // By its id, an erasure that was interrupted would be ended.
    let id = &*world.made.organisation_id;
    let words = ["erase", "--organisation", id, "--confirm", id];
    let again = world.gate.setup().run(&words).unwrap();
    let said = String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success() && said.starts_with("nothing of"), "{again:?}");
    let erasures = "resource = 'organisation' AND action = 'delete' AND path = 'erase'";
    assert_eq!(audited(&database, erasures).await, 2);
    let assumed = "resource = 'kms' AND action = 'sign_in' AND outcome = 'success'";
    assert!(audited(&database, assumed).await > 0, "that the role was assumed is told");
    assert!(wrapped.iter().all(|key| !holds(&live(), key)), "a wrapped data key is left");
    world.gate.start_again().await;
    refused(chat(&world), 401).await;
    world.gate.terminate();
    assert!(world.gate.ended_within(PATIENCE).await.success());

    // Restored without the KMS, nothing of it opens; with it, everything does.
    for name in ["portcullis.db", "vault.key"] {
        std::fs::copy(backup.path().join(name), data.join(name)).unwrap();
    }
    proxy.set(Fault::Reset);
    world.gate.start_again().await;
    let answer = refused(chat(&world), 503).await;
    assert_eq!(answer.json()["error"]["type"], "kms_unavailable", "{}", answer.text());
    let logs = world.logs_of(1).await;
    let path = format!("/v1/logs/{}", logs[0]["id"].as_str().unwrap());
    refused(world.get(&path), 503).await;
    proxy.set(Fault::Pass);
    until_status(|| chat(&world), 200).await;
    succeed(world.get(&path)).await;
}

/// How many events of the audit trail are so.
async fn audited(database: &std::path::Path, so: &str) -> i64 {
    use sqlx::{Connection as _, Row as _};
    let url = format!("sqlite://{}", database.display());
    let mut conn = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let sql = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM audit_events WHERE {so}"));
    sqlx::query(sql).fetch_one(&mut conn).await.unwrap().get(0)
}

async fn wrapped_keys(database: &std::path::Path, organisation: &str) -> Vec<Vec<u8>> {
    use sqlx::{Connection as _, Row as _};
    let url = format!("sqlite://{}", database.display());
    let mut conn = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let id = organisation.replace('-', "").to_uppercase();
    let sql = "SELECT wrapped FROM data_keys WHERE HEX(organisation_id) = $1";
    let rows = sqlx::query(sql).bind(id).fetch_all(&mut conn).await.unwrap();
    let keys = rows.iter().map(|row| row.get(0)).collect();
    conn.close().await.unwrap();
    keys
}

const ORGANISATIONS: usize = 100;
const VIRTUAL_KEYS: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_with_10_000_virtual_keys_unwraps_each_data_key_once() {
    let account = Account::at(Emulator::LocalStack).await;
    let key = account.key(KeyKind::Symmetric).await;
    let proxy = FaultProxy::before(account.url()).await;
    let settings = json!({"key_arn": key.arn, "endpoint": proxy.url()}).to_string();
    let world = World::start_with(Engine::Sqlite, |setup| {
        setup
            .env("AWS_ACCESS_KEY_ID", &account.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &account.secret_access_key)
            .env("PORTCULLIS_VAULT__KMS", "aws")
            .env("PORTCULLIS_VAULT__KMS_SETTINGS", &settings)
    });
    let mut world = world.await;
    world.virtual_key("openai", "openai").await;
    world.gate.kill();
    let url = format!("sqlite://{}", world.gate.setup().data_dir().join("portcullis.db").display());
    seed(&url, &account, &settings).await;

    proxy.forget();
    let begun = Instant::now();
    world.gate.start_again().await;
    println!("ready after {:?}", begun.elapsed());
    let rings = || async {
        let metrics = client::get(format!("http://{}/metrics", world.gate.metrics_address()));
        let text = metrics.send().await.unwrap().text();
        let line = text.lines().find(|line| line.starts_with("portcullis_vault_rings "));
        line.and_then(|line| line.split(' ').nth(1)?.parse::<usize>().ok()).unwrap_or(0)
    };
    // The instance's, the first organisation's, and the seeded ones'.
    let data_keys = ORGANISATIONS + 2;
    while rings().await < data_keys {
        assert!(begun.elapsed() < PATIENCE, "{} rings\n{}", rings().await, world.gate.output());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("all data keys unwrapped after {:?}", begun.elapsed());
    for _ in 0..20 {
        succeed(world.chat("gpt-4o-mini")).await;
    }
    assert_eq!(proxy.count("Decrypt"), data_keys, "one for each live data key");
    assert_eq!(proxy.seen().len(), data_keys, "and nothing else");
}

/// Organisations with virtual keys, whose credentials are sealed under data keys of their own.
async fn seed(url: &str, account: &Account, kms: &str) {
    use std::sync::Arc;

    use portcullis_control::{StoredDataKeys, instance_audit_key};
    use portcullis_domain::{
        Actor, AuditActor, AuditActorKind, AuditOrigin, Clock as _, Environment, Id, Integration,
        IntegrationModels, Organisation, OrganisationSettings, Place, Scope, SealedPlace, Secret,
        Slug, VirtualKey, Workspace, WorkspaceDefaults,
    };
    use portcullis_kms::{AwsIdentity, Factory, StaticCredentials, Surroundings};
    use portcullis_runtime::{
        SystemClock, SystemDice,
        egress::{EgressPolicy, EgressSettings},
    };
    use portcullis_store::{Act, Db, Options, Scene};
    use portcullis_vault::{Vault, VaultParts, VaultSettings, kms::KmsFactory as _};

    let (clock, dice) = (Arc::new(SystemClock), Arc::new(SystemDice));
    let identity = AwsIdentity {
        credentials: Some(StaticCredentials {
            access_key_id: account.access_key_id.clone(),
            secret_access_key: Secret::new(account.secret_access_key.clone()),
            session_token: None,
        }),
        sts_endpoint: None,
    };
    let policy = EgressPolicy::parse("127.0.0.1/32").unwrap();
    let egress = EgressSettings::default();
    let surroundings = Surroundings::new(policy, egress, identity, clock.clone(), dice.clone());
    let factory = Factory::new(surroundings);
    let given: Value = serde_json::from_str(kms).unwrap();
    let settings = factory.providers()[0].read(None, given.as_object().unwrap()).ok().unwrap();
    let kms = factory.connect(&settings).unwrap();
    let db = Db::connect(url, Options::new(clock.clone())).await.unwrap();
    let keys = Arc::new(StoredDataKeys::new(db.clone()));
    let parts = VaultParts::new(kms, keys, clock.clone(), dice.clone());
    let vault = Vault::new(parts, VaultSettings::default());
    let scene = Scene {
        actor: AuditActor::nameless(AuditActorKind::Operator),
        origin: AuditOrigin::default(),
        signer: Arc::new(instance_audit_key(&db, &vault, &*dice).await.unwrap()),
    };
    for n in 0..ORGANISATIONS {
        let now = clock.now();
        let workspace_id = Id::mint(&*clock, &*dice);
        let organisation = Organisation {
            id: Id::mint(&*clock, &*dice),
            slug: Slug::parse(&format!("org-{n}")).unwrap(),
            name: format!("Organisation {n}"),
            default_workspace: workspace_id,
            settings: OrganisationSettings::default(),
            created_at: now,
            updated_at: now,
        };
        let environment = Environment {
            id: Id::mint(&*clock, &*dice),
            organisation_id: organisation.id,
            workspace_id,
            slug: Slug::parse("production").unwrap(),
            name: "Production".to_owned(),
            created_at: now,
            updated_at: now,
        };
        let workspace = Workspace {
            id: workspace_id,
            organisation_id: organisation.id,
            slug: Slug::parse("ws-main").unwrap(),
            name: "Main".to_owned(),
            description: None,
            defaults: WorkspaceDefaults::default(),
            default_environment: environment.id,
            environments: vec![environment],
            created_at: now,
            updated_at: now,
        };
        let place = Place::Organisation(organisation.id);
        let operator = Actor::operator(organisation.id);
        let permit = operator.permit(Scope::WorkspacesUpdate, place).unwrap();
        let done: portcullis_store::Result<()> = db
            .act(&scene, async |act: &mut Act| {
                act.insert(&permit, &organisation).await?;
                act.insert(&permit, &workspace).await
            })
            .await;
        done.unwrap();
        let ring = vault.key_ring(Some(organisation.id)).await.unwrap();
        let done: portcullis_store::Result<()> = db
            .act(&scene, async |act: &mut Act| {
                for n in 0..VIRTUAL_KEYS {
                    let id = Id::mint(&*clock, &*dice);
                    let place = SealedPlace {
                        organisation: Some(organisation.id),
                        table: "integrations",
                        row: id.uuid(),
                        field: "credential",
                    };
                    let slug = Slug::parse(&format!("key-{n}")).unwrap();
                    let integration = Integration {
                        id,
                        organisation_id: organisation.id,
                        workspace_id: Some(workspace.id),
                        slug: slug.clone(),
                        name: slug.to_string(),
                        description: None,
                        provider: "openai".to_owned(),
                        credential: ring.seal(&place, br#"{"key":"sk-x"}"#).unwrap(),
                        key_hint: "sk********x".to_owned(),
                        key_fingerprint: String::new(),
                        models: IntegrationModels::default(),
                        created_at: now,
                        updated_at: now,
                    };
                    let virtual_key = VirtualKey {
                        id: Id::mint(&*clock, &*dice),
                        organisation_id: organisation.id,
                        workspace_id: workspace.id,
                        slug,
                        name: integration.name.clone(),
                        note: None,
                        integration_id: id,
                        expires_at: None,
                        created_at: now,
                        updated_at: now,
                    };
                    act.insert(&permit, &integration).await?;
                    act.insert(&permit, &virtual_key).await?;
                }
                Ok(())
            })
            .await;
        done.unwrap();
    }
    vault.maintain().await;
    db.close().await;
}
