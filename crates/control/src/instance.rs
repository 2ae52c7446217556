//! The instance's own secrets: made and sealed on first use, then always the same. All nodes of a
//! database share them.

use portcullis_domain::{Dice, Sealed, SealedPlace, Secret};
use portcullis_store::{Db, Reader, Tx};
use portcullis_vault::{AuditKey, Pepper, Vault};
use uuid::Uuid;

use crate::{ControlError, Result};

/// The pepper of API-key digests.
pub async fn instance_pepper(db: &Db, vault: &Vault, dice: &dyn Dice) -> Result<Pepper> {
    let make = || Secret::new(Pepper::mint(dice).danger_expose().to_vec());
    let bytes = secret(db, vault, "api-key-pepper", make).await?;
    Pepper::from_bytes(bytes).map_err(|error| ControlError::Internal(error.to_string()))
}

/// The key that signs the audit trail.
pub async fn instance_audit_key(db: &Db, vault: &Vault, dice: &dyn Dice) -> Result<AuditKey> {
    let make = || Secret::new(AuditKey::mint(dice).danger_expose().to_vec());
    let bytes = secret(db, vault, "audit-key", make).await?;
    AuditKey::from_bytes(bytes).map_err(|error| ControlError::Internal(error.to_string()))
}

async fn secret(
    db: &Db,
    vault: &Vault,
    name: &'static str,
    make: impl FnOnce() -> Secret<Vec<u8>>,
) -> Result<Secret<Vec<u8>>> {
    let unavailable =
        |error: &dyn std::fmt::Display| ControlError::VaultUnavailable(error.to_string());
    let ring = vault.key_ring(None).await.map_err(|error| unavailable(&error))?;
    let place = SealedPlace {
        organisation: None,
        table: "instance_secrets",
        row: Uuid::nil(),
        field: name,
    };
    let sealed = db.read().await?.instance().secret(name).await?;
    let sealed = match sealed {
        Some(sealed) => sealed,
        None => {
            let made = make();
            let fresh = ring.seal(&place, made.danger_expose());
            let fresh = fresh.map_err(|error| unavailable(&error))?;
            // Two nodes may start at the same time: the first to write wins, both read what is
            // there.
            db.write(async |tx: &mut Tx| -> Result<Sealed> {
                if let Some(there) = Reader::instance(tx).secret(name).await? {
                    return Ok(there);
                }
                tx.instance().put_secret(name, &fresh).await?;
                Ok(fresh.clone())
            })
            .await?
        }
    };
    ring.open(&place, &sealed).map_err(|_| {
        let text =
            "the instance's secrets do not open: is this the vault key they were sealed with?";
        ControlError::VaultUnavailable(text.to_owned())
    })
}
