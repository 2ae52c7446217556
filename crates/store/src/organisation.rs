//! Organisations.

use portcullis_domain::{Organisation, OrganisationId, Permit, Slug};

use crate::{
    Reader, Result, Subject, Tx, tenant,
    value::{Row, values},
};

/// The organisations of the instance, through a [`Reader`] or a [`Tx`].
pub struct Organisations<'s, S>(&'s mut S);

macro_rules! columns {
    () => {
        "id, slug, name, default_workspace_id, created_at"
    };
}

impl Reader {
    /// The organisations of the instance: for the operator, sign-in and the snapshot, never for
    /// what a tenant asks.
    pub fn organisations(&mut self) -> Organisations<'_, Self> {
        Organisations(self)
    }

    /// Hands every organisation to `take`, one at a time.
    pub async fn load_organisations(
        &mut self,
        take: &mut (dyn FnMut(Organisation) + Send),
    ) -> Result<()> {
        let sql = concat!("SELECT ", columns!(), " FROM organisations");
        self.each_sound(sql, read, take).await
    }
}

impl Tx {
    /// The organisations, to change.
    pub fn organisations(&mut self) -> Organisations<'_, Self> {
        Organisations(self)
    }
}

impl Organisations<'_, Reader> {
    /// The organisation of that id.
    pub async fn find(&mut self, id: OrganisationId) -> Result<Option<Organisation>> {
        let sql = concat!("SELECT ", columns!(), " FROM organisations WHERE id = $1");
        self.0.optional(sql, values![id]).await?.as_ref().map(read).transpose()
    }

    /// The organisation of that slug.
    pub async fn find_by_slug(&mut self, slug: &Slug) -> Result<Option<Organisation>> {
        let sql = concat!("SELECT ", columns!(), " FROM organisations WHERE slug = $1");
        self.0.optional(sql, values![slug]).await?.as_ref().map(read).transpose()
    }

    /// How many there are.
    pub async fn count(&mut self) -> Result<i64> {
        self.0.one("SELECT COUNT(*) AS total FROM organisations", values![]).await?.int("total")
    }
}

impl Organisations<'_, Tx> {
    /// Adds an organisation. Its default workspace may follow in the same transaction.
    pub async fn insert(&mut self, permit: &Permit, organisation: &Organisation) -> Result<()> {
        tenant::check(permit, organisation.id, None)?;
        self.0
            .execute(
                "INSERT INTO organisations (id, slug, name, default_workspace_id, created_at)
                 VALUES ($1, $2, $3, $4, $5)",
                values![
                    organisation.id,
                    &organisation.slug,
                    organisation.name.as_str(),
                    organisation.default_workspace,
                    organisation.created_at,
                ],
            )
            .await?;
        self.0.announce(organisation.id, Subject::Organisation(organisation.id)).await
    }

    /// Writes slug, name and default workspace. `false` when it is not there.
    pub async fn update(&mut self, permit: &Permit, organisation: &Organisation) -> Result<bool> {
        tenant::check(permit, organisation.id, None)?;
        let changed = self
            .0
            .execute(
                "UPDATE organisations SET slug = $2, name = $3, default_workspace_id = $4
                 WHERE id = $1",
                values![
                    permit.organisation(),
                    &organisation.slug,
                    organisation.name.as_str(),
                    organisation.default_workspace,
                ],
            )
            .await?;
        if changed == 0 {
            return Ok(false);
        }
        self.0.announce(organisation.id, Subject::Organisation(organisation.id)).await?;
        Ok(true)
    }
}

fn read(row: &Row) -> Result<Organisation> {
    Ok(Organisation {
        id: row.id("id")?,
        slug: row.slug("slug")?,
        name: row.text("name")?,
        default_workspace: row.id("default_workspace_id")?,
        created_at: row.instant("created_at")?,
    })
}
