//! `portcullis apply`: an instance as a document.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Output};

use portcullis_testkit::{client, process::Setup, token::TokenSigner};
use serde_json::json;

use crate::world::{
    CREDENTIAL, Via as _, World, chat_body, on_both_engines, succeed, until_status,
};

const DOCUMENT: &str = r#"
organisations:
  - slug: acme
    name: Acme Limited
    settings:
      personal_api_keys: false
      block_inline: true
      billing_contact: bills@acme.test
      roles: {preset: strict, member: {features: {prompts: write}, own_data_only: true}}
    workspaces:
      - slug: ws-blue
        name: Blue
        defaults: {metadata: {team: blue}}
        environments:
          - {slug: canary, name: Canary, default: true}
        virtual_keys:
          - slug: openai
            provider: openai
            note: the main one
            key: {file: secret.txt}
            settings: {custom_host: "UPSTREAM"}
        api_keys:
          - {name: ci, permissions: {completions: write}, environment: canary, write_to: ci.key}
    users:
      - {email: ann@acme.test, role: admin, workspaces: {ws-blue: manager}}
    integrations:
      - slug: shared
        provider: anthropic
        key: {env: SHARED_KEY}
        workspaces: [ws-blue]
    api_keys:
      - {name: audit, scopes: [audit_logs.list], allowed_addresses: [127.0.0.0/8],
         config: pc-main, input_guardrails: [pg-words], output_guardrails: [pg-tone]}
  - slug: second
    workspaces:
      - {slug: ws-only, defaults: {config: pc-main, input_guardrails: [pg-words]}}
"#;

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Applies a document that lies in the data directory's parent.
fn apply(setup: &Setup, document: &str, more: &[&str]) -> Output {
    let path = setup.data_dir().with_file_name("document.yaml");
    fs::write(&path, document).unwrap();
    let words = [&["apply", "-f", path.to_str().unwrap()], more].concat();
    setup.run(&words).unwrap()
}

