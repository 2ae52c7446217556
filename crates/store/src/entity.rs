//! What the tenants' nouns have in common: how their rows are found, listed and read.
//!
//! A noun states its table, its columns and what the audit trail may show of it, once, by
//! implementing [`Stored`]. Finding, listing, inserting, updating and removing follow from that
//! here and in [`crate::Act`]; what only one noun is asked for stands in its own file.

use std::marker::PhantomData;

use portcullis_domain::{AuditResource, OrganisationId, Permit, Timestamp, WorkspaceId};
use serde_json::Value as Json;

use crate::{
    Error, List, Page, Reader, Result, Subject,
    conditions::Conditions,
    engine::Sql,
    tenant,
    value::{Row, Value},
};

/// A noun whose rows belong to a tenant. Only this crate's nouns are.
pub trait Entity: Stored {}

impl<T: Stored> Entity for T {}

/// How a noun is stored. All of its SQL is made from these names, in this file and in `act.rs`.
pub trait Stored: Clone + Send + Sync + Sized + 'static {
    /// What finds one within its organisation.
    type Id: Copy + Into<Value> + Send;

    /// The table.
    const TABLE: &'static str;
    /// Its columns in the order of [`Self::values`].
    const COLUMNS: &'static [&'static str];
    /// The columns that never change. An update and a removal name them all, so that they hit
    /// nothing but the very row that was loaded.
    const FIXED: &'static [&'static str];
    /// The column that says whose row it is.
    const OWNER: &'static str = "organisation_id";
    /// The column of [`Self::Id`].
    const KEY: &'static str = "id";
    /// Where rows are read from, when something is joined, and what is read besides the columns.
    const JOINED: (&'static str, &'static str) = ("", "");
    /// What the audit trail calls it.
    const RESOURCE: AuditResource;

    /// Whose it is.
    fn organisation(&self) -> OrganisationId;
    /// The workspace a permit must hold for; `None` for the organisation as a whole.
    fn workspace(&self) -> Option<WorkspaceId>;
    /// What the data plane must be told when it changes.
    fn subject(&self) -> Option<Subject>;
    /// When it was changed last. Rows that are only made and removed need not say.
    fn version(&self) -> Timestamp;
    /// Notes that it is being changed.
    fn set_version(&mut self, at: Timestamp);
    /// Its id, for the audit trail.
    fn audit_id(&self) -> String;
    /// What people call it, for the audit trail.
    fn audit_name(&self) -> String;
    /// Everything that may be told of it; no secret.
    fn shown(&self) -> Json;
    /// Its values, in the order of the columns.
    fn values(&self) -> Vec<Value>;
    /// Reads a row.
    fn read(row: &Row) -> Result<Self>;
    /// Adds to rows what lies in other tables.
    fn complete<'a>(
        _reader: &'a mut Reader,
        _rows: &'a mut [Self],
    ) -> impl Future<Output = Result<()>> + Send + 'a {
        std::future::ready(Ok(()))
    }
}

/// One organisation's rows of a noun.
pub struct Rows<'r, T> {
    pub(crate) reader: &'r mut Reader,
    pub(crate) organisation: OrganisationId,
    pub(crate) noun: PhantomData<T>,
}

impl<T: Stored> Rows<'_, T> {
    /// The one of that id.
    pub async fn find(&mut self, id: T::Id) -> Result<Option<T>> {
        self.find_by(T::KEY, id).await
    }

    /// The one with that value in a column.
    pub(crate) async fn find_by(
        &mut self,
        column: &str,
        value: impl Into<Value>,
    ) -> Result<Option<T>> {
        let mut conditions = self.conditions();
        conditions.compare(&format!("{}.{column} =", T::TABLE), Some(value));
        let sql = format!("{} WHERE {}", select::<T>(), conditions.text);
        let row = self.reader.optional(Sql::of_names(sql), conditions.values).await?;
        let Some(row) = row.as_ref().map(T::read).transpose()? else { return Ok(None) };
        let mut rows = [row];
        T::complete(self.reader, &mut rows).await?;
        let [row] = rows;
        Ok(Some(row))
    }

    /// All that meet the conditions, oldest first.
    pub(crate) async fn all(&mut self, conditions: Conditions) -> Result<Vec<T>> {
        let sql = format!(
            "{} WHERE {} ORDER BY {table}.created_at, {table}.{}",
            select::<T>(),
            conditions.text,
            T::KEY,
            table = T::TABLE
        );
        let mut rows = self.reader.all(sql, conditions.values, T::read).await?;
        T::complete(self.reader, &mut rows).await?;
        Ok(rows)
    }

    /// A page of those that meet the conditions, newest first, with how many there are in all.
    pub(crate) async fn page(&mut self, conditions: Conditions, page: Page) -> Result<List<T>> {
        let from = format!("{}{}", T::TABLE, T::JOINED.0);
        let count = format!("SELECT COUNT(*) AS total FROM {from} WHERE {}", conditions.text);
        let total = self.reader.one(count, conditions.values.clone()).await?.int("total")?;
        let mut conditions = conditions;
        let limit = conditions.bind(i64::from(page.limit));
        let skip = conditions.bind(i64::from(page.skip));
        let sql = format!(
            "{} WHERE {} ORDER BY {table}.created_at DESC, {table}.{} DESC LIMIT {limit} OFFSET {skip}",
            select::<T>(),
            conditions.text,
            T::KEY,
            table = T::TABLE
        );
        let mut items = self.reader.all(sql, conditions.values, T::read).await?;
        T::complete(self.reader, &mut items).await?;
        Ok(List { items, total: u64::try_from(total).map_err(|_| Error::Corrupt("total"))? })
    }

    /// Conditions that hold for this organisation's rows only.
    pub(crate) fn conditions(&self) -> Conditions {
        Conditions::of(&format!("{}.{}", T::TABLE, T::OWNER), self.organisation)
    }
}

