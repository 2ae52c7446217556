//! `cargo xtask bench`: the release binary beside nginx and a direct call, on the same run.
//!
//! The proxy under test has one core to itself; the provider and the load share the other. Only
//! ratios travel from one machine to the next, so the aims are ratios to nginx, which does nothing
//! but forward.

mod machine;
mod report;
mod subject;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use portcullis_testkit::{load::Figures, process::free_address};

use self::{report::Report, subject::Subject};
use crate::{
    step::{self, Outcome, command},
    tools,
};

/// What to measure and where to put it.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Seconds for each measurement
    #[arg(long, value_name = "SECONDS", default_value_t = 8)]
    seconds: u32,
    /// How often each measurement is made; the median counts
    #[arg(long, value_name = "TIMES", default_value_t = 3)]
    rounds: usize,
    /// Also write the figures to docs/performance.md
    #[arg(long)]
    write: bool,
}

/// The core of the proxy under test.
const PROXY_CORE: &str = "0";
/// The core of the provider and the load.
const LOAD_CORE: &str = "1";

/// One kind of load.
pub(crate) struct Load {
    pub(crate) name: &'static str,
    body: fn() -> String,
    connections: u32,
    /// So many a second on a schedule; without it, as many as are answered.
    rate: Option<u32>,
}

pub(crate) const CHAT_64: Load =
    Load { name: "chat, 64 connections", body: chat, connections: 64, rate: None };
pub(crate) const CHAT_1: Load =
    Load { name: "chat, 1 connection", body: chat, connections: 1, rate: None };
pub(crate) const CHAT_STEADY: Load =
    Load { name: "chat, 2,000 a second", body: chat, connections: 64, rate: Some(2_000) };
pub(crate) const STREAM_16: Load =
    Load { name: "100-chunk stream, 16 connections", body: stream, connections: 16, rate: None };
pub(crate) const STREAM_1: Load =
    Load { name: "100-chunk stream, 1 connection", body: stream, connections: 1, rate: None };
pub(crate) const STREAM_STEADY: Load =
    Load { name: "100-chunk stream, 200 a second", body: stream, connections: 64, rate: Some(200) };
pub(crate) const PROMPT_16: Load =
    Load { name: "100 KB prompt, 16 connections", body: prompt, connections: 16, rate: None };
pub(crate) const VARIED_16: Load = Load {
    name: "100 KB prompt of varied words, 16 connections",
    body: varied,
    connections: 16,
    rate: None,
};
const LOADS: [Load; 8] =
    [CHAT_64, CHAT_1, CHAT_STEADY, STREAM_16, STREAM_1, STREAM_STEADY, PROMPT_16, VARIED_16];

const OWN_KEY_LOADS: [Load; 3] = [CHAT_1, CHAT_STEADY, CHAT_64];

/// One subject under one load.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    pub(crate) figures: Figures,
    /// Processor microseconds of the subject for each answer; none for a direct call.
    pub(crate) cpu_micros: Option<f64>,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    if thread::available_parallelism().map_or(1, usize::from) < 2 {
        return Err("the benchmark needs two cores: one for the proxy, one for the load".into());
    }
    tools::packages(&[&tools::NGINX, &tools::TASKSET])?;
    let release = ["build", "--quiet", "--release", "--package", "portcullis"];
    step::run(step::cargo().args(release).args(["--package", "portcullis-testkit", "--bins"]))?;
    let folder = step::root().join("target/bench");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;

    let provider = Provider::start()?;
    let mut report = Report::new(machine::describe(), arguments);
    let subjects = [
        Subject::direct(provider.address),
        Subject::nginx(&folder, provider.address)?,
        Subject::portcullis(provider.address)?,
    ];
    let names = subjects.each_ref().map(|subject| subject.name);
    for load in LOADS {
        measure(&subjects.each_ref(), &names, &load, arguments, &folder, &mut report)?;
    }
    for subject in &subjects {
        report.finish(subject)?;
    }
    drop(subjects);
    own_key(provider.address, arguments, &folder, &mut report)?;
    report.cold_start(&subject::cold_starts(10)?);
    let text = report.text();
    println!("\n{text}");
    if arguments.write {
        let file = step::root().join("docs/performance.md");
        // The sections that others write stay.
        let old = fs::read_to_string(&file).unwrap_or_default();
        let kept = old.find("\n## A start with 10,000 virtual keys").map_or("", |at| &old[at..]);
        fs::write(&file, text + kept).map_err(|error| format!("{}: {error}", file.display()))?;
        println!("written to docs/performance.md");
    }
    Ok(())
}

