//! Running processes, and how far each has shipped its record of calls.

use portcullis_domain::{NodeId, Timestamp};

use crate::{Error, Reader, Result, Tx, value::values};

/// Which nodes were seen.
pub struct Nodes<'t>(&'t mut Tx);

/// How far nodes have shipped, through a [`Reader`] or a [`Tx`].
pub struct ShipCursors<'s, S>(&'s mut S);

/// The end of what a node has shipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShipCursor {
    /// The segment's name.
    pub segment: String,
    /// Bytes of it that are shipped.
    pub byte_offset: u64,
}

impl Reader {
    /// How far nodes have shipped.
    pub fn ship_cursors(&mut self) -> ShipCursors<'_, Self> {
        ShipCursors(self)
    }
}

impl Tx {
    /// The nodes.
    pub fn nodes(&mut self) -> Nodes<'_> {
        Nodes(self)
    }

    /// How far nodes have shipped, to change: in the transaction that inserts what was shipped.
    pub fn ship_cursors(&mut self) -> ShipCursors<'_, Self> {
        ShipCursors(self)
    }
}

impl Nodes<'_> {
    /// Notes that a node of that version runs at `now`.
    pub async fn seen(&mut self, id: NodeId, version: &str, now: Timestamp) -> Result<()> {
        let sql = "INSERT INTO nodes (id, version, last_seen_at) VALUES ($1, $2, $3)
             ON CONFLICT (id) DO UPDATE
             SET version = excluded.version, last_seen_at = excluded.last_seen_at";
        self.0.execute(sql, values![id, version, now]).await?;
        Ok(())
    }

    /// Forgets nodes not seen since `instant`. Says how many.
    pub async fn prune(&mut self, instant: Timestamp) -> Result<u64> {
        self.0.execute("DELETE FROM nodes WHERE last_seen_at < $1", values![instant]).await
    }
}

impl ShipCursors<'_, Reader> {
    /// How far a node has shipped.
    pub async fn find(&mut self, node: NodeId) -> Result<Option<ShipCursor>> {
        let sql = "SELECT segment, byte_offset FROM ship_cursors WHERE node_id = $1";
        let Some(row) = self.0.optional(sql, values![node]).await? else { return Ok(None) };
        let byte_offset = u64::try_from(row.int("byte_offset")?);
        Ok(Some(ShipCursor {
            segment: row.text("segment")?,
            byte_offset: byte_offset.map_err(|_| Error::Corrupt("byte_offset"))?,
        }))
    }
}

impl ShipCursors<'_, Tx> {
    /// Writes how far a node has shipped.
    pub async fn put(&mut self, node: NodeId, cursor: &ShipCursor) -> Result<()> {
        let sql = "INSERT INTO ship_cursors (node_id, segment, byte_offset) VALUES ($1, $2, $3)
             ON CONFLICT (node_id) DO UPDATE
             SET segment = excluded.segment, byte_offset = excluded.byte_offset";
        self.0.execute(sql, values![node, cursor.segment.as_str(), cursor.byte_offset]).await?;
        Ok(())
    }
}
