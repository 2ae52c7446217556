//! Nothing outlives the right to it: data keys, what they opened, credentials for a KMS.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use portcullis_domain::{Sealed, Secret};
use portcullis_vault::{KmsFailure, KmsOperation, VaultEvent, VaultSettings};

use crate::support::{MINUTE, Setting, Stage, TestKms, organisation, place, settings};

const SECOND: i64 = MINUTE / 60;

/// Reads the value as a call does, which is to hold on to nothing.
async fn read(stage: &Stage, sealed: &Sealed, reads: &AtomicUsize) -> Weak<String> {
    let ring = stage.vault.key_ring(organisation(1)).await.unwrap();
    let parse = |opened: &Secret<Vec<u8>>| {
        reads.fetch_add(1, Ordering::Relaxed);
        String::from_utf8(opened.danger_expose().clone())
    };
    let said = ring.read(&place(1), sealed, parse).ok().unwrap();
    assert_eq!(*said, "canary");
    Arc::downgrade(&said)
}

#[tokio::test]
async fn what_a_ring_opened_goes_with_it() {
    let stage = Stage::new();
    let sealed = stage.vault.seal(&place(1), b"canary").await.unwrap();
    let reads = AtomicUsize::new(0);
    let kept = read(&stage, &sealed, &reads).await;
    read(&stage, &sealed, &reads).await;
    assert_eq!(reads.load(Ordering::Relaxed), 1, "once for as long as the ring lives");
    assert!(kept.upgrade().is_some());

    // Loaded anew in the background, as a node in use does: the KMS was asked, the old ring is gone.
    stage.clock.advance(4 * MINUTE + 15 * SECOND);
    read(&stage, &sealed, &reads).await;
    stage.vault.refresh_due().await;
    assert!(kept.upgrade().is_none(), "it outlived its ring");
    let kept = read(&stage, &sealed, &reads).await;
    assert_eq!(reads.load(Ordering::Relaxed), 2);

    // The key is disabled: at the end of the lifetime at the latest, nothing is left of it.
    stage.kms.fail(Some(KmsFailure::Disabled));
    stage.clock.advance(5 * MINUTE);
    assert!(stage.vault.key_ring(organisation(1)).await.is_err());
    assert!(kept.upgrade().is_none(), "it outlived the right to it");
    assert!(stage.vault.cached(organisation(1)).is_none());

    // Nobody asks any more: it is forgotten with the ring.
    stage.kms.fail(None);
    stage.clock.advance(MINUTE);
    let kept = read(&stage, &sealed, &reads).await;
    stage.clock.advance(20 * MINUTE);
    stage.vault.maintain().await;
    assert!(kept.upgrade().is_none());
}

#[tokio::test]
async fn without_a_lifetime_every_use_asks_the_kms_and_nothing_is_kept() {
    let settings = VaultSettings { lifetime: Duration::ZERO, grace: Duration::ZERO, ..settings() };
    let stage = Stage::with(Setting { settings, ..Setting::default() });
    let sealed = stage.vault.seal(&place(1), b"canary").await.unwrap();
    let (reads, before) = (AtomicUsize::new(0), stage.kms.unwraps());
    for n in 1..=5 {
        assert!(stage.vault.cached(organisation(1)).is_none());
        read(&stage, &sealed, &reads).await;
        assert_eq!((reads.load(Ordering::Relaxed), stage.kms.unwraps() - before), (n, n));
    }
    // From one call to the next, on the same instant.
    stage.kms.fail(Some(KmsFailure::Disabled));
    let refused = stage.vault.key_ring(organisation(1)).await.err().unwrap();
    assert_eq!(refused.kms_failure(), Some(KmsFailure::Disabled));
    assert_eq!(stage.vault.stats().rings, 0);
}

#[tokio::test]
async fn without_a_lifetime_those_who_wait_share_the_next_answer() {
    let settings = VaultSettings { lifetime: Duration::ZERO, ..settings() };
    let stage = Stage::with(Setting { settings, ..Setting::default() });
    stage.vault.key_ring(organisation(1)).await.unwrap();
    let before = stage.kms.unwraps();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let vault = Arc::clone(&stage.vault);
        calls.spawn(async move { vault.key_ring(organisation(1)).await.map(drop) });
    }
    while !calls.is_empty() {
        stage.clock.advance(1);
        tokio::task::yield_now().await;
        while let Some(call) = calls.try_join_next() {
            call.unwrap().unwrap();
        }
    }
    // The one that was under way when they came, and one for all that waited.
    let asked = stage.kms.unwraps() - before;
    assert!((1..=3).contains(&asked), "asked {asked} times for 50 calls");
}

