//! The subcommands, one file each.

mod apply;
mod audit;
mod check;
mod demo;
mod erase;
mod first_start;
pub(crate) mod init;
mod migrate;
mod pii;
mod serve;
mod unlock;
mod vault;

use clap::CommandFactory as _;
use tokio::runtime::Runtime;

use crate::{
    cli::{Cli, Command},
    failure::Failure,
    out,
};

pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(args) => runtime()?.block_on(serve::run(&args)),
        Command::Init(args) => runtime()?.block_on(init::run(&args)),
        Command::Demo(args) => runtime()?.block_on(demo::run(&args)),
        Command::Check(common) => check::run(&common),
        Command::Migrate(common) => runtime()?.block_on(migrate::run(&common)),
        Command::Pii(args) => pii::run(&args.command),
        Command::Erase(args) => runtime()?.block_on(erase::run(&args)),
        Command::Vault(args) => runtime()?.block_on(vault::run(&args.command)),
        Command::Apply(args) => runtime()?.block_on(apply::run(&args)),
        Command::Unlock(args) => runtime()?.block_on(unlock::run(&args)),
        Command::Audit(args) => runtime()?.block_on(audit::run(&args.command)),
        Command::Completions { shell } => {
            let mut command = Cli::command();
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command, "portcullis", &mut script);
            out::text(String::from_utf8_lossy(&script));
            Ok(())
        }
    }
}

/// The control plane's runtime. Two threads: it must not crowd out the serving threads.
fn runtime() -> Result<Runtime, Failure> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    Ok(builder.worker_threads(2).thread_name("control").enable_all().build()?)
}
