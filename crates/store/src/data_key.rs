//! Wrapped data keys of the vault.

use portcullis_domain::{DataKeyId, KmsConnectionId, OrganisationId, Timestamp};

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
    /// The organisation's own connection that wrapped it; `None`: the instance's KMS.
    pub connection_id: Option<KmsConnectionId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When another took its place.
    pub retired_at: Option<Timestamp>,
    /// From when on it has been [`DataKeyState::Empty`], if it is.
    pub emptied_at: Option<Timestamp>,
}

/// How a data key is wrapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataKeyWrapping {
    /// As in [`DataKey`].
    pub connection_id: Option<KmsConnectionId>,
    /// As in [`DataKey`].
    pub kms: String,
    /// As in [`DataKey`].
    pub kms_key_id: String,
    /// As in [`DataKey`].
    pub wrapped: Vec<u8>,
}

/// What a data key is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataKeyState {
    /// Seals and opens; one for each organisation.
    Active,
    /// Opens what it sealed before.
    Retired,
    /// Opens what it sealed before, which is being sealed anew.
    Resealing,
    /// Nothing is known to be sealed under it.
    Empty,
}

macro_rules! columns {
    () => {
        "id, organisation_id, wrapped, kms, kms_key_id, state, uses, connection_id, created_at,
         retired_at, emptied_at"
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
    /// `replaces` is the active one now (`None`: that there is none). Otherwise it is not added.
    /// Either way the answer is the id that is active afterwards; and with `reseal`, older keys are
    /// marked to be emptied, and the work is noted.
    ///
    /// Fails with [`Error::Superseded`] when the key was wrapped by another connection than the
    /// organisation's active one, and with [`Error::Referenced`] when there is no such
    /// organisation: one that was erased gets no data key again.
    pub async fn insert(
        &mut self,
        key: &DataKey,
        replaces: Option<DataKeyId>,
        reseal: bool,
    ) -> Result<DataKeyId> {
        self.check_connection(key.organisation_id, key.connection_id).await?;
        self.check_owner(key.organisation_id).await?;
        let sql = "SELECT id FROM data_keys
             WHERE organisation_id IS NOT DISTINCT FROM $1 AND state = 'active'";
        let row = self.0.optional(sql, values![key.organisation_id]).await?;
        let active: Option<DataKeyId> = row.map(|row| row.id("id")).transpose()?;
        match active {
            // Another was faster. What older keys sealed leaves them all the same.
            Some(active) if Some(active) != replaces => {
                if reseal {
                    self.leave_retired(key.organisation_id, key.created_at).await?;
                }
                return Ok(active);
            }
            // An active data key is never removed without its successor.
            None if replaces.is_some() => return Err(Error::Referenced),
            _ => {}
        }
        let retire = "UPDATE data_keys SET state = 'retired', retired_at = $2 WHERE id = $1";
        self.0.execute(retire, values![replaces, key.created_at]).await?;
        if reseal {
            self.leave_retired(key.organisation_id, key.created_at).await?;
        }
        self.0
            .execute(
                concat!(
                    "INSERT INTO data_keys (",
                    columns!(),
                    ") VALUES ($1, $2, $3, $4, $5, 'active', $6, $7, $8, NULL, NULL)"
                ),
                values![
                    key.id,
                    key.organisation_id,
                    key.wrapped.clone(),
                    key.kms.as_str(),
                    key.kms_key_id.as_str(),
                    key.uses,
                    key.connection_id,
                    key.created_at,
                ],
            )
            .await?;
        Ok(key.id)
    }

    /// Replaces how a data key is wrapped, if it is wrapped as `from` now. `false` when it is not.
    /// Fails as [`Self::insert`] does.
    pub async fn rewrap(
        &mut self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
        from: &DataKeyWrapping,
        to: &DataKeyWrapping,
    ) -> Result<bool> {
        self.check_connection(organisation, to.connection_id).await?;
        let sql = "UPDATE data_keys
             SET kms = $3, kms_key_id = $4, wrapped = $5, connection_id = $6
             WHERE organisation_id IS NOT DISTINCT FROM $1 AND id = $2
                 AND wrapped = $7 AND connection_id IS NOT DISTINCT FROM $8";
        let values = values![
            organisation,
            id,
            to.kms.as_str(),
            to.kms_key_id.as_str(),
            to.wrapped.clone(),
            to.connection_id,
            from.wrapped.clone(),
            from.connection_id,
        ];
        Ok(self.0.execute(sql, values).await? == 1)
    }

    /// Changes a data key's state from one to another, at that time. `false` when it was not in the
    /// first.
    pub async fn change_state(
        &mut self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
        from: DataKeyState,
        to: DataKeyState,
        at: Timestamp,
    ) -> Result<bool> {
        let emptied_at = (to == DataKeyState::Empty).then_some(at);
        let sql = "UPDATE data_keys SET state = $4, emptied_at = $5
             WHERE organisation_id IS NOT DISTINCT FROM $1 AND id = $2 AND state = $3";
        let values = values![organisation, id, from.name(), to.name(), emptied_at];
        Ok(self.0.execute(sql, values).await? == 1)
    }

    /// Destroys a data key under which nothing is sealed. `false` when it is not marked so.
    pub async fn destroy(
        &mut self,
        organisation: Option<OrganisationId>,
        id: DataKeyId,
    ) -> Result<bool> {
        let keys = self.0.reader().data_keys().list(organisation).await?;
        let is_it = |key: &&DataKey| key.id == id && key.state == DataKeyState::Empty;
        let Some(key) = keys.iter().find(is_it) else { return Ok(false) };
        self.blank(key).await?;
        let sql = "DELETE FROM data_keys
             WHERE organisation_id IS NOT DISTINCT FROM $1 AND id = $2 AND state = 'empty'";
        Ok(self.0.execute(sql, values![organisation, id]).await? == 1)
    }

    /// Destroys all data keys of an organisation, with its KMS connections and the work on them:
    /// whatever they sealed, wherever it lies, opens no more. Says how many keys there were. The
    /// organisation's row can go after this.
    pub async fn erase(&mut self, organisation: OrganisationId) -> Result<u64> {
        for key in self.0.reader().data_keys().list(Some(organisation)).await? {
            self.blank(&key).await?;
        }
        let sql = "DELETE FROM data_keys WHERE organisation_id = $1";
        let erased = self.0.execute(sql, values![organisation]).await?;
        self.0.execute("DELETE FROM vault_work WHERE scope = $1", values![organisation]).await?;
        let sql = "DELETE FROM kms_connections WHERE organisation_id = $1";
        self.0.execute(sql, values![organisation]).await?;
        Ok(erased)
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

impl DataKeys<'_, Tx> {
    /// Marks retired keys to be emptied, and notes the work.
    async fn leave_retired(
        &mut self,
        organisation: Option<OrganisationId>,
        at: Timestamp,
    ) -> Result<()> {
        let mark = "UPDATE data_keys
             SET state = 'resealing', retired_at = COALESCE(retired_at, $2)
             WHERE organisation_id IS NOT DISTINCT FROM $1 AND state = 'retired'";
        self.0.execute(mark, values![organisation, at]).await?;
        self.0.vault_work().note(organisation, "reseal", at).await
    }

    /// Writes over a wrapped key before its row goes: with as many bytes, so that SQLite does so in
    /// place.
    async fn blank(&mut self, key: &DataKey) -> Result<()> {
        let sql = "UPDATE data_keys SET wrapped = $2 WHERE id = $1";
        self.0.execute(sql, values![key.id, vec![0_u8; key.wrapped.len()]]).await?;
        Ok(())
    }

    async fn check_owner(&mut self, organisation: Option<OrganisationId>) -> Result<()> {
        if organisation.is_none() {
            return Ok(());
        }
        let sql = "SELECT id FROM organisations WHERE id = $1";
        let found = self.0.optional(sql, values![organisation]).await?;
        found.map(drop).ok_or(Error::Referenced)
    }

    async fn check_connection(
        &mut self,
        organisation: Option<OrganisationId>,
        connection: Option<KmsConnectionId>,
    ) -> Result<()> {
        let sql = "SELECT id FROM kms_connections WHERE organisation_id = $1 AND state = 'active'";
        let row = self.0.optional(sql, values![organisation]).await?;
        let active: Option<KmsConnectionId> = row.map(|row| row.id("id")).transpose()?;
        if active == connection { Ok(()) } else { Err(Error::Superseded) }
    }
}

impl DataKeyState {
    const ALL: [Self; 4] = [Self::Active, Self::Retired, Self::Resealing, Self::Empty];

    /// The name in storage.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Resealing => "resealing",
            Self::Empty => "empty",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == text)
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
        connection_id: row.opt_id("connection_id")?,
        created_at: row.instant("created_at")?,
        retired_at: row.opt_instant("retired_at")?,
        emptied_at: row.opt_instant("emptied_at")?,
    })
}
