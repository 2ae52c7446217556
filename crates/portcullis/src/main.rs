//! The AI gateway and control plane in one binary: settings, wiring and subcommands. No logic.

/// A call makes and drops some fifty small things; the system's allocator takes a tenth of a call's
/// time for that. Without huge pages, which would keep much of what was freed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod checkpoints;
mod cli;
mod client_address;
mod command;
mod config;
mod demo;
mod failure;
mod instance;
mod metrics;
mod node;
mod outside;
mod router;
mod settings;
mod start_pages;
mod vault_tasks;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match command::run(cli.command) {
        Ok(()) if out::is_lost() => ExitCode::FAILURE,
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            out::error(&failure);
            ExitCode::FAILURE
        }
    }
}

/// The one place that prints: what a command was run for goes to standard output, complaints to
/// standard error.
#[allow(clippy::print_stderr, reason = "a command line prints")]
pub(crate) mod out {
    use std::{
        fmt::Display,
        io::{self, Write as _},
        sync::atomic::{AtomicBool, Ordering::Relaxed},
    };

    static LOST: AtomicBool = AtomicBool::new(false);

    pub(crate) fn line(text: impl Display) {
        note(writeln!(io::stdout().lock(), "{text}"));
    }

    /// A text as it is, with no line end of ours.
    pub(crate) fn text(text: impl Display) {
        let mut out = io::stdout().lock();
        note(write!(out, "{text}").and_then(|()| out.flush()));
    }

    /// Whether something that was to be printed was not. Nobody need be told when it is for a pipe
    /// whose reader has seen enough, as `head` has.
    pub(crate) fn is_lost() -> bool {
        LOST.load(Relaxed)
    }

    /// Takes note of how printing went, and complains of the first failure unless it is such a pipe.
    pub(crate) fn note(printed: io::Result<()>) {
        let Err(failure) = printed else { return };
        if !LOST.swap(true, Relaxed) && failure.kind() != io::ErrorKind::BrokenPipe {
            error(format_args!("nothing can be printed: {failure}"));
        }
    }

    pub(crate) fn error(text: impl Display) {
        eprintln!("portcullis: {text}");
    }
}
