//! KMS and database misbehave.

use std::sync::Arc;

use portcullis_vault::{KmsFailure, VaultError};

use crate::support::{Fails, MINUTE, Stage, organisation, place};

#[tokio::test]
async fn an_unreachable_kms_is_bridged_for_the_grace_and_no_longer() {
    for failure in [KmsFailure::Unreachable, KmsFailure::Throttled] {
        let stage = Stage::new();
        let sealed = stage.vault.seal(&place(1), b"canary").await.unwrap();
        stage.kms.fail(Some(failure));
        // Lifetime 5 minutes, grace 15.
        for _ in 0..19 {
            stage.clock.advance(MINUTE);
            stage.reads(&place(1), &sealed).await;
        }
        stage.clock.advance(MINUTE);
        let error = stage.vault.open(&place(1), &sealed).await.err().unwrap();
        assert!(matches!(&error, VaultError::Kms(e) if e.failure == failure), "{error}");
        assert!(stage.vault.cached(organisation(1)).is_none());

        stage.kms.fail(None);
        stage.clock.advance(MINUTE);
        stage.reads(&place(1), &sealed).await;
    }
}

#[tokio::test]
async fn a_refusing_kms_closes_the_vault_at_once() {
    for failure in [KmsFailure::Denied, KmsFailure::Disabled] {
        let stage = Stage::new();
        let sealed = stage.vault.seal(&place(1), b"canary").await.unwrap();
        stage.kms.fail(Some(failure));
        stage.clock.advance(5 * MINUTE);
        let error = stage.vault.open(&place(1), &sealed).await.err().unwrap();
        assert!(matches!(&error, VaultError::Kms(e) if e.failure == failure), "{error}");
        // No grace later either.
        stage.kms.fail(Some(KmsFailure::Unreachable));
        stage.clock.advance(MINUTE);
        assert!(stage.vault.open(&place(1), &sealed).await.is_err());

        stage.kms.fail(None);
        stage.clock.advance(MINUTE);
        stage.reads(&place(1), &sealed).await;
    }
}

#[tokio::test]
async fn a_failing_kms_is_not_stormed() {
    let stage = Stage::new();
    stage.vault.key_ring(organisation(1)).await.unwrap();
    stage.kms.fail(Some(KmsFailure::Throttled));
    stage.clock.advance(5 * MINUTE);
    let before = stage.kms.unwraps();
    // A minute with a thousand calls.
    for _ in 0..1000 {
        stage.vault.key_ring(organisation(1)).await.unwrap();
        stage.clock.advance(MINUTE / 1000);
    }
    let asked = stage.kms.unwraps() - before;
    assert!((4..=9).contains(&asked), "asked {asked} times");

    let stage = Stage::new();
    stage.kms.fail(Some(KmsFailure::Denied));
    for _ in 0..100 {
        assert!(stage.vault.key_ring(organisation(1)).await.is_err());
    }
    assert_eq!(stage.kms.contexts.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_database_outage_does_not_close_a_vault_that_knows_its_keys() {
    let stage = Stage::new();
    let sealed = stage.vault.seal(&place(1), b"canary").await.unwrap();
    stage.store.fail(Fails::Always);
    for _ in 0..100 {
        stage.clock.advance(5 * MINUTE);
        stage.reads(&place(1), &sealed).await;
    }
    let error = stage.vault.key_ring(organisation(2)).await.err().unwrap();
    assert!(matches!(error, VaultError::Store(_)), "{error}");
}

#[tokio::test]
async fn keys_that_nobody_asks_for_are_dropped() {
    let stage = Stage::new();
    let ring = Arc::downgrade(&stage.vault.key_ring(organisation(1)).await.unwrap());
    stage.clock.advance(20 * MINUTE - 1);
    stage.vault.maintain().await;
    assert!(ring.upgrade().is_some());
    stage.clock.advance(1);
    stage.vault.maintain().await;
    assert!(ring.upgrade().is_none());
}

#[tokio::test]
async fn a_cancelled_load_leaves_the_way_free() {
    let stage = Stage::new();
    assert!(is_cut_off(stage.vault.key_ring(organisation(1))), "it was done at once");
    stage.vault.key_ring(organisation(1)).await.unwrap();
}

/// Polls once and drops, as when a client hangs up; says whether that cut it off.
fn is_cut_off<T>(future: impl Future<Output = T>) -> bool {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    future.as_mut().poll(&mut context).is_pending()
}
