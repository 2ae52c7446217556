//! The first start of a server on an empty database: it makes an organisation by itself.
//!
//! The key is in a file before it is in the database: whatever happens in between, there is never
//! an organisation whose only key nobody has.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use portcullis_control::{ControlError, prepare};
use portcullis_domain::OrganisationId;
use portcullis_store::Db;
use serde_json::Value;

use crate::{command::init::credentials, config::Config, failure::Failure, instance::Instance};

/// Makes the first organisation of an empty database, its credentials in a file of the data
/// directory. Ends what an earlier first start left half done.
pub(crate) async fn first_start(config: &Config, instance: &Instance) -> Result<(), Failure> {
    let complain = |error| Failure::database(config, &error);
    let files = Files::of(&config.data_dir);
    let count = instance.db.read().await.map_err(complain)?.organisations().count().await;
    if count.map_err(complain)? == 0 {
        make(config, instance, &files).await
    } else {
        finish(&instance.db, &files).await.map_err(complain)?
    }
}

struct Files {
    wanted: PathBuf,
    /// Holds the credentials until it is certain that they are the organisation's.
    pending: PathBuf,
}

impl Files {
    fn of(data_dir: &Path) -> Self {
        let wanted = data_dir.join("first-credentials.json");
        Self { pending: wanted.with_extension("json.pending"), wanted }
    }

    /// Writes the pending file, for its owner only, so that a power cut cannot take it.
    fn put_pending(&self, text: &str) -> Result<(), Failure> {
        let written = || {
            // Left by a start that ended before it made anything.
            remove(&self.pending)?;
            let mut options = File::options();
            let mut file = options.write(true).create_new(true).mode(0o600).open(&self.pending)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            self.sync_directory()
        };
        written().map_err(|error| cannot_be_written(&self.pending, &error))
    }

    fn publish(&self) -> Result<(), Failure> {
        let renamed = fs::rename(&self.pending, &self.wanted).and_then(|()| self.sync_directory());
        renamed.map_err(|error| {
            Failure::new(format!(
                "the first organisation was made, and {} holds its credentials: {error}",
                self.pending.display()
            ))
        })?;
        tracing::info!(file = %self.wanted.display(), "a first organisation was made; the file \
            holds its master API key and the owner's password: move it to a safe place");
        Ok(())
    }

    fn sync_directory(&self) -> std::io::Result<()> {
        self.wanted.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
    }
}

async fn make(config: &Config, instance: &Instance, files: &Files) -> Result<(), Failure> {
    if files.wanted.exists() {
        return Err(Failure::new(format!(
            "{} is there already, although the database {} has no organisation: it belongs to \
             another one. Move it away, or correct database.url; nothing was changed",
            files.wanted.display(),
            config.shown_database()
        )));
    }
    let keys = instance.keys().await?;
    let (clock, dice) = (&*instance.clock, &*instance.dice);
    let prepared = prepare(&keys, clock, dice, "My organisation", "owner@portcullis.invalid")?;
    let id = prepared.made().organisation.id;
    files.put_pending(&format!("{:#}\n", credentials(prepared.made())))?;
    match prepared.commit(&instance.db).await {
        Ok(_) => files.publish(),
        Err(error) => {
            // An answer that was lost on its way may have been yes: only a no in the database is
            // one. What cannot be told now is told at the next start.
            match is_there(&instance.db, id).await {
                Ok(true) => return files.publish(),
                Ok(false) => discard(files)?,
                Err(_) => {}
            }
            if !matches!(error, ControlError::Conflict(_)) {
                return Err(error.into());
            }
            tracing::info!(
                "another node made the first organisation at the same time; it has \
                the file with its credentials"
            );
            Ok(())
        }
    }
}

/// A start that was cut off left a file that may hold the credentials of what it made.
async fn finish(db: &Db, files: &Files) -> portcullis_store::Result<Result<(), Failure>> {
    let Ok(text) = fs::read(&files.pending) else { return Ok(Ok(())) };
    let made: Value = serde_json::from_slice(&text).unwrap_or_default();
    let id = made["organisation_id"].as_str().and_then(|id| OrganisationId::parse(id).ok());
    let is_there = match id {
        Some(id) => is_there(db, id).await?,
        None => false,
    };
    Ok(if is_there { files.publish() } else { discard(files) })
}

async fn is_there(db: &Db, id: OrganisationId) -> portcullis_store::Result<bool> {
    Ok(db.read().await?.organisations().find(id).await?.is_some())
}

fn discard(files: &Files) -> Result<(), Failure> {
    remove(&files.pending).map_err(|error| {
        let path = files.pending.display();
        Failure::new(format!("{path}: cannot be removed: {error}; it holds no valid credentials"))
    })
}

fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn cannot_be_written(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{}: cannot be written: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::settings::Settings;

    async fn empty() -> (tempfile::TempDir, Config, Instance, Files) {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let mut settings = Settings::default();
        settings.data.dir = directory.path().display().to_string();
        let config = Config::resolve(&settings).unwrap();
        let instance = Instance::open(&config).await.unwrap();
        let files = Files::of(&config.data_dir);
        (directory, config, instance, files)
    }

    async fn count(instance: &Instance) -> i64 {
        instance.db.read().await.unwrap().organisations().count().await.unwrap()
    }

    #[tokio::test]
    async fn nothing_is_made_whose_credentials_cannot_be_written() {
        let (_directory, config, instance, files) = empty().await;
        fs::write(&files.wanted, "of another instance").unwrap();
        let failure = first_start(&config, &instance).await.unwrap_err().to_string();
        assert!(failure.contains("first-credentials.json"), "{failure}");
        assert_eq!(count(&instance).await, 0);
        assert_eq!(fs::read(&files.wanted).unwrap(), b"of another instance");

        fs::remove_file(&files.wanted).unwrap();
        fs::create_dir(&files.pending).unwrap();
        assert!(first_start(&config, &instance).await.is_err());
        assert_eq!(count(&instance).await, 0);
    }

    #[tokio::test]
    async fn a_start_that_was_cut_off_is_finished_by_the_next() {
        let (_directory, config, instance, files) = empty().await;
        fs::write(&files.pending, "cut off in the middle of").unwrap();
        first_start(&config, &instance).await.unwrap();
        let text = fs::read_to_string(&files.wanted).unwrap();
        assert!(text.contains("\"api_key\"") && !files.pending.exists(), "made all the same");

        fs::rename(&files.wanted, &files.pending).unwrap();
        first_start(&config, &instance).await.unwrap();
        assert_eq!(fs::read_to_string(&files.wanted).unwrap(), text, "found again");
        assert!(!files.pending.exists());

        let foreign = text.replace("organisation_id\": \"0", "organisation_id\": \"1");
        assert_ne!(foreign, text);
        fs::write(&files.pending, foreign).unwrap();
        first_start(&config, &instance).await.unwrap();
        assert_eq!(fs::read_to_string(&files.wanted).unwrap(), text, "not of this database");
        assert!(!files.pending.exists());
    }

    #[tokio::test]
    async fn a_node_that_comes_second_goes_on() {
        let (_directory, config, instance, files) = empty().await;
        first_start(&config, &instance).await.unwrap();
        fs::remove_file(&files.wanted).unwrap();
        // As if the first look had been before the other node's commit.
        make(&config, &instance, &files).await.unwrap();
        assert!(!files.wanted.exists() && !files.pending.exists());
        assert_eq!(count(&instance).await, 1);
    }
}
