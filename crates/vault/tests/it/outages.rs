//! KMS and database misbehave.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use portcullis_vault::{
    Author, EncryptionContext, KmsFailure, KmsOperation, VaultError, VaultEvent, VaultSettings,
};

use crate::support::{Fails, MINUTE, Setting, Stage, TestKms, organisation, place};

const SECOND: i64 = MINUTE / 60;

/// Minutes of a node whose background is at work, with a call in each second.
async fn minutes(stage: &Stage, count: i64, sealed: &portcullis_domain::Sealed) -> Vec<VaultError> {
    let mut failed = Vec::new();
    for _ in 0..count * 60 {
        stage.clock.advance(SECOND);
        stage.vault.refresh_due().await;
        failed.extend(stage.vault.open(&place(1), sealed).await.err());
    }
    failed
}

fn outages() -> impl Iterator<Item = KmsFailure> {
    KmsFailure::ALL.iter().copied().filter(|failure| failure.is_transient())
}

fn refusals() -> impl Iterator<Item = KmsFailure> {
    KmsFailure::ALL.iter().copied().filter(|failure| !failure.is_transient())
}

#[tokio::test]
async fn an_outage_is_bridged_for_the_grace_and_no_longer() {
    for failure in outages() {
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
async fn under_load_no_call_fails_within_the_grace_and_only_that_organisations_after_it() {
    // The other organisation has a key of its own, in a KMS that is well.
    let stage = Stage::new();
    let other = TestKms::new(2);
    stage.connect(2, &other).await;
    stage.work().await;
    let ours = stage.vault.seal(&place(1), b"canary").await.unwrap();
    let theirs = stage.vault.seal(&place(2), b"canary").await.unwrap();
    assert_eq!(minutes(&stage, 7, &ours).await.len(), 0);
    stage.kms.fail(Some(KmsFailure::Unreachable));
    // The last refresh is up to 4:10 old, lifetime and grace are 20 minutes: some 16 are left.
    assert_eq!(minutes(&stage, 15, &ours).await.len(), 0);
    minutes(&stage, 6, &ours).await;
    let failed = minutes(&stage, 1, &ours).await;
    assert_eq!(failed.len(), 60);
    let is_stated = |e: &VaultError| e.kms_failure() == Some(KmsFailure::Unreachable);
    assert!(failed.iter().all(is_stated), "{failed:?}");
    stage.reads(&place(2), &theirs).await;

    stage.kms.fail(None);
    minutes(&stage, 1, &ours).await;
    assert_eq!(minutes(&stage, 1, &ours).await.len(), 0, "healed without a restart");
}

#[tokio::test]
async fn a_refusing_kms_closes_the_vault_at_once() {
    for failure in refusals() {
        let stage = Stage::new();
        let sealed = stage.vault.seal(&place(1), b"canary").await.unwrap();
        stage.kms.fail(Some(failure));
        stage.clock.advance(5 * MINUTE);
        let error = stage.vault.open(&place(1), &sealed).await.err().unwrap();
        assert!(matches!(&error, VaultError::Kms(e) if e.failure == failure), "{error}");
        let dropped = VaultEvent::DataKeysDropped { organisation: organisation(1), failure };
        assert!(stage.events.0.lock().unwrap().contains(&dropped));
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
async fn a_disabled_key_is_noticed_within_the_lifetime_though_it_is_in_use() {
    let stage = Stage::new();
    let sealed = stage.vault.seal(&place(1), b"canary").await.unwrap();
    minutes(&stage, 9, &sealed).await;
    stage.kms.fail(Some(KmsFailure::Disabled));
    minutes(&stage, 5, &sealed).await;
    let error = stage.vault.open(&place(1), &sealed).await.err().unwrap();
    assert_eq!(error.kms_failure(), Some(KmsFailure::Disabled));
    stage.kms.fail(None);
    minutes(&stage, 1, &sealed).await;
    stage.reads(&place(1), &sealed).await;
}

#[tokio::test]
async fn the_background_asks_for_what_is_used_only_and_in_time() {
    let stage = Stage::new();
    let sealed = stage.vault.seal(&place(1), b"canary").await.unwrap();
    stage.vault.key_ring(organisation(2)).await.unwrap();
    let before = stage.kms.unwraps();
    assert_eq!(minutes(&stage, 60, &sealed).await.len(), 0);
    let misses = stage.vault.stats().cache_misses;
    assert_eq!(misses, 2, "no call waited for the KMS");
    // Every 200 s, give or take a quarter.
    let asked = stage.kms.unwraps() - before;
    assert!((14..=24).contains(&asked), "{asked}");
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
        stage.vault.refresh_due().await;
        stage.clock.advance(MINUTE / 1000);
    }
    let asked = stage.kms.unwraps() - before;
    assert!((4..=9).contains(&asked), "asked {asked} times");

    let stage = Stage::new();
    stage.kms.fail(Some(KmsFailure::Denied));
    for _ in 0..100 {
        assert!(stage.vault.key_ring(organisation(1)).await.is_err());
    }
    assert_eq!(stage.kms.asked.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_kms_that_does_not_answer_holds_up_one_call_only() {
    struct Silent;
    impl portcullis_vault::Kms for Silent {
        fn name(&self) -> &'static str {
            "silent"
        }
        fn key_id(&self) -> &str {
            "k"
        }
        fn generate(
            &self,
            _: EncryptionContext,
        ) -> portcullis_vault::KmsFuture<'_, portcullis_vault::GeneratedKey> {
            Box::pin(std::future::pending())
        }
        fn wrap<'a>(
            &'a self,
            _: EncryptionContext,
            _: &'a portcullis_domain::Secret<Vec<u8>>,
        ) -> portcullis_vault::KmsFuture<'a, Vec<u8>> {
            Box::pin(std::future::pending())
        }
        fn unwrap<'a>(
            &'a self,
            _: EncryptionContext,
            _: &'a [u8],
        ) -> portcullis_vault::KmsFuture<'a, portcullis_domain::Secret<Vec<u8>>> {
            Box::pin(std::future::pending())
        }
        fn describe(&self) -> portcullis_vault::KmsFuture<'_, portcullis_vault::KmsDescription> {
            Box::pin(std::future::pending())
        }
    }
    let stage = Stage::new();
    let parts = portcullis_vault::VaultParts {
        kms: Arc::new(Silent),
        former_kms: Vec::new(),
        factory: stage.factory.clone(),
        keys: stage.store.clone(),
        sealed: stage.store.clone(),
        observer: stage.events.clone(),
        clock: stage.clock.clone(),
        dice: Arc::new(crate::support::Random),
    };
    let vault = portcullis_vault::Vault::new(parts, VaultSettings::default());
    let begun = tokio::time::Instant::now();
    let error = vault.key_ring(organisation(1)).await.err().unwrap();
    assert_eq!(error.kms_failure(), Some(KmsFailure::Unreachable));
    assert_eq!(begun.elapsed(), Duration::from_secs(10));
    // From here on whoever comes while somebody tries hears at once.
    stage.clock.advance(MINUTE);
    let (tried, told) = tokio::join!(vault.key_ring(organisation(1)), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let begun = tokio::time::Instant::now();
        assert!(vault.key_ring(organisation(1)).await.is_err());
        begun.elapsed()
    });
    assert!(tried.is_err());
    assert_eq!(told, Duration::ZERO);
    let stats = vault.stats();
    let kms = &stats.kms[&("silent", KmsOperation::Generate)];
    assert_eq!(kms.failed[&KmsFailure::Unreachable], 2);
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
    assert_eq!(stage.vault.stats().rings, 0);
}

