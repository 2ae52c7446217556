//! What recording costs a call: opening and closing together, on one thread.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use portcullis_domain::{LogState, NodeId, Recorder};
use portcullis_record::{RecordSettings, SegmentRecorder};

#[path = "../tests/it/sample.rs"]
mod sample;

fn open_and_close(c: &mut Criterion) {
    let data = tempfile::tempdir().expect("a temporary directory");
    let node = NodeId::from_uuid(uuid::Uuid::from_u128(1));
    let recorder = SegmentRecorder::start(data.path(), node, RecordSettings::default())
        .expect("a fresh directory takes a record");
    let opened = sample::log(1);
    let mut closed = sample::log(1);
    closed.state = LogState::Finished;
    closed.response_status = Some(200);
    c.bench_function("open and close", |b| {
        b.iter(|| {
            recorder.open(black_box(&opened)).expect("the disk takes entries");
            recorder.close(black_box(&closed), None);
        });
    });
    assert_eq!(recorder.stats().lost, 0);
}

criterion_group!(benches, open_and_close);
criterion_main!(benches);
