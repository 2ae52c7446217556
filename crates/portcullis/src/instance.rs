//! An opened instance: its files, its database, its vault. Every command that touches data begins
//! here.

use std::{path::Path, sync::Arc};

use portcullis_control::{
    InstanceKeys, StoredAuditTrail, StoredDataKeys, VaultTrail, VaultTrailWriter,
    instance_audit_key, instance_pepper,
};
use portcullis_domain::{Clock, Dice};
use portcullis_kms::{AwsIdentity, Factory, Surroundings};
use portcullis_runtime::{SystemClock, SystemDice};
use portcullis_store::Db;
use portcullis_vault::{
    AuditKey, DataKeyState, DataKeyStatus, Kms, StatusDepth, Vault, VaultParts,
    kms::{KmsFactory, local::LocalKms},
};

use crate::{
    config::{Config, KmsSettings, VaultKey, VaultKms, prepare_data_dir},
    failure::Failure,
};

/// An opened instance.
pub(crate) struct Instance {
    pub(crate) db: Db,
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) dice: Arc<dyn Dice>,
    /// What the vault has done and the audit trail does not know yet.
    pub(crate) trail: VaultTrailWriter,
    data_keys: Arc<StoredDataKeys>,
    vault_kms: VaultKms,
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
        let factory = Arc::new(Factory::new(Surroundings::new(
            config.egress_policy.clone(),
            config.egress_settings()?,
            AwsIdentity::default(),
            Arc::clone(&clock),
            Arc::clone(&dice),
        )));
        let kms = match &config.vault_kms {
            VaultKms::Local(key) => open_local(key, is_new, &dice)?,
            service => connect("kms", service, &factory, &dice)?,
        };
        let former = config.former_vault_kms.iter();
        let former = former.map(|kms| connect("former_kms", kms, &factory, &dice));
        let data_keys = Arc::new(StoredDataKeys::new(db.clone()));
        let (observer, trail) = VaultTrail::new();
        let parts = VaultParts {
            observer: Arc::new(observer),
            former_kms: former.collect::<Result<_, _>>()?,
            factory,
            ..VaultParts::new(kms, Arc::clone(&data_keys), Arc::clone(&clock), Arc::clone(&dice))
        };
        let vault = Arc::new(Vault::new(parts, config.vault.clone()));
        Ok(Self { db, vault, data_keys, clock, dice, trail, vault_kms: config.vault_kms.clone() })
    }

    /// The instance's own secrets. Says so if the vault's key is not the one that this database was
    /// made with: they are the first thing that is opened.
    pub(crate) async fn keys(&self) -> Result<InstanceKeys, Failure> {
        self.check_key().await?;
        let (db, vault, dice) = (&self.db, &self.vault, &*self.dice);
        let pepper = Arc::new(instance_pepper(db, vault, dice).await?);
        Ok(InstanceKeys { pepper, audit: self.audit_key().await? })
    }

    /// The key that signs the audit trail, which is told from here on what becomes of data keys. After the pepper, so that a wrong vault key was told.
    pub(crate) async fn audit_key(&self) -> Result<Arc<AuditKey>, Failure> {
        let key = Arc::new(instance_audit_key(&self.db, &self.vault, &*self.dice).await?);
        let told = self.data_keys.tell(Arc::clone(&key) as _).await;
        told.map_err(|error| Failure::new(error.to_string()))?;
        Ok(key)
    }

    /// Tells the audit trail what the vault has done, and closes the database. For commands, at
    /// their end.
    pub(crate) async fn close(mut self) {
        // Where the vault does not open, the trail cannot be signed either.
        match self.audit_key().await {
            Ok(key) => {
                let trail = StoredAuditTrail::new(self.db.clone(), key);
                self.trail.drain(&trail).await;
            }
            Err(failure) => {
                tracing::warn!(%failure, "what the vault has done is not in the audit trail");
            }
        }
        self.db.close().await;
    }

    async fn check_key(&self) -> Result<(), Failure> {
        let ours = self.vault.status_of(None, StatusDepth::default()).await;
        let ours = ours.map_err(|error| Failure::new(error.to_string()))?;
        let foreign = |key: &&DataKeyStatus| key.state == DataKeyState::Active && !key.unwraps;
        let Some(key) = ours.data_keys.iter().find(foreign) else { return Ok(()) };
        let sealed_under = match &*key.kms {
            "local" => format!(
                "{}. Put that one in its place, or name it in \
                vault.former_key_file",
                key.kms_key_id
            ),
            kms => format!(
                "key {} of the {kms} KMS. Set vault.kms to that, or name it in \
                vault.former_kms",
                key.kms_key_id
            ),
        };
        Err(Failure::new(format!(
            "the vault key does not fit this database: the key in {} is {}, and the database was \
             sealed under {sealed_under} and run: portcullis vault rewrap",
            self.vault_kms, ours.kms_key_id
        )))
    }
}

