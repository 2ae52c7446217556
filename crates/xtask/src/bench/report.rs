//! The figures as a page.

use std::{collections::BTreeMap, fmt::Write};

use super::{
    Arguments, CHAT_1, CHAT_64, CHAT_STEADY, Load, Measured, PROMPT_16, STREAM_1, STREAM_16,
    STREAM_STEADY, VARIED_16,
    subject::{Subject, binary_megabytes},
};
use crate::step::Outcome;

/// What was measured so far.
pub(crate) struct Report {
    machine: String,
    method: String,
    measured: BTreeMap<(&'static str, &'static str), Measured>,
    resident_megabytes: Option<f64>,
    cold_start_millis: f64,
    binary_megabytes: f64,
    unwraps: usize,
}

/// A gate whose organisation's data keys are wrapped by the instance's key.
pub(crate) const LOCAL_KEY: &str = "local key";
/// One whose organisation has connected a key of its own.
pub(crate) const OWN_KEY: &str = "own key";

impl Report {
    pub(crate) fn new(machine: String, arguments: &Arguments) -> Self {
        let method = format!(
            "{} rounds of {} s after 1 s of warm-up each, the subjects in turn, and of each its round with \
             the middle latency",
            arguments.rounds.max(1),
            arguments.seconds,
        );
        Self {
            machine,
            method,
            measured: BTreeMap::new(),
            resident_megabytes: None,
            cold_start_millis: 0.0,
            binary_megabytes: 0.0,
            unwraps: 0,
        }
    }

    /// Takes how often the organisation's own key service was asked during the loads.
    pub(crate) fn unwraps(&mut self, unwraps: usize) {
        self.unwraps = unwraps;
    }

    pub(crate) fn add(&mut self, subject: &'static str, load: &'static str, measured: Measured) {
        self.measured.insert((subject, load), measured);
    }

    /// Takes what can be known only after a subject's last load.
    pub(crate) fn finish(&mut self, subject: &Subject) -> Outcome {
        if subject.name == "portcullis" {
            self.resident_megabytes = subject.resident_megabytes()?;
            self.binary_megabytes = binary_megabytes()?;
        }
        Ok(())
    }

    /// Takes the times of cold starts, sorted, in milliseconds.
    pub(crate) fn cold_start(&mut self, taken: &[f64]) {
        self.cold_start_millis = taken.get(taken.len() / 2).copied().unwrap_or_default();
    }

