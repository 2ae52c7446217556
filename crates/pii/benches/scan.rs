//! How fast texts are scanned, on one core: megabytes a second, and the time for a prompt of 2 KB.
//!
//! `cargo bench -p portcullis-pii` prints the tables that `docs/performance.md` holds.

#![allow(clippy::print_stdout, missing_docs, reason = "a benchmark prints its figures")]

use std::{
    fmt::Write as _,
    fs,
    hint::black_box,
    time::{Duration, Instant},
};

use portcullis_pii::{Detector, Entity, Format, Scanner};

/// The prompt whose time is told, bytes.
const PROMPT: usize = 2048;

fn main() {
    let before = resident();
    let start = Instant::now();
    let everything = Detector::default();
    let mut scanner = Scanner::new();
    scanner.scan(&everything, "I am Jane Doe, jane@example.com, +1 415 555 0132.");
    let started = start.elapsed();
    let names = [Entity::PERSON, Entity::ADDRESS, Entity::LOCATION, Entity::ORGANIZATION];
    let patterns: Vec<Entity> =
        Entity::all().filter(|it| it.on_by_default() && !names.contains(it)).collect();
    let patterns = Detector::builder().only(&patterns).build().expect("valid");
    println!("| Text | Patterns, MB/s | Everything, MB/s | 2 KB, median µs | 2 KB, 99th µs |");
    println!("| --- | ---: | ---: | ---: | ---: |");
    for (name, text) in texts() {
        measure(name, &text, &patterns, &everything);
    }
    let long = include_str!("text/prose.txt").repeat(4096);
    scanner.scan(&everything, &long);
    let text = long.len() as f64 / 1e6;
    let grown = resident() - before - text;
    println!("\nReady after {:.1} ms; {grown:.1} MB resident.", started.as_secs_f64() * 1e3);
}

/// What texts there are.
fn texts() -> Vec<(&'static str, String)> {
    let prose = include_str!("text/prose.txt").to_owned();
    let code =
        include_str!("../src/scan/engine.rs").to_owned() + include_str!("../src/scan/forms.rs");
    vec![
        ("prose", prose.clone()),
        ("chat, JSON", chat(&prose)),
        ("code", code),
        ("logs", logs()),
        ("personal data throughout", dense()),
    ]
}

/// Chat requests as they come, with few values.
fn chat(prose: &str) -> String {
    let mut text = String::new();
    for (number, paragraph) in prose.split("\n\n").enumerate() {
        let content = paragraph.replace('"', "\\\"").replace('\n', " ");
        let _ = writeln!(
            text,
            "{{\"model\":\"gpt-4o-mini\",\"temperature\":0.7,\"messages\":[{{\"role\":\"system\",\"content\":\"You are \
             a helpful assistant. Answer briefly.\"}},{{\"role\":\"user\",\"content\":\"{content} My order number is \
             {}, can you help?\"}}]}}",
            84_731 + number
        );
    }
    text
}

fn logs() -> String {
    let mut text = String::new();
    for number in 0..400 {
        let _ = writeln!(
            text,
            "2024-05-{:02}T{:02}:{:02}:11.{:03}Z INFO gateway::call request_id=0190f3a2-{:04x}-7c11-9b2e-5d1f{:08x} \
             status=200 latency_ms={} bytes={} model=gpt-4o-mini attempt=1",
            1 + number % 28,
            number % 24,
            number % 60,
            number,
            number * 7,
            number * 7919,
            number * 3 % 900,
            number * 131
        );
    }
    text
}

/// The hits of all fixtures.
fn dense() -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("fixtures")
        .filter_map(Result::ok)
        .map(|it| it.path())
        .collect();
    files.retain(|it| it.extension().is_some_and(|it| it == "jsonl"));
    files.sort();
    let mut text = String::new();
    for file in files {
        for line in fs::read_to_string(file).expect("a fixture").lines() {
            let row: serde_json::Value = serde_json::from_str(line).expect("JSON");
            if let (Some(_), Some(hit)) = (row.get("hit"), row["text"].as_str()) {
                text.push_str(hit);
                text.push('\n');
            }
        }
    }
    text
}

fn measure(name: &str, text: &str, patterns: &Detector, everything: &Detector) {
    let mut scanner = Scanner::new();
    let long = text.repeat(1 + (1 << 20) / text.len());
    let speeds = [patterns, everything].map(|detector| speed(&mut scanner, detector, &long));
    let mut times: Vec<Duration> = (0..20_000)
        .map(|round| {
            let from = long.ceil_char_boundary(round * 331 % (long.len() - 2 * PROMPT));
            let to = long.ceil_char_boundary(from + PROMPT);
            let start = Instant::now();
            black_box(scanner.scan_as(everything, Format::Text, black_box(&long[from..to])));
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    let at = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1e6;
    println!("| {name} | {:.0} | {:.0} | {:.1} | {:.1} |", speeds[0], speeds[1], at(50), at(99));
}

/// The best of several rounds, megabytes a second.
fn speed(scanner: &mut Scanner, detector: &Detector, text: &str) -> f64 {
    let round = |scanner: &mut Scanner| {
        let start = Instant::now();
        let mut count = 0;
        while start.elapsed() < Duration::from_millis(200) {
            black_box(scanner.scan(detector, black_box(text)));
            count += 1;
        }
        f64::from(count) * text.len() as f64 / start.elapsed().as_secs_f64() / 1e6
    };
    (0..7).map(|_| round(scanner)).fold(0.0, f64::max)
}

/// Memory in use, megabytes.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1e3
}
