//! `portcullis check`.

use crate::{
    cli::Common,
    config::{Config, VaultKms},
    failure::Failure,
    out,
};

pub(crate) fn run(common: &Common) -> Result<(), Failure> {
    let config = Config::load(common, None)?;
    let metrics = config.metrics_listen.map_or("off".to_owned(), |address| address.to_string());
    out::line("The settings are sound.");
    out::line(format_args!("  listens on      {}", config.listen));
    out::line(format_args!("  metrics on      {metrics}"));
    out::line(format_args!("  data directory  {}", config.data_dir.display()));
    out::line(format_args!("  database        {}", config.shown_database()));
    match &config.vault_kms {
        VaultKms::Local(key) => out::line(format_args!("  vault           local, key in {key}")),
        service => out::line(format_args!("  vault           key in {service}")),
    }
    for former in &config.former_vault_kms {
        out::line(format_args!("  former key      in {former}"));
    }
    out::line(format_args!("  serving threads {}", config.workers));
    Ok(())
}