on_both_engines! {
    async fn a_document_is_applied_once_however_often(engine) {
        let world =
            World::start_with(engine, |setup| setup.env("SHARED_KEY", "sk-shared-canary")).await;
        let setup = world.gate.setup();
        let file = |name: &str| setup.data_dir().with_file_name(name);
        let document = DOCUMENT.replace("UPSTREAM", &world.upstream.base_url());
        fs::write(file("secret.txt"), format!("{CREDENTIAL}\n")).unwrap();

        // A dry run prints what would come, and nothing comes.
        let before = succeed(world.get("/v1/admin/audit-logs")).await["total"].clone();
        let dry = apply(setup, &document, &["--dry-run"]);
        assert!(dry.status.success(), "{}{}", out(&dry), err(&dry));
        let after = succeed(world.get("/v1/admin/audit-logs")).await["total"].as_u64().unwrap();
        assert!(after <= before.as_u64().unwrap() + 2, "only what was read here was told");
        assert!(!file("ci.key").exists());
        assert_eq!(succeed(world.get("/v1/admin/workspaces")).await["total"], 1);

        let applied = apply(setup, &document, &[]);
        assert!(applied.status.success(), "{}{}", out(&applied), err(&applied));
        // What was foretold is what was done, line by line, but for the secrets handed out.
        let signs = |text: &str| -> Vec<String> {
            text.lines().filter(|l| l.starts_with(['+', '~', '-'])).map(str::to_owned).collect()
        };
        assert_eq!(signs(&out(&dry)), signs(&out(&applied)));
        for line in [
            "~ organisation acme",
            "+ organisation acme: workspace ws-blue",
            "+ organisation acme: workspace ws-blue: environment canary",
            "+ organisation acme: user ann@acme.test",
            "+ organisation acme: integration shared",
            "+ organisation acme: workspace ws-blue: virtual key openai",
            "+ organisation acme: workspace ws-blue: API key ci",
            "+ organisation acme: API key audit",
            "+ organisation second",
        ] {
            assert!(signs(&out(&applied)).iter().any(|l| l == line), "{line}: {}", out(&applied));
        }
        let mode = fs::metadata(file("ci.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let key = fs::read_to_string(file("ci.key")).unwrap().trim().to_owned();
        for text in [out(&dry), out(&applied), err(&applied)] {
            for secret in [CREDENTIAL, "sk-shared-canary", key.as_str()] {
                assert!(!text.contains(secret), "{text}");
            }
        }
        assert!(out(&applied).contains("invite link of ann@acme.test"), "{}", out(&applied));

        // The running node follows.
        let chat = || {
            let call = client::post(world.gate.url("/v1/chat/completions")).bearer(&key);
            call.json(&chat_body("gpt-4o-mini")).via("openai")
        };
        until_status(chat, 200).await;
        let logs = world.logs_of(1).await;
        assert_eq!(logs[0]["metadata"]["team"], "blue", "{}", logs[0]);
        let shown = succeed(world.get("/v1/admin/organisation")).await;
        assert_eq!(shown["name"], "Acme Limited");
        assert_eq!(shown["settings"]["block_inline"], true);
        assert_eq!(shown["settings"]["roles"]["preset"], "strict");
        assert_eq!(shown["settings"]["roles"]["member"]["features"]["prompts"], "write");

        // Once more: nothing, and nothing is told to the trail.
        let total = || async {
            let path = "/v1/admin/audit-logs?user_type=operator";
            succeed(world.get(path)).await["total"].clone()
        };
        let told = total().await;
        let again = apply(setup, &document, &[]);
        assert!(again.status.success(), "{}{}", out(&again), err(&again));
        assert_eq!(out(&again), "everything is as the document says\n");
        assert_eq!(total().await, told);

        // One difference, and it alone is mended.
        let path = "/v1/virtual-keys/openai?workspace_id=ws-blue";
        succeed(world.put(path, &json!({"note": "by hand"}))).await;
        let mended = apply(setup, &document, &[]);
        assert_eq!(signs(&out(&mended)), ["~ organisation acme: workspace ws-blue: virtual key openai"]);
        assert!(out(&mended).contains(r#"note: "by hand" -> "the main one""#), "{}", out(&mended));
        fs::write(file("secret.txt"), "sk-another-secret").unwrap();
        let rotated = apply(setup, &document, &[]);
        assert!(out(&rotated).contains("key: changed"), "{}", out(&rotated));
        let verified = setup.run(&["audit", "verify"]).unwrap();
        assert!(verified.status.success(), "{}", out(&verified));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_to_be_absent_is_taken_away() {
    let world = World::start(crate::world::Engine::Sqlite).await;
    let setup = world.gate.setup();
    fs::write(setup.data_dir().with_file_name("secret.txt"), CREDENTIAL).unwrap();
    let document = DOCUMENT.replace("{env: SHARED_KEY}", "{file: secret.txt}");
    let document = document.replace("UPSTREAM", &world.upstream.base_url());
    let applied = apply(setup, &document, &[]);
    assert!(applied.status.success(), "{}{}", out(&applied), err(&applied));
    let removal = "
organisations:
  - slug: acme
    users: [{email: ann@acme.test, absent: true}]
    integrations: [{slug: shared, absent: true}]
    api_keys: [{name: audit, absent: true}]
    workspaces:
      - slug: ws-blue
        virtual_keys: [{slug: openai, absent: true}]
        api_keys: [{name: ci, absent: true}]
";
    let removed = apply(setup, removal, &[]);
    assert!(removed.status.success(), "{}{}", out(&removed), err(&removed));
    assert_eq!(out(&removed).lines().filter(|line| line.starts_with('-')).count(), 5);
    let again = apply(setup, removal, &[]);
    assert_eq!(out(&again), "everything is as the document says\n");
    let last = "organisations: [{slug: acme, workspaces: [{slug: ws-blue, absent: true}]}]";
    let removed = apply(setup, last, &[]);
    assert!(removed.status.success(), "{}", err(&removed));
    let left = succeed(world.get("/v1/admin/workspaces")).await;
    assert_eq!(left["total"], 1, "{left}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_document_does_not_name_stays() {
    let world = World::start(crate::world::Engine::Sqlite).await;
    let setup = world.gate.setup();
    let apply = |fields: &str| {
        let document = format!("organisations: [{{slug: acme, {fields}}}]");
        let applied = apply(setup, &document, &[]);
        assert!(applied.status.success(), "{document}: {}{}", out(&applied), err(&applied));
        out(&applied)
    };
    let jwks = TokenSigner::p256("k").jwks();
    let issuer = |fields: &str| {
        apply(&format!("token_issuer: {{jwks: {jwks}, {fields}}}"));
    };
    let shown = || async { succeed(world.get("/v1/admin/organisation/token-issuer")).await };
    issuer("issuer: 'https://id.acme.test', audience: gate, scopes: [logs.view]");
    issuer("scopes: [models.list]");
    let kept = shown().await;
    assert_eq!(kept["issuer"], "https://id.acme.test", "{kept}");
    assert_eq!((&kept["audience"], &kept["scopes"]), (&json!("gate"), &json!(["models.list"])));
    issuer("audience: null");
    let opened = shown().await;
    assert_eq!(opened["issuer"], "https://id.acme.test", "{opened}");
    assert_eq!((&opened["audience"], &opened["scopes"]), (&json!(null), &json!(["models.list"])));

    apply("workspaces: [{slug: ws-one}]");
    let body = json!({"email": "ann@acme.test", "role": "admin",
        "workspaces": [{"id": "ws-one", "role": "manager"}],
        "workspace_api_key_details": {"scopes": ["completions.write"]}});
    succeed(world.post("/v1/admin/users/invites", &body)).await;
    let pending = || async {
        let path = "/v1/admin/users/invites?status=pending";
        let list = succeed(world.get(path)).await;
        assert_eq!(list["total"], 1, "{list}");
        list["data"][0].clone()
    };
    let before = pending().await;
    apply("users: [{email: ann@acme.test}]");
    assert_eq!(pending().await, before);
    apply("users: [{email: ann@acme.test, role: member}]");
    let after = pending().await;
    assert_eq!(after["role"], "member", "{after}");
    assert_eq!(after["workspaces"], before["workspaces"], "{after}");
    let told = apply("users: [{email: ann@acme.test, workspaces: {ws-one: member}}]");
    let after = pending().await;
    assert_eq!(after["role"], "member", "{after}");
    assert_eq!(after["workspaces"][0]["role"], "member", "{after}");
    // The key that the invite promised is made.
    let token = told.split_once('#').unwrap().1.split_whitespace().next().unwrap();
    let body = json!({"token": token, "password": "three blind mice"});
    let accept = client::post(world.gate.url("/auth/invites/accept")).json(&body);
    let accepted = succeed(accept).await;
    assert_eq!(accepted["api_keys"].as_array().unwrap().len(), 1, "keys");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_makes_no_sense_is_refused_with_its_place() {
    let setup = Setup::new();
    setup.init();
    fs::write(setup.data_dir().with_file_name("there.key"), "x").unwrap();
    let key = |field: &str| {
        format!("organisations: [{{slug: acme, workspaces: [{{slug: ws-a, {field}}}]}}]")
    };
    let with = |settings: &str| {
        key(&format!("virtual_keys: [{{slug: a, provider: openai, settings: {{{settings}}}}}]"))
    };
    for (document, what) in [
        ("organisations: 5".to_owned(), "document.yaml"),
        ("organisation: []".to_owned(), "organisation"),
        ("organisations: [{slug: acme, nme: x}]".to_owned(), "nme"),
        ("organisations: [{slug: Not A Slug}]".to_owned(), "organisation Not A Slug: slug"),
        ("organisations: [{slug: other}]".to_owned(), "needs a workspace"),
        (
            "organisations:\n- slug: acme\n  workspaces:\n  - slug: ws-a\n    api_keys:\n    \
             - {name: a, scopes: [x]}"
                .to_owned(),
            "document.yaml:6: organisation acme: workspace ws-a: API key a: scopes",
        ),
        (key("virtual_keys: [{slug: a, provider: openai, key: sk-plain}]"), "key"),
        (key("virtual_keys: [{slug: a, provider: openai, key: {env: NOT_SET_1}}]"), "NOT_SET_1"),
        (key("virtual_keys: [{slug: a, provider: no, key: {env: HOME}}]"), "known provider"),
        (key("virtual_keys: [{slug: a, key: {env: HOME}}]"), "provider: is needed"),
        (with("aws_secret_access_key: plain"), "settings: aws_secret_access_key may hold a secret"),
        (with("azure_ad_token: plain"), "settings: azure_ad_token may hold a secret"),
        (with("custom_headers: {x-a: {env: HOME}, x-b: plain}"), "custom_headers may hold"),
        (with("custom_host: 'https://me:plain@host.test'"), "custom_host may hold"),
        (with("pins: [{env: HOME}, 5]"), "pins may hold a secret"),
        (with("custom_host: 'https://host.test', azure_ad_token: {env: NOT_SET_2}"), "NOT_SET_2"),
        (key("api_keys: [{name: a, scopes: [nonsense]}]"), "API key a: scopes"),
        (key("api_keys: [{name: a, scopes: [], permissions: {}}]"), "not both"),
        (key("api_keys: [{name: a, write_to: there.key}]"), "is there already"),
        (key("api_keys: [{name: a, write_to: no/folder/x}]"), "no folder"),
        (key("api_keys: [{name: a, user: nobody@acme.test}]"), "does not belong"),
    ] {
        let refused = apply(&setup, &document, &[]);
        assert!(!refused.status.success(), "{document}");
        assert!(err(&refused).contains(what), "{document}: {}", err(&refused));
    }
    let deep = format!("organisations: {}", "[".repeat(10_000));
    assert!(!apply(&setup, &deep, &[]).status.success());
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n\
                c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\norganisations: [*c,*c,*c,*c,*c,*c,*c]";
    assert!(!apply(&setup, bomb, &[]).status.success());
    let fed = setup.feed(&["apply", "-f", "-", "--dry-run"], "organisations: []").unwrap();
    assert!(fed.status.success(), "{}", err(&fed));
    assert_eq!(out(&fed), "everything is as the document says\n");
}
