//! The audit trail: chains, searches, and tampering done directly in the database.

use portcullis_domain::{
    AuditAction, AuditActor, AuditActorKind, AuditEvent, AuditOrigin, AuditOutcome, AuditResource,
    ChainCheck, OrganisationId, Scope, Tampering, UserId,
};
use portcullis_store::{AuditFilter, Db, Engine, Result, Tx};
use serde_json::json;
use sqlx::{Connection, PgConnection, SqliteConnection};
use tokio::task::JoinSet;

use crate::support::{Toy, World, on_both_engines};

fn event(chain: Option<OrganisationId>, name: &str) -> AuditEvent {
    let actor = AuditActor::nameless(AuditActorKind::Operator);
    let mut event = AuditEvent::new(chain, actor, AuditAction::Update, AuditResource::Workspace);
    event.resource_name = Some(name.to_owned());
    event.after = Some(json!({"name": name}));
    event
}

async fn append(db: &Db, event: &AuditEvent) -> u64 {
    let seq: Result<u64> =
        db.write(async |tx: &mut Tx| tx.audit_chains().append(&Toy, event).await).await;
    seq.unwrap()
}

async fn faults(db: &Db, chain: Option<OrganisationId>) -> Vec<Tampering> {
    let mut reader = db.read().await.unwrap();
    let mut check = ChainCheck::new(chain, &Toy);
    let mut last = 0;
    loop {
        let page = reader.audit_chains().after(chain, last, 3).await.unwrap();
        let Some(end) = page.last() else { break };
        last = end.record.seq;
        page.iter().for_each(|stored| check.read(&stored.record, stored.columns_agree));
    }
    let head = reader.audit_chains().head(chain).await.unwrap();
    check.end(&head)
}