/// What a key of the organisation's own costs a call.
fn own_key(
    provider: SocketAddr,
    arguments: &Arguments,
    folder: &Path,
    report: &mut Report,
) -> Outcome {
    let local = Subject::portcullis(provider)?;
    let own = Subject::own_key(provider)?;
    let names = [report::LOCAL_KEY, report::OWN_KEY];
    println!("\nportcullis, with the instance's key and with one of the organisation's own");
    let before = own.unwraps();
    for load in OWN_KEY_LOADS {
        measure(&[&local, &own], &names, &load, arguments, folder, report)?;
    }
    report.unwraps(own.unwraps() - before);
    Ok(())
}

/// One load on every subject in turn, round by round, so that all meet the machine in the same state.
/// Of each subject the round whose median latency is the middle one goes into the report.
fn measure(
    subjects: &[&Subject],
    names: &[&'static str],
    load: &Load,
    arguments: &Arguments,
    folder: &Path,
    report: &mut Report,
) -> Outcome {
    let mut rounds = vec![Vec::new(); subjects.len()];
    for _ in 0..arguments.rounds.max(1) {
        for (subject, rounds) in subjects.iter().zip(&mut rounds) {
            rounds.push(round(subject, load, arguments, folder)?);
        }
    }
    println!("{}", load.name);
    for (name, mut rounds) in names.iter().zip(rounds) {
        rounds.sort_by(|a, b| a.figures.p50.total_cmp(&b.figures.p50));
        let middle = rounds.swap_remove(rounds.len() / 2);
        println!("  {name:<12} {}", report::line(&middle));
        report.add(name, load.name, middle);
    }
    Ok(())
}

fn round(
    subject: &Subject,
    load: &Load,
    arguments: &Arguments,
    folder: &Path,
) -> Outcome<Measured> {
    let request = folder.join("request.http");
    fs::write(&request, subject.request(&(load.body)()))
        .map_err(|error| format!("{}: {error}", request.display()))?;
    let before = subject.cpu_seconds()?;
    let mut drive = command("taskset", &["-c", LOAD_CORE]);
    drive.arg(load_program()).arg("drive").arg(subject.address.to_string()).arg(&request);
    drive.args([load.connections.to_string(), arguments.seconds.to_string()]);
    drive.args(load.rate.map(|rate| rate.to_string()));
    let figures: Figures = serde_json::from_str(&step::reply(&mut drive)?)
        .map_err(|error| format!("the load reported something else: {error}"))?;
    if figures.failed > 0 || figures.answered == 0 {
        let Figures { failed, answered, .. } = figures;
        let name = subject.name;
        return Err(format!("{name}, {}: {failed} failed, {answered} answered", load.name));
    }
    // What a subject puts off until later, such as storing its logs, is part of its price, and must
    // not fall into the next measurement; nor must the system's writing of its files.
    let after = subject.idle()?;
    step::reply(&mut command("sync", &[]))?;
    // The warm-up's second is in the processor time too, at the same pace.
    let answers = figures.per_second() * (f64::from(arguments.seconds) + 1.0);
    let cpu_micros = before.zip(after).map(|(from, to)| (to - from) * 1e6 / answers);
    Ok(Measured { figures, cpu_micros })
}

fn load_program() -> PathBuf {
    step::root().join("target/release/portcullis-testkit-load")
}

fn chat() -> String {
    r#"{"model":"gpt-4o-mini","messages":[{"role":"system","content":"You are brief."},{"role":"user","content":"Why do gates have names?"}],"temperature":0.2}"#.into()
}

fn stream() -> String {
    chat().replacen('{', r#"{"stream":true,"#, 1)
}

fn prompt() -> String {
    let words = "Every word of a long prompt has to be carried through the gate. ";
    let long: String = words.chars().cycle().take(100_000).collect();
    format!(r#"{{"model":"gpt-4o-mini","messages":[{{"role":"user","content":"{long}"}}]}}"#)
}

/// As long, of words of which few follow each other twice.
fn varied() -> String {
    let mut turn = 1_u32;
    let mut next = |most: usize| {
        turn = turn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (turn >> 8) as usize % most
    };
    let syllables = ["ga", "te", "ro", "pin", "sel", "mar", "ke", "lo", "vin", "dras", "u", "tho"];
    let mut long = String::new();
    while long.len() < 100_000 {
        for _ in 0..=next(4) {
            long.push_str(syllables[next(syllables.len())]);
        }
        long.push(' ');
    }
    format!(r#"{{"model":"gpt-4o-mini","messages":[{{"role":"user","content":"{long}"}}]}}"#)
}

/// The load's own provider, as a process on the load's core.
struct Provider {
    child: std::process::Child,
    address: SocketAddr,
}

impl Provider {
    fn start() -> Outcome<Self> {
        let address = free_address();
        let mut serve = command("taskset", &["-c", LOAD_CORE]);
        serve.arg(load_program()).arg("serve").arg(address.to_string());
        let child = serve.spawn().map_err(|error| format!("the provider: {error}"))?;
        let provider = Self { child, address };
        subject::until_connectable(address, Duration::from_secs(5))?;
        Ok(provider)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // Ended already or not, nothing is left to do.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
