//! New data keys, and old ones under a new KMS key.

use std::sync::Arc;

use portcullis_domain::Sealed;
use portcullis_vault::{
    DataKeyState, DataKeyStore, Kms, VaultError, VaultSettings, WrappedDataKey,
};

use crate::support::{DAY, Fails, MINUTE, Stage, TestKms, organisation, place};

async fn keys(stage: &Stage) -> Vec<WrappedDataKey> {
    stage.store.inner.list(organisation(1)).await.unwrap()
}

fn active(keys: &[WrappedDataKey]) -> Vec<&WrappedDataKey> {
    keys.iter().filter(|key| key.state == DataKeyState::Active).collect()
}

fn data_key_of(sealed: &Sealed) -> &[u8] {
    &sealed.as_bytes()[5..21]
}

#[tokio::test]
async fn rotation_keeps_old_values_readable() {
    let stage = Stage::new();
    let mut sealed = Vec::new();
    for _ in 0..3 {
        sealed.push(stage.vault.seal(&place(1), b"canary").await.unwrap());
        let id = stage.vault.rotate(organisation(1)).await.unwrap();
        let now = stage.vault.seal(&place(1), b"canary").await.unwrap();
        assert_eq!(data_key_of(&now), id.as_bytes(), "the new key is in use at once");
        sealed.push(now);
    }
    assert_eq!(keys(&stage).await.len(), 4);
    assert_eq!(active(&keys(&stage).await).len(), 1);
    for sealed in &sealed {
        stage.reads(&place(1), sealed).await;
        stage.another_node().reads(&place(1), sealed).await;
    }
}

#[tokio::test]
async fn another_node_reads_what_a_key_made_a_moment_ago_sealed() {
    let stage = Stage::new();
    let other = stage.another_node();
    stage.vault.key_ring(organisation(1)).await.unwrap();
    other.vault.key_ring(organisation(1)).await.unwrap();
    other.clock.advance(MINUTE);
    stage.vault.rotate(organisation(1)).await.unwrap();
    let sealed = stage.vault.seal(&place(1), b"canary").await.unwrap();
    other.reads(&place(1), &sealed).await;

    // A key that exists nowhere is not looked for at every call.
    let mut bytes = sealed.as_bytes().to_vec();
    bytes[6] ^= 1;
    let damaged = Sealed::from_bytes(bytes).unwrap();
    let before = other.store.calls();
    for _ in 0..50 {
        let error = other.vault.open(&place(1), &damaged).await.err().unwrap();
        assert!(matches!(error, VaultError::Open(_)), "{error}");
    }
    assert_eq!(other.store.calls(), before);
}

#[tokio::test]
async fn a_data_key_is_replaced_when_it_is_old_or_worn() {
    let stage = Stage::new();
    let sealed = stage.vault.seal(&place(1), b"canary").await.unwrap();
    stage.clock.advance(90 * DAY);
    stage.vault.key_ring(organisation(1)).await.unwrap();
    assert_eq!(keys(&stage).await.len(), 1);
    stage.clock.advance(5 * MINUTE);
    stage.vault.key_ring(organisation(1)).await.unwrap();
    assert_eq!(keys(&stage).await.len(), 2);

    let worn = active(&keys(&stage).await)[0].id;
    stage.store.inner.add_uses(organisation(1), worn, (1 << 30) + 1).await.unwrap();
    stage.clock.advance(5 * MINUTE);
    let fresh = stage.vault.seal(&place(1), b"canary").await.unwrap();
    assert_eq!(keys(&stage).await.len(), 3);
    assert_ne!(data_key_of(&fresh), worn.as_bytes());
    stage.reads(&place(1), &sealed).await;
}

#[tokio::test]
async fn a_used_up_key_that_cannot_be_replaced_stops_sealing_but_not_opening() {
    let stage = Stage::new();
    let sealed = stage.vault.seal(&place(1), b"canary").await.unwrap();
    let id = keys(&stage).await[0].id;
    stage.store.inner.add_uses(organisation(1), id, 1 << 32).await.unwrap();
    stage.clock.advance(5 * MINUTE);
    // Persisting uses and listing succeed; adding a key does not.
    stage.store.fail(Fails::From(2));
    let error = stage.vault.seal(&place(1), b"x").await.err().unwrap();
    assert!(matches!(error, VaultError::Seal(_)), "{error}");
    stage.reads(&place(1), &sealed).await;
}

#[tokio::test]
async fn racing_rotations_leave_one_active_key() {
    let stage = Stage::new();
    let other = stage.another_node();
    stage.vault.key_ring(organisation(1)).await.unwrap();
    let (one, two) =
        tokio::join!(stage.vault.rotate(organisation(1)), other.vault.rotate(organisation(1)));
    let keys = keys(&stage).await;
    assert_eq!(active(&keys).len(), 1);
    assert_eq!(one.unwrap(), active(&keys)[0].id);
    assert_eq!(two.unwrap(), active(&keys)[0].id);
}

