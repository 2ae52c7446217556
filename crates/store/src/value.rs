//! What goes into statements and what comes out of rows.

use portcullis_domain::{Id, NanoDollars, Noun, Sealed, Slug, Timestamp};
use serde::de::DeserializeOwned;
use sqlx::{ColumnIndex, Database, Decode, Type, postgres::PgRow, sqlite::SqliteRow};
use uuid::Uuid;

use crate::{Error, Result};

/// A bound value. PostgreSQL wants to know a NULL's type, hence the options inside.
#[derive(Clone, Debug)]
pub enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

impl Value {
    pub(crate) const fn is_null(&self) -> bool {
        matches!(self, Self::Int(None) | Self::Text(None) | Self::Bytes(None))
    }
}

/// The values of a statement in the order of `$1`, `$2`, ….
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::value::Value::from($value)),*] };
}
pub(crate) use values;

/// A row of either engine.
pub enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    pub(crate) fn int(&self, column: &'static str) -> Result<i64> {
        self.opt_int(column)?.ok_or(Error::Corrupt(column))
    }

    pub(crate) fn opt_int(&self, column: &'static str) -> Result<Option<i64>> {
        match self {
            Self::Sqlite(row) => read(row, column),
            Self::Postgres(row) => read(row, column),
        }
    }

    pub(crate) fn text(&self, column: &'static str) -> Result<String> {
        self.opt_text(column)?.ok_or(Error::Corrupt(column))
    }

    pub(crate) fn opt_text(&self, column: &'static str) -> Result<Option<String>> {
        match self {
            Self::Sqlite(row) => read(row, column),
            Self::Postgres(row) => read(row, column),
        }
    }

    pub(crate) fn bytes(&self, column: &'static str) -> Result<Vec<u8>> {
        self.opt_bytes(column)?.ok_or(Error::Corrupt(column))
    }

    pub(crate) fn opt_bytes(&self, column: &'static str) -> Result<Option<Vec<u8>>> {
        match self {
            Self::Sqlite(row) => read(row, column),
            Self::Postgres(row) => read(row, column),
        }
    }

    pub(crate) fn uuid(&self, column: &'static str) -> Result<Uuid> {
        Uuid::from_slice(&self.bytes(column)?).map_err(|_| Error::Corrupt(column))
    }

    pub(crate) fn id<N: Noun>(&self, column: &'static str) -> Result<Id<N>> {
        self.uuid(column).map(Id::from_uuid)
    }

    pub(crate) fn opt_id<N: Noun>(&self, column: &'static str) -> Result<Option<Id<N>>> {
        let Some(bytes) = self.opt_bytes(column)? else { return Ok(None) };
        let uuid = Uuid::from_slice(&bytes).map_err(|_| Error::Corrupt(column))?;
        Ok(Some(Id::from_uuid(uuid)))
    }

    pub(crate) fn instant(&self, column: &'static str) -> Result<Timestamp> {
        self.int(column).map(Timestamp::from_micros)
    }

    pub(crate) fn opt_instant(&self, column: &'static str) -> Result<Option<Timestamp>> {
        Ok(self.opt_int(column)?.map(Timestamp::from_micros))
    }

    pub(crate) fn slug(&self, column: &'static str) -> Result<Slug> {
        Slug::parse(&self.text(column)?).map_err(|_| Error::Corrupt(column))
    }

    pub(crate) fn sealed(&self, column: &'static str) -> Result<Sealed> {
        Sealed::from_bytes(self.bytes(column)?).map_err(|_| Error::Corrupt(column))
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T> {
        serde_json::from_str(&self.text(column)?).map_err(|_| Error::Corrupt(column))
    }
}

fn read<'r, R, T>(row: &'r R, column: &'static str) -> Result<Option<T>>
where
    R: sqlx::Row,
    &'static str: ColumnIndex<R>,
    T: Decode<'r, <R as sqlx::Row>::Database> + Type<<R as sqlx::Row>::Database>,
    Option<T>: Decode<'r, <R as sqlx::Row>::Database> + Type<<R as sqlx::Row>::Database>,
    R::Database: Database,
{
    row.try_get(column).map_err(|_| Error::Corrupt(column))
}

/// JSON of our own types, which have only string keys and finite numbers.
pub(crate) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("our own types always serialise")
}

macro_rules! from {
    ($($type:ty => $variant:ident, |$value:ident| $as:expr;)*) => {$(
        impl From<$type> for Value {
            fn from($value: $type) -> Self {
                Self::$variant(Some($as))
            }
        }
        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Self {
                Self::$variant(value.map(|$value| $as))
            }
        }
    )*};
}

from! {
    i64 => Int, |v| v;
    u16 => Int, |v| i64::from(v);
    // SQL has no unsigned integers; no count of ours comes near the end of the signed ones.
    u64 => Int, |v| i64::try_from(v).unwrap_or(i64::MAX);
    bool => Int, |v| i64::from(v);
    Timestamp => Int, |v| v.micros();
    NanoDollars => Int, |v| v.0;
    &str => Text, |v| v.to_owned();
    String => Text, |v| v;
    &Slug => Text, |v| v.as_str().to_owned();
    Vec<u8> => Bytes, |v| v;
    &[u8; 32] => Bytes, |v| v.to_vec();
    Uuid => Bytes, |v| v.as_bytes().to_vec();
    &Sealed => Bytes, |v| v.as_bytes().to_vec();
}

impl<N> From<Id<N>> for Value
where
    N: Noun,
{
    fn from(id: Id<N>) -> Self {
        Self::Bytes(Some(id.as_bytes().to_vec()))
    }
}

impl<N: Noun> From<Option<Id<N>>> for Value {
    fn from(id: Option<Id<N>>) -> Self {
        Self::Bytes(id.map(|id| id.as_bytes().to_vec()))
    }
}
