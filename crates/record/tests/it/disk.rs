//! A disk that is full, for which a limit on the size of files stands in.

use std::{env, process::Command, task::Waker, thread};

use portcullis_domain::{LogState, Recorder};
use portcullis_record::RecordSettings;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{sample, support::*};

const CHILD: &str = "RECORD_TEST_FULL_DISK";

#[test]
fn a_full_disk_refuses_openings_and_keeps_endings() {
    in_a_process_of_its_own("a_full_disk_refuses_openings_and_keeps_endings", on_a_full_disk);
}

#[test]
fn a_flush_that_fails_refuses_its_openings_and_keeps_its_endings() {
    in_a_process_of_its_own(
        "a_flush_that_fails_refuses_its_openings_and_keeps_its_endings",
        on_a_disk_that_fills,
    );
}

/// The limit holds for a whole process, and its signal must be ignored before the process starts;
/// a shell does both for a second run of the test.
fn in_a_process_of_its_own(test: &str, body: impl AsyncFnOnce()) {
    if env::var_os(CHILD).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(body());
    }
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", &format!("disk::{test}"), "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

async fn on_a_full_disk() {
    let data = directory();
    let settings = RecordSettings { spill_bytes: 9000, ..RecordSettings::default() };
    let recorder = recorder_with(data.path(), 1, settings);
    let sink = MemorySink::willing();
    let shipper = shipper(&recorder, &sink);

    open(&recorder, 1);
    open(&recorder, 2);
    open(&recorder, 3);
    open(&recorder, 4);
    // Less than the present segment has, and less than the first entry of a new one takes: some
    // writes are refused, others cut short.
    let unlimited = limit(Some(200));
    let refused = recorder.open(&sample::log(5)).unwrap_err();
    assert!(refused.to_string().contains("record of calls"), "{refused}");
    thread::scope(|s| s.spawn(|| recorder.open(&sample::log(5)).unwrap_err()).join().unwrap());
    assert_eq!(segments(data.path(), 1)[1].metadata().unwrap().len(), 8, "no half entry stays");

    close(&recorder, 1); // Waits whole.
    close_with_content(&recorder, 2, 5000); // Waits without its content.
    close(&recorder, 3);
    close(&recorder, 4);
    close(&recorder, 6); // Finds no room.
    let stats = recorder.stats();
    assert_eq!((stats.opened, stats.open_failed), (4, 2));
    assert_eq!((stats.closed, stats.spilled, stats.lost, stats.content_lost), (0, 4, 1, 1));
    assert!(shipper.flush().await.is_err(), "endings still wait in memory");

    limit(unlimited);
    flush_patiently(&shipper).await;
    let stats = recorder.stats();
    assert_eq!((stats.closed, stats.spilled, stats.lost), (4, 0, 1));
    assert_eq!(sink.numbers(LogState::Finished), [1, 2, 3, 4].into());
    assert_eq!(shipper.stats().open_calls, 0);
    open(&recorder, 7);
}

async fn on_a_disk_that_fills() {
    let data = directory();
    let recorder = recorder(data.path(), 1);
    let sink = MemorySink::willing();
    let shipper = shipper(&recorder, &sink);
    recorder.flush(Waker::noop()); // From now on this thread's facts wait for the next.

    let first = recorder.open(&sample::log(1)).unwrap();
    recorder.flush(Waker::noop());
    assert!(is_open(&recorder, first).unwrap().is_ok());
    let unlimited = limit(Some(200));
    let second = recorder.open(&sample::log(2)).unwrap();
    close_with_content(&recorder, 1, 500);
    assert!(is_open(&recorder, second).is_none(), "nobody knows yet");
    recorder.flush(Waker::noop());
    let refused = is_open(&recorder, second).unwrap().unwrap_err();
    assert!(refused.to_string().contains("record of calls"), "{refused}");
    assert!(is_open(&recorder, first).unwrap().is_err(), "what is not sound any more is refused");
    let stats = recorder.stats();
    assert_eq!((stats.opened, stats.open_failed, stats.closed, stats.spilled), (1, 1, 0, 1));

    limit(unlimited);
    let third = recorder.open(&sample::log(3)).unwrap();
    recorder.flush(Waker::noop());
    assert!(is_open(&recorder, third).unwrap().is_ok());
    close(&recorder, 3);
    recorder.flush(Waker::noop());
    flush_patiently(&shipper).await;
    assert_eq!(sink.numbers(LogState::Finished), [1, 3].into());
    assert!(sink.contents.lock().unwrap().contains_key(&sample::log(1).id));
    assert_eq!(sink.len(), 2, "what was refused is nowhere");
}

/// Sets the largest size of a file and returns what it was.
fn limit(bytes: Option<u64>) -> Option<u64> {
    let before = getrlimit(Resource::Fsize);
    setrlimit(Resource::Fsize, Rlimit { current: bytes, maximum: before.maximum }).unwrap();
    before.current
}
