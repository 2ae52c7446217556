//! The demonstration's data directory.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use portcullis_domain::Dice;

/// A directory of the user's own, gone when this is dropped.
pub(crate) struct TemporaryDirectory(PathBuf);

impl TemporaryDirectory {
    /// Makes a directory that nobody else can read, under a name that nobody can foresee.
    pub(crate) fn create(dice: &dyn Dice) -> io::Result<Self> {
        let mut random = [0; 8];
        dice.fill(&mut random);
        let name = format!("portcullis-demo-{:016x}", u64::from_be_bytes(random));
        let path = std::env::temp_dir().join(name);
        // Fails when it is there already, be it as somebody's link.
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::error!(%error, directory = %self.0.display(), "remove the directory yourself");
        }
    }
}
