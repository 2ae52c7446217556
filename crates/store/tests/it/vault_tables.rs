//! What the vault keeps here: data keys and the instance's secrets.

use std::{slice, time::Duration};

use portcullis_domain::{
    Clock, DataKeyId, Id, KmsConnectionId, NodeId, OrganisationId, Sealed, SealedPlace,
};
use portcullis_store::{
    DataKey, DataKeyState, DataKeyWrapping, Error, InstanceRow, KmsConnection, KmsConnectionState,
    Result, Subject, Tx,
};
use portcullis_testkit::postgres::Postgres;
use uuid::Uuid;

use crate::{
    logs,
    support::{World, on_both_engines, scene, sealed},
};

on_both_engines! {
    async fn one_data_key_is_active_at_a_time(world) {
        let owner = world.tenant("owner").await.organisation.id;
        for organisation in [None, Some(owner)] {
            let first = draw(world, organisation);
            let second = draw(world, organisation);
            let late = draw(world, organisation);
            let done: Result<()> = world.db.write(async |tx| {
                assert_eq!(tx.data_keys().insert(&first, None, false).await?, first.id);
                // Another node comes second.
                assert_eq!(tx.data_keys().insert(&late, None, false).await?, first.id);
                assert_eq!(tx.data_keys().insert(&second, Some(first.id), false).await?, second.id);
                assert_eq!(tx.data_keys().insert(&late, Some(first.id), false).await?, second.id);
                assert!(tx.data_keys().add_uses(organisation, second.id, 40).await?);
                assert!(tx.data_keys().add_uses(organisation, second.id, 2).await?);
                let from = DataKeyWrapping {
                    connection_id: None,
                    kms: first.kms.clone(),
                    kms_key_id: first.kms_key_id.clone(),
                    wrapped: first.wrapped.clone(),
                };
                let to = DataKeyWrapping {
                    connection_id: None,
                    kms: "aws".to_owned(),
                    kms_key_id: "k2".to_owned(),
                    wrapped: vec![3, 4],
                };
                assert!(tx.data_keys().rewrap(organisation, first.id, &from, &to).await?);
                // It is not wrapped so any more.
                assert!(!tx.data_keys().rewrap(organisation, first.id, &from, &to).await?);
                assert!(!tx.data_keys().add_uses(Some(world.id()), first.id, 1).await?);
                Ok(())
            }).await;
            done.unwrap();
            let mut reader = world.db.read().await.unwrap();
            let expected = [
                DataKey {
                    state: DataKeyState::Retired,
                    kms: "aws".to_owned(),
                    kms_key_id: "k2".to_owned(),
                    wrapped: vec![3, 4],
                    retired_at: Some(second.created_at),
                    ..first.clone()
                },
                DataKey { uses: 42, ..second.clone() },
            ];
            assert_eq!(reader.data_keys().list(organisation).await.unwrap(), expected);
            let found = reader.data_keys().find(second.id).await.unwrap();
            assert_eq!(found.as_ref(), Some(&expected[1]));
        }
        let mut reader = world.db.read().await.unwrap();
        assert_eq!(reader.data_keys().list_all().await.unwrap().len(), 4);
        let orphan = draw(world, Some(world.id()));
        let done: Result<_> = world.db.write(async |tx| {
            tx.data_keys().insert(&orphan, Some(orphan.id), false).await
        }).await;
        assert!(matches!(done, Err(Error::Referenced)));
    }

    async fn the_instance_is_made_once(world) {
        let (one, another): (NodeId, NodeId) = (world.id(), world.id());
        let row = InstanceRow { id: one.uuid(), created_at: world.time.now() };
        let other = InstanceRow { id: another.uuid(), ..row };
        assert_eq!(world.db.read().await.unwrap().instance().find().await.unwrap(), None);
        let done: Result<()> = world.db.write(async |tx| {
            assert_eq!(tx.instance().insert(row).await?, row);
            assert_eq!(tx.instance().insert(other).await?, row);
            tx.instance().put_secret("pepper", &sealed(1)).await?;
            tx.instance().put_secret("pepper", &sealed(2)).await
        }).await;
        done.unwrap();
        let mut reader = world.db.read().await.unwrap();
        assert_eq!(reader.instance().find().await.unwrap(), Some(row));
        assert_eq!(reader.instance().secret("pepper").await.unwrap(), Some(sealed(2)));
        assert_eq!(reader.instance().secret("salt").await.unwrap(), None);
    }

    async fn connections_follow_each_other_and_are_forgotten_when_they_wrap_nothing(world) {
        let tenant = world.tenant("acme").await;
        let organisation = tenant.organisation.id;
        let permit = world.permit(organisation);
        let (first, second) = (connection(world, organisation), connection(world, organisation));
        let mut key = draw(world, Some(organisation));
        key.connection_id = Some(first.id);
        let done: Result<()> = world.db.write(async |tx| {
            tx.kms_connections().connect(&permit, &first).await?;
            tx.data_keys().insert(&key, None, false).await?;
            // By whoever missed the change.
            let stale = DataKey { connection_id: None, id: world.id(), ..key.clone() };
            let refused = tx.data_keys().insert(&stale, Some(key.id), false).await;
            assert!(matches!(refused, Err(Error::Superseded)), "{refused:?}");
            // Of those that follow each other, the ones that came to wrap nothing do not stay.
            for _ in 0..3 {
                tx.kms_connections().connect(&permit, &connection(world, organisation)).await?;
            }
            tx.kms_connections().connect(&permit, &second).await?;
            assert_eq!(tx.reader().kms_connections().list(organisation).await?.len(), 2);
            assert_eq!(tx.kms_connections().forget_former(organisation).await?, 0, "it wraps");
            let wrapping = |connection: Option<KmsConnectionId>| DataKeyWrapping {
                connection_id: connection,
                kms: key.kms.clone(),
                kms_key_id: key.kms_key_id.clone(),
                wrapped: key.wrapped.clone(),
            };
            let (from, to) = (wrapping(Some(first.id)), wrapping(Some(second.id)));
            let back = tx.data_keys().rewrap(Some(organisation), key.id, &from, &from).await;
            assert!(matches!(back, Err(Error::Superseded)), "{back:?}");
            assert!(tx.data_keys().rewrap(Some(organisation), key.id, &from, &to).await?);
            assert_eq!(tx.kms_connections().forget_former(organisation).await?, 1);
            assert!(tx.kms_connections().verified(organisation, second.id, world.time.now()).await?);
            Ok(())
        }).await;
        done.unwrap();
        let mut reader = world.db.read().await.unwrap();
        let listed = reader.kms_connections().list(organisation).await.unwrap();
        let expected = KmsConnection { verified_at: world.time.now(), ..second.clone() };
        assert_eq!(listed, [expected]);
        assert_eq!(reader.kms_connections().list_all().await.unwrap(), listed);
        let work = reader.vault_work().list().await.unwrap();
        assert_eq!((work.len(), &*work[0].kind), (1, "rewrap"));
        assert_eq!(work[0].organisation_id, Some(organisation));
        drop(reader);

        let elsewhere = world.permit(world.id());
        let done: Result<()> = world.db.write(async |tx| {
            let third = connection(world, organisation);
            let refused = tx.kms_connections().connect(&elsewhere, &third).await;
            assert!(matches!(refused, Err(Error::ForeignPlace)), "{refused:?}");
            assert!(tx.kms_connections().disconnect(&permit, world.time.now()).await?);
            assert!(!tx.kms_connections().disconnect(&permit, world.time.now()).await?);
            Ok(())
        }).await;
        done.unwrap();
    }

    async fn work_is_one_holders_at_a_time(world) {
        let at = |millis| world.time.now().plus_millis(millis);
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let done: Result<()> = world.db.write(async |tx| {
            for _ in 0..2 {
                tx.vault_work().note(None, "reseal", at(0)).await?;
            }
            assert!(tx.vault_work().claim(None, "reseal", one, at(0), at(10)).await?);
            assert!(tx.vault_work().claim(None, "reseal", one, at(1), at(11)).await?);
            assert!(!tx.vault_work().claim(None, "reseal", two, at(10), at(20)).await?);
            assert!(!tx.vault_work().claim(None, "rewrap", two, at(0), at(1)).await?);
            let mut work = tx.reader().vault_work().list().await?.remove(0);
            assert_eq!((work.organisation_id, work.done), (None, 0));
            (work.total, work.done, work.error) = (9, 4, Some("why".to_owned()));
            assert!(tx.vault_work().progress(&work, one, at(12)).await?);
            assert!(!tx.vault_work().progress(&work, two, at(12)).await?);
            assert_eq!(tx.reader().vault_work().list().await?, [work.clone()]);
            assert!(tx.vault_work().claim(None, "reseal", two, at(12), at(20)).await?);
            tx.vault_work().finish(None, "reseal", one).await?;
            assert_eq!(tx.reader().vault_work().list().await?.len(), 1);
            // More of it comes while it is at its end: it is not taken for done.
            tx.vault_work().note(None, "reseal", at(13)).await?;
            assert!(!tx.vault_work().progress(&work, two, at(20)).await?);
            tx.vault_work().finish(None, "reseal", two).await?;
            let anew = tx.reader().vault_work().list().await?.remove(0);
            assert_eq!((anew.done, anew.error, anew.started_at), (0, None, at(13)));
            assert!(tx.vault_work().claim(None, "reseal", two, at(14), at(20)).await?);
            tx.vault_work().finish(None, "reseal", two).await?;
            assert_eq!(tx.reader().vault_work().list().await?, []);
            Ok(())
        }).await;
        done.unwrap();
    }

    async fn sealed_values_are_found_counted_and_replaced_by_their_data_key(world) {
        let tenant = world.tenant("acme").await;
        let other = world.tenant("other").await;
        let organisation = tenant.organisation.id;
        let (old, new) = (Uuid::from_u128(5), Uuid::from_u128(6));
        let old_id = DataKeyId::from_uuid(old);
        let drawn: Vec<_> = (0..10).map(|_| logs::draw(world, &tenant)).collect();
        let values: Vec<_> = drawn.iter().map(|_| under(old, 1)).collect();
        let contents: Vec<_> = drawn.iter().map(|log| log.id).zip(&values).collect();
        logs::insert(world, &drawn, &contents).await;
        let mut as_sealed = Vec::new();
        for tenant in [&tenant, &other] {
            let permit = world.permit(tenant.organisation.id);
            let mut integration = tenant.integration.clone();
            integration.credential = under(old, 7);
            let done = world.act(async |act| {
                act.update(&permit, &tenant.integration, integration.clone()).await
            });
            as_sealed.push(done.await.unwrap());
        }
        let done: Result<()> = world.db.write(async |tx| {
            tx.instance().put_secret("api-key-pepper", &under(old, 3)).await
        }).await;
        done.unwrap();

        let mut reader = world.db.read().await.unwrap();
        let mut counts = reader.sealed_values().count(Some(organisation)).await.unwrap();
        counts.retain(|count| count.key == old_id);
        let counts: Vec<_> = counts.iter().map(|c| (c.table, c.column, c.count)).collect();
        assert_eq!(counts, [("integrations", "credential", 1), ("log_contents", "sealed", 10)]);
        let whole = reader.sealed_values().under(Some(organisation), old_id, None, 99).await.unwrap();
        assert_eq!(whole.len(), 11);
        // In pieces of three, it is the same.
        let (mut pieces, mut after) = (Vec::new(), None);
        loop {
            let piece =
                reader.sealed_values().under(Some(organisation), old_id, after, 3).await.unwrap();
            let Some((place, _)) = piece.last() else { break };
            after = Some(*place);
            pieces.extend(piece);
        }
        assert_eq!(pieces, whole);
        let of_instance = reader.sealed_values().under(None, old_id, None, 9).await.unwrap();
        assert_eq!((of_instance.len(), of_instance[0].0.field), (1, "api-key-pepper"));
        assert_eq!(of_instance[0].0.row, Uuid::nil());
        let before = reader.outbox().max_revision().await.unwrap();
        drop(reader);

        let done: Result<()> = world.db.write(async |tx| {
            for (place, value) in whole.iter().chain(&of_instance) {
                assert!(tx.sealed_values().replace(place, value, &under(new, 9)).await?);
                assert!(!tx.sealed_values().replace(place, value, &under(new, 8)).await?);
            }
            let (place, value) = &whole[0];
            let elsewhere = SealedPlace { organisation: Some(other.organisation.id), ..*place };
            assert!(!tx.sealed_values().replace(&elsewhere, &under(new, 9), value).await?);
            let nowhere = SealedPlace { table: "users", ..*place };
            let refused = tx.sealed_values().replace(&nowhere, value, value).await;
            assert!(matches!(refused, Err(Error::ForeignPlace)));
            Ok(())
        }).await;
        done.unwrap();
        let mut reader = world.db.read().await.unwrap();
        assert_eq!(reader.sealed_values().under(Some(organisation), old_id, None, 9).await.unwrap(), []);
        let theirs = Some(other.organisation.id);
        assert_eq!(reader.sealed_values().under(theirs, old_id, None, 9).await.unwrap().len(), 1);
        // The data plane hears of the credential, and nothing else of the row has changed.
        let events = reader.outbox().after(before, 9).await.unwrap();
        let subjects: Vec<_> = events.iter().map(|event| event.subject).collect();
        assert_eq!(subjects, [Subject::Integration(tenant.integration.id)]);
        let integration =
            reader.tenant(organisation).integrations().find(tenant.integration.id).await.unwrap();
        let integration = integration.unwrap();
        assert_eq!(integration.updated_at, as_sealed[0].updated_at);
        assert_eq!(integration.credential, under(new, 9));
    }

    async fn an_erased_organisation_leaves_nothing_and_gets_no_data_key_again(world) {
        let (tenant, other) = (world.tenant("acme").await, world.tenant("other").await);
        let id = tenant.organisation.id;
        let permit = world.permit(id);
        let keys = [draw(world, Some(id)), draw(world, Some(other.organisation.id))];
        let log = logs::draw(world, &tenant);
        logs::insert(world, slice::from_ref(&log), &[(log.id, &under(Uuid::from_u128(5), 1))]).await;
        let done: Result<()> = world.db.write(async |tx| {
            for key in &keys {
                tx.data_keys().insert(key, None, false).await?;
            }
            tx.kms_connections().connect(&permit, &connection(world, id)).await.map(drop)
        }).await;
        done.unwrap();
        let lies = |files: &[u8], key: &DataKey| {
            files.windows(key.wrapped.len()).any(|bytes| bytes == key.wrapped)
        };
        let files = files_of_data_keys(world).await;
        assert!(keys.iter().all(|key| lies(&files, key)));
        let before = world.db.read().await.unwrap().outbox().max_revision().await.unwrap();
        assert!(world.db.erase_organisation(&scene(), &permit).await.unwrap());
        assert!(!world.db.erase_organisation(&scene(), &permit).await.unwrap());

        world.db.fold().await.unwrap();
        let files = files_of_data_keys(world).await;
        assert_eq!(keys.each_ref().map(|key| lies(&files, key)), [false, true]);
        let mut reader = world.db.read().await.unwrap();
        assert_eq!(reader.organisations().find(id).await.unwrap(), None);
        assert_eq!(reader.data_keys().list(Some(id)).await.unwrap(), []);
        assert_eq!(reader.kms_connections().list(id).await.unwrap(), []);
        assert_eq!(reader.vault_work().list().await.unwrap(), []);
        assert!(reader.sealed_values().count(Some(id)).await.unwrap().is_empty());
        let told = reader.outbox().after(before, 99).await.unwrap();
        let told: Vec<_> = told.iter().map(|event| event.subject).collect();
        for subject in [
            Subject::ApiKey(tenant.api_key.id),
            Subject::VirtualKey(tenant.virtual_key.id),
            Subject::Integration(tenant.integration.id),
            Subject::Organisation(id),
        ] {
            assert!(told.contains(&subject), "{subject:?} in {told:?}");
        }
        // The other one is as it was.
        let theirs = other.organisation.id;
        assert_eq!(reader.data_keys().list(Some(theirs)).await.unwrap().len(), 1);
        let mut tenant = reader.tenant(theirs);
        assert!(tenant.virtual_keys().find(other.virtual_key.id).await.unwrap().is_some());
        drop(reader);
        let late = draw(world, Some(id));
        let refused: Result<_> =
            world.db.write(async |tx| tx.data_keys().insert(&late, None, false).await).await;
        assert!(matches!(refused, Err(Error::Referenced)), "{refused:?}");
    }

    async fn a_rotation_that_another_node_was_faster_with_leaves_older_keys_all_the_same(world) {
        let organisation = Some(world.tenant("acme").await.organisation.id);
        let keys = [draw(world, organisation), draw(world, organisation), draw(world, organisation)];
        let done: Result<()> = world.db.write(async |tx| {
            tx.data_keys().insert(&keys[0], None, false).await?;
            tx.data_keys().insert(&keys[1], Some(keys[0].id), false).await?;
            let active = tx.data_keys().insert(&keys[2], Some(keys[0].id), true).await?;
            assert_eq!(active, keys[1].id);
            let states: Vec<_> = tx.reader().data_keys().list(organisation).await?;
            let states: Vec<_> = states.iter().map(|key| key.state).collect();
            assert_eq!(states, [DataKeyState::Resealing, DataKeyState::Active]);
            assert_eq!(tx.reader().vault_work().list().await?.len(), 1);
            Ok(())
        }).await;
        done.unwrap();
    }

    async fn emptied_keys_are_destroyed_and_an_organisations_keys_are_erased(world) {
        let tenant = world.tenant("acme").await;
        let organisation = tenant.organisation.id;
        let permit = world.permit(organisation);
        let (first, mut second) = (draw(world, Some(organisation)), draw(world, Some(organisation)));
        let connected = connection(world, organisation);
        let done: Result<()> = world.db.write(async |tx| {
            tx.data_keys().insert(&first, None, false).await?;
            tx.data_keys().insert(&second, Some(first.id), true).await?;
            let (resealing, empty) = (DataKeyState::Resealing, DataKeyState::Empty);
            let id = Some(organisation);
            assert!(!tx.data_keys().destroy(id, first.id).await?, "it may seal something");
            let at = world.time.now();
            assert!(!tx.data_keys().change_state(id, second.id, resealing, empty, at).await?);
            assert!(tx.data_keys().change_state(id, first.id, resealing, empty, at).await?);
            let emptied = tx.reader().data_keys().find(first.id).await?.unwrap();
            assert_eq!((emptied.state, emptied.emptied_at), (empty, Some(at)));
            assert!(tx.data_keys().destroy(id, first.id).await?);
            tx.kms_connections().connect(&permit, &connected).await?;
            Ok(())
        }).await;
        done.unwrap();
        second.id = Id::from_uuid(Uuid::from_u128(99));
        second.connection_id = Some(connected.id);
        let active = {
            let mut reader = world.db.read().await.unwrap();
            reader.data_keys().list(Some(organisation)).await.unwrap()[0].id
        };
        let done: Result<()> = world.db.write(async |tx| {
            tx.data_keys().insert(&second, Some(active), false).await?;
            assert_eq!(tx.data_keys().erase(organisation).await?, 2);
            assert_eq!(tx.reader().data_keys().list(Some(organisation)).await?, []);
            assert_eq!(tx.reader().kms_connections().list(organisation).await?, []);
            assert_eq!(tx.reader().vault_work().list().await?, []);
            Ok(())
        }).await;
        done.unwrap();
    }
}

