//! The unit of work: all or nothing, conflicts run again, readers see commits.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use portcullis_domain::{DataKeyId, OrganisationId};
use portcullis_store::{DataKey, DataKeyState, Db, Error, Options, Result};
use tokio::task::JoinSet;

use crate::support::{World, on_both_engines, scene};

on_both_engines! {
    async fn concurrent_read_modify_writes_lose_nothing(world) {
        let tenant = world.tenant("acme").await;
        let (id, organisation) = (world.id(), tenant.organisation.id);
        let key = DataKey {
            id,
            organisation_id: Some(organisation),
            wrapped: Vec::new(),
            kms: "local".to_owned(),
            kms_key_id: "0".to_owned(),
            state: DataKeyState::Active,
            uses: 0,
            created_at: tenant.organisation.created_at,
            connection_id: None,
            retired_at: None,
            emptied_at: None,
        };
        let done: Result<_> =
            world.db.write(async |tx| tx.data_keys().insert(&key, None, false).await).await;
        done.unwrap();
        // Each reads the count, and takes one only while fewer than a hundred are taken.
        let mut tasks = JoinSet::new();
        for _ in 0..64 {
            let db = world.db.clone();
            tasks.spawn(async move {
                let mut granted = 0;
                for _ in 0..4 {
                    granted += u64::from(take_one(&db, organisation, id).await.unwrap());
                }
                granted
            });
        }
        let granted: u64 = tasks.join_all().await.into_iter().sum();
        let mut reader = world.db.read().await.unwrap();
        let uses = reader.data_keys().find(id).await.unwrap().unwrap().uses;
        assert_eq!((granted, uses), (100, 100));
    }

    async fn a_dropped_transaction_leaves_nothing(world) {
        let a = world.draw_tenant("acme");
        let permit = world.permit(a.organisation.id);
        let stuck = world.act(async |act| {
            act.insert(&permit, &a.organisation).await?;
            std::future::pending::<Result<()>>().await
        });
        let cut = tokio::time::timeout(Duration::from_millis(100), stuck).await;
        assert!(cut.is_err());
        world.add(&a).await;
        assert_eq!(world.db.read().await.unwrap().organisations().count().await.unwrap(), 1);
    }

    async fn who_is_apart_waits_for_nobody_and_is_told_at_once(world) {
        let apart = world.db.apart(1, None);
        let mut changes = apart.listen().await.unwrap();
        let a = world.tenant("acme").await;
        let told = tokio::time::timeout(Duration::from_millis(300), changes.changed()).await;
        assert!(told.is_ok());
        let mut taken = Vec::new();
        while let Ok(reader) =
            tokio::time::timeout(Duration::from_millis(200), world.db.read()).await
        {
            taken.push(reader.unwrap());
        }
        let mut reader = apart.read().await.unwrap();
        let found = reader.organisations().find(a.organisation.id).await.unwrap();
        assert_eq!(found, Some(a.organisation));
        drop((taken, reader, changes));
        apart.close().await;
    }

    async fn another_process_reads_what_was_committed(world) {
        let other = world.another().await;
        let mut changes = other.listen().await.unwrap();
        let a = world.tenant("acme").await;
        let told = tokio::time::timeout(Duration::from_secs(10), changes.changed()).await;
        assert!(told.is_ok());
        let mut reader = other.read().await.unwrap();
        let found = reader.organisations().find(a.organisation.id).await.unwrap();
        assert_eq!(found, Some(a.organisation));
        drop(reader);
        drop(changes);
        other.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_serialisation_failure_runs_the_work_again() {
    let world = World::postgres().await;
    let a = world.tenant("acme").await;
    let permit = &world.permit(a.organisation.id);
    let mut theirs = a.organisation.clone();
    theirs.name = "theirs".to_owned();
    let runs = AtomicU32::new(0);
    let read: Result<String> = world
        .act(async |act| {
            let before = act.organisations().find(a.organisation.id).await?.unwrap();
            if runs.fetch_add(1, Ordering::Relaxed) == 0 {
                let between = world
                    .act(async |act| act.update(permit, &a.organisation, theirs.clone()).await);
                between.await?;
            }
            let mut ours = before.clone();
            ours.name = "ours".to_owned();
            act.update(permit, &before, ours).await?;
            Ok(before.name)
        })
        .await;
    // What was read the first time was thrown away with the transaction.
    assert_eq!(read.unwrap(), "theirs");
    assert_eq!(runs.load(Ordering::Relaxed), 2);
    let mut reader = world.db.read().await.unwrap();
    let found = reader.organisations().find(a.organisation.id).await.unwrap();
    assert_eq!(found.unwrap().name, "ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_file_is_waited_for_and_given_up_in_the_end() {
    let world = World::sqlite().await;
    let a = world.draw_tenant("acme");
    let permit = &world.permit(a.organisation.id);
    let mut options = Options::new(world.time.clone());
    options.wait = Duration::from_millis(10);
    options.retry = Duration::from_secs(5);
    let patient = Db::connect(&world.url, options.clone()).await.unwrap();
    options.retry = Duration::ZERO;
    let hasty = Db::connect(&world.url, options).await.unwrap();
    let (held, release) = (tokio::sync::Notify::new(), tokio::sync::Notify::new());
    let holder = async {
        let done: Result<()> = world
            .db
            .write(async |_| {
                held.notify_one();
                release.notified().await;
                Ok(())
            })
            .await;
        done.unwrap();
    };
    let others = async {
        held.notified().await;
        let given_up: Result<()> =
            hasty.act(&scene(), async |act| act.insert(permit, &a.organisation).await).await;
        assert!(matches!(given_up, Err(Error::Busy)), "{given_up:?}");
        let release_later = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            release.notify_one();
        };
        let ours = scene();
        let waiting = patient.act(&ours, async |act| act.insert(permit, &a.organisation).await);
        let (done, ()): (Result<()>, ()) = tokio::join!(waiting, release_later);
        done.unwrap();
    };
    tokio::join!(holder, others);
}

async fn take_one(db: &Db, organisation: OrganisationId, id: DataKeyId) -> Result<bool> {
    db.write(async |tx| {
        let key = tx.reader().data_keys().find(id).await?.ok_or(Error::ForeignPlace)?;
        if key.uses >= 100 {
            return Ok(false);
        }
        tx.data_keys().add_uses(Some(organisation), id, 1).await
    })
    .await
}