#[tokio::test]
async fn a_key_that_is_taken_away_within_the_grace_serves_nobody_who_comes_later() {
    let stage = Stage::new();
    let sealed = stage.vault.seal(&place(1), b"canary").await.unwrap();
    stage.kms.fail(Some(KmsFailure::Throttled));
    stage.clock.advance(5 * MINUTE);
    stage.reads(&place(1), &sealed).await;
    // Nobody calls. The KMS answers again after a minute, and refuses.
    for second in 0..120 {
        if second == 60 {
            stage.kms.fail(Some(KmsFailure::Disabled));
        }
        stage.clock.advance(SECOND);
        stage.vault.refresh_due().await;
    }
    let refused = stage.vault.open(&place(1), &sealed).await.err().unwrap();
    assert_eq!(refused.kms_failure(), Some(KmsFailure::Disabled), "{refused}");
    // One that is well again is left alone until somebody asks.
    let stage = Stage::new();
    stage.vault.key_ring(organisation(1)).await.unwrap();
    stage.kms.fail(Some(KmsFailure::Throttled));
    stage.clock.advance(5 * MINUTE);
    stage.vault.key_ring(organisation(1)).await.unwrap();
    stage.kms.fail(None);
    let before = stage.kms.unwraps();
    for _ in 0..600 {
        stage.clock.advance(SECOND);
        stage.vault.refresh_due().await;
    }
    assert_eq!(stage.kms.unwraps() - before, 1);
}

#[tokio::test]
async fn a_key_that_proves_well_ends_the_grace() {
    let stage = Stage::new();
    let sealed = stage.vault.seal(&place(1), b"canary").await.unwrap();
    stage.kms.fail(Some(KmsFailure::Unreachable));
    stage.clock.advance(5 * MINUTE);
    stage.reads(&place(1), &sealed).await;
    stage.kms.fail(None);
    stage.vault.verify(organisation(1)).await.unwrap();
    // Disabled a moment later: the lifetime counts from the verification, and there is no grace.
    stage.kms.fail(Some(KmsFailure::Disabled));
    stage.clock.advance(5 * MINUTE);
    assert!(stage.vault.cached(organisation(1)).is_none());
    assert!(stage.vault.open(&place(1), &sealed).await.is_err());
}

#[tokio::test]
async fn a_refusal_of_a_key_that_was_left_meanwhile_drops_nothing() {
    let stage = Stage::new();
    let (left, new) = (TestKms::new(2), TestKms::new(3));
    stage.connect(1, &left).await;
    stage.work().await;
    let sealed = stage.vault.seal(&place(1), b"canary").await.unwrap();
    let mut verify = std::pin::pin!(stage.vault.verify(organisation(1)));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    // It is asking its key when another is connected and taken into use.
    let before = left.unwraps();
    while left.unwraps() == before {
        assert!(verify.as_mut().poll(&mut context).is_pending());
    }
    stage.connect(1, &new).await;
    stage.vault.reload(organisation(1)).await.unwrap();
    stage.work().await;
    stage.vault.reload(organisation(1)).await.unwrap();
    left.fail(Some(KmsFailure::Disabled));
    assert!(verify.await.is_err());
    assert!(stage.vault.cached(organisation(1)).is_some(), "the new key's ring was dropped");
    stage.reads(&place(1), &sealed).await;
}

#[tokio::test]
async fn the_client_of_a_key_that_was_left_is_dropped_with_its_credentials() {
    let stage = Stage::new();
    let (first, second) = (TestKms::new(2), TestKms::new(3));
    let unused = Arc::strong_count(&first);
    for kms in [&first, &second] {
        stage.connect(1, kms).await;
        stage.vault.reload(organisation(1)).await.unwrap();
        stage.work().await;
    }
    stage.vault.reload(organisation(1)).await.unwrap();
    // The factory of these tests has one.
    assert_eq!(Arc::strong_count(&first), unused + 1);
    assert!(Arc::strong_count(&second) > unused + 1);
    stage.vault.forget(organisation(1));
    assert_eq!(Arc::strong_count(&second), unused + 1);
}

#[tokio::test]
async fn data_keys_that_were_destroyed_elsewhere_are_dropped() {
    let stage = Stage::new();
    let ours = Arc::downgrade(&stage.vault.key_ring(organisation(1)).await.unwrap());
    let theirs = Arc::downgrade(&stage.vault.key_ring(organisation(2)).await.unwrap());
    stage.store.inner.erase(organisation(1).unwrap());
    stage.vault.maintain().await;
    assert!(ours.upgrade().is_none());
    assert!(theirs.upgrade().is_some());
}

#[tokio::test]
async fn every_call_of_a_key_that_is_tried_out_is_told() {
    let stage = Stage::new();
    let kms = TestKms::new(2);
    stage.vault.look_at(&*kms, organisation(1)).await.unwrap();
    stage.vault.try_out(&*kms, organisation(1)).await.unwrap();
    kms.fail(Some(KmsFailure::Denied));
    assert!(stage.vault.try_out(&*kms, organisation(1)).await.is_err());
    let told: Vec<_> = std::mem::take(&mut *stage.events.0.lock().unwrap())
        .into_iter()
        .map(|event| match event {
            VaultEvent::KmsCalled(call) => {
                assert_eq!(call.organisation, organisation(1));
                (call.operation, call.outcome)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    use KmsOperation::{Describe, Generate, Unwrap, Wrap};
    let fine = [Describe, Describe, Generate, Wrap, Unwrap, Unwrap].map(|it| (it, Ok(())));
    assert_eq!(told[..6], fine);
    assert_eq!(told[6..], [(Describe, Err(KmsFailure::Denied))]);
}