/// Values under three data keys, all wrapped by the first KMS key.
async fn before_rewrapping(stage: &Stage) -> Vec<Sealed> {
    let mut sealed = Vec::new();
    for _ in 0..3 {
        sealed.push(stage.vault.seal(&place(1), b"canary").await.unwrap());
        stage.vault.rotate(organisation(1)).await.unwrap();
    }
    sealed
}

fn moving(stage: &Stage, to: &Arc<TestKms>) -> Stage {
    let former_kms: Vec<Arc<dyn Kms>> = vec![stage.kms.clone()];
    let settings = VaultSettings { former_kms, ..VaultSettings::default() };
    Stage::with(to.clone(), stage.store.inner.clone(), settings)
}

#[tokio::test]
async fn rewrapping_moves_to_another_kms_key() {
    let old = Stage::new();
    let sealed = before_rewrapping(&old).await;
    let kms = TestKms::new(2);
    let without_former =
        Stage::with(kms.clone(), old.store.inner.clone(), VaultSettings::default());
    let error = without_former.vault.key_ring(organisation(1)).await.err().unwrap();
    assert!(matches!(&error, VaultError::ForeignKms { .. }), "{error}");
    assert!(error.to_string().contains(old.kms.key_id()), "{error}");

    assert_eq!(moving(&old, &kms).vault.rewrap(organisation(1)).await.unwrap(), 4);
    let asked = old.kms.unwraps();
    let after = Stage::with(kms.clone(), old.store.inner.clone(), VaultSettings::default());
    for sealed in &sealed {
        after.reads(&place(1), sealed).await;
    }
    assert_eq!(old.kms.unwraps(), asked, "the old key is not used any more");
    for key in &after.vault.status().await.unwrap()[0].data_keys {
        assert_eq!(key.kms_key_id, kms.key_id());
    }
}

#[tokio::test]
async fn a_rewrap_or_rotation_killed_anywhere_loses_nothing_and_resumes() {
    for kill in 0..8 {
        for fails in [Fails::From(kill), Fails::After(kill)] {
            let old = Stage::new();
            let sealed = before_rewrapping(&old).await;
            let kms = TestKms::new(2);
            let killed = moving(&old, &kms);
            killed.store.fail(fails);
            let rewrapped = killed.vault.rewrap(organisation(1)).await;
            assert_eq!(rewrapped.is_err(), kill < 5, "one list, four updates");

            let restarted = moving(&old, &kms);
            restarted.store.fail(fails);
            // What comes of it does not matter here: it is interrupted too.
            drop(restarted.vault.rotate(organisation(1)).await);

            let resumed = moving(&old, &kms);
            assert_eq!(active(&keys(&resumed).await).len(), 1);
            for sealed in &sealed {
                resumed.reads(&place(1), sealed).await;
            }
            resumed.vault.rewrap(organisation(1)).await.unwrap();
            let finished =
                Stage::with(kms.clone(), old.store.inner.clone(), VaultSettings::default());
            for sealed in &sealed {
                finished.reads(&place(1), sealed).await;
            }
        }
    }
}

#[tokio::test]
async fn a_lost_retired_key_closes_only_what_it_sealed() {
    let stage = Stage::new();
    let lost = stage.vault.seal(&place(1), b"canary").await.unwrap();
    let id = keys(&stage).await[0].id;
    stage.vault.rotate(organisation(1)).await.unwrap();
    let kept = stage.vault.seal(&place(1), b"canary").await.unwrap();
    let mut wrapping = keys(&stage).await[0].wrapping.clone();
    wrapping.bytes[20] ^= 1;
    stage.store.inner.update_wrapped(organisation(1), id, wrapping).await.unwrap();

    let other = stage.another_node();
    other.reads(&place(1), &kept).await;
    assert!(other.vault.open(&place(1), &lost).await.is_err());
    // The others are rewrapped all the same, and the loss is told.
    assert!(matches!(other.vault.rewrap(organisation(1)).await, Err(VaultError::Kms(_))));
}

#[tokio::test]
async fn a_data_key_moved_to_another_organisation_does_not_unwrap() {
    let stage = Stage::new();
    stage.vault.key_ring(organisation(1)).await.unwrap();
    let stolen = WrappedDataKey { organisation: organisation(2), ..keys(&stage).await[0].clone() };
    stage.store.inner.insert(stolen, None).await.unwrap();
    let error = stage.vault.key_ring(organisation(2)).await.err().unwrap();
    assert!(matches!(error, VaultError::Kms(_)), "{error}");
}
