//! Organisations' connections to KMS keys of their own.

use portcullis_domain::{KmsConnectionId, OrganisationId, Permit, Sealed, Timestamp};

use crate::{
    Error, Reader, Result, Tx, tenant,
    value::{Row, values},
};

/// The connections, through a [`Reader`] or a [`Tx`]. The vault reads them whoever acts; making one
/// and leaving it demands a permit.
pub struct KmsConnections<'s, S>(&'s mut S);

/// A connection as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KmsConnection {
    /// Its id.
    pub id: KmsConnectionId,
    /// Whose it is.
    pub organisation_id: OrganisationId,
    /// Which KMS.
    pub provider: String,
    /// Which key of it.
    pub key_id: String,
    /// How to reach it, sealed for the instance: table `kms_connections`, this row, field
    /// `settings`.
    pub settings: Sealed,
    /// What it is used for.
    pub state: KmsConnectionState,
    /// When it was last seen to do all that is needed of it.
    pub verified_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a connection is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KmsConnectionState {
    /// Wraps and unwraps; one for each organisation.
    Active,
    /// Unwraps until all is wrapped by another.
    Former,
}

macro_rules! columns {
    () => {
        "id, organisation_id, provider, key_id, settings, state, verified_at, created_at"
    };
}

impl Reader {
    /// The connections.
    pub fn kms_connections(&mut self) -> KmsConnections<'_, Self> {
        KmsConnections(self)
    }
}

impl Tx {
    /// The connections, to change.
    pub fn kms_connections(&mut self) -> KmsConnections<'_, Self> {
        KmsConnections(self)
    }
}

impl KmsConnections<'_, Reader> {
    /// Those of an organisation, oldest first.
    pub async fn list(&mut self, organisation: OrganisationId) -> Result<Vec<KmsConnection>> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM kms_connections WHERE organisation_id = $1 ORDER BY created_at, id"
        );
        self.0.all(sql, values![organisation], read).await
    }

    /// All there are, oldest first.
    pub async fn list_all(&mut self) -> Result<Vec<KmsConnection>> {
        let sql = concat!("SELECT ", columns!(), " FROM kms_connections ORDER BY created_at, id");
        self.0.all(sql, values![], read).await
    }
}

impl KmsConnections<'_, Tx> {
    /// Makes `connection` the organisation's active one; what was active is a former one from here
    /// on. Notes that data keys are to be wrapped anew.
    pub async fn connect(&mut self, permit: &Permit, connection: &KmsConnection) -> Result<()> {
        tenant::check(permit, connection.organisation_id, None)?;
        self.leave(permit.organisation()).await?;
        // However often another is connected before the first has wrapped anything.
        self.forget_former(permit.organisation()).await?;
        self.0
            .execute(
                concat!(
                    "INSERT INTO kms_connections (",
                    columns!(),
                    ") VALUES ($1, $2, $3, $4, $5, 'active', $6, $7)"
                ),
                values![
                    connection.id,
                    permit.organisation(),
                    connection.provider.as_str(),
                    connection.key_id.as_str(),
                    &connection.settings,
                    connection.verified_at,
                    connection.created_at,
                ],
            )
            .await?;
        let organisation = Some(permit.organisation());
        self.0.vault_work().note(organisation, "rewrap", connection.created_at).await
    }

    /// Goes back to the instance's KMS. Notes that data keys are to be wrapped anew. `false` when
    /// the organisation has no key of its own.
    pub async fn disconnect(&mut self, permit: &Permit, at: Timestamp) -> Result<bool> {
        tenant::check(permit, permit.organisation(), None)?;
        if !self.leave(permit.organisation()).await? {
            return Ok(false);
        }
        self.0.vault_work().note(Some(permit.organisation()), "rewrap", at).await?;
        Ok(true)
    }

    /// Removes former connections that wrap no data key any more.
    pub async fn forget_former(&mut self, organisation: OrganisationId) -> Result<u64> {
        let sql = "DELETE FROM kms_connections
             WHERE organisation_id = $1 AND state = 'former'
                 AND NOT EXISTS (SELECT 1 FROM data_keys
                     WHERE data_keys.connection_id = kms_connections.id)";
        self.0.execute(sql, values![organisation]).await
    }

    /// Notes that a connection was seen to work.
    pub async fn verified(
        &mut self,
        organisation: OrganisationId,
        id: KmsConnectionId,
        at: Timestamp,
    ) -> Result<bool> {
        let sql = "UPDATE kms_connections SET verified_at = $3
             WHERE organisation_id = $1 AND id = $2";
        Ok(self.0.execute(sql, values![organisation, id, at]).await? == 1)
    }

    async fn leave(&mut self, organisation: OrganisationId) -> Result<bool> {
        let sql = "UPDATE kms_connections SET state = 'former'
             WHERE organisation_id = $1 AND state = 'active'";
        Ok(self.0.execute(sql, values![organisation]).await? > 0)
    }
}

impl KmsConnectionState {
    /// The name in storage.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Former => "former",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Former].into_iter().find(|state| state.name() == text)
    }
}

fn read(row: &Row) -> Result<KmsConnection> {
    Ok(KmsConnection {
        id: row.id("id")?,
        organisation_id: row.id("organisation_id")?,
        provider: row.text("provider")?,
        key_id: row.text("key_id")?,
        settings: row.sealed("settings")?,
        state: KmsConnectionState::parse(&row.text("state")?).ok_or(Error::Corrupt("state"))?,
        verified_at: row.instant("verified_at")?,
        created_at: row.instant("created_at")?,
    })
}
