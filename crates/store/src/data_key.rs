//! Wrapped data keys of the vault.

use portcullis_domain::{DataKeyId, OrganisationId, Timestamp};

use crate::{
    Error, Reader, Result, Tx,
    value::{Row, values},
};

/// The data keys, through a [`Reader`] or a [`Tx`]. They demand no permit: the vault makes and
/// changes them as it seals, whoever acts.
pub struct DataKeys<'s, S>(&'s mut S);

/// A data key as it is stored: wrapped by a KMS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataKey {
    /// Its id.
    pub id: DataKeyId,
    /// Whose it is; `None` for the instance's own.
    pub organisation_id: Option<OrganisationId>,
    /// The key, encrypted by the KMS.
    pub wrapped: Vec<u8>,
    /// Which KMS.
    pub kms: String,
    /// Which key of it.
    pub kms_key_id: String,
    /// What it is used for.
    pub state: DataKeyState,
    /// How many values it has sealed.
    pub uses: u64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a data key is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataKeyState {
    /// Seals and opens; one for each organisation.
    Active,
    /// Opens what it sealed before.
    Retired,
}

macro_rules! columns {
    () => {
        "id, organisation_id, wrapped, kms, kms_key_id, state, uses, created_at"
    };
}

impl Reader {
    /// The data keys.
    pub fn data_keys(&mut self) -> DataKeys<'_, Self> {
        DataKeys(self)
    }
}

impl Tx {
    /// The data keys, to change.
    pub fn data_keys(&mut self) -> DataKeys<'_, Self> {
        DataKeys(self)
    }
}

impl DataKeys<'_, Reader> {
    /// The data key of that id.
    pub async fn find(&mut self, id: DataKeyId) -> Result<Option<DataKey>> {
        let sql = concat!("SELECT ", columns!(), " FROM data_keys WHERE id = $1");
        self.0.optional(sql, values![id]).await?.as_ref().map(read).transpose()
    }

    /// The data keys of an organisation, or of the instance, oldest first.
    pub async fn list(&mut self, organisation: Option<OrganisationId>) -> Result<Vec<DataKey>> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM data_keys WHERE organisation_id IS NOT DISTINCT FROM $1 ORDER BY created_at, id"
        );
        self.0.all(sql, values![organisation], read).await
    }

    /// Every data key there is, oldest first.
    pub async fn list_all(&mut self) -> Result<Vec<DataKey>> {
        let sql = concat!("SELECT ", columns!(), " FROM data_keys ORDER BY created_at, id");
        self.0.all(sql, values![], read).await
    }
}

impl DataKeys<'_, Tx> {
    /// Adds `key` as the active one of its organisation and retires `replaces`, provided that
    /// `replaces` is the active one now (`None`: that there is none). Otherwise nothing changes.
    /// Either way the answer is the id that is active afterwards.
    pub async fn insert(
        &mut self,
        key: &DataKey,
        replaces: Option<DataKeyId>,
    ) -> Result<DataKeyId> {
        let sql = "SELECT id FROM data_keys
             WHERE organisation_id IS NOT DISTINCT FROM $1 AND state = 'active'";
        let row = self.0.optional(sql, values![key.organisation_id]).await?;
        let active: Option<DataKeyId> = row.map(|row| row.id("id")).transpose()?;
        match active {
            Some(active) if Some(active) != replaces => return Ok(active),
            // Data keys are never removed, so one that was active once has a successor.
            None if replaces.is_some() => return Err(Error::Referenced),
            _ => {}
        }
        let retire = "UPDATE data_keys SET state = 'retired' WHERE id = $1";
        self.0.execute(retire, values![replaces]).await?;
        self.0
            .execute(
                concat!(
                    "INSERT INTO data_keys (",
                    columns!(),
                    ") VALUES ($1, $2, $3, $4, $5, 'active', $6, $7)"
                ),
                values![
                    key.id,
                    key.organisation_id,
                    key.wrapped.clone(),
                    key.kms.as_str(),
                    key.kms_key_id.as_str(),
                    key.uses,
                    key.created_at,
                ],
            )
            .await?;
        Ok(key.id)
    }

    /// Replaces how a data key is wrapped. `false` when it is not there.
    pub async fn update_wrapped(
        &mut self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
        kms: &str,
        kms_key_id: &str,
        wrapped: &[u8],
    ) -> Result<bool> {
        let sql = "UPDATE data_keys SET kms = $3, kms_key_id = $4, wrapped = $5
             WHERE organisation_id IS NOT DISTINCT FROM $1 AND id = $2";
        let values = values![organisation, id, kms, kms_key_id, wrapped.to_vec()];
        Ok(self.0.execute(sql, values).await? == 1)
    }

    /// Adds to a data key's use count. `false` when it is not there.
    pub async fn add_uses(
        &mut self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
        uses: u64,
    ) -> Result<bool> {
        let sql = "UPDATE data_keys SET uses = uses + $3
             WHERE organisation_id IS NOT DISTINCT FROM $1 AND id = $2";
        Ok(self.0.execute(sql, values![organisation, id, uses]).await? == 1)
    }
}

impl DataKeyState {
    /// The name in storage.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Retired].into_iter().find(|state| state.name() == text)
    }
}

fn read(row: &Row) -> Result<DataKey> {
    Ok(DataKey {
        id: row.id("id")?,
        organisation_id: row.opt_id("organisation_id")?,
        wrapped: row.bytes("wrapped")?,
        kms: row.text("kms")?,
        kms_key_id: row.text("kms_key_id")?,
        state: DataKeyState::parse(&row.text("state")?).ok_or(Error::Corrupt("state"))?,
        uses: u64::try_from(row.int("uses")?).map_err(|_| Error::Corrupt("uses"))?,
        created_at: row.instant("created_at")?,
    })
}
