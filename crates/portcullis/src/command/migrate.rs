//! `portcullis migrate`.

use std::sync::Arc;

use portcullis_domain::Clock;
use portcullis_runtime::SystemClock;

use crate::{
    cli::Common,
    config::{Config, prepare_data_dir},
    failure::Failure,
    instance::open_database,
    out,
};

pub(crate) async fn run(common: &Common) -> Result<(), Failure> {
    let config = Config::load(common, None)?;
    prepare_data_dir(&config.data_dir)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let db = open_database(&config, &clock).await?;
    let complain = |error| Failure::database(&config, &error);
    let pending = db.pending().await.map_err(complain)?;
    let version = db.migrate().await.map_err(complain)?;
    db.close().await;
    let done = match pending {
        0 => "was up to date".to_owned(),
        1 => "has had 1 migration applied".to_owned(),
        many => format!("has had {many} migrations applied"),
    };
    out::line(format_args!("{} is at schema {version} and {done}.", config.shown_database()));
    Ok(())
}
