//! Shipping when the sink breaks.

use std::{
    collections::BTreeSet,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use portcullis_domain::LogState;
use portcullis_record::{FlushError, ShipperSettings, SinkError};
use proptest::prelude::*;

use crate::{sample, support::*};

#[derive(Clone, Copy, Debug)]
enum Step {
    Open(u8),
    Close(u8),
    CloseWithContent(u8),
    Flush,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..40_u8).prop_map(Step::Open),
        4 => (1..40_u8).prop_map(Step::Close),
        1 => (1..40_u8).prop_map(Step::CloseWithContent),
        2 => Just(Step::Flush),
        1 => Just(Step::Restart),
    ]
}

/// What a sink does next: 0 and 1 fail before storing, 2 after, the others store.
fn moods() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(0..6_u8, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever the sink does and however often the process restarts: every call that closed is in
    /// the sink as it closed, every other that opened as interrupted, and nothing else.
    #[test]
    fn nothing_is_lost_and_nothing_is_made_up(
        steps in proptest::collection::vec(step(), 1..120),
        moods in moods(),
        batch_logs in 1..8_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let data = directory();
            let mut moods = moods.into_iter();
            let sink = MemorySink::new(move |_| match moods.next() {
                Some(0 | 1) => unavailable(),
                Some(2) => Outcome::StoreThenFail,
                _ => Outcome::Store,
            });
            let settings = ShipperSettings { batch_logs, ..quick() };
            let mut node = 1;
            let mut recorder = recorder_with(data.path(), node, Default::default());
            let mut shipper = shipper_with(&recorder, &sink, settings.clone());
            // A number names a new call each time it has closed or its process has ended.
            let mut generation = [0_u128; 40];
            let (mut opened, mut closed) = (BTreeSet::new(), BTreeSet::new());
            let name = |generation: &[u128; 40], n: u8| {
                generation[usize::from(n)] * 1000 + u128::from(n)
            };
            for step in steps {
                match step {
                    Step::Open(n) => {
                        let call = name(&generation, n);
                        if opened.insert(call) {
                            open(&recorder, call);
                        }
                    }
                    Step::Close(n) | Step::CloseWithContent(n) => {
                        let call = name(&generation, n);
                        if matches!(step, Step::Close(_)) {
                            close(&recorder, call);
                        } else {
                            close_with_content(&recorder, call, 3000);
                        }
                        closed.insert(call);
                        generation[usize::from(n)] += 1;
                    }
                    // Whether it succeeds is the sink's affair.
                    Step::Flush => drop(shipper.flush().await),
                    Step::Restart => {
                        drop(shipper);
                        drop(recorder);
                        node += 1;
                        generation.iter_mut().for_each(|g| *g += 1);
                        recorder = recorder_with(data.path(), node, Default::default());
                        shipper = shipper_with(&recorder, &sink, settings.clone());
                    }
                }
            }
            drop(shipper);
            drop(recorder);
            let recorder = recorder_with(data.path(), 1_000_000, Default::default());
            let shipper = shipper_with(&recorder, &sink, settings);
            flush_patiently(&shipper).await;
            let interrupted: BTreeSet<_> = opened.difference(&closed).copied().collect();
            assert_eq!(sink.numbers(LogState::Finished), closed);
            assert_eq!(sink.numbers(LogState::Interrupted), interrupted);
            assert_eq!(sink.len(), closed.len() + interrupted.len());
            assert_eq!(shipper.stats().dead_lettered, 0);
        });
    }
}

#[tokio::test]
async fn a_flush_fails_with_the_sink_and_the_logs_arrive_later() {
    let data = directory();
    let recorder = recorder(data.path(), 1);
    let up = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&up);
    let sink =
        MemorySink::new(
            move |_| {
                if seen.load(Ordering::Relaxed) { Outcome::Store } else { unavailable() }
            },
        );
    let shipper = shipper(&recorder, &sink);
    close(&recorder, 1);

    let Err(FlushError::Failed(reason)) = shipper.flush().await else { panic!("flushed") };
    assert!(reason.contains("down"), "{reason}");
    assert!(shipper.stats().failures_in_a_row >= 1);
    up.store(true, Ordering::Relaxed);
    flush_patiently(&shipper).await;
    assert_eq!(sink.len(), 1);
    assert_eq!(shipper.stats().failures_in_a_row, 0);
}

