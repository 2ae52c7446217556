//! Sealing anew what older data keys sealed.

use std::{collections::HashSet, sync::Arc, time::Duration};

use portcullis_domain::SealedPlace;
use portcullis_vault::{
    Author, DataKeyState, DataKeyStore, KmsFailure, SealedStore, SealedValue, VaultEvent,
    VaultSettings, WorkKind, WorkState,
};
use uuid::Uuid;

use crate::support::{DAY, Fails, MINUTE, Setting, Stage, TestKms, organisation, place, settings};

fn row(n: u128) -> SealedPlace {
    SealedPlace { row: Uuid::from_u128(n), ..place(1) }
}

async fn fill(stage: &Stage, values: u128) {
    for n in 0..values {
        let sealed = stage.vault.seal(&row(n), b"canary").await.unwrap();
        stage.store.inner.put(SealedValue { place: row(n), sealed });
    }
}

async fn reads_all(stage: &Stage) {
    for value in stage.store.inner.values() {
        stage.reads(&value.place, &value.sealed).await;
    }
}

fn keys_in_use(stage: &Stage) -> HashSet<Vec<u8>> {
    stage.store.inner.values().iter().map(|v| v.sealed.as_bytes()[5..21].to_vec()).collect()
}

async fn states(stage: &Stage) -> Vec<DataKeyState> {
    let held = stage.store.inner.list(organisation(1)).await.unwrap();
    held.keys.iter().map(|key| key.state).collect()
}

#[tokio::test]
async fn a_rotation_on_demand_seals_everything_anew_and_the_old_key_is_used_no_more() {
    let stage = Stage::new();
    fill(&stage, 100).await;
    stage.clock.advance(MINUTE);
    stage.vault.rotate(organisation(1), &Author::system()).await.unwrap();
    assert_eq!(states(&stage).await, [DataKeyState::Resealing, DataKeyState::Active]);
    let status = stage.status().await;
    assert_eq!(status[0].work.len(), 1);
    let counted = status[0].data_keys[0].sealed.as_ref().unwrap();
    assert_eq!((counted[0].count, counted[0].column), (100, "credential"));

    assert_eq!(stage.work().await, [WorkState::Finished]);
    assert_eq!(keys_in_use(&stage).len(), 1);
    reads_all(&stage).await;
    reads_all(&stage.another_node()).await;
    let done = stage
        .events
        .0
        .lock()
        .unwrap()
        .iter()
        .any(|event| matches!(event, VaultEvent::WorkFinished { done: 100, .. }));
    assert!(done);

    // Another node may seal with the old key until its ring is past its time.
    stage.vault.sweep().await.unwrap();
    assert_eq!(states(&stage).await[0], DataKeyState::Resealing);
    stage.clock.advance(25 * MINUTE);
    stage.vault.sweep().await.unwrap();
    assert_eq!(states(&stage).await, [DataKeyState::Empty, DataKeyState::Active]);
    let node = stage.another_node();
    let before = stage.kms.unwraps();
    reads_all(&node).await;
    assert_eq!(stage.kms.unwraps() - before, 1, "the empty key is not unwrapped");
    stage.clock.advance(31 * DAY);
    stage.vault.sweep().await.unwrap();
    assert_eq!(states(&stage).await, [DataKeyState::Active]);
    reads_all(&stage).await;
}

#[tokio::test]
async fn an_emptied_key_is_kept_as_long_however_long_ago_another_took_its_place() {
    let stage = Stage::new();
    stage.vault.seal(&row(7), b"canary").await.unwrap();
    // Of age, it is replaced, and what it sealed stays.
    stage.clock.advance(91 * DAY);
    stage.vault.key_ring(organisation(1)).await.unwrap();
    stage.clock.advance(40 * DAY);
    stage.vault.rotate(organisation(1), &Author::system()).await.unwrap();
    stage.work().await;
    stage.vault.sweep().await.unwrap();
    let empty = |states: Vec<DataKeyState>| {
        states.into_iter().filter(|state| *state == DataKeyState::Empty).count()
    };
    assert_eq!(empty(states(&stage).await), 1);
    stage.clock.advance(29 * DAY);
    stage.vault.sweep().await.unwrap();
    assert_eq!(empty(states(&stage).await), 2, "it is kept, and the later one is empty by now");
    stage.clock.advance(2 * DAY);
    stage.vault.sweep().await.unwrap();
    assert_eq!(empty(states(&stage).await), 1);
}

