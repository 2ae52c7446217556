//! How fast texts are scanned, on one core: megabytes a second, and the time for a prompt of 2 KB.
//!
//! `cargo bench -p portcullis-pii` prints the table that `docs/performance.md` holds.

#![allow(clippy::print_stdout, missing_docs, reason = "a benchmark prints its figures")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use portcullis_pii::{Detector, Scanner};

fn main() {
    let prose = include_str!("text/prose.txt");
    let detector = Detector::default();
    println!("| Text | MB/s | 2 KB, p50 µs | p99 µs |\n| --- | ---: | ---: | ---: |");
    for (name, text) in [("prose", prose)] {
        measure(name, text, &detector);
    }
}

fn measure(name: &str, text: &str, detector: &Detector) {
    let mut scanner = Scanner::default();
    let long = text.repeat(1 + (1 << 20) / text.len());
    let megabytes = (0..7)
        .map(|_| {
            let start = Instant::now();
            let mut rounds = 0;
            while start.elapsed() < Duration::from_millis(200) {
                black_box(scanner.scan(detector, black_box(&long)));
                rounds += 1;
            }
            rounds as f64 * long.len() as f64 / start.elapsed().as_secs_f64() / 1e6
        })
        .fold(0.0, f64::max);
    let mut times: Vec<Duration> = (0..20_000)
        .map(|round| {
            let mut from = round * 331 % (long.len() - 4096);
            while !long.is_char_boundary(from) {
                from += 1;
            }
            let mut to = from + 2048;
            while !long.is_char_boundary(to) {
                to += 1;
            }
            let start = Instant::now();
            black_box(scanner.scan(detector, black_box(&long[from..to])));
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    let at = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1e6;
    println!("| {name} | {megabytes:.0} | {:.1} | {:.1} |", at(50), at(99));
}