/// Connects to the database without touching its schema.
pub(crate) async fn open_database(config: &Config, clock: &Arc<dyn Clock>) -> Result<Db, Failure> {
    let options = portcullis_store::Options::new(Arc::clone(clock));
    let opened = Db::connect(&config.database_url, options).await;
    opened.map_err(|error| Failure::database(config, &error))
}

/// What the settings `vault.<which>…` say.
fn connect(
    which: &str,
    kms: &VaultKms,
    factory: &Factory,
    dice: &Arc<dyn Dice>,
) -> Result<Arc<dyn Kms>, Failure> {
    let (provider, settings) = match kms {
        VaultKms::Local(key) => return read_local("former", key, dice),
        VaultKms::Service { provider, settings } => (provider, settings),
    };
    let wrong =
        |error: &dyn std::fmt::Display| Failure::new(format!("vault.{which}_settings: {error}"));
    let text = match settings {
        KmsSettings::Text(text) => text.clone(),
        KmsSettings::File(path) => read_private(path).map_err(|error| {
            Failure::new(format!("vault.{which}_settings_file: {}: {error}", path.display()))
        })?,
    };
    let given: serde_json::Value = serde_json::from_str(text.danger_expose()).map_err(|error| {
        wrong(&format!("not JSON, at line {} column {}", error.line(), error.column()))
    })?;
    let given = given.as_object().ok_or_else(|| wrong(&"must be a JSON object"))?;
    let known = factory.providers().iter().find(|known| known.name == provider);
    let known = known.ok_or_else(|| wrong(&"its service is not served"))?;
    let settings = known.read(None, given).map_err(|error| wrong(&error))?;
    factory.connect(&settings).map_err(|error| wrong(&error))
}

/// A file that may hold credentials: only its owner's.
fn read_private(path: &Path) -> std::io::Result<portcullis_domain::Secret<String>> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        let text =
            format!("others than its owner can read it (mode {:o}): chmod 600", mode & 0o777);
        return Err(std::io::Error::other(text));
    }
    Ok(portcullis_domain::Secret::new(std::fs::read_to_string(path)?))
}

fn open_local(key: &VaultKey, is_new: bool, dice: &Arc<dyn Dice>) -> Result<Arc<dyn Kms>, Failure> {
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
        _ => read_local("local", key, dice),
    }
}

/// The key as it is where the settings `vault.<which>_key_…` say.
fn read_local(which: &str, key: &VaultKey, dice: &Arc<dyn Dice>) -> Result<Arc<dyn Kms>, Failure> {
    let dice = Arc::clone(dice);
    let (form, kms) = match key {
        VaultKey::File(path) => ("file", LocalKms::from_file(path, dice)),
        VaultKey::Environment(variable) => ("env", LocalKms::from_environment(variable, dice)),
        VaultKey::Descriptor(number) => ("fd", LocalKms::from_descriptor(*number, dice)),
    };
    let kms = kms.map_err(|error| Failure::new(format!("vault.{which}_key_{form}: {error}")))?;
    Ok(Arc::new(kms))
}
