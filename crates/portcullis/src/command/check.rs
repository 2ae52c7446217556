//! `portcullis check`.

use crate::{cli::Common, config::Config, failure::Failure, out};

pub(crate) fn run(common: &Common) -> Result<(), Failure> {
    let config = Config::load(common, None)?;
    let metrics = config.metrics_listen.map_or("off".to_owned(), |address| address.to_string());
    out::line("The settings are sound.");
    out::line(format_args!("  listens on      {}", config.listen));
    out::line(format_args!("  metrics on      {metrics}"));
    out::line(format_args!("  data directory  {}", config.data_dir.display()));
    out::line(format_args!("  database        {}", config.shown_database()));
    out::line(format_args!("  vault           local, key in {}", config.vault_key));
    if let Some(former) = &config.former_vault_key {
        out::line(format_args!("  former key      in {former}"));
    }
    out::line(format_args!("  serving threads {}", config.workers));
    Ok(())
}
