//! Checkpoints: what a chain's end was at some moment, signed and kept elsewhere. They prove later
//! that nothing was cut off, and that no other history was put in its place.

use serde_json::{Value, json};

use super::{
    canonical,
    chain::{ChainHead, chain_name, hex, unhex},
};
use crate::{OrganisationId, Timestamp};

/// The end of a chain at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditCheckpoint {
    /// Whose chain; `None` for the instance's own.
    pub chain: Option<OrganisationId>,
    /// Its end.
    pub head: ChainHead,
    /// When.
    pub at: Timestamp,
}

const VERSION: u32 = 1;

impl AuditCheckpoint {
    /// What is signed: canonical JSON.
    pub fn text(&self) -> String {
        canonical(&json!({
            "v": VERSION,
            "chain": chain_name(self.chain),
            "seq": self.head.seq,
            "hash": hex(&self.head.hash),
            "at": self.at,
        }))
    }

    /// Reads what [`Self::text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        if value["v"] != VERSION {
            return None;
        }
        let chain = match value["chain"].as_str()? {
            "instance" => None,
            id => Some(OrganisationId::parse(id).ok()?),
        };
        let (seq, hash) = (value["seq"].as_u64()?, unhex(value["hash"].as_str()?)?);
        let at = Timestamp::from_micros(value["at"].as_i64()?);
        Some(Self { chain, head: ChainHead { seq, hash }, at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_reads_back() {
        let id = OrganisationId::parse("0190b7a2-3f4c-7d8e-9a1b-2c3d4e5f6a7b").unwrap();
        for chain in [None, Some(id)] {
            let head = ChainHead { seq: 7, hash: [0xab; 32] };
            let checkpoint = AuditCheckpoint { chain, head, at: Timestamp::from_micros(5) };
            assert_eq!(AuditCheckpoint::parse(&checkpoint.text()), Some(checkpoint));
        }
        for text in ["", "{}", "[]", r#"{"v":2,"chain":"instance","seq":1,"hash":"","at":1}"#] {
            assert_eq!(AuditCheckpoint::parse(text), None);
        }
    }
}