/// A transaction that wrote keeps what is deleted since, also one of another database: folding waits
/// for its end.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_not_called_clean_while_somebody_may_still_see_a_deleted_key() {
    let other = Postgres::shared().fresh_database();
    for is_other in [false, true] {
        let world = &World::postgres().await;
        let tenant = world.tenant("acme").await;
        let key = draw(world, Some(tenant.organisation.id));
        let inserted = async |tx: &mut Tx| tx.data_keys().insert(&key, None, false).await;
        world.db.write(inserted).await.unwrap();
        let url = if is_other { &other } else { &world.url };
        let pool = sqlx::PgPool::connect(url).await.unwrap();
        let mut idle = pool.begin().await.unwrap();
        sqlx::query("SELECT pg_current_xact_id()::text").execute(&mut *idle).await.unwrap();
        world.db.erase_organisation(&scene(), &world.permit(tenant.organisation.id)).await.unwrap();
        let ended = async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            idle.rollback().await.unwrap();
        };
        let (folded, ()) = tokio::join!(world.db.fold(), ended);
        folded.unwrap();
        let files = files_of_data_keys(world).await;
        let lies = files.windows(key.wrapped.len()).any(|bytes| bytes == key.wrapped);
        assert!(!lies, "another database: {is_other}");
        pool.close().await;
        world.db.close().await;
    }
}

