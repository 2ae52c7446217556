//! Data keys under another KMS key: connecting, changing and leaving an organisation's own key, and
//! changing the instance's.

use std::sync::Arc;

use portcullis_domain::Sealed;
use portcullis_vault::{
    Author, DataKeyStore, Holdings, Kms, KmsFailure, KmsOperation, StatusDepth, VaultError,
    WorkKind, WorkState,
};

use crate::support::{Fails, MINUTE, Setting, Stage, TestKms, organisation, place, settings};

async fn held(stage: &Stage) -> Holdings {
    stage.store.inner.list(organisation(1)).await.unwrap()
}

/// Values under three data keys.
async fn three_data_keys(stage: &Stage) -> Vec<Sealed> {
    let mut sealed = Vec::new();
    for _ in 0..3 {
        sealed.push(stage.vault.seal(&place(1), b"canary").await.unwrap());
        stage.vault.rotate(organisation(1), &Author::system()).await.unwrap();
    }
    sealed
}

async fn reads_all(stage: &Stage, sealed: &[Sealed]) {
    for sealed in sealed {
        stage.reads(&place(1), sealed).await;
    }
}

#[tokio::test]
async fn connecting_a_key_moves_all_data_keys_under_it_and_rewrites_no_value() {
    let stage = Stage::new();
    let sealed = three_data_keys(&stage).await;
    stage.work().await;
    let (first, second) = (TestKms::new(2), TestKms::new(3));
    for kms in [&first, &second] {
        stage.connect(1, kms).await;
        // Before the work is done, both serve.
        reads_all(&stage.another_node(), &sealed).await;
        assert_eq!(stage.work().await, [WorkState::Finished]);
        let held = held(&stage).await;
        assert!(held.keys.iter().all(|key| key.wrapping.kms_key_id == kms.key_id()));
        assert_eq!(held.connections.len(), 1, "the former one is forgotten");
        let node = stage.another_node();
        reads_all(&node, &sealed).await;
        assert!(stage.vault.work().await.unwrap().is_empty());
    }
    let asked = stage.kms.unwraps();
    let made = first.unwraps();
    stage.another_node().vault.rotate(organisation(1), &Author::system()).await.unwrap();
    reads_all(&stage.another_node(), &sealed).await;
    assert_eq!((first.unwraps(), held(&stage).await.keys.len()), (made, 5));
    // The instance's own ring opens the connection's settings; nothing of the organisation's does.
    let asked = stage.kms.unwraps() - asked;
    assert!(asked <= 2, "{asked}");

    // Without the customer's key nothing opens, and the operator's key is of no use.
    second.fail(Some(KmsFailure::Disabled));
    let node = stage.another_node();
    let error = node.vault.open(&place(1), &sealed[0]).await.err().unwrap();
    assert_eq!(error.kms_failure(), Some(KmsFailure::Disabled), "{error}");
    second.fail(None);

    // And back to the instance's key.
    stage.store.inner.connect(
        organisation(1).unwrap(),
        None,
        portcullis_domain::Clock::now(&*stage.clock),
    );
    stage.vault.reload(organisation(1)).await.unwrap();
    assert_eq!(stage.work().await, [WorkState::Finished, WorkState::Finished]);
    second.fail(Some(KmsFailure::Disabled));
    reads_all(&stage.another_node(), &sealed).await;
    assert!(held(&stage).await.connections.is_empty());
}

#[tokio::test]
async fn a_kms_that_moves_keys_by_itself_never_shows_them() {
    let stage = Stage::new();
    let sealed = three_data_keys(&stage).await;
    let own = TestKms::new(2);
    *own.rewraps.lock().unwrap() = Some(stage.kms.clone());
    stage.connect(1, &own).await;
    stage.work().await;
    assert_eq!((own.asks(KmsOperation::Rewrap), own.asks(KmsOperation::Wrap)), (4, 0));
    reads_all(&stage.another_node(), &sealed).await;
    let held = held(&stage).await;
    assert_eq!(held.keys.len(), 4);
    assert!(held.keys.iter().all(|key| key.wrapping.kms_key_id == own.key_id()));
}