#[tokio::test]
async fn the_keys_in_memory_are_locked_there_one_by_one() {
    let stage = Stage::with(Setting::default());
    stage.vault.key_ring(organisation(1)).await.unwrap();
    stage.vault.rotate(organisation(1), &Author::system()).await.unwrap();
    let stats = stage.vault.stats();
    assert_eq!((stats.rings, stats.data_keys), (1, 2));
    // The usual limit is far above what these two need.
    assert_eq!(stats.data_keys_unlocked, 0);
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

#[tokio::test]
async fn a_call_that_nobody_waits_for_any_more_is_told() {
    let stage = Stage::new();
    let sealed = stage.vault.seal(&place(1), b"canary").await.unwrap();
    let node = stage.another_node();
    node.kms.hangs.store(true, Ordering::Relaxed);
    let waited = Duration::from_millis(20);
    let opened = tokio::time::timeout(waited, node.vault.open(&place(1), &sealed)).await;
    assert!(opened.is_err());
    let events = node.events.0.lock().unwrap();
    let [VaultEvent::KmsCalled(call)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(call.operation, KmsOperation::Unwrap);
    assert_eq!(call.outcome, Err(KmsFailure::Abandoned));
}

#[tokio::test]
async fn a_lost_key_is_looked_for_less_and_less_often() {
    let stage = Stage::new();
    let (lost, old) = stage.leave_behind(KmsFailure::NotFound).await;
    let node = stage.another_node();
    node.vault.rotate(organisation(1), &Author::system()).await.unwrap();
    let before = lost.unwraps();
    for _ in 0..300 {
        node.clock.advance(SECOND);
        assert!(node.vault.open(&place(1), &old).await.is_err());
    }
    let asked = lost.unwraps() - before;
    assert!((5..25).contains(&asked), "{asked}");
    lost.fail(None);
    node.clock.advance(MINUTE);
    node.reads(&place(1), &old).await;
}

#[tokio::test]
async fn where_a_keys_versions_can_be_closed_each_data_key_is_shown_to_unwrap() {
    for (has_versions, expected) in [(false, 1), (true, 2)] {
        let stage = Stage::new();
        stage.kms.has_versions.store(has_versions, Ordering::Relaxed);
        stage.vault.seal(&place(1), b"canary").await.unwrap();
        stage.vault.rotate(organisation(1), &Author::system()).await.unwrap();
        let before = stage.kms.unwraps();
        stage.vault.reload(organisation(1)).await.unwrap();
        assert_eq!(stage.kms.unwraps() - before, expected);
    }
}

#[tokio::test]
async fn that_a_key_is_well_again_is_seen_though_nobody_asks() {
    let stage = Stage::new();
    stage.vault.seal(&place(1), b"canary").await.unwrap();
    stage.kms.fail(Some(KmsFailure::Disabled));
    stage.clock.advance(6 * MINUTE);
    assert!(stage.vault.key_ring(organisation(1)).await.is_err());
    // Once more for whoever asked.
    stage.clock.advance(MINUTE);
    stage.vault.refresh_due().await;
    let asked = stage.kms.unwraps();
    for _ in 0..4 {
        stage.clock.advance(MINUTE);
        stage.vault.refresh_due().await;
    }
    assert_eq!(stage.kms.unwraps(), asked, "not all the time");
    assert!(stage.vault.failure(organisation(1)).is_some());
    stage.kms.fail(None);
    stage.clock.advance(7 * MINUTE);
    stage.vault.refresh_due().await;
    assert!(stage.vault.failure(organisation(1)).is_none());
}

#[tokio::test]
async fn without_a_lifetime_a_former_key_that_is_away_is_left_alone_too() {
    let settings = VaultSettings { lifetime: Duration::ZERO, ..VaultSettings::default() };
    let stage = Stage::with(Setting { settings, ..Setting::default() });
    let (former, old) = stage.leave_behind(KmsFailure::Unreachable).await;
    stage.work().await;
    stage.vault.rotate(organisation(1), &Author::system()).await.unwrap();
    let fresh = stage.vault.seal(&place(1), b"canary").await.unwrap();
    stage.clock.advance(60 * MINUTE);
    let before = former.unwraps();
    for _ in 0..100 {
        stage.reads(&place(1), &fresh).await;
        assert!(stage.vault.open(&place(1), &old).await.is_err());
    }
    let asked = former.unwraps() - before;
    assert!(asked <= 2, "{asked}");
}

#[tokio::test]
async fn an_erased_organisations_kms_is_asked_no_more() {
    let stage = Stage::new();
    stage.vault.seal(&place(1), b"canary").await.unwrap();
    stage.kms.fail(Some(KmsFailure::Disabled));
    stage.clock.advance(6 * MINUTE);
    assert!(stage.vault.key_ring(organisation(1)).await.is_err());
    stage.store.inner.erase(organisation(1).unwrap());
    stage.clock.advance(MINUTE);
    stage.vault.maintain().await;
    let before = stage.kms.asked.lock().unwrap().len();
    for _ in 0..30 {
        stage.clock.advance(MINUTE);
        stage.vault.refresh_due().await;
    }
    assert_eq!(stage.kms.asked.lock().unwrap().len(), before);
}
