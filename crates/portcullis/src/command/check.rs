//! `portcullis check`.

use crate::{
    cli::Common,
    config::{Config, VaultKey},
    failure::Failure,
    out,
};

pub(crate) fn run(common: &Common) -> Result<(), Failure> {
    let config = Config::load(common, None)?;
    let vault_key = match &config.vault_key {
        VaultKey::File(path) => format!("local, key in {}", path.display()),
        VaultKey::Environment(variable) => format!("local, key in the variable {variable}"),
    };
    let metrics = config.metrics_listen.map_or("off".to_owned(), |address| address.to_string());
    out::line("The settings are sound.");
    out::line(format_args!("  listens on      {}", config.listen));
    out::line(format_args!("  metrics on      {metrics}"));
    out::line(format_args!("  data directory  {}", config.data_dir.display()));
    out::line(format_args!("  database        {}", config.shown_database()));
    out::line(format_args!("  vault           {vault_key}"));
    out::line(format_args!("  serving threads {}", config.workers));
    Ok(())
}
