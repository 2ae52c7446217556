//! The scripted provider as a process: `portcullis-testkit-upstream --listen ADDR [--journal FILE]`.
//! Prints its base URL once it accepts connections.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use portcullis_testkit::upstream::Upstream;

fn main() -> ExitCode {
    let (listen, journal) = match arguments(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!(
                "{problem}\nusage: portcullis-testkit-upstream --listen ADDR [--journal FILE]"
            );
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a runtime needs only threads");
    runtime.block_on(async {
        match Upstream::listen(listen, journal.as_deref()).await {
            Ok(upstream) => {
                println!("{}", upstream.base_url());
                upstream.serve_forever().await;
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("cannot listen on {listen}: {error}");
                ExitCode::FAILURE
            }
        }
    })
}

fn arguments(
    mut words: impl Iterator<Item = String>,
) -> Result<(SocketAddr, Option<PathBuf>), String> {
    let mut listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut journal = None;
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        match word.as_str() {
            "--listen" => listen = value.parse().map_err(|error| format!("--listen: {error}"))?,
            "--journal" => journal = Some(PathBuf::from(value)),
            _ => return Err(format!("{word} is no option")),
        }
    }
    Ok((listen, journal))
}
