//! An opened instance: its files, its database, its vault. Every command that touches data begins
//! here.

use std::sync::Arc;

use portcullis_control::{InstanceKeys, StoredDataKeys, instance_audit_key, instance_pepper};
use portcullis_domain::{Clock, Dice};
use portcullis_runtime::{SystemClock, SystemDice};
use portcullis_store::Db;
use portcullis_vault::{
    DataKeyState, DataKeyStatus, Kms, Vault, VaultSettings, kms::local::LocalKms,
};

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
    vault_key: VaultKey,
}

impl Instance {
    /// Opens data directory, database (bringing the schema up to date) and vault. A local key is
    /// made only for a database in which nothing is sealed yet.
    pub(crate) async fn open(config: &Config) -> Result<Self, Failure> {
        prepare_data_dir(&config.data_dir)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let dice: Arc<dyn Dice> = Arc::new(SystemDice);
        let complain = |error| Failure::database(config, &error);
        let db = open_database(config, &clock).await?;
        db.migrate().await.map_err(complain)?;
        let mut reader = db.read().await.map_err(complain)?;
        let is_new = reader.data_keys().list_all().await.map_err(complain)?.is_empty();
        drop(reader);
        let kms = open_kms(&config.vault_key, is_new, &dice)?;
        let former = config.former_vault_key.as_ref();
        let former = former.map(|key| read_kms("former", key, &dice)).transpose()?;
        let settings = VaultSettings {
            lifetime: config.vault_cache,
            former_kms: former.into_iter().collect(),
            ..VaultSettings::default()
        };
        let keys = Arc::new(StoredDataKeys::new(db.clone()));
        let vault = Vault::new(kms, keys, Arc::clone(&clock), Arc::clone(&dice), settings);
        Ok(Self { db, vault: Arc::new(vault), clock, dice, vault_key: config.vault_key.clone() })
    }

    /// The instance's own secrets. Says so if the vault's key is not the one that this database was
    /// made with: they are the first thing that is opened.
    pub(crate) async fn keys(&self) -> Result<InstanceKeys, Failure> {
        self.check_key().await?;
        let (db, vault, dice) = (&self.db, &self.vault, &*self.dice);
        Ok(InstanceKeys {
            pepper: Arc::new(instance_pepper(db, vault, dice).await?),
            audit: Arc::new(instance_audit_key(db, vault, dice).await?),
        })
    }

    async fn check_key(&self) -> Result<(), Failure> {
        let all = self.vault.status().await.map_err(|error| Failure::new(error.to_string()))?;
        let Some(ours) = all.iter().find(|status| status.organisation.is_none()) else {
            return Ok(());
        };
        let foreign = |key: &&DataKeyStatus| key.state == DataKeyState::Active && !key.unwraps;
        let Some(key) = ours.data_keys.iter().find(foreign) else { return Ok(()) };
        Err(Failure::new(format!(
            "the vault key does not fit this database: the key in {} is {}, and the database was \
             sealed under {}. Put that one in its place, or name it in vault.former_key_file and \
             run: portcullis vault rewrap",
            self.vault_key, ours.kms_key_id, key.kms_key_id
        )))
    }
}

/// Connects to the database without touching its schema.
pub(crate) async fn open_database(config: &Config, clock: &Arc<dyn Clock>) -> Result<Db, Failure> {
    let options = portcullis_store::Options::new(Arc::clone(clock));
    let opened = Db::connect(&config.database_url, options).await;
    opened.map_err(|error| Failure::database(config, &error))
}

fn open_kms(key: &VaultKey, is_new: bool, dice: &Arc<dyn Dice>) -> Result<Arc<dyn Kms>, Failure> {
    match key {
        VaultKey::File(path) if is_new => {
            let kms = LocalKms::from_file_or_create(path, Arc::clone(dice));
            Ok(Arc::new(
                kms.map_err(|error| Failure::new(format!("vault.local_key_file: {error}")))?,
            ))
        }
        VaultKey::File(path) if !path.exists() => Err(Failure::new(format!(
            "vault.local_key_file: there is no {}, and no new key would open what this database \
             holds: put the key there that it was made with",
            path.display()
        ))),
        _ => read_kms("local", key, dice),
    }
}

/// The key as it is where the settings `vault.<which>_key_…` say.
fn read_kms(which: &str, key: &VaultKey, dice: &Arc<dyn Dice>) -> Result<Arc<dyn Kms>, Failure> {
    let dice = Arc::clone(dice);
    let (form, kms) = match key {
        VaultKey::File(path) => ("file", LocalKms::from_file(path, dice)),
        VaultKey::Environment(variable) => ("env", LocalKms::from_environment(variable, dice)),
        VaultKey::Descriptor(number) => ("fd", LocalKms::from_descriptor(*number, dice)),
    };
    let kms = kms.map_err(|error| Failure::new(format!("vault.{which}_key_{form}: {error}")))?;
    Ok(Arc::new(kms))
}
