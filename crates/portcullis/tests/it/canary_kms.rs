//! The search of `canary` once more, for an organisation with a key of its own: nor its data keys in
//! the clear, nor what its KMS is told, nor who we are to that, is found anywhere.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use portcullis_testkit::{
    client::Call,
    kms::{Account, Emulator, FaultProxy, KeyKind, Transit},
};
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};

use crate::{
    canary::{
        CREDENTIAL_CANARY, MARKER, PROMPT_CANARY, assert_clean, assert_no_bytes, everything, prompt,
    },
    kms::{KMS, until},
    world::{World, on_both_engines, succeed},
};

const EXTERNAL_ID: &str = "Kanarienvogel-der-Rolle-0815";
const TOKEN: &str = "hvs.Kanarienvogel-des-Schluesseldienstes";
const WRONG_TOKEN: &str = "hvs.Falscher-Kanarienvogel";
const CLIENT_SECRET: &str = "8Q~Kanarienvogel~des~Verzeichnisses";

on_both_engines! {
    async fn nothing_of_a_customers_key_is_found_anywhere(engine) {
        let account = Account::at(Emulator::Moto).await;
        let proxy = FaultProxy::before(account.url()).await;
        let mut world = World::start_with(engine, |setup| {
            setup
                .env("PORTCULLIS_LOG__FILTER", "trace")
                .env("AWS_ACCESS_KEY_ID", &account.access_key_id)
                .env("AWS_SECRET_ACCESS_KEY", &account.secret_access_key)
                .env("AWS_ENDPOINT_URL_STS", proxy.url())
                .env("PORTCULLIS_VAULT__CACHE_S", "1")
        })
        .await;
        let upstream = world.upstream.base_url();
        world.virtual_key_with("openai", "canary", CREDENTIAL_CANARY, &upstream).await;
        let key = account.key(KeyKind::Symmetric).await;
        let uses = json!({"Effect": "Allow", "Action": "kms:*", "Resource": "*"});
        let role = account.role(&format!("canary-{}", key.id), &uses).await;
        let aws = json!({
            "provider": "aws", "key_arn": key.arn, "endpoint": proxy.url(), "role_arn": role,
            "external_id": EXTERNAL_ID,
        });
        let transit = Transit::start(TOKEN, Duration::ZERO).await;
        // Its data keys go through both services in the clear, and are in use under each.
        for connection in [&aws, &transit.settings()] {
            succeed(world.put(KMS, connection)).await;
            until(&world, "active").await;
            let call = prompt(&world, "gpt-4o-mini", false).header("x-portkey-trace-id", MARKER);
            succeed(call).await;
            succeed(world.post(&format!("{KMS}/rotate"), &json!({}))).await;
            until(&world, "active").await;
            tokio::time::sleep(Duration::from_millis(1500)).await;
        }
        world.logs_of(2).await;
        let mut answers = Vec::new();
        for call in every_way_to_fail(&world, &transit, &aws) {
            let answer = call.send().await.unwrap();
            assert_ne!(answer.status, 200, "{}", answer.text());
            answers.push((format!("answer {}", answer.status), answer.body.to_vec()));
        }
        for call in [
            world.get(KMS),
            world.get(&format!("{KMS}/guide?provider=vault-transit&key=portcullis")),
            world.post(&format!("{KMS}/verify"), &json!({})),
        ] {
            answers.push(("an answer".to_owned(), succeed(call).await.to_string().into_bytes()));
        }

        let (data_keys, sessions) = (data_keys(&proxy, &transit), sessions(&proxy));
        assert!(data_keys.len() >= 3 && !sessions.is_empty(), "{sessions:?}");
        let said = world.gate.output();
        assert!(said.contains("DEBUG"), "the log is at its most talkative");
        let search = |world: &World, backup: &[(String, Vec<u8>)]| {
            let mut places = everything(world, &answers);
            places.extend_from_slice(backup);
            for data_key in &data_keys {
                assert_no_bytes(&places, "a data key", data_key);
            }
            let mut secrets = vec![
                CREDENTIAL_CANARY, PROMPT_CANARY, TOKEN, WRONG_TOKEN, CLIENT_SECRET, EXTERNAL_ID,
                &account.secret_access_key,
            ];
            secrets.extend(sessions.iter().map(String::as_str));
            assert_clean(places, &secrets);
        };
        let backup = backup(&world).await;
        search(&world, &backup);
        // What a crash leaves behind.
        world.gate.kill();
        search(&world, &[]);
    }
}

