//! Recording and shipping when nothing breaks.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

use portcullis_domain::{Log, LogState, Recorder as _};
use portcullis_record::{RecordSettings, SegmentRecorder, StartError};

use crate::{sample, support::*};

#[tokio::test]
async fn a_flush_ships_what_closed_before_it_with_its_content() {
    let data = directory();
    let recorder = recorder(data.path(), 1);
    let sink = MemorySink::willing();
    let shipper = shipper(&recorder, &sink);

    open(&recorder, 1);
    close_with_content(&recorder, 1, 100_000);
    close(&recorder, 2); // Never reached a provider.
    shipper.flush().await.unwrap();

    assert_eq!(sink.numbers(LogState::Finished), [1, 2].into());
    let expected = [(sample::log(1).id, sealed(1, 100_000))];
    assert_eq!(*sink.contents.lock().unwrap(), expected.into());
    let stats = shipper.stats();
    assert_eq!((stats.shipped, stats.contents, stats.failures), (2, 1, 0));
    assert_eq!((stats.lag_bytes, stats.open_calls), (0, 0));
    assert_eq!((recorder.stats().opened, recorder.stats().closed), (1, 2));
}

#[tokio::test]
async fn a_turns_facts_are_written_together_when_it_ends() {
    let data = directory();
    let recorder = recorder(data.path(), 1);
    let sink = MemorySink::willing();
    let shipper = shipper(&recorder, &sink);
    let flusher = Arc::new(Asked::default());
    recorder.flush(&Arc::clone(&flusher).into());

    let opened: Vec<_> = (1..=50).map(|n| recorder.open(&sample::log(n)).unwrap()).collect();
    let asked = Arc::new(Asked::default());
    for opened in &opened {
        let waker = Arc::clone(&asked).into();
        assert!(recorder.poll_opened(*opened, &mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!(segments(data.path(), 1).len(), 0, "nothing is written before the turn ends");
    assert_eq!(flusher.0.load(Ordering::Relaxed), 1, "the first entry asks for the flush");
    recorder.flush(&Arc::clone(&flusher).into());
    assert_eq!(asked.0.load(Ordering::Relaxed), 1, "who waits is woken, once");
    for opened in opened {
        assert!(is_open(&recorder, opened).unwrap().is_ok());
    }
    close_with_content(&recorder, 1, 1000);
    assert_eq!(flusher.0.load(Ordering::Relaxed), 2);
    close_with_content(&recorder, 2, 100_000); // Too large to wait.
    let [segment] = &segments(data.path(), 1)[..] else { panic!("there is one writer") };
    assert!(segment.metadata().unwrap().len() > 100_000);
    recorder.flush(Waker::noop());
    shipper.flush().await.unwrap();
    assert_eq!(sink.numbers(LogState::Finished), [1, 2].into());
    assert_eq!(sink.contents.lock().unwrap().len(), 2);
    assert_eq!(shipper.stats().open_calls, 48);
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "they are aborted below")]
async fn a_thread_that_never_rests_records_all_the_same() {
    let data = directory();
    let recorder = Arc::new(recorder(data.path(), 1));
    let flushed = Arc::clone(&recorder);
    let flushing = tokio::spawn(poll_fn(move |cx| -> Poll<()> {
        flushed.flush(cx.waker());
        Poll::Pending
    }));
    let restless = tokio::spawn(async {
        loop {
            tokio::task::yield_now().await;
        }
    });
    tokio::task::yield_now().await;
    for n in 1..=3 {
        let opened = recorder.open(&sample::log(n)).unwrap();
        let written = poll_fn(|cx| recorder.poll_opened(opened, cx));
        let written = tokio::time::timeout(Duration::from_secs(20), written).await;
        written.expect("the opening is written while others keep the thread busy").unwrap();
        close(&recorder, n);
    }
    assert_eq!(recorder.stats().opened, 3);
    restless.abort();
    flushing.abort();
}

#[derive(Default)]
struct Asked(AtomicU64);

impl Wake for Asked {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_log_too_long_to_be_written_is_cut_and_holds_nothing_up() {
    let data = directory();
    let recorder = recorder(data.path(), 1);
    let sink = MemorySink::willing();
    let shipper = shipper(&recorder, &sink);

    let endless = Some("x".repeat(70 << 20));
    let log = Log { state: LogState::Finished, model_served: endless.clone(), ..sample::log(1) };
    recorder.open(&Log { model_asked: endless, ..sample::log(1) }).unwrap();
    recorder.close(&log, None);
    open(&recorder, 2);
    close(&recorder, 2);
    shipper.flush().await.unwrap();

    assert_eq!(sink.numbers(LogState::Finished), [1, 2].into());
    let stats = recorder.stats();
    assert_eq!((stats.opened, stats.closed, stats.spilled, stats.lost), (2, 2, 0, 0));
}

#[tokio::test]
async fn an_open_call_is_not_shipped_while_its_process_lives() {
    let data = directory();
    let recorder = recorder(data.path(), 1);
    let sink = MemorySink::willing();
    let shipper = shipper(&recorder, &sink);

    open(&recorder, 1);
    shipper.flush().await.unwrap();
    assert_eq!((sink.len(), shipper.stats().open_calls), (0, 1));

    // Nor by another process's recovery on the same directory.
    let other = recorder_with(data.path(), 2, RecordSettings::default());
    let others_sink = MemorySink::willing();
    let others_shipper = crate::support::shipper(&other, &others_sink);
    others_shipper.flush().await.unwrap();
    assert_eq!(others_sink.len(), 0);

    close(&recorder, 1);
    shipper.flush().await.unwrap();
    assert_eq!(sink.numbers(LogState::Finished), [1].into());
    assert_eq!(shipper.stats().open_calls, 0);
}

#[tokio::test]
async fn shipping_needs_no_flush() {
    let data = directory();
    let recorder = recorder(data.path(), 1);
    let sink = MemorySink::willing();
    let settings =
        portcullis_record::ShipperSettings { interval: Duration::from_millis(5), ..quick() };
    let _shipper = shipper_with(&recorder, &sink, settings);
    close(&recorder, 1);
    let arrived = async {
        while sink.len() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), arrived).await.unwrap();
}

#[tokio::test]
async fn threads_may_open_and_close_each_others_calls() {
    const THREADS: u128 = 4;
    const CALLS: u128 = 500;
    let data = directory();
    let settings = RecordSettings { segment_bytes: 20_000, ..RecordSettings::default() };
    let recorder = Arc::new(recorder_with(data.path(), 1, settings));
    let sink = MemorySink::willing();
    let shipper = shipper(&recorder, &sink);

    // Each thread opens calls and hands them to the next to be closed.
    let (senders, receivers): (Vec<_>, Vec<_>) =
        (0..THREADS).map(|_| std::sync::mpsc::channel::<u128>()).unzip();
    let mut threads = Vec::new();
    for (t, receiver) in receivers.into_iter().enumerate() {
        let recorder = Arc::clone(&recorder);
        let next = senders[(t + 1) % THREADS as usize].clone();
        threads.push(thread::spawn(move || {
            for n in 0..CALLS {
                let call = t as u128 * CALLS + n + 1;
                open(&recorder, call);
                next.send(call).unwrap();
                for closing in receiver.try_iter() {
                    close(&recorder, closing);
                }
            }
            drop(next);
            for closing in receiver {
                close(&recorder, closing);
            }
        }));
    }
    drop(senders);
    while threads.iter().any(|thread| !thread.is_finished()) {
        shipper.flush().await.unwrap();
    }
    for thread in threads {
        thread.join().unwrap();
    }
    shipper.flush().await.unwrap();

    let all: std::collections::BTreeSet<_> = (1..=THREADS * CALLS).collect();
    assert_eq!(sink.numbers(LogState::Finished), all);
    assert_eq!(sink.repeats.load(Ordering::Relaxed), 0);
    assert_eq!(shipper.stats().open_calls, 0, "every closing met its opening");
    assert_eq!(recorder.stats().closed, shipper.stats().shipped);
    assert_eq!(segments(data.path(), 1).len(), 0, "all threads ended and all is shipped");
}

#[tokio::test]
async fn segments_roll_by_size_and_go_once_shipped() {
    let data = directory();
    let settings = RecordSettings { segment_bytes: 10_000, ..RecordSettings::default() };
    let recorder = recorder_with(data.path(), 1, settings);
    let sink = MemorySink::willing();
    let shipper = shipper(&recorder, &sink);

    open(&recorder, 1_000_000); // Stays open and holds its segment.
    for n in 1..=100 {
        open(&recorder, n);
        close(&recorder, n);
    }
    assert!(segments(data.path(), 1).len() > 10);
    shipper.flush().await.unwrap();
    assert_eq!(sink.len(), 100);
    assert_eq!(segments(data.path(), 1).len(), 2, "the open call's segment and the present one");

    close(&recorder, 1_000_000);
    shipper.flush().await.unwrap();
    assert_eq!(segments(data.path(), 1).len(), 1);
}

#[tokio::test]
async fn segments_roll_by_age() {
    let data = directory();
    let settings = RecordSettings {
        segment_age: Duration::from_millis(10),
        sync_window: Duration::from_millis(5),
        ..RecordSettings::default()
    };
    let recorder = recorder_with(data.path(), 1, settings);
    open(&recorder, 1);
    let before = segments(data.path(), 1);
    for n in 2..2000 {
        thread::sleep(Duration::from_millis(5));
        open(&recorder, n);
        if segments(data.path(), 1) != before {
            return;
        }
    }
    panic!("the segment never grew old");
}

#[tokio::test]
async fn a_node_id_is_used_once() {
    let data = directory();
    let first = recorder(data.path(), 1);
    let second = SegmentRecorder::start(data.path(), node(1), RecordSettings::default());
    assert!(matches!(second, Err(StartError::NodeInUse(id)) if id == node(1)));
    drop(first);
}