#[tokio::test]
async fn the_same_key_through_another_connection_stays_wrapped_as_it_is() {
    let stage = Stage::new();
    let sealed = three_data_keys(&stage).await;
    let own = TestKms::new(2);
    stage.connect(1, &own).await;
    stage.work().await;
    let before = held(&stage).await;
    stage.connect(1, &own).await;
    stage.work().await;
    let after = held(&stage).await;
    assert_eq!(after.connections.len(), 1);
    for (before, after) in before.keys.iter().zip(&after.keys) {
        assert_eq!(before.wrapping.bytes, after.wrapping.bytes);
        assert_eq!(after.wrapping.connection, Some(held(&stage).await.connections[0].id));
    }
    reads_all(&stage.another_node(), &sealed).await;
}

#[tokio::test]
async fn a_lost_former_key_is_told_and_does_not_keep_new_values_from_being_sealed() {
    let stage = Stage::new();
    let (lost, sealed) = stage.leave_behind(KmsFailure::PendingDeletion).await;
    assert_eq!(stage.work().await, [WorkState::Stuck]);
    let work = stage.vault.work().await.unwrap();
    assert_eq!((work[0].kind, work[0].done, work[0].failed), (WorkKind::Rewrap, 0, 1));
    assert!(work[0].error.as_deref().unwrap().contains("to be deleted"), "{work:?}");
    let node = stage.another_node();
    assert!(node.vault.open(&place(1), &sealed).await.is_err());
    node.vault.rotate(organisation(1), &Author::system()).await.unwrap();
    let fresh = node.vault.seal(&place(1), b"canary").await.unwrap();
    node.reads(&place(1), &fresh).await;
    assert!(node.vault.open(&place(1), &sealed).await.is_err());
    // Its deletion is cancelled.
    lost.fail(None);
    stage.clock.advance(MINUTE);
    assert!(stage.work().await.contains(&WorkState::Finished));
    lost.fail(Some(KmsFailure::PendingDeletion));
    stage.another_node().reads(&place(1), &sealed).await;
    assert_eq!(held(&stage).await.connections.len(), 1);
}

#[tokio::test]
async fn a_former_key_service_that_is_down_closes_only_what_it_alone_can_open() {
    let stage = Stage::new();
    let (former, old) = stage.leave_behind(KmsFailure::Unreachable).await;
    stage.work().await;
    stage.vault.rotate(organisation(1), &Author::system()).await.unwrap();
    let fresh = stage.vault.seal(&place(1), b"canary").await.unwrap();
    // The node that holds the old key goes on for its grace, twenty minutes in all.
    for minute in 0..60 {
        stage.clock.advance(MINUTE);
        stage.vault.refresh_due().await;
        stage.reads(&place(1), &fresh).await;
        let opened = stage.vault.open(&place(1), &old).await;
        match opened {
            Ok(_) => assert!(minute < 20, "{minute}"),
            Err(error) => {
                assert!(minute >= 18, "{minute}: {error}");
                assert_eq!(error.kms_failure(), Some(KmsFailure::Unreachable), "{error}");
            }
        }
    }
    // A node that has just started serves what the new key wraps.
    let node = stage.another_node();
    node.reads(&place(1), &fresh).await;
    let error = node.vault.open(&place(1), &old).await.err().unwrap();
    assert_eq!(error.kms_failure(), Some(KmsFailure::Unreachable), "{error}");
    former.fail(None);
    stage.clock.advance(MINUTE);
    node.reads(&place(1), &old).await;
    stage.reads(&place(1), &old).await;
}

#[tokio::test]
async fn settings_of_a_connection_that_were_moved_to_another_organisation_are_refused() {
    let stage = Stage::new();
    let own = TestKms::new(2);
    stage.connect(1, &own).await;
    let mut stolen = held(&stage).await.connections[0].clone();
    stolen.organisation = organisation(2).unwrap();
    stage.store.inner.connect(
        organisation(2).unwrap(),
        Some(stolen),
        portcullis_domain::Clock::now(&*stage.clock),
    );
    let error = stage.vault.key_ring(organisation(2)).await.err().unwrap();
    assert!(matches!(error, VaultError::ForeignConnection), "{error}");
}

