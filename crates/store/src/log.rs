//! Writing the logs of calls and their content.

use std::collections::HashMap;

use portcullis_domain::{CallId, Log, LogState, Sealed};

use crate::{
    Error, Result, Tx, dialect,
    value::{Value, values},
};

/// Writes logs. They demand no permit: the record ships what the data plane did.
pub struct Logs<'t>(&'t mut Tx);

/// One log to write.
#[derive(Clone, Copy)]
pub struct LogRow<'a> {
    /// The log.
    pub log: &'a Log,
    /// The same as JSON, as the record holds it.
    pub fields_json: &'a str,
    /// The call's content, sealed for [`Log::content_place`].
    pub content: Option<&'a Sealed>,
}

/// A log that the database refuses. The others of its batch are written.
#[derive(Debug)]
pub struct Poison {
    /// The log.
    pub id: CallId,
    /// Why.
    pub reason: Error,
}

const COLUMNS: [&str; 22] = [
    "id",
    "organisation_id",
    "workspace_id",
    "created_at",
    "environment",
    "api_key_id",
    "user_id",
    "end_user",
    "provider",
    "virtual_key",
    "model_asked",
    "model_served",
    "endpoint",
    "status",
    "is_success",
    "state",
    "trace_id",
    "input_tokens",
    "output_tokens",
    "cost_nano",
    "total_micros",
    "fields",
];

const CONTENT_COLUMNS: [&str; 4] = ["log_id", "created_at", "organisation_id", "sealed"];

impl Tx {
    /// The logs, to write.
    pub fn logs(&mut self) -> Logs<'_> {
        Logs(self)
    }
}

impl Logs<'_> {
    /// Writes logs and content; writing the same again changes nothing. A closed log replaces an
    /// open or interrupted one, never the reverse. Logs that the database refuses are left out, with
    /// their content, and reported; failures that have nothing to do with a row fail the batch.
    pub async fn insert_batch(&mut self, rows: &[LogRow<'_>]) -> Result<Vec<Poison>> {
        let contents: Vec<_> =
            rows.iter().filter_map(|row| Some((row.log, row.content?))).collect();
        let instants = rows.iter().map(|row| row.log.created_at);
        dialect::ensure_log_partitions(self.0, instants).await?;

        let rows = strongest(rows);
        let mut poison = Vec::new();
        let at_once = self.0.engine().rows_per_statement();
        let mut pieces: Vec<&[LogRow<'_>]> = rows.chunks(at_once).rev().collect();
        while let Some(piece) = pieces.pop() {
            match self.insert_rows(piece).await {
                Ok(()) => {}
                Err(reason) if !dialect::is_about_a_row(&reason) => return Err(reason),
                Err(reason) if piece.len() == 1 => {
                    poison.push(Poison { id: piece[0].log.id, reason });
                }
                Err(_) => {
                    let (first, second) = piece.split_at(piece.len() / 2);
                    pieces.extend([second, first]);
                }
            }
        }

        let is_poison = |id: CallId| poison.iter().any(|poison| poison.id == id);
        let contents: Vec<_> = contents.into_iter().filter(|(log, _)| !is_poison(log.id)).collect();
        for piece in contents.chunks(at_once) {
            let mut values = Vec::with_capacity(piece.len() * CONTENT_COLUMNS.len());
            for (log, sealed) in piece {
                values.extend(values![log.id, log.created_at, log.organisation_id, *sealed]);
            }
            let sql = format!(
                "{} ON CONFLICT (log_id, created_at) DO NOTHING",
                insert("log_contents", &CONTENT_COLUMNS, piece.len())
            );
            self.0.execute(sql, values).await?;
        }
        Ok(poison)
    }

    /// All of the rows or none.
    async fn insert_rows(&mut self, rows: &[LogRow<'_>]) -> Result<()> {
        let mut values = Vec::with_capacity(rows.len() * COLUMNS.len());
        for row in rows {
            values.extend(row_values(row));
        }
        let updates: Vec<String> =
            COLUMNS[4..].iter().map(|column| format!("{column} = excluded.{column}")).collect();
        let sql = format!(
            "{} ON CONFLICT (id, created_at) DO UPDATE SET {}
             WHERE logs.state IN ('open', 'interrupted') AND excluded.state <> 'open'
                 AND logs.organisation_id = excluded.organisation_id",
            insert("logs", &COLUMNS, rows.len()),
            updates.join(", ")
        );
        dialect::set_savepoint(self.0).await?;
        let written = self.0.execute(sql, values).await;
        dialect::leave_savepoint(self.0, written.as_ref().err()).await?;
        written.map(|_| ())
    }
}

/// One row for each call: a batch may hold a call's opening and its close, and one statement must
/// not write a row twice.
fn strongest<'a>(rows: &[LogRow<'a>]) -> Vec<LogRow<'a>> {
    let mut places: HashMap<CallId, usize> = HashMap::with_capacity(rows.len());
    let mut kept: Vec<LogRow<'a>> = Vec::with_capacity(rows.len());
    for row in rows {
        match places.get(&row.log.id) {
            None => {
                places.insert(row.log.id, kept.len());
                kept.push(*row);
            }
            Some(place) if strength(row.log.state) > strength(kept[*place].log.state) => {
                kept[*place] = *row;
            }
            Some(_) => {}
        }
    }
    kept
}

const fn strength(state: LogState) -> u8 {
    match state {
        LogState::Open => 0,
        LogState::Interrupted => 1,
        LogState::Finished | LogState::Failed | LogState::HungUp => 2,
    }
}

fn row_values(row: &LogRow<'_>) -> Vec<Value> {
    let log = row.log;
    values![
        log.id,
        log.organisation_id,
        log.workspace_id,
        log.created_at,
        &*log.environment,
        log.api_key_id,
        log.user_id,
        log.user.as_deref(),
        log.provider.as_deref(),
        log.virtual_key.as_deref(),
        log.model_asked.as_deref(),
        log.model_served.as_deref(),
        &*log.endpoint,
        log.response_status,
        log.is_success,
        log.state.name(),
        log.trace_id.as_str(),
        log.usage.input_tokens,
        log.usage.output_tokens,
        log.cost,
        log.timings.total,
        row.fields_json,
    ]
}

/// `INSERT INTO table (columns) VALUES ($1, …), (…), …`.
fn insert(table: &'static str, columns: &[&'static str], rows: usize) -> String {
    let mut sql = format!("INSERT INTO {table} ({}) VALUES ", columns.join(", "));
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns.len() {
            if column > 0 {
                sql.push_str(", ");
            }
            sql.push('$');
            sql.push_str(&(row * columns.len() + column + 1).to_string());
        }
        sql.push(')');
    }
    sql
}
