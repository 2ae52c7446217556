//! Repository tasks. `cargo xtask --help` lists them.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]

mod acceptance;
mod bench;
mod ci;
mod pii_report;
mod prices;
mod step;
mod test;
mod tidy;
mod tools;
mod train_pii;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Tasks of the Portcullis repository")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Checks the house rules: dependency edges, file layout, forbidden words.
    Tidy,
    /// Installs what the tests need and runs all of them.
    Test,
    /// Installs the emulators of key management services that tests start.
    Emulators,
    /// Runs the real client libraries against the real binary, on SQLite and on PostgreSQL.
    Acceptance(acceptance::Arguments),
    /// The whole gate: formatting, lints, tidy, test, acceptance.
    Ci,
    /// Measures the release binary beside nginx and a direct call, and prints the ratios.
    Bench(bench::Arguments),
    /// Measures the detection of personal data on data that nothing was trained on.
    PiiReport(pii_report::Arguments),
    /// Compiles the model price table from its sources.
    Prices(prices::Arguments),
    /// Trains the model of the name tagger.
    TrainPii(train_pii::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Err(error) = std::env::set_current_dir(step::root()) {
        eprintln!("error: the repository root cannot be entered: {error}");
        return ExitCode::FAILURE;
    }
    let outcome = match arguments.task {
        Task::Tidy => tidy::run(),
        Task::Test => test::run(),
        Task::Emulators => tools::emulators(),
        Task::Acceptance(arguments) => acceptance::run(&arguments),
        Task::Ci => ci::run(),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::PiiReport(arguments) => pii_report::run(&arguments),
        Task::Prices(arguments) => prices::run(arguments),
        Task::TrainPii(arguments) => train_pii::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}
