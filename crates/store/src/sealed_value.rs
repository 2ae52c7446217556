//! Every sealed value there is, whatever its table: what re-sealing needs, and the operator's
//! overview.

use portcullis_domain::{DataKeyId, IntegrationId, OrganisationId, Sealed, SealedPlace};
use uuid::Uuid;

use crate::{
    Error, Reader, Result, Subject, Tx,
    value::{Row, Value, values},
};

/// A column that holds sealed values, and how the place of each is read from its row. Whoever adds
/// such a column adds a line to [`SEALED_COLUMNS`]; a test compares them with the schema.
#[derive(Debug)]
pub struct SealedColumn {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The column that names the row; `None`: the values are of the instance as a whole.
    row: Option<&'static str>,
    field: Field,
    /// Whether the values are an organisation's (column `organisation_id`), or the instance's.
    is_tenants: bool,
    /// What the data plane must be told of when a value is sealed anew.
    subject: Option<fn(Uuid) -> Subject>,
}

/// Which field a value is sealed for.
#[derive(Debug)]
enum Field {
    /// The column's own name.
    Column,
    /// What another column says, which must be one of these.
    Named(&'static str, &'static [&'static str]),
}

/// All of them.
pub const SEALED_COLUMNS: &[SealedColumn] = &[
    SealedColumn {
        table: "instance_secrets",
        column: "sealed",
        row: None,
        field: Field::Named("name", &["api-key-pepper", "audit-key"]),
        is_tenants: false,
        subject: None,
    },
    SealedColumn {
        table: "integrations",
        column: "credential",
        row: Some("id"),
        field: Field::Column,
        is_tenants: true,
        subject: Some(|id| Subject::Integration(IntegrationId::from_uuid(id))),
    },
    SealedColumn {
        table: "kms_connections",
        column: "settings",
        row: Some("id"),
        field: Field::Column,
        is_tenants: false,
        subject: None,
    },
    SealedColumn {
        table: "log_contents",
        column: "sealed",
        row: Some("log_id"),
        field: Field::Column,
        is_tenants: true,
        subject: None,
    },
];

/// The sealed values, through a [`Reader`] or a [`Tx`]. They demand no permit: the vault seals anew
/// whoever acts.
pub struct SealedValues<'s, S>(&'s mut S);

/// How many values of a column name a data key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedValueCount {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The data key.
    pub key: DataKeyId,
    /// How many.
    pub count: u64,
}

impl Reader {
    /// The sealed values.
    pub fn sealed_values(&mut self) -> SealedValues<'_, Self> {
        SealedValues(self)
    }
}

impl Tx {
    /// The sealed values, to replace.
    pub fn sealed_values(&mut self) -> SealedValues<'_, Self> {
        SealedValues(self)
    }
}

impl SealedValues<'_, Reader> {
    /// Up to `limit` values that name the data key, in a fixed order, after `after`.
    pub async fn under(
        &mut self,
        organisation: Option<OrganisationId>,
        key: DataKeyId,
        after: Option<SealedPlace>,
        limit: u32,
    ) -> Result<Vec<(SealedPlace, Sealed)>> {
        let mut found = Vec::new();
        for column in columns_of(organisation) {
            if after.is_some_and(|after| column.table < after.table) {
                continue;
            }
            let after = after.filter(|after| after.table == column.table);
            let left = i64::from(limit) - found.len() as i64;
            if left <= 0 {
                break;
            }
            column.under(self.0, organisation, key, after, left, &mut found).await?;
        }
        Ok(found)
    }

    /// How many values name each data key.
    pub async fn count(
        &mut self,
        organisation: Option<OrganisationId>,
    ) -> Result<Vec<SealedValueCount>> {
        let mut counts = Vec::new();
        for column in columns_of(organisation) {
            let (table, name) = (column.table, column.column);
            let key = key_of(name);
            let (scope, values) = column.scope(organisation);
            let sql = format!(
                "SELECT {key} AS data_key, COUNT(*) AS total FROM {table} WHERE {scope}
                 GROUP BY {key}"
            );
            self.0
                .each(sql, values, &mut |row| {
                    let count = row.int("total")?;
                    counts.push(SealedValueCount {
                        table,
                        column: name,
                        key: row.id("data_key")?,
                        count: u64::try_from(count).map_err(|_| Error::Corrupt("total"))?,
                    });
                    Ok(())
                })
                .await?;
        }
        Ok(counts)
    }
}