#[tokio::test]
async fn what_turns_up_late_under_an_emptied_key_opens_and_is_sealed_anew() {
    let stage = Stage::new();
    let late = stage.vault.seal(&row(7), b"canary").await.unwrap();
    stage.vault.rotate(organisation(1), &Author::system()).await.unwrap();
    stage.work().await;
    stage.clock.advance(25 * MINUTE);
    stage.vault.sweep().await.unwrap();
    assert_eq!(states(&stage).await, [DataKeyState::Empty, DataKeyState::Active]);
    // A log, for one, that was shipped when its node came back.
    stage.store.inner.put(SealedValue { place: row(7), sealed: late.clone() });
    let node = stage.another_node();
    node.vault.key_ring(organisation(1)).await.unwrap();
    stage.clock.advance(2_000_000);
    node.reads(&row(7), &late).await;

    stage.clock.advance(31 * DAY);
    stage.vault.sweep().await.unwrap();
    assert_eq!(states(&stage).await[0], DataKeyState::Resealing, "it is not destroyed");
    stage.work().await;
    reads_all(&stage.another_node()).await;
    assert_ne!(stage.store.inner.values()[0].sealed, late);
}

#[tokio::test]
async fn a_value_that_does_not_open_is_told_and_keeps_its_key() {
    let stage = Stage::new();
    fill(&stage, 3).await;
    let mut damaged = stage.store.inner.values()[1].clone();
    let mut bytes = damaged.sealed.as_bytes().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    damaged.sealed = portcullis_domain::Sealed::from_bytes(bytes).unwrap();
    stage.store.inner.put(damaged.clone());
    stage.vault.rotate(organisation(1), &Author::system()).await.unwrap();
    assert_eq!(stage.work().await, [WorkState::Stuck]);
    let work = stage.vault.work().await.unwrap();
    assert_eq!((work[0].done, work[0].failed, work[0].total), (2, 1, 3), "{work:?}");
    stage.clock.advance(25 * MINUTE);
    stage.vault.sweep().await.unwrap();
    assert_eq!(states(&stage).await[0], DataKeyState::Resealing);
    let error = stage.vault.open(&damaged.place, &damaged.sealed).await;
    assert!(error.is_err());
    let refused = VaultEvent::OpenRefused { place: damaged.place };
    assert!(stage.events.0.lock().unwrap().contains(&refused));
    assert_eq!(stage.vault.stats().open_refused, 1);
}

#[tokio::test]
async fn what_a_lost_key_sealed_is_counted_and_the_kms_is_left_in_peace() {
    let stage = Stage::new();
    let (lost, new) = (TestKms::new(2), TestKms::new(3));
    stage.connect(1, &lost).await;
    fill(&stage, 200).await;
    stage.work().await;
    lost.fail(Some(KmsFailure::PendingDeletion));
    stage.connect(1, &new).await;
    let node = stage.another_node();
    node.vault.rotate(organisation(1), &Author::system()).await.unwrap();
    let sealed = node.vault.seal(&row(200), b"canary").await.unwrap();
    node.store.inner.put(SealedValue { place: row(200), sealed });
    node.vault.rotate(organisation(1), &Author::system()).await.unwrap();
    let before = lost.unwraps() + new.unwraps();
    assert_eq!(node.work().await, [WorkState::Stuck, WorkState::Stuck]);
    let work = node.vault.work().await.unwrap();
    let reseal = work.iter().find(|work| work.kind == WorkKind::Reseal).unwrap();
    assert_eq!((reseal.total, reseal.done, reseal.failed), (201, 1, 200), "{reseal:?}");
    let error = reseal.error.as_deref().unwrap();
    assert!(error.starts_with("200 values do not open: ") && error.contains("deleted"), "{error}");
    let asked = lost.unwraps() + new.unwraps() - before;
    assert!(asked < 12, "{asked}");
}

