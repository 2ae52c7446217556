//! `kill -9` in the middle of many calls. The process that dies is this test binary again.

use std::{
    collections::BTreeSet,
    env,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
};

use portcullis_domain::LogState;
use portcullis_record::ShipperSettings;

use crate::support::*;

const DATA: &str = "RECORD_TEST_DATA";
const THREADS: u128 = 4;
const CALLS: u128 = 300;

/// Opens calls in several threads and closes every third. Once told a data directory, says after
/// each step what is durable, and waits at the end for its death.
#[test]
fn victim() {
    let told = env::var_os(DATA).map(PathBuf::from);
    let own = directory();
    let data = told.as_deref().unwrap_or(own.path());
    let recorder = recorder(data, 1);
    thread::scope(|scope| {
        for t in 0..THREADS {
            let (recorder, told) = (&recorder, &told);
            scope.spawn(move || {
                for n in 0..CALLS {
                    let call = t * CALLS + n + 1;
                    open(recorder, call);
                    say(told.is_some(), "opened", call);
                    if n % 3 == 0 {
                        close_with_content(recorder, call, 500);
                        say(told.is_some(), "closed", call);
                    }
                }
                if told.is_some() {
                    thread::park();
                }
            });
        }
    });
    let stats = recorder.stats();
    assert_eq!((stats.opened, stats.closed), ((THREADS * CALLS) as u64, 400));
}

fn say(aloud: bool, what: &str, call: u128) {
    if aloud {
        // One write per line, so that a killed process leaves whole lines and one partial.
        std::io::stdout().lock().write_all(format!("@{what} {call}\n").as_bytes()).unwrap();
    }
}

#[tokio::test]
async fn a_killed_process_loses_nothing() {
    for kill_after in [1, 250, 777, (THREADS * CALLS) as usize] {
        let data = directory();
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "crash::victim", "--nocapture", "--test-threads=1"])
            .env(DATA, data.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (mut opened, mut closed) = (BTreeSet::new(), BTreeSet::new());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut killed = false;
        while let Some(Ok(line)) = lines.next() {
            let Some((_, said)) = line.split_once('@') else { continue };
            match said.split_once(' ') {
                Some(("opened", call)) => drop(opened.insert(call.parse::<u128>().unwrap())),
                Some(("closed", call)) => drop(closed.insert(call.parse::<u128>().unwrap())),
                _ => panic!("{line}"),
            }
            if opened.len() >= kill_after && !killed {
                child.kill().unwrap(); // SIGKILL
                killed = true;
            }
        }
        child.wait().unwrap();
        assert!(killed);

        // A first recovery is itself cut short, a second one completes it.
        let mut shipped = 0;
        let cut_short = MemorySink::new(move |_| {
            shipped += 1;
            if shipped > 3 { unavailable() } else { Outcome::StoreThenFail }
        });
        let first = recorder(data.path(), 2);
        let settings = ShipperSettings { batch_logs: 100, ..quick() };
        let shipper = shipper_with(&first, &cut_short, settings);
        assert!(shipper.flush().await.is_err());
        drop((shipper, first));

        let second = recorder(data.path(), 3);
        let sink = MemorySink::willing();
        sink.logs.lock().unwrap().extend(cut_short.logs.lock().unwrap().clone());
        sink.contents.lock().unwrap().extend(cut_short.contents.lock().unwrap().clone());
        let shipper = crate::support::shipper(&second, &sink);
        shipper.flush().await.unwrap();

        let finished = sink.numbers(LogState::Finished);
        let interrupted = sink.numbers(LogState::Interrupted);
        assert!(closed.is_subset(&finished), "what was closed is finished");
        let all: BTreeSet<_> = finished.union(&interrupted).copied().collect();
        assert!(opened.is_subset(&all), "what was opened is there");
        assert!(finished.is_disjoint(&interrupted));
        // Between an entry and the line about it each thread may have died once.
        assert!(all.len() - opened.len() <= THREADS as usize);
        assert!(finished.len() - closed.len() <= THREADS as usize);
        assert_eq!(sink.contents.lock().unwrap().len(), finished.len());
        assert_eq!(segments(data.path(), 1).len(), 0, "recovered segments are gone");
    }
}
