//! The benchmark's two ends as a process each, so that they can be pinned to a core:
//!
//! - `portcullis-testkit-load serve ADDR`
//! - `portcullis-testkit-load drive ADDR REQUEST_FILE CONNECTIONS SECONDS [RATE]`, which prints its
//!   [`Figures`] as JSON. Without a rate it saturates.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]

use std::{process::ExitCode, time::Duration};

use portcullis_testkit::load::{Figures, Mode, Plan, drive, serve};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    match words {
        ["serve", address] => {
            let address = address.parse().map_err(|error| format!("{address}: {error}"))?;
            runtime.block_on(serve(address)).map_err(|error| error.to_string())
        }
        ["drive", target, file, connections, seconds, rate @ ..] => {
            let request = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
            let number =
                |word: &str| word.parse::<f64>().map_err(|error| format!("{word}: {error}"));
            let mode = match rate {
                [] => Mode::Saturate,
                [rate] => Mode::Rate(number(rate)?),
                _ => return Err("too many words".into()),
            };
            let plan = Plan {
                target: target.parse().map_err(|error| format!("{target}: {error}"))?,
                request,
                connections: connections.parse().map_err(|error| format!("{error}"))?,
                mode,
                measure: Duration::from_secs_f64(number(seconds)?),
                warm_up: Duration::from_secs(1),
            };
            let figures: Figures =
                runtime.block_on(drive(&plan)).map_err(|error| error.to_string())?;
            println!("{}", serde_json::to_string(&figures).map_err(|error| error.to_string())?);
            Ok(())
        }
        _ => Err("usage: serve ADDR | drive ADDR REQUEST_FILE CONNECTIONS SECONDS [RATE]".into()),
    }
}
