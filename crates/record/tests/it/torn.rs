//! Segments that end in the middle of an entry.

use std::{collections::BTreeSet, fs};

use portcullis_domain::LogState;

use crate::support::*;

/// Three calls in one segment: 1 with content, 2 open, 3 without content. Returns the segment's
/// bytes and where each of the five writes ends.
fn written() -> (Vec<u8>, [usize; 5]) {
    let data = directory();
    let recorder = recorder(data.path(), 1);
    let size = || fs::metadata(&segments(data.path(), 1)[0]).unwrap().len() as usize;
    open(&recorder, 1);
    let a = size();
    close_with_content(&recorder, 1, 10);
    let b = size();
    open(&recorder, 2);
    let c = size();
    open(&recorder, 3);
    let d = size();
    close(&recorder, 3);
    let e = size();
    (fs::read(&segments(data.path(), 1)[0]).unwrap(), [a, b, c, d, e])
}

#[tokio::test]
async fn everything_before_a_torn_tail_is_read_wherever_it_is_torn() {
    let (bytes, ends) = written();
    let data = directory();
    let dir = data.path().join("segments").join(node(1).to_string());
    for cut in 0..=bytes.len() {
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("0-0.seg"), &bytes[..cut]).unwrap();

        let recorder = recorder(data.path(), 1_000 + cut as u128);
        let sink = MemorySink::willing();
        let shipper = shipper(&recorder, &sink);
        shipper.flush().await.unwrap();

        let whole = |n: usize| cut >= ends[n];
        let finished: BTreeSet<u128> =
            [(1, whole(1)), (3, whole(4))].into_iter().filter(|c| c.1).map(|c| c.0).collect();
        let opened = [(1, whole(0)), (2, whole(2)), (3, whole(3))];
        let interrupted: BTreeSet<u128> =
            opened.iter().filter(|c| c.1 && !finished.contains(&c.0)).map(|c| c.0).collect();
        assert_eq!(sink.numbers(LogState::Finished), finished, "cut at {cut}");
        assert_eq!(sink.numbers(LogState::Interrupted), interrupted, "cut at {cut}");
        assert_eq!(sink.contents.lock().unwrap().len(), usize::from(whole(1)));
        for log in sink.logs.lock().unwrap().values() {
            if log.state == LogState::Interrupted {
                assert_eq!((log.response_status, log.is_success), (None, false));
            }
        }
        assert!(!dir.exists(), "recovered, then removed");
        let torn = data.path().join("dead-letter").join(format!("{}-0-0.seg.torn", node(1)));
        let kept = fs::read(&torn).unwrap_or_default();
        assert!(bytes[..cut].ends_with(&kept), "cut at {cut}");
        assert_eq!(shipper.stats().torn_bytes as usize, kept.len());
        let _ = fs::remove_file(torn);
    }
}

#[tokio::test]
async fn bytes_behind_damage_are_kept() {
    let (mut bytes, ends) = written();
    bytes[ends[0] + 40] ^= 1;
    let data = directory();
    let dir = data.path().join("segments").join(node(1).to_string());
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("0-0.seg"), &bytes).unwrap();

    let recorder = recorder(data.path(), 2);
    let sink = MemorySink::willing();
    let shipper = shipper(&recorder, &sink);
    shipper.flush().await.unwrap();
    assert_eq!(sink.numbers(LogState::Interrupted), [1].into());
    let torn = files(&data.path().join("dead-letter"), "torn");
    assert_eq!(fs::read(&torn[0]).unwrap(), bytes[ends[0]..]);
}