#[tokio::test]
async fn a_long_reseal_holds_up_no_other_organisations() {
    let stage = Stage::new();
    let theirs = |n| SealedPlace { organisation: organisation(2), ..row(n) };
    fill(&stage, 320).await;
    for n in 500..520 {
        let sealed = stage.vault.seal(&theirs(n), b"canary").await.unwrap();
        stage.store.inner.put(SealedValue { place: theirs(n), sealed });
    }
    for n in [1, 2] {
        stage.vault.rotate(organisation(n), &Author::system()).await.unwrap();
    }
    let work = stage.vault.work().await.unwrap();
    let perform = |n: usize| stage.vault.perform(work[n].clone(), Arc::new(|| true));
    let (long, short) = tokio::join!(perform(0), perform(1));
    assert_eq!((long.unwrap(), short.unwrap()), (WorkState::Finished, WorkState::Finished));
    let events = stage.events.0.lock().unwrap();
    let finished = events.iter().filter_map(|event| match event {
        VaultEvent::WorkFinished { organisation, .. } => Some(*organisation),
        _ => None,
    });
    assert_eq!(finished.collect::<Vec<_>>(), [organisation(2), organisation(1)]);
}

#[tokio::test(start_paused = true)]
async fn reseals_of_several_organisations_keep_to_one_rate() {
    let settings = VaultSettings { reseal_per_second: 16, ..VaultSettings::default() };
    let stage = Stage::with(Setting { settings, ..Setting::default() });
    for n in [1, 2] {
        for value in 0..32 {
            let organisation = organisation(n);
            let place = SealedPlace { organisation, ..row(n * 100 + value) };
            let sealed = stage.vault.seal(&place, b"canary").await.unwrap();
            stage.store.inner.put(SealedValue { place, sealed });
        }
        stage.vault.rotate(organisation(n), &Author::system()).await.unwrap();
    }
    let work = stage.vault.work().await.unwrap();
    let begun = tokio::time::Instant::now();
    let perform = |n: usize| stage.vault.perform(work[n].clone(), Arc::new(|| true));
    let (one, two) = tokio::join!(perform(0), perform(1));
    assert_eq!((one.unwrap(), two.unwrap()), (WorkState::Finished, WorkState::Finished));
    assert!(begun.elapsed() >= Duration::from_millis(3900), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_kms_that_is_away_does_not_make_values_broken() {
    let stage = Stage::new();
    fill(&stage, 40).await;
    // A node with a ring of before, which cannot load that of after.
    let node = stage.another_node();
    node.vault.key_ring(organisation(1)).await.unwrap();
    stage.vault.rotate(organisation(1), &Author::system()).await.unwrap();
    node.kms.fail(Some(KmsFailure::Throttled));
    let work = node.vault.work().await.unwrap().remove(0);
    let failed = node.vault.perform(work, Arc::new(|| true)).await.err().unwrap();
    assert_eq!(failed.kms_failure(), Some(KmsFailure::Throttled), "{failed}");
    assert_eq!(node.vault.work().await.unwrap()[0].failed, 0);
}

#[tokio::test]
async fn work_that_cannot_begin_says_why_and_goes_on_later() {
    let stage = Stage::new();
    fill(&stage, 1).await;
    stage.vault.rotate(organisation(1), &Author::system()).await.unwrap();
    let node = stage.another_node();
    node.kms.fail(Some(KmsFailure::Unreachable));
    let work = node.vault.work().await.unwrap().remove(0);
    let failed = node.vault.perform(work, Arc::new(|| true)).await.err().unwrap();
    assert_eq!(failed.kms_failure(), Some(KmsFailure::Unreachable));
    let noted = node.vault.work().await.unwrap().remove(0).error;
    assert_eq!(noted, Some(failed.to_string()));
    node.kms.fail(None);
    node.clock.advance(MINUTE);
    assert_eq!(node.work().await, [WorkState::Finished]);
    reads_all(&node).await;
}

#[tokio::test]
async fn a_value_that_was_changed_meanwhile_is_left_as_it_was_changed() {
    let stage = Stage::new();
    fill(&stage, 1).await;
    stage.vault.rotate(organisation(1), &Author::system()).await.unwrap();
    let newer = stage.vault.seal(&row(0), b"changed").await.unwrap();
    let old = stage.store.inner.values()[0].clone();
    let to = stage.vault.seal(&row(0), b"canary").await.unwrap();
    stage.store.inner.put(SealedValue { place: row(0), sealed: newer.clone() });
    let late = portcullis_vault::Resealed { place: old.place, from: old.sealed, to };
    let replaced = stage.store.inner.replace(organisation(1), vec![late]).await.unwrap();
    assert_eq!(replaced, 0);
    stage.work().await;
    assert_eq!(stage.store.inner.values()[0].sealed, newer);
}

#[tokio::test]
async fn a_reseal_killed_anywhere_loses_nothing_and_resumes() {
    let mut kill = 0;
    loop {
        let mut was_killed = false;
        for fails in [Fails::From(kill), Fails::After(kill)] {
            let stage = Stage::new();
            fill(&stage, 70).await;
            let killed = stage.another_node();
            killed.vault.key_ring(organisation(1)).await.unwrap();
            killed.store.fail(fails);
            // The rotation itself may be cut off as well.
            let rotated = killed.vault.rotate(organisation(1), &Author::system()).await;
            was_killed |= rotated.is_err();
            if rotated.is_ok() {
                let work = stage.vault.work().await.unwrap()[0].clone();
                was_killed |= killed.vault.perform(work, Arc::new(|| true)).await.is_err();
            }
            reads_all(&stage.another_node()).await;
            reads_all(&stage).await;

            stage.clock.advance(MINUTE);
            let restarted = stage.another_node();
            restarted.work().await;
            assert!(restarted.vault.work().await.unwrap().is_empty());
            let active = stage.store.inner.list(organisation(1)).await.unwrap();
            let active = active.active().unwrap().id;
            assert!(keys_in_use(&stage).iter().all(|key| key == active.as_bytes()));
            assert_eq!(stage.store.inner.values().len(), 70);
            reads_all(&stage.another_node()).await;
        }
        if !was_killed {
            break;
        }
        kill += 1;
    }
    assert!(kill >= 14, "{kill}");
}

#[tokio::test(start_paused = true)]
async fn sealing_anew_is_bounded_in_its_rate_and_can_be_told_to_stop() {
    let slow = VaultSettings { reseal_per_second: 16, ..settings() };
    let stage = Stage::with(Setting { settings: slow, ..Setting::default() });
    fill(&stage, 64).await;
    stage.vault.rotate(organisation(1), &Author::system()).await.unwrap();
    let work = stage.vault.work().await.unwrap()[0].clone();
    let begun = tokio::time::Instant::now();
    let stop = move || begun.elapsed() < Duration::from_secs(2);
    let state = stage.vault.perform(work.clone(), Arc::new(stop)).await.unwrap();
    assert_eq!(state, WorkState::Stopped);
    let noted = stage.vault.work().await.unwrap()[0].clone();
    assert_eq!((noted.done, noted.total), (32, 64), "progress is to be seen");
    assert_eq!(stage.work().await, [WorkState::Finished]);
    assert_eq!(begun.elapsed(), Duration::from_secs(4));
}

#[tokio::test]
async fn two_nodes_do_not_do_the_same_work() {
    let stage = Stage::new();
    fill(&stage, 40).await;
    stage.vault.rotate(organisation(1), &Author::system()).await.unwrap();
    let other = stage.another_node();
    let work = stage.vault.work().await.unwrap()[0].clone();
    let stopped = stage.vault.perform(work.clone(), Arc::new(|| false)).await.unwrap();
    assert_eq!(stopped, WorkState::Stopped);
    assert_eq!(other.work().await, [WorkState::Elsewhere]);
    // The first is gone: after a while the other takes it.
    stage.clock.advance(16_000_000);
    assert_eq!(other.work().await, [WorkState::Finished]);
    let state = stage.vault.perform(work, Arc::new(|| true)).await.unwrap();
    assert_eq!(state, WorkState::Elsewhere, "there is nothing left to take");
}
