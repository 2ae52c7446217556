//! A disk that is full, for which a limit on the size of files stands in.

use std::{env, process::Command, thread};

use portcullis_domain::{LogState, Recorder};
use portcullis_record::RecordSettings;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{sample, support::*};

const CHILD: &str = "RECORD_TEST_FULL_DISK";

/// The limit holds for a whole process, and its signal must be ignored before the process starts;
/// a shell does both for a second run of this test.
#[test]
fn a_full_disk_refuses_openings_and_keeps_endings() {
    if env::var_os(CHILD).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(on_a_full_disk());
    }
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", "disk::a_full_disk_refuses_openings_and_keeps_endings", "--nocapture"])
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

/// Sets the largest size of a file and returns what it was.
fn limit(bytes: Option<u64>) -> Option<u64> {
    let before = getrlimit(Resource::Fsize);
    setrlimit(Resource::Fsize, Rlimit { current: bytes, maximum: before.maximum }).unwrap();
    before.current
}
