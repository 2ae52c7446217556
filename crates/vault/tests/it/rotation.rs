//! New data keys.

use portcullis_domain::Sealed;
use portcullis_vault::{Author, DataKeyState, DataKeyStore, VaultError, WrappedDataKey};

use crate::support::{DAY, Fails, MINUTE, Stage, organisation, place};

async fn keys(stage: &Stage) -> Vec<WrappedDataKey> {
    stage.store.inner.list(organisation(1)).await.unwrap().keys
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
        let id = stage.vault.rotate(organisation(1), &Author::system()).await.unwrap();
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
    let other = stage.with_a_clock_of_its_own();
    stage.vault.key_ring(organisation(1)).await.unwrap();
    other.vault.key_ring(organisation(1)).await.unwrap();
    other.clock.advance(MINUTE);
    stage.vault.rotate(organisation(1), &Author::system()).await.unwrap();
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
    assert_eq!(other.store.calls(), before + 1);
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
    let by = Author::system();
    let (one, two) = tokio::join!(
        stage.vault.rotate(organisation(1), &by),
        other.vault.rotate(organisation(1), &by)
    );
    let keys = keys(&stage).await;
    assert_eq!(active(&keys).len(), 1);
    assert_eq!(one.unwrap(), active(&keys)[0].id);
    assert_eq!(two.unwrap(), active(&keys)[0].id);
}

#[tokio::test]
async fn a_lost_retired_key_closes_only_what_it_sealed() {
    let stage = Stage::new();
    let lost = stage.vault.seal(&place(1), b"canary").await.unwrap();
    let id = keys(&stage).await[0].id;
    stage.vault.rotate(organisation(1), &Author::system()).await.unwrap();
    let kept = stage.vault.seal(&place(1), b"canary").await.unwrap();
    let mut wrapping = keys(&stage).await[0].wrapping.clone();
    wrapping.bytes[20] ^= 1;
    let from = keys(&stage).await[0].wrapping.clone();
    assert!(
        stage
            .store
            .inner
            .rewrapped(organisation(1), id, from, wrapping, Author::system())
            .await
            .unwrap()
    );

    let other = stage.another_node();
    other.reads(&place(1), &kept).await;
    assert!(other.vault.open(&place(1), &lost).await.is_err());
    // The others are rewrapped all the same, and the loss is told.
    assert!(matches!(
        other.vault.rewrap(organisation(1), &Author::system()).await,
        Err(VaultError::Kms(_))
    ));
}

#[tokio::test]
async fn a_data_key_moved_to_another_organisation_does_not_unwrap() {
    let stage = Stage::new();
    stage.vault.key_ring(organisation(1)).await.unwrap();
    let stolen = WrappedDataKey { organisation: organisation(2), ..keys(&stage).await[0].clone() };
    stage.store.inner.insert(stolen, None, false, Author::system()).await.unwrap();
    let error = stage.vault.key_ring(organisation(2)).await.err().unwrap();
    assert!(matches!(error, VaultError::Kms(_)), "{error}");
}
