//! The instance's own secrets.

use portcullis_domain::{Dice, Sealed, SealedPlace};
use portcullis_store::{Db, Reader, Tx};
use portcullis_vault::{Pepper, Vault};
use uuid::Uuid;

use crate::{ControlError, Result};

const PEPPER: &str = "api-key-pepper";

/// The pepper of API-key digests: made and sealed on first use, then always the same. All nodes of
/// a database share it.
pub async fn instance_pepper(db: &Db, vault: &Vault, dice: &dyn Dice) -> Result<Pepper> {
    let unavailable =
        |error: &dyn std::fmt::Display| ControlError::VaultUnavailable(error.to_string());
    let ring = vault.key_ring(None).await.map_err(|error| unavailable(&error))?;
    let place = SealedPlace {
        organisation: None,
        table: "instance_secrets",
        row: Uuid::nil(),
        field: PEPPER,
    };
    let mut sealed = db.read().await?.instance().secret(PEPPER).await?;
    if sealed.is_none() {
        let minted = Pepper::mint(dice);
        let fresh =
            ring.seal(&place, minted.danger_expose()).map_err(|error| unavailable(&error))?;
        // Two nodes may start at the same time: the first to write wins, both read what is there.
        let there = db
            .write(async |tx: &mut Tx| -> Result<Sealed> {
                if let Some(there) = Reader::instance(tx).secret(PEPPER).await? {
                    return Ok(there);
                }
                tx.instance().put_secret(PEPPER, &fresh).await?;
                Ok(fresh.clone())
            })
            .await?;
        sealed = Some(there);
    }
    let sealed = sealed.ok_or_else(|| ControlError::Internal("no pepper".to_owned()))?;
    let opened = ring.open(&place, &sealed).map_err(|_| {
        let text =
            "the instance's secrets do not open: is this the vault key they were sealed with?";
        ControlError::VaultUnavailable(text.to_owned())
    })?;
    Pepper::from_bytes(opened).map_err(|error| ControlError::Internal(error.to_string()))
}