#[tokio::test]
async fn a_poison_row_goes_to_the_dead_letters_alone() {
    let data = directory();
    let recorder = recorder(data.path(), 1);
    let poison = sample::log(33).id;
    let sink = MemorySink::new(move |batch| {
        if batch.logs.iter().any(|shipped| shipped.log.id == poison) {
            Outcome::Fail(SinkError::Refused("a value out of range".into()))
        } else {
            Outcome::Store
        }
    });
    let shipper = shipper(&recorder, &sink);
    for n in 1..=100 {
        open(&recorder, n);
        close_with_content(&recorder, n, 64);
    }
    shipper.flush().await.unwrap();

    assert_eq!(sink.len(), 99);
    assert_eq!(sink.contents.lock().unwrap().len(), 99);
    let stats = shipper.stats();
    assert_eq!((stats.shipped, stats.dead_lettered), (99, 1));
    let dead = files(&data.path().join("dead-letter"), "seg");
    let [dead] = dead.as_slice() else { panic!("{dead:?}") };
    let bytes = fs::read(dead).unwrap();
    for part in ["a value out of range", &poison.to_string()] {
        let found = bytes.windows(part.len()).any(|window| window == part.as_bytes());
        assert!(found, "the dead letter keeps {part:?}");
    }
    let body = sealed(33, 64);
    assert!(bytes.windows(body.as_bytes().len()).any(|window| window == body.as_bytes()));
}

#[tokio::test]
async fn a_sink_that_panics_or_hangs_is_tried_again() {
    let data = directory();
    let recorder = recorder(data.path(), 1);
    let mut tries = 0;
    let sink = MemorySink::new(move |_| {
        tries += 1;
        match tries {
            1 => panic!("a bug in the sink"),
            2 => Outcome::Hang,
            _ => Outcome::Store,
        }
    });
    let settings = ShipperSettings { sink_timeout: Duration::from_millis(20), ..quick() };
    let shipper = shipper_with(&recorder, &sink, settings);
    close(&recorder, 1);
    let Err(FlushError::Failed(reason)) = shipper.flush().await else { panic!("flushed") };
    assert!(reason.contains("panicked"), "{reason}");
    flush_patiently(&shipper).await;
    assert_eq!((sink.len(), shipper.stats().failures), (1, 2));
}

#[tokio::test]
async fn dropping_the_shipper_does_not_wait_for_a_sink_that_hangs() {
    let data = directory();
    let recorder = recorder(data.path(), 1);
    let (asked, waiting) = std::sync::mpsc::channel();
    let hanging = MemorySink::new(move |_| {
        let _ = asked.send(());
        Outcome::Hang
    });
    close(&recorder, 1);
    let settings = ShipperSettings { interval: Duration::from_millis(1), ..quick() };
    let shipper = shipper_with(&recorder, &hanging, settings);
    let reached = tokio::task::spawn_blocking(move || waiting.recv()).await.unwrap();
    assert!(reached.is_ok());
    drop(shipper);

    // Nothing was confirmed: the next shipper of the same record brings it.
    let sink = MemorySink::willing();
    let shipper = crate::support::shipper(&recorder, &sink);
    shipper.flush().await.unwrap();
    assert_eq!(sink.numbers(LogState::Finished), [1].into());
}

#[tokio::test]
async fn a_second_shipper_goes_on_where_the_first_stopped() {
    let data = directory();
    let recorder = recorder(data.path(), 1);
    let sink = MemorySink::willing();
    let first = shipper(&recorder, &sink);
    open(&recorder, 1);
    open(&recorder, 2);
    close(&recorder, 2);
    first.flush().await.unwrap();
    drop(first);

    let second = shipper(&recorder, &sink);
    second.flush().await.unwrap();
    assert_eq!((second.stats().shipped, second.stats().open_calls), (0, 1));
    close(&recorder, 1);
    second.flush().await.unwrap();
    assert_eq!((second.stats().shipped, second.stats().open_calls), (1, 0));
    assert_eq!(sink.repeats.load(Ordering::Relaxed), 0);
}