fn draw(world: &World, organisation: Option<OrganisationId>) -> DataKey {
    world.time.pass_millis(1);
    let id: DataKeyId = world.id();
    DataKey {
        id,
        organisation_id: organisation,
        wrapped: id.uuid().as_bytes().map(|byte| !byte).repeat(2),
        kms: "local".to_owned(),
        kms_key_id: "k1".to_owned(),
        state: DataKeyState::Active,
        uses: 0,
        connection_id: None,
        created_at: world.time.now(),
        retired_at: None,
        emptied_at: None,
    }
}

/// The bytes on the disk in which data keys lie.
async fn files_of_data_keys(world: &World) -> Vec<u8> {
    if let Some(path) = world.url.strip_prefix("sqlite://") {
        let wal = std::fs::read(format!("{path}-wal")).unwrap_or_default();
        return [std::fs::read(path).unwrap(), wal].concat();
    }
    let pool = sqlx::PgPool::connect(&world.url).await.unwrap();
    sqlx::query("CHECKPOINT").execute(&pool).await.unwrap();
    let sql = "SELECT pg_read_binary_file(pg_relation_filepath('data_keys'))";
    let bytes = sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap();
    pool.close().await;
    bytes
}

fn connection(world: &World, organisation: OrganisationId) -> KmsConnection {
    world.time.pass_millis(1);
    KmsConnection {
        id: world.id(),
        organisation_id: organisation,
        provider: "aws".to_owned(),
        key_id: "arn:aws:kms:us-east-1:111122223333:key/k".to_owned(),
        settings: under(Uuid::nil(), 1),
        state: KmsConnectionState::Active,
        verified_at: world.time.now(),
        created_at: world.time.now(),
    }
}

/// A value that names that data key.
fn under(key: Uuid, fill: u8) -> Sealed {
    let mut bytes = sealed(fill).as_bytes().to_vec();
    bytes[Sealed::DATA_KEY].copy_from_slice(key.as_bytes());
    Sealed::from_bytes(bytes).unwrap()
}