/// Hands every row of every organisation to `take`: for the snapshot.
pub(crate) async fn load<T: Stored>(
    reader: &mut Reader,
    take: &mut (dyn FnMut(T) + Send),
) -> Result<()> {
    reader.each_sound(select::<T>(), T::read, take).await
}

/// `SELECT … FROM …` of a noun.
pub(crate) fn select<T: Stored>() -> String {
    let columns: Vec<String> =
        T::COLUMNS.iter().map(|column| format!("{}.{column}", T::TABLE)).collect();
    let (joined, more) = T::JOINED;
    format!("SELECT {}{more} FROM {}{joined}", columns.join(", "), T::TABLE)
}

/// `INSERT` of a row.
pub(crate) fn insert<T: Stored>(row: &T) -> (Sql, Vec<Value>) {
    let places: Vec<String> = (1..=T::COLUMNS.len()).map(|n| format!("${n}")).collect();
    let sql = format!(
        "INSERT INTO {} ({}) VALUES ({})",
        T::TABLE,
        T::COLUMNS.join(", "),
        places.join(", ")
    );
    (Sql::of_names(sql), row.values())
}

/// `UPDATE` of the row that `before` was read from, if it still is as it was read.
pub(crate) fn update<T: Stored>(before: &T, after: &T) -> (Sql, Vec<Value>) {
    let mut sql = format!("UPDATE {} SET ", T::TABLE);
    let mut values = Vec::new();
    for (column, value) in T::COLUMNS.iter().zip(after.values()) {
        if !T::FIXED.contains(column) {
            values.push(value);
            let comma = if values.len() > 1 { ", " } else { "" };
            sql.push_str(&format!("{comma}{column} = ${}", values.len()));
        }
    }
    sql.push_str(" WHERE ");
    exactly(before, &mut sql, &mut values);
    values.push(before.version().into());
    sql.push_str(&format!(" AND updated_at = ${}", values.len()));
    (Sql::of_names(sql), values)
}

/// `DELETE` of the row that `row` was read from.
pub(crate) fn delete<T: Stored>(row: &T) -> (Sql, Vec<Value>) {
    the_row("DELETE", row)
}

/// Looks whether the row that `row` was read from is there, changed or not.
pub(crate) fn look_for<T: Stored>(row: &T) -> (Sql, Vec<Value>) {
    the_row("SELECT 1", row)
}

fn the_row<T: Stored>(verb: &str, row: &T) -> (Sql, Vec<Value>) {
    let mut sql = format!("{verb} FROM {} WHERE ", T::TABLE);
    let mut values = Vec::new();
    exactly(row, &mut sql, &mut values);
    (Sql::of_names(sql), values)
}

/// A pattern for what begins with (`""`) or holds (`"%"`) a text; `!` escapes.
pub(crate) fn pattern(before: &str, text: &str) -> String {
    let mut pattern = before.to_owned();
    for c in text.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// Whether a permit holds for a row.
pub(crate) fn check<T: Stored>(permit: &Permit, row: &T) -> Result<()> {
    tenant::check(permit, row.organisation(), row.workspace())
}

/// The condition that names every column that never changes.
fn exactly<T: Stored>(row: &T, sql: &mut String, values: &mut Vec<Value>) {
    let mut is_first = true;
    for (column, value) in T::COLUMNS.iter().zip(row.values()) {
        if T::FIXED.contains(column) {
            sql.push_str(if is_first { "" } else { " AND " });
            if value.is_null() {
                sql.push_str(&format!("{column} IS NULL"));
            } else {
                values.push(value);
                sql.push_str(&format!("{column} = ${}", values.len()));
            }
            is_first = false;
        }
    }
}