/// Connections that are refused, each with secrets in it.
fn every_way_to_fail(world: &World, transit: &Transit, aws: &Value) -> Vec<Call> {
    let with = |settings: &Value, name: &str, value: Value| {
        let mut settings = settings.clone();
        settings[name] = value;
        world.put(KMS, &settings)
    };
    let transit = transit.settings();
    let azure = json!({
        "provider": "azure", "key": "https://127.0.0.1:1/keys/k", "tenant_id": "t",
        "client_id": "c", "client_secret": CLIENT_SECRET, "authority": "http://127.0.0.1:1",
    });
    let google = json!({
        "provider": "google", "key": "projects/p/locations/l/keyRings/r/cryptoKeys/k",
        "service_account": format!("{{\"type\": \"service_account\", \"x\": \"{TOKEN}\""),
    });
    vec![
        with(&transit, "token", json!(WRONG_TOKEN)),
        with(&transit, "token", json!([TOKEN])),
        with(&transit, "token", json!(format!("{TOKEN} {TOKEN}"))),
        with(&transit, "role_id", json!("x")),
        with(&transit, "key", json!("another")),
        with(&transit, "address", json!("http://127.0.0.1:1")),
        with(aws, "external_id", json!(format!("{EXTERNAL_ID} {EXTERNAL_ID}"))),
        with(aws, "role_arn", json!("arn:aws:iam::1:role/x")),
        with(aws, "key_arn", json!(aws["key_arn"].as_str().unwrap().replace(":key/", ":key/0"))),
        world.put(KMS, &azure),
        world.put(KMS, &google),
    ]
}

/// The data keys in the clear, as the services saw them or told them.
fn data_keys(proxy: &FaultProxy, transit: &Transit) -> Vec<Vec<u8>> {
    let told = proxy.answers().into_iter().filter_map(|text| serde_json::from_str(&text).ok());
    let asked = proxy.seen().into_iter().map(|seen| seen.json);
    let of_aws = told.chain(asked).filter_map(|json: Value| {
        let text = json["Plaintext"].as_str()?;
        Some(STANDARD.decode(text).unwrap())
    });
    let mut all: Vec<Vec<u8>> = of_aws.chain(transit.plaintexts()).collect();
    assert!(all.iter().all(|key| key.len() == 32));
    all.sort();
    all.dedup();
    all
}

/// The secrets of the role's sessions.
fn sessions(proxy: &FaultProxy) -> Vec<String> {
    let told = proxy.answers();
    let secrets = told.iter().filter_map(|xml| {
        let (_, rest) = xml.split_once("<SecretAccessKey>")?;
        Some(rest.split_once("</SecretAccessKey>")?.0.to_owned())
    });
    secrets.collect()
}

/// As the guide to running it says to make one; PostgreSQL's dump is searched already.
async fn backup(world: &World) -> Vec<(String, Vec<u8>)> {
    if world.database_url.is_some() {
        return Vec::new();
    }
    let folder = tempfile::tempdir().unwrap();
    let (database, copy) =
        (world.gate.setup().data_dir().join("portcullis.db"), folder.path().join("backup.db"));
    let url = format!("sqlite://{}", database.display());
    let mut conn = SqliteConnection::connect(&url).await.unwrap();
    let sql = format!("VACUUM INTO '{}'", copy.display());
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    vec![("a backup".to_owned(), std::fs::read(copy).unwrap())]
}