    /// The page.
    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "# Performance\n\nWritten by `cargo xtask bench --write`.\n\n\
             Machine: {}.\n\nMethod: {}. The proxy under test runs on one core, with key \
             authentication, the vault and the record on; the provider and the load share another \
             core. nginx is Debian's, one worker, a plain reverse proxy with keep-alive. Figures \
             compare only within one run; the ratios are what to look at. The prompt of 100 KB says one \
             sentence over and over, which the record packs before it seals it; that of varied \
             words is sealed and written as it is.\n\n",
            self.machine, self.method
        );
        text.push_str(&self.ratios());
        text.push_str(&self.own_key());
        text.push_str(&self.figures());
        text
    }

    fn own_key(&self) -> String {
        let answered: u64 =
            super::OWN_KEY_LOADS.iter().map(|l| self.of(OWN_KEY, l).figures.answered).sum();
        let mut text = format!(
            "\n## With a key of the organisation's own\n\n\
             Its data keys are wrapped by a key service that takes 20 ms for each answer; the cache \
             is warm. In the rounds that count, {answered} calls were answered; over all rounds the \
             service was asked to unwrap a data key {} times, in the background.\n\n\
             | What | Instance's key | Own key | Ratio |\n| --- | ---: | ---: | ---: |\n",
            self.unwraps
        );
        let rows: [(&str, Load, Take); 5] = [
            ("Chat, 1 connection, µs (median)", CHAT_1, |m| m.figures.p50),
            ("Chat, 1 connection, µs (99th percentile)", CHAT_1, |m| m.figures.p99),
            ("Chat, 2,000 a second, µs (median)", CHAT_STEADY, |m| m.figures.p50),
            ("Requests a second, 64 connections", CHAT_64, |m| m.figures.per_second()),
            ("Processor µs per request", CHAT_64, |m| m.cpu_micros.unwrap_or_default()),
        ];
        for (what, load, take) in rows {
            let (local, own) = (take(self.of(LOCAL_KEY, &load)), take(self.of(OWN_KEY, &load)));
            let ratio = own / local;
            let _infallible = writeln!(text, "| {what} | {local:.0} | {own:.0} | {ratio:.2} |");
        }
        text
    }

    fn ratios(&self) -> String {
        let mut text = String::from(
            "## Against nginx\n\n| What | nginx | Portcullis | Ratio | Aim |\n\
             | --- | ---: | ---: | ---: | ---: |\n",
        );
        let per_second = |of: &Measured| of.figures.per_second();
        let first: Take = |of| of.figures.first_p50;
        let processor: Take = |of| of.cpu_micros.unwrap_or_default();
        let rows: [(&str, Load, Take, &str); 9] = [
            ("Requests a second, 64 connections", CHAT_64, per_second, "≥ 0.43"),
            ("100-chunk streams a second", STREAM_16, per_second, "≥ 0.95"),
            ("100 KB prompts a second", PROMPT_16, per_second, "≥ 0.60"),
            ("100 KB prompts of varied words a second", VARIED_16, per_second, ""),
            ("First streamed chunk, 1 connection, µs (median)", STREAM_1, first, "≤ 1.80"),
            ("First streamed chunk, 200 streams a second, µs (median)", STREAM_STEADY, first, ""),
            ("First streamed chunk, 16 connections, µs (median)", STREAM_16, first, ""),
            ("Processor µs per request, storing its log included", CHAT_64, processor, ""),
            ("Processor µs per stream, storing its log included", STREAM_16, processor, ""),
        ];
        for (what, load, take, aim) in rows {
            let (nginx, ours) = (take(self.of("nginx", &load)), take(self.of("portcullis", &load)));
            let ratio = ours / nginx;
            let _infallible =
                writeln!(text, "| {what} | {nginx:.0} | {ours:.0} | {ratio:.2} | {aim} |");
        }
        for (what, load, aim) in [
            ("Added to a chat, 1 connection", CHAT_1, "≤ 1.25"),
            ("Added to a chat, 2,000 a second", CHAT_STEADY, ""),
            ("Added to a stream, 200 a second", STREAM_STEADY, ""),
        ] {
            let quantiles: [(&str, Take, &str); 2] =
                [("median", |m| m.figures.p50, aim), ("99th percentile", |m| m.figures.p99, "")];
            for (quantile, take, aim) in quantiles {
                let direct = take(self.of("direct", &load));
                let nginx = take(self.of("nginx", &load)) - direct;
                let ours = take(self.of("portcullis", &load)) - direct;
                let ratio = ours / nginx;
                let _infallible = writeln!(
                    text,
                    "| {what}, µs ({quantile}) | {nginx:.0} | {ours:.0} | {ratio:.2} | {aim} |"
                );
            }
        }
        let alone = [
            ("Resident after load, MB", self.resident_megabytes.unwrap_or_default(), "≤ 30"),
            (
                "Cold start on an existing data directory, ms (median)",
                self.cold_start_millis,
                "≤ 20",
            ),
            ("Binary, MB", self.binary_megabytes, "≤ 30"),
        ];
        for (what, ours, aim) in alone {
            let _infallible = writeln!(text, "| {what} |  | {ours:.1} |  | {aim} |");
        }
        text
    }

    fn figures(&self) -> String {
        let mut text = String::from(
            "\n## Every figure\n\n\
             | Load | Subject | Answers/s | Median µs | 99th µs | First chunk µs | CPU µs/answer |\n\
             | --- | --- | ---: | ---: | ---: | ---: | ---: |\n",
        );
        for load in super::LOADS {
            for subject in ["direct", "nginx", "portcullis"] {
                let Measured { figures, cpu_micros } = self.of(subject, &load);
                let cpu = cpu_micros.map_or_else(|| "–".into(), |micros| format!("{micros:.0}"));
                let _infallible = writeln!(
                    text,
                    "| {} | {subject} | {:.0} | {:.0} | {:.0} | {:.0} | {cpu} |",
                    load.name,
                    figures.per_second(),
                    figures.p50,
                    figures.p99,
                    figures.first_p50,
                );
            }
        }
        text
    }

    fn of(&self, subject: &'static str, load: &Load) -> &Measured {
        self.measured.get(&(subject, load.name)).expect("every subject meets every load")
    }
}

/// Which figure a row shows.
type Take = fn(&Measured) -> f64;

/// One measurement in a line.
pub(crate) fn line(measured: &Measured) -> String {
    let figures = &measured.figures;
    let cpu = measured.cpu_micros.map(|micros| format!(", {micros:.0} µs of processor each"));
    format!(
        "{:>8.0}/s, median {:.0} µs, 99th {:.0} µs, first byte {:.0} µs{}",
        figures.per_second(),
        figures.p50,
        figures.p99,
        figures.first_p50,
        cpu.unwrap_or_default(),
    )
}