#[tokio::test]
async fn a_node_that_missed_the_change_does_not_wrap_by_the_former_key() {
    let stage = Stage::new();
    let stale = stage.another_node();
    stale.vault.key_ring(organisation(1)).await.unwrap();
    let own = TestKms::new(2);
    stage.connect(1, &own).await;
    stage.work().await;
    // It learns of the change by being refused.
    stale.vault.rotate(organisation(1), &Author::system()).await.unwrap();
    let held = held(&stage).await;
    assert!(held.keys.iter().all(|key| key.wrapping.kms_key_id == own.key_id()), "{held:?}");
    let fresh = stale.vault.seal(&place(1), b"canary").await.unwrap();
    stage.reads(&place(1), &fresh).await;
}

#[tokio::test]
async fn a_rewrap_killed_anywhere_loses_nothing_and_resumes() {
    let mut kill = 0;
    loop {
        let mut was_killed = false;
        for fails in [Fails::From(kill), Fails::After(kill)] {
            let stage = Stage::new();
            let sealed = three_data_keys(&stage).await;
            stage.work().await;
            let own = TestKms::new(2);
            stage.connect(1, &own).await;
            let killed = stage.another_node();
            killed.vault.key_ring(None).await.unwrap();
            killed.store.fail(fails);
            let work = stage.vault.work().await.unwrap()[0].clone();
            let performed = killed.vault.perform(work, Arc::new(|| true)).await;
            was_killed |= performed.is_err();
            // Every value opens, whoever looks.
            reads_all(&stage.another_node(), &sealed).await;
            reads_all(&stage, &sealed).await;

            stage.clock.advance(MINUTE);
            let restarted = stage.another_node();
            restarted.work().await;
            assert!(restarted.vault.work().await.unwrap().is_empty());
            let held = held(&stage).await;
            assert!(held.keys.iter().all(|key| key.wrapping.kms_key_id == own.key_id()));
            assert_eq!(held.connections.len(), 1);
            reads_all(&stage.another_node(), &sealed).await;
        }
        if !was_killed {
            break;
        }
        kill += 1;
    }
    // One claim, one list, four keys with two writes each, one clean-up, one end.
    assert!(kill >= 12, "{kill}");
}

fn moving(stage: &Stage, to: &Arc<TestKms>) -> Stage {
    let former_kms: Vec<Arc<dyn Kms>> = vec![stage.kms.clone()];
    Stage::with(Setting {
        kms: to.clone(),
        former_kms,
        keys: stage.store.inner.clone(),
        clock: stage.clock.clone(),
        settings: settings(),
        ..Setting::default()
    })
}

#[tokio::test]
async fn the_instances_key_can_be_changed_too() {
    let old = Stage::new();
    let sealed = three_data_keys(&old).await;
    let kms = TestKms::new(2);
    let alone =
        || Setting { kms: kms.clone(), keys: old.store.inner.clone(), ..Setting::default() };
    let error = Stage::with(alone()).vault.key_ring(organisation(1)).await.err().unwrap();
    assert!(matches!(&error, VaultError::ForeignKms { .. }), "{error}");
    assert!(error.to_string().contains(old.kms.key_id()), "{error}");

    let node = moving(&old, &kms);
    assert_eq!(node.vault.rewrap(organisation(1), &Author::system()).await.unwrap(), 4);
    let asked = old.kms.unwraps();
    let after = Stage::with(alone());
    reads_all(&after, &sealed).await;
    assert_eq!(old.kms.unwraps(), asked, "the old key is not used any more");
    for key in &after.vault.status(StatusDepth::default()).await.unwrap()[0].data_keys {
        assert_eq!(key.kms_key_id, kms.key_id());
    }
    // And back.
    let back = Setting {
        kms: old.kms.clone(),
        former_kms: vec![kms.clone()],
        keys: old.store.inner.clone(),
        ..Setting::default()
    };
    Stage::with(back).vault.rewrap(organisation(1), &Author::system()).await.unwrap();
    kms.fail(Some(KmsFailure::NotFound));
    reads_all(&old.another_node(), &sealed).await;
}