/// Does to the database what nobody should.
async fn tamper(world: &World, statements: &[&'static str]) {
    match world.db.engine() {
        Engine::Sqlite => {
            let mut conn = SqliteConnection::connect(&world.url).await.unwrap();
            for sql in statements {
                sqlx::query(*sql).execute(&mut conn).await.unwrap();
            }
        }
        Engine::Postgres => {
            let mut conn = PgConnection::connect(&world.url).await.unwrap();
            for sql in statements {
                sqlx::query(*sql).execute(&mut conn).await.unwrap();
            }
        }
    }
}

on_both_engines! {
    async fn each_organisation_has_a_chain_of_its_own(world) {
        let (a, b): (OrganisationId, OrganisationId) = (world.id(), world.id());
        for chain in [Some(a), Some(b), None] {
            for n in 1..=3 {
                assert_eq!(append(&world.db, &event(chain, &format!("act {n}"))).await, n);
                world.time.pass_millis(1);
            }
        }
        let mut reader = world.db.read().await.unwrap();
        assert_eq!(reader.audit_chains().heads().await.unwrap().len(), 3);
        assert_eq!(reader.audit_chains().with_events().await.unwrap(), [None, Some(a), Some(b)]);
        for chain in [Some(a), Some(b), None] {
            assert_eq!(faults(&world.db, chain).await, []);
        }
        let mut tenant = reader.tenant(a);
        let seen = tenant.audit_trail().list(&AuditFilter::default(), None, 0, 9).await.unwrap();
        assert_eq!(seen.iter().map(|r| (r.chain, r.seq)).collect::<Vec<_>>(), [
            (Some(a), 3), (Some(a), 2), (Some(a), 1),
        ]);
        let page = tenant.audit_trail().list(&AuditFilter::default(), Some(3), 0, 1).await.unwrap();
        assert_eq!(page[0].seq, 2);
        let rest = tenant.audit_trail().after(&AuditFilter::default(), 2, 9).await.unwrap();
        assert_eq!(rest.iter().map(|r| r.seq).collect::<Vec<_>>(), [3]);
    }

    async fn an_act_that_is_rolled_back_leaves_no_event(world) {
        let chain = Some(world.id());
        append(&world.db, &event(chain, "kept")).await;
        let given_up: Result<()> = world.db.write(async |tx: &mut Tx| {
            tx.audit_chains().append(&Toy, &event(chain, "given up")).await?;
            Err(portcullis_store::Error::Taken)
        }).await;
        assert!(given_up.is_err());
        assert_eq!(append(&world.db, &event(chain, "kept too")).await, 2);
        assert_eq!(faults(&world.db, chain).await, []);
    }

    async fn concurrent_appends_make_one_sound_chain(world) {
        let chain = Some(world.id());
        let other = Some(world.id());
        let second = world.another().await;
        let mut tasks = JoinSet::new();
        for n in 0..12 {
            let db = if n % 2 == 0 { world.db.clone() } else { second.clone() };
            tasks.spawn(async move {
                append(&db, &event(chain, &format!("of {n}"))).await;
                append(&db, &event(other, &format!("of {n}"))).await;
            });
        }
        tasks.join_all().await;
        assert_eq!(faults(&world.db, chain).await, []);
        let mut reader = world.db.read().await.unwrap();
        assert_eq!(reader.audit_chains().head(chain).await.unwrap().seq, 12);
        second.close().await;
    }

    async fn every_filter_finds_what_it_names_and_nothing_else(world) {
        let organisation: OrganisationId = world.id();
        let (user, workspace): (UserId, _) = (world.id(), world.id());
        let mut wanted = event(Some(organisation), "wanted");
        wanted.actor = AuditActor::api_key(world.id(), Some(user), "a key");
        wanted.workspace = Some(workspace);
        wanted.action = AuditAction::Delete;
        wanted.resource = AuditResource::ApiKey;
        wanted.resource_id = Some("the 100% one".to_owned());
        let reason = "not so\0".to_owned();
        wanted.outcome = AuditOutcome::Denied { status: Some(403), reason };
        wanted.scope = Some(Scope::AuditLogsList);
        wanted.origin = AuditOrigin {
            request_id: Some("r-1".to_owned()),
            method: "DELETE".to_owned(),
            path: "/v1/api-keys/x\0y".to_owned(),
            query: None,
            client: Some("2001:db8::7".parse().unwrap()),
            user_agent: Some("curl\n\u{202e}".to_owned()),
        };
        let from = world.time.as_ref();
        append(&world.db, &event(Some(organisation), "before")).await;
        from.pass_millis(10);
        let at = portcullis_domain::Clock::now(from);
        append(&world.db, &wanted).await;
        from.pass_millis(10);
        append(&world.db, &event(Some(organisation), "after")).await;
        append(&world.db, &{ let mut other = wanted.clone(); other.organisation = None; other }).await;

        let all = AuditFilter::default;
        let text = |text: &str| Some(text.to_owned());
        let filters = [
            AuditFilter { from: Some(at), until: Some(at.plus_millis(1)), ..all() },
            AuditFilter { workspace: Some(workspace), ..all() },
            AuditFilter { actor_kind: text("api_key"), ..all() },
            AuditFilter { actor_or_user: wanted.actor.id.map(UserId::from_uuid), ..all() },
            AuditFilter { actor_or_user: Some(user), ..all() },
            AuditFilter { action: text("delete"), ..all() },
            AuditFilter { resource: text("api_key"), ..all() },
            AuditFilter { resource_id: text("the 100% one"), ..all() },
            AuditFilter { outcome: text("denied"), ..all() },
            AuditFilter { status: Some(403), ..all() },
            AuditFilter { method: text("DELETE"), ..all() },
            AuditFilter { path: text("/v1/api-keys"), ..all() },
            AuditFilter { client: text("2001:db8::7"), ..all() },
            AuditFilter { request_id: text("r-1"), ..all() },
            AuditFilter { text: text("100% o"), ..all() },
        ];
        let mut reader = world.db.read().await.unwrap();
        for filter in filters {
            let mut tenant = reader.tenant(organisation);
            let found = tenant.audit_trail().list(&filter, None, 0, 9).await.unwrap();
            assert_eq!(found.iter().map(|r| r.seq).collect::<Vec<_>>(), [2], "{filter:?}");
            assert_eq!(tenant.audit_trail().count(&filter, 9).await.unwrap(), 1, "{filter:?}");
        }
        for nothing in [
            AuditFilter { path: text("/v1/api_keys"), ..all() },
            AuditFilter { text: text("1000 o"), ..all() },
        ] {
            let mut tenant = reader.tenant(organisation);
            assert_eq!(tenant.audit_trail().count(&nothing, 9).await.unwrap(), 0, "{nothing:?}");
        }
        assert_eq!(faults(&world.db, Some(organisation)).await, []);
    }

    async fn tampering_in_the_database_is_named(world) {
        for (statements, expected) in [
            (
                &["UPDATE audit_events SET event = REPLACE(event, 'act 3', 'act 9') WHERE seq = 3"]
                    as &[&'static str],
                vec![Tampering::Edited(3)],
            ),
            (&["UPDATE audit_events SET actor_kind = 'user' WHERE seq = 3"], vec![Tampering::Edited(3)]),
            (&["UPDATE audit_events SET created_at = 1 WHERE seq = 3"], vec![Tampering::Edited(3)]),
            (&["UPDATE audit_events SET hash = signature WHERE seq = 3"], vec![Tampering::Edited(3)]),
            (&["DELETE FROM audit_events WHERE seq IN (2, 3)"], vec![Tampering::Deleted(2, 3)]),
            (&["DELETE FROM audit_events WHERE seq > 4"], vec![Tampering::CutOff(5, 6)]),
            (
                &["INSERT INTO audit_events SELECT chain, 7, created_at, workspace_id, actor_kind,
                    actor_id, user_id, action, resource, resource_id, outcome, status, method, path,
                    client, request_id, event, hash, signature FROM audit_events WHERE seq = 4"],
                vec![Tampering::Inserted(7)],
            ),
            (
                &[
                    "UPDATE audit_events SET seq = 100 WHERE seq = 2",
                    "UPDATE audit_events SET seq = 2 WHERE seq = 3",
                    "UPDATE audit_events SET seq = 3 WHERE seq = 100",
                ],
                vec![Tampering::Moved(2)],
            ),
            (&["UPDATE audit_chains SET hash = chain"], vec![Tampering::HeadChanged]),
            (&["DELETE FROM audit_chains"], vec![Tampering::HeadChanged]),
        ] {
            tamper(world, &["DELETE FROM audit_events", "DELETE FROM audit_chains"]).await;
            let chain = Some(world.id());
            for n in 1..=6 {
                append(&world.db, &event(chain, &format!("act {n}"))).await;
            }
            assert_eq!(faults(&world.db, chain).await, []);
            tamper(world, statements).await;
            assert_eq!(faults(&world.db, chain).await, expected, "{statements:?}");
        }
    }
}