impl SealedValues<'_, Tx> {
    /// Puts `to` in the place of `from`, if that is there. Nothing else of the row changes. `false`
    /// when something else is there.
    pub async fn replace(
        &mut self,
        place: &SealedPlace,
        from: &Sealed,
        to: &Sealed,
    ) -> Result<bool> {
        let column = SEALED_COLUMNS.iter().find(|column| {
            column.table == place.table
                && match column.field {
                    Field::Column => column.column == place.field,
                    Field::Named(_, known) => known.contains(&place.field),
                }
        });
        let column = column.ok_or(Error::ForeignPlace)?;
        let name = column.column;
        // The header tells values apart: it holds salt, nonce and commitment.
        let header = from.as_bytes()[..Sealed::HEADER_LEN].to_vec();
        let (mut condition, mut values) = column.scope(place.organisation);
        let mut push = |sql: &str, value: Value| {
            values.push(value);
            condition.push_str(&format!(" AND {sql} = ${}", values.len()));
        };
        push(&format!("substr({name}, 1, {})", Sealed::HEADER_LEN), header.into());
        if let Some(row) = column.row {
            push(row, place.row.into());
        }
        if let Field::Named(field, _) = column.field {
            push(field, place.field.into());
        }
        values.push(to.into());
        let sql =
            format!("UPDATE {} SET {name} = ${} WHERE {condition}", column.table, values.len());
        if self.0.execute(sql, values).await? == 0 {
            return Ok(false);
        }
        if let (Some(subject), Some(organisation)) = (column.subject, place.organisation) {
            self.0.announce(organisation, subject(place.row)).await?;
        }
        Ok(true)
    }
}

impl SealedColumn {
    async fn under(
        &self,
        reader: &mut Reader,
        organisation: Option<OrganisationId>,
        key: DataKeyId,
        after: Option<SealedPlace>,
        limit: i64,
        found: &mut Vec<(SealedPlace, Sealed)>,
    ) -> Result<()> {
        let (mut condition, mut values) = self.scope(organisation);
        values.push(key.into());
        condition.push_str(&format!(" AND {} = ${}", key_of(self.column), values.len()));
        // The order is of what tells the column's values apart.
        let mut order: Vec<&str> = self.row.into_iter().collect();
        if let Field::Named(field, _) = self.field {
            order.push(field);
        }
        let order = order.join(", ");
        if let Some(after) = after {
            let mut bound = Vec::new();
            if self.row.is_some() {
                values.push(after.row.into());
                bound.push(format!("${}", values.len()));
            }
            if let Field::Named(..) = self.field {
                values.push(after.field.into());
                bound.push(format!("${}", values.len()));
            }
            condition.push_str(&format!(" AND ({order}) > ({})", bound.join(", ")));
        }
        values.push(limit.into());
        let sql = format!(
            "SELECT {order}, {column} FROM {table} WHERE {condition} ORDER BY {order} LIMIT ${n}",
            column = self.column,
            table = self.table,
            n = values.len()
        );
        reader
            .each(sql, values, &mut |row| {
                let place = self.place(organisation, row)?;
                found.push((place, row.sealed(self.column)?));
                Ok(())
            })
            .await
    }

    fn place(&self, organisation: Option<OrganisationId>, row: &Row) -> Result<SealedPlace> {
        let field = match self.field {
            Field::Column => self.column,
            Field::Named(column, known) => {
                let name = row.text(column)?;
                let known = known.iter().find(|known| **known == name);
                *known.ok_or(Error::Corrupt(column))?
            }
        };
        let id = self.row.map_or(Ok(Uuid::nil()), |column| row.uuid(column))?;
        Ok(SealedPlace { organisation, table: self.table, row: id, field })
    }

    /// The condition that keeps to the organisation's values, and its values.
    fn scope(&self, organisation: Option<OrganisationId>) -> (String, Vec<Value>) {
        if self.is_tenants {
            ("organisation_id = $1".to_owned(), values![organisation])
        } else {
            ("1 = 1".to_owned(), values![])
        }
    }
}

fn columns_of(organisation: Option<OrganisationId>) -> impl Iterator<Item = &'static SealedColumn> {
    SEALED_COLUMNS.iter().filter(move |column| column.is_tenants == organisation.is_some())
}

/// The data key that a value's header names. An index on contents is of exactly this text.
fn key_of(column: &str) -> String {
    let at = Sealed::DATA_KEY;
    format!("substr({column}, {}, {})", at.start + 1, at.len())
}

#[cfg(test)]
mod tests {
    use super::{SEALED_COLUMNS, key_of};

    #[test]
    fn the_columns_are_in_order_and_the_index_is_of_the_same_text() {
        assert!(SEALED_COLUMNS.is_sorted_by_key(|column| column.table));
        let sql = include_str!("../migrations/sqlite/0005_contents.sql");
        assert!(sql.contains(&key_of("sealed")), "{}", key_of("sealed"));
    }
}
