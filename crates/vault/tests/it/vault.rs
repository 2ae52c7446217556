//! Loading and caching.

use std::{sync::Arc, time::Duration};

use portcullis_domain::Sealed;
use portcullis_vault::{Author, DataKeyState, DataKeyStore, KmsOperation, VaultSettings};

use crate::support::{MINUTE, Setting, Stage, organisation, place};

#[tokio::test]
async fn a_ring_is_cached_for_its_lifetime() {
    let stage = Stage::new();
    assert!(stage.vault.cached(organisation(1)).is_none());
    let ring = stage.vault.key_ring(organisation(1)).await.unwrap();
    stage.clock.advance(5 * MINUTE - 1);
    assert!(Arc::ptr_eq(&ring, &stage.vault.cached(organisation(1)).unwrap()));
    assert!(stage.vault.cached(organisation(2)).is_none());
    stage.clock.advance(1);
    assert!(stage.vault.cached(organisation(1)).is_none());
    let sealed = ring.seal(&place(1), b"canary").unwrap();
    stage.reads(&place(1), &sealed).await;
    assert_eq!(stage.kms.unwraps(), 2);
}

#[tokio::test]
async fn a_clock_that_steps_back_prolongs_nothing() {
    let stage = Stage::new();
    stage.vault.key_ring(organisation(1)).await.unwrap();
    stage.clock.advance(-60 * MINUTE);
    assert!(stage.vault.cached(organisation(1)).is_none());
}

#[tokio::test]
async fn without_a_lifetime_every_use_asks_the_kms() {
    let settings = VaultSettings { lifetime: Duration::ZERO, ..VaultSettings::default() };
    let stage = Stage::with(Setting { settings, ..Setting::default() });
    let sealed = stage.vault.seal(&place(1), b"canary").await.unwrap();
    stage.reads(&place(1), &sealed).await;
    stage.reads(&place(1), &sealed).await;
    assert_eq!(stage.kms.unwraps(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_cause_one_unwrap() {
    let stage = Stage::new();
    let callers: Vec<_> = (0..200)
        .map(|_| {
            let vault = stage.vault.clone();
            async move { vault.key_ring(organisation(1)).await.is_ok() }
        })
        .collect();
    let mut tasks = tokio::task::JoinSet::new();
    for caller in callers {
        tasks.spawn(caller);
    }
    assert!(tasks.join_all().await.into_iter().all(|loaded| loaded));
    assert_eq!(stage.kms.unwraps(), 1);
}

#[tokio::test]
async fn racing_nodes_agree_on_one_active_key() {
    let stages: Vec<_> =
        std::iter::successors(Some(Stage::new()), |first| Some(first.another_node()))
            .take(4)
            .collect();
    let home = place(1);
    let (one, two, three, four) = tokio::join!(
        stages[0].vault.seal(&home, b"canary"),
        stages[1].vault.seal(&home, b"canary"),
        stages[2].vault.seal(&home, b"canary"),
        stages[3].vault.seal(&home, b"canary"),
    );
    let keys = stages[0].store.inner.list(organisation(1)).await.unwrap().keys;
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0].state, DataKeyState::Active);
    for sealed in [one, two, three, four] {
        let sealed: Sealed = sealed.unwrap();
        for stage in &stages {
            stage.reads(&place(1), &sealed).await;
        }
    }
}

#[tokio::test]
async fn the_kms_hears_only_ids() {
    let stage = Stage::new();
    stage.vault.seal(&place(1), b"canary").await.unwrap();
    stage.vault.key_ring(None).await.unwrap();
    let asked = stage.kms.asked.lock().unwrap();
    let heard: Vec<_> = asked.iter().flat_map(|(_, context)| context.pairs()).collect();
    let id = organisation(1).unwrap().to_string();
    for (name, value) in &heard {
        match *name {
            "organisation" => assert!(*value == id || value == "instance", "{value}"),
            "purpose" => assert_eq!(value, "sealed-fields"),
            other => panic!("{other} is neither"),
        }
    }
    assert_eq!(heard.len(), 2 * 4, "generating and unwrapping, for two");
    drop(asked);
    assert_eq!(stage.kms.asks(KmsOperation::Wrap), 0, "the KMS makes data keys itself");
}

#[tokio::test]
async fn uses_are_counted_and_persisted() {
    let stage = Stage::new();
    for _ in 0..5 {
        stage.vault.seal(&place(1), b"x").await.unwrap();
    }
    assert_eq!(stage.status().await[0].data_keys[0].uses, 5);
    stage.vault.maintain().await;
    stage.vault.maintain().await;
    assert_eq!(stage.store.inner.list(organisation(1)).await.unwrap().keys[0].uses, 5);
    stage.vault.seal(&place(1), b"x").await.unwrap();
    stage.clock.advance(5 * MINUTE);
    stage.vault.seal(&place(1), b"x").await.unwrap();
    assert_eq!(stage.status().await[0].data_keys[0].uses, 7);
}

#[tokio::test]
async fn status_tells_of_every_organisation() {
    let stage = Stage::new();
    stage.vault.key_ring(organisation(1)).await.unwrap();
    stage.vault.key_ring(None).await.unwrap();
    stage.clock.advance(3 * MINUTE);
    let id = stage.vault.rotate(organisation(1), &Author::system()).await.unwrap();
    stage.clock.advance(3 * MINUTE);
    let status = stage.status().await;
    let [instance, one] = &status[..] else { panic!("{status:?}") };
    assert_eq!((instance.organisation, one.organisation), (None, organisation(1)));
    assert_eq!((instance.cached, one.cached), (false, true));
    let keys: Vec<_> = one.data_keys.iter().map(|key| (key.state, key.age.as_secs())).collect();
    assert_eq!(keys, [(DataKeyState::Resealing, 360), (DataKeyState::Active, 180)]);
    assert_eq!(one.data_keys[1].id, id);
    assert_eq!(one.data_keys[1].kms_key_id, one.kms_key_id);
    assert_eq!(one.kms_key.as_ref().unwrap().as_ref().unwrap().origin, "a test");
}

#[tokio::test]
async fn a_forgotten_organisation_leaves_no_keys_behind() {
    let stage = Stage::new();
    stage.vault.key_ring(organisation(1)).await.unwrap();
    stage.vault.key_ring(organisation(2)).await.unwrap();
    stage.vault.forget(organisation(1));
    assert!(stage.vault.cached(organisation(1)).is_none());
    assert!(stage.vault.cached(organisation(2)).is_some());
}
