//! An opened instance: its files, its database, its vault. Every command that touches data begins
//! here.

use std::{fs::File, path::PathBuf, sync::Arc};

use portcullis_control::{StoredDataKeys, instance_pepper};
use portcullis_domain::{Clock, Dice};
use portcullis_runtime::{SystemClock, SystemDice};
use portcullis_store::Db;
use portcullis_vault::{Kms, Pepper, Vault, VaultSettings, kms::local::LocalKms};

use crate::{
    config::{Config, VaultKey, prepare_data_dir},
    failure::Failure,
};

/// An opened instance.
pub(crate) struct Instance {
    pub(crate) db: Db,
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) dice: Arc<dyn Dice>,
}

impl Instance {
    /// Opens data directory, database (bringing the schema up to date) and vault.
    pub(crate) async fn open(config: &Config) -> Result<Self, Failure> {
        prepare_data_dir(&config.data_dir)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let dice: Arc<dyn Dice> = Arc::new(SystemDice);
        let kms = open_kms(config, &dice)?;
        let db = open_database(config, &clock).await?;
        db.migrate().await.map_err(|error| Failure::database(config, &error))?;
        let settings = VaultSettings { lifetime: config.vault_cache, ..VaultSettings::default() };
        let keys = Arc::new(StoredDataKeys::new(db.clone()));
        let vault = Vault::new(kms, keys, Arc::clone(&clock), Arc::clone(&dice), settings);
        Ok(Self { db, vault: Arc::new(vault), clock, dice })
    }

    /// The pepper of API-key digests.
    pub(crate) async fn pepper(&self) -> Result<Pepper, Failure> {
        Ok(instance_pepper(&self.db, &self.vault, &*self.dice).await?)
    }
}

/// Connects to the database without touching its schema.
pub(crate) async fn open_database(config: &Config, clock: &Arc<dyn Clock>) -> Result<Db, Failure> {
    let options = portcullis_store::Options::new(Arc::clone(clock));
    let opened = Db::connect(&config.database_url, options).await;
    opened.map_err(|error| Failure::database(config, &error))
}

fn open_kms(config: &Config, dice: &Arc<dyn Dice>) -> Result<Arc<dyn Kms>, Failure> {
    let dice = Arc::clone(dice);
    let (field, kms) = match &config.vault_key {
        VaultKey::File(path) => ("vault.local_key_file", LocalKms::from_file_or_create(path, dice)),
        VaultKey::Environment(variable) => {
            ("vault.local_key_env", LocalKms::from_environment(variable, dice))
        }
    };
    let kms = kms.map_err(|error| Failure::new(format!("{field}: {error}")))?;
    Ok(Arc::new(kms))
}

/// Where `serve` leaves the first credentials of an instance that it initialised itself.
pub(crate) fn credentials_file(config: &Config) -> PathBuf {
    config.data_dir.join("first-credentials.json")
}

/// Writes a file that only its owner can read, and that must not exist yet.
pub(crate) fn write_private(path: &PathBuf, text: &str) -> Result<(), Failure> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let written = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Failure::new(format!("{}: cannot be written: {error}", path.display())))
}
