//! Reading one tenant's rows, and the check every write of them makes.

use portcullis_domain::{OrganisationId, Permit, WorkspaceId};

use crate::{
    ApiKeysOf, AuditTrailOf, Error, IntegrationsOf, LogsOf, Reader, Result, UsersOf, VirtualKeysOf,
    WorkspacesOf,
    value::{Row, Value},
};

/// The rows of one organisation. No other's can be reached through it, whatever ids are asked for.
pub struct Tenant<'r> {
    reader: &'r mut Reader,
    organisation: OrganisationId,
}

/// Which part of a list is wanted, newest first.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// How many to leave out at the beginning.
    pub skip: u32,
    /// How many to return at most.
    pub limit: u32,
}

/// A part of a list.
#[derive(Clone, Debug)]
pub struct List<T> {
    /// The part.
    pub items: Vec<T>,
    /// How many the whole list has.
    pub total: u64,
}

impl Reader {
    /// What belongs to one organisation.
    pub fn tenant(&mut self, organisation: OrganisationId) -> Tenant<'_> {
        Tenant { reader: self, organisation }
    }
}

macro_rules! nouns {
    ($($(#[$doc:meta])* $noun:ident $of:ident;)*) => {
        impl Tenant<'_> {$(
            $(#[$doc])*
            pub fn $noun(&mut self) -> $of<'_> {
                $of { reader: self.reader, organisation: self.organisation }
            }
        )*}
    };
}

nouns! {
    /// Its workspaces.
    workspaces WorkspacesOf;
    /// Its people.
    users UsersOf;
    /// Its API keys.
    api_keys ApiKeysOf;
    /// Its integrations.
    integrations IntegrationsOf;
    /// Its virtual keys.
    virtual_keys VirtualKeysOf;
    /// Its logs.
    logs LogsOf;
    /// Its audit trail.
    audit_trail AuditTrailOf;
}

impl Page {
    /// The first `limit`.
    pub const fn first(limit: u32) -> Self {
        Self { skip: 0, limit }
    }
}

/// Whether a permit holds for a row of that organisation and workspace (`None`: of the
/// organisation as a whole).
pub(crate) fn check(
    permit: &Permit,
    organisation: OrganisationId,
    workspace: Option<WorkspaceId>,
) -> Result<()> {
    let holds = permit.organisation() == organisation
        && (permit.workspace().is_none() || permit.workspace() == workspace);
    if holds { Ok(()) } else { Err(Error::ForeignPlace) }
}

/// One page of `SELECT {columns} {from}`, newest first, with the whole list's length.
pub(crate) async fn list<T: Send>(
    reader: &mut Reader,
    columns: &'static str,
    from: &'static str,
    values: Vec<Value>,
    page: Page,
    read: fn(&Row) -> Result<T>,
) -> Result<List<T>> {
    let total = reader.one(format!("SELECT COUNT(*) AS total {from}"), values.clone()).await?;
    let total = u64::try_from(total.int("total")?).map_err(|_| Error::Corrupt("total"))?;
    let n = values.len();
    let sql = format!(
        "SELECT {columns} {from} ORDER BY created_at DESC, id DESC LIMIT ${} OFFSET ${}",
        n + 1,
        n + 2
    );
    let mut values = values;
    values.extend([i64::from(page.limit).into(), i64::from(page.skip).into()]);
    Ok(List { items: reader.all(sql, values, read).await?, total })
}
