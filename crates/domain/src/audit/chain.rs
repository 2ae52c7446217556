//! The chain: each record names the one before it, and is signed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::{OrganisationId, Timestamp, audit::canonical, audit::event::AuditEvent};

/// One event in its place in a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Whose chain; `None` for the instance's own.
    pub chain: Option<OrganisationId>,
    /// Its place, counted from 1.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// What is hashed: the whole event, its place and the hash of the record before it.
    pub canonical: String,
    /// Hash and signature.
    pub link: AuditLink,
}

/// What ties a record to the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditLink {
    /// SHA-256 over the previous record's hash and the canonical text.
    pub hash: [u8; 32],
    /// Ed25519 (RFC 8032) over the hash.
    pub signature: [u8; 64],
}

/// The end of a chain: how many records there are, and the last one's hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChainHead {
    /// The last record's place; 0 for an empty chain.
    pub seq: u64,
    /// Its hash; zeros for an empty chain.
    pub hash: [u8; 32],
}

/// Hashes and signs records.
pub trait AuditSigner: Send + Sync {
    /// The link of a record to the one whose hash is `previous`.
    fn link(&self, previous: &[u8; 32], canonical: &str) -> AuditLink;
}

/// Checks what an [`AuditSigner`] made, with what anybody may know.
pub trait AuditProof {
    /// SHA-256 over `previous` and the text.
    fn hash(&self, previous: &[u8; 32], canonical: &str) -> [u8; 32];

    /// Whether the signature is one over that hash.
    fn is_signed(&self, hash: &[u8; 32], signature: &[u8; 64]) -> bool;
}

/// What is wrong with a chain, and where. Events are named by their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Tampering {
    /// It is not what was hashed and signed, or what is searched differs from it.
    #[error("event {0} was edited")]
    Edited(u64),
    /// Events are missing.
    #[error("events {0} to {1} were deleted")]
    Deleted(u64, u64),
    /// It was written by somebody without the signing key, or is a copy.
    #[error("event {0} was inserted: it was not recorded there by this instance")]
    Inserted(u64),
    /// It is genuine, but stands behind later ones.
    #[error("event {0} was moved: the order was changed")]
    Moved(u64),
    /// It is genuine, but follows another event than the one before it: two histories were joined.
    #[error("event {0} does not follow the event before it: the history before it was exchanged")]
    Forked(u64),
    /// Events at the end are missing.
    #[error("events {0} to {1} were cut off the end")]
    CutOff(u64, u64),
    /// The recorded end is not the last event's.
    #[error("the recorded end of the chain was changed")]
    HeadChanged,
    /// A signed checkpoint saw another event there.
    #[error("event {0} is not the one that a signed checkpoint saw")]
    Replaced(u64),
    /// Nothing is there at all, and something must be.
    #[error("the whole trail is missing")]
    Missing,
}

const VERSION: u32 = 1;

impl AuditRecord {
    /// Gives an event its place after `head`.
    pub fn after(
        head: &ChainHead,
        at: Timestamp,
        event: &AuditEvent,
        signer: &dyn AuditSigner,
    ) -> Self {
        let seq = head.seq + 1;
        let mut members = event.members();
        let place = json!({
            "v": VERSION,
            "chain": chain_name(event.organisation),
            "seq": seq,
            "prev": hex(&head.hash),
            "at": at,
        });
        if let Value::Object(place) = place {
            members.extend(place);
        }
        let canonical = canonical(&Value::Object(members));
        let link = signer.link(&head.hash, &canonical);
        Self { chain: event.organisation, seq, at, canonical, link }
    }

    /// The event as JSON; empty when the text was damaged.
    pub fn event(&self) -> Map<String, Value> {
        serde_json::from_str(&self.canonical).unwrap_or_default()
    }
}

/// Reads a chain's records in the order of their stored numbers and says what is wrong. What a
/// genuine record says of its place is signed with it; the stored number is not.
pub struct ChainCheck<'p> {
    chain: Option<OrganisationId>,
    proof: &'p dyn AuditProof,
    /// The last genuine record.
    last: ChainHead,
    /// Whether nothing stands between it and the next.
    is_adjacent: bool,
    /// Numbers passed over, which may still come.
    missing: BTreeSet<u64>,
    /// Stored numbers of records since the last genuine one that are not.
    forged: Vec<u64>,
    /// What signed checkpoints saw.
    seen: BTreeMap<u64, [u8; 32]>,
    found: Vec<Tampering>,
}

impl<'p> ChainCheck<'p> {
    /// Begins at the beginning.
    pub fn new(chain: Option<OrganisationId>, proof: &'p dyn AuditProof) -> Self {
        Self {
            chain,
            proof,
            last: ChainHead::default(),
            is_adjacent: true,
            missing: BTreeSet::new(),
            forged: Vec::new(),
            seen: BTreeMap::new(),
            found: Vec::new(),
        }
    }

    /// Takes into account what a checkpoint saw that was found to be signed. To be told before the
    /// records are read.
    pub fn saw(&mut self, head: &ChainHead) {
        if head.seq > 0 {
            self.seen.insert(head.seq, head.hash);
        }
    }

    /// Checks the next record; `columns_agree` says whether what is stored beside the text, for
    /// searching, agrees with it.
    pub fn read(&mut self, record: &AuditRecord, columns_agree: bool) {
        let Some((seq, previous)) = self.genuine(record) else {
            self.forged.push(record.seq);
            return;
        };
        if self.seen.get(&seq).is_some_and(|hash| *hash != record.link.hash) {
            self.found.push(Tampering::Replaced(seq));
        }
        if seq > self.last.seq {
            self.pass_over(seq);
            if self.is_adjacent && previous != self.last.hash {
                self.found.push(Tampering::Forked(seq));
            }
            self.last = ChainHead { seq, hash: record.link.hash };
            self.is_adjacent = true;
        } else if self.missing.remove(&seq) {
            self.found.push(Tampering::Moved(seq));
        } else {
            self.found.push(Tampering::Inserted(record.seq));
        }
        if !columns_agree {
            self.found.push(Tampering::Edited(seq));
        }
    }

    /// What was found in all, given the recorded end of the chain.
    pub fn end(mut self, recorded: &ChainHead) -> Vec<Tampering> {
        let last_genuine = self.last;
        let known = self.seen.last_key_value().map_or(0, |(seq, _)| *seq).max(recorded.seq);
        self.pass_over(known.max(last_genuine.seq) + 1);
        if last_genuine.seq == recorded.seq && last_genuine.hash != recorded.hash
            || last_genuine.seq > recorded.seq
        {
            self.found.push(Tampering::HeadChanged);
        }
        let missing = std::mem::take(&mut self.missing);
        for (from, to) in ranges(&missing) {
            self.found.push(if to == known && from > last_genuine.seq {
                Tampering::CutOff(from, to)
            } else {
                Tampering::Deleted(from, to)
            });
        }
        self.found.sort_unstable();
        self.found.dedup();
        self.found
    }

    /// The last genuine record so far.
    pub fn head(&self) -> &ChainHead {
        &self.last
    }

    /// The place that a record names and the hash it follows, if it is ours and unchanged.
    fn genuine(&self, record: &AuditRecord) -> Option<(u64, [u8; 32])> {
        let event = record.event();
        let text = |name| event.get(name).and_then(Value::as_str);
        let previous = text("prev").and_then(unhex)?;
        let is_genuine = text("chain") == Some(&chain_name(self.chain))
            && self.proof.hash(&previous, &record.canonical) == record.link.hash
            && self.proof.is_signed(&record.link.hash, &record.link.signature);
        let seq = event.get("seq").and_then(Value::as_u64)?;
        is_genuine.then_some((seq, previous))
    }

    /// Everything from the last genuine record to `next` is accounted for: a record that is not
    /// genuine and stands where one is missing was edited, any other was inserted.
    fn pass_over(&mut self, next: u64) {
        let gap = self.last.seq + 1..next;
        self.is_adjacent = gap.is_empty();
        self.missing.extend(gap.clone());
        for seq in std::mem::take(&mut self.forged) {
            if gap.contains(&seq) && self.missing.remove(&seq) {
                self.found.push(Tampering::Edited(seq));
            } else {
                self.found.push(Tampering::Inserted(seq));
            }
        }
    }
}

/// Neighbouring numbers put together.
fn ranges(numbers: &BTreeSet<u64>) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, to)) if *to + 1 == *number => *to = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    ranges
}

/// The chain's name in its records.
pub(super) fn chain_name(chain: Option<OrganisationId>) -> String {
    chain.map_or_else(|| "instance".to_owned(), |id| id.to_string())
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AuditAction, AuditActor, AuditActorKind, AuditResource};

    /// Not safe, but it has the shape: whoever does not know 7 cannot sign.
    struct Toy(u8);

    impl AuditSigner for Toy {
        fn link(&self, previous: &[u8; 32], canonical: &str) -> AuditLink {
            let hash = self.hash(previous, canonical);
            AuditLink { hash, signature: [hash[0] ^ self.0; 64] }
        }
    }

    impl AuditProof for Toy {
        fn hash(&self, previous: &[u8; 32], canonical: &str) -> [u8; 32] {
            let crc = crc32fast::hash(&[previous, canonical.as_bytes()].concat()).to_be_bytes();
            std::array::from_fn(|at| crc[at % 4])
        }

        fn is_signed(&self, hash: &[u8; 32], signature: &[u8; 64]) -> bool {
            *signature == [hash[0] ^ self.0; 64]
        }
    }

    const OURS: Toy = Toy(7);
    const THEIRS: Toy = Toy(9);

    fn chain(signer: &Toy, count: u64) -> Vec<AuditRecord> {
        let mut head = ChainHead::default();
        let mut records = Vec::new();
        for n in 0..count {
            records.push(next(&head, signer, &format!("act {n}")));
            head = head_of(&records);
        }
        records
    }

    fn next(head: &ChainHead, signer: &Toy, name: &str) -> AuditRecord {
        let actor = AuditActor::nameless(AuditActorKind::Operator);
        let mut event = AuditEvent::new(None, actor, AuditAction::Update, AuditResource::Workspace);
        event.resource_name = Some(name.to_owned());
        AuditRecord::after(head, Timestamp::from_micros(head.seq as i64), &event, signer)
    }

    fn head_of(records: &[AuditRecord]) -> ChainHead {
        let last = records.last().expect("some");
        ChainHead { seq: last.seq, hash: last.link.hash }
    }

    fn check(records: &[AuditRecord], head: &ChainHead) -> Vec<Tampering> {
        let mut check = ChainCheck::new(None, &OURS);
        for record in records {
            check.read(record, true);
        }
        check.end(head)
    }

    /// Stored numbers made gapless again, as somebody would who covers their traces.
    fn renumbered(mut records: Vec<AuditRecord>) -> Vec<AuditRecord> {
        for (at, record) in records.iter_mut().enumerate() {
            record.seq = at as u64 + 1;
        }
        records
    }

    #[test]
    fn an_untouched_chain_has_no_faults() {
        let records = chain(&OURS, 9);
        assert_eq!(check(&records, &head_of(&records)), []);
        assert_eq!(check(&[], &ChainHead::default()), []);
    }

    #[test]
    fn an_edited_event_is_named_also_when_its_hashes_were_made_anew() {
        let whole = chain(&OURS, 9);
        let head = head_of(&whole);
        let mut records = whole.clone();
        records[3].canonical = records[3].canonical.replace("act 3", "act x");
        assert_eq!(check(&records, &head), [Tampering::Edited(4)]);

        let previous = whole[2].link.hash;
        records[3].link = THEIRS.link(&previous, &records[3].canonical);
        assert_eq!(check(&records, &head), [Tampering::Edited(4)]);

        // Everything from there on, and the end.
        for at in 4..9 {
            let head = head_of(&records[..at]);
            records[at] = next(&head, &THEIRS, "made anew");
        }
        let all = (4..=9).map(Tampering::Edited).collect::<Vec<_>>();
        assert_eq!(check(&records, &head_of(&records)), all);

        let mut check = ChainCheck::new(None, &OURS);
        whole.iter().for_each(|record| check.read(record, record.seq != 5));
        assert_eq!(check.end(&head), [Tampering::Edited(5)], "a searched column");
    }

    #[test]
    fn deleted_events_are_named() {
        let whole = chain(&OURS, 9);
        let head = head_of(&whole);
        let mut records = whole.clone();
        records.drain(3..5);
        assert_eq!(check(&records, &head), [Tampering::Deleted(4, 5)]);
        assert_eq!(check(&renumbered(records), &head), [Tampering::Deleted(4, 5)]);
        assert_eq!(check(&whole[1..], &head), [Tampering::Deleted(1, 1)]);
        assert_eq!(check(&whole[..7], &head), [Tampering::CutOff(8, 9)]);
        assert_eq!(check(&[], &head), [Tampering::CutOff(1, 9)]);
    }

    #[test]
    fn inserted_events_are_named() {
        let whole = chain(&OURS, 9);
        let head = head_of(&whole);
        let mut records = whole.clone();
        let forged = next(&head_of(&records[..3]), &THEIRS, "forged");
        records.insert(3, forged);
        assert_eq!(check(&renumbered(records), &head), [Tampering::Inserted(4)]);

        let mut records = whole.clone();
        let copy = records[1].clone();
        records.insert(6, copy);
        assert_eq!(check(&renumbered(records), &head), [Tampering::Inserted(7)]);

        let mut records = whole;
        records.push(next(&head, &THEIRS, "forged"));
        assert_eq!(check(&records, &head), [Tampering::Inserted(10)]);
        let moved = head_of(&records);
        assert_eq!(check(&records, &moved), [Tampering::Edited(10)], "with its end");
    }

    #[test]
    fn changed_order_is_named() {
        let whole = chain(&OURS, 9);
        let head = head_of(&whole);
        let mut records = whole.clone();
        records.swap(2, 5);
        let found = check(&renumbered(records), &head);
        assert_eq!(found, [Tampering::Moved(3), Tampering::Moved(4), Tampering::Moved(5)]);
        let mut records = whole;
        records.swap(2, 3);
        assert_eq!(check(&renumbered(records), &head), [Tampering::Moved(3)]);
    }

    #[test]
    fn an_exchanged_history_and_a_changed_end_are_named() {
        let mut records = chain(&OURS, 9);
        let head = head_of(&records);
        let other = ChainHead { seq: 4, hash: [1; 32] };
        records[4] = next(&other, &OURS, "after another history");
        let found = check(&records, &head);
        assert_eq!(found, [Tampering::Forked(5), Tampering::Forked(6)]);
        let records = chain(&OURS, 9);
        let changed = ChainHead { seq: 9, hash: [0; 32] };
        assert_eq!(check(&records, &changed), [Tampering::HeadChanged]);
        assert_eq!(check(&records, &head_of(&records[..7])), [Tampering::HeadChanged]);
    }

    #[test]
    fn a_checkpoint_knows_what_was_there() {
        let whole = chain(&OURS, 6);
        let check = |records: &[AuditRecord], head: &ChainHead, saw: &ChainHead| {
            let mut check = ChainCheck::new(None, &OURS);
            check.saw(saw);
            records.iter().for_each(|record| check.read(record, true));
            check.end(head)
        };
        let (four, six) = (head_of(&whole[..4]), head_of(&whole));
        assert_eq!(check(&whole, &six, &four), []);
        assert_eq!(check(&whole, &six, &ChainHead::default()), []);
        // Whoever holds the database cuts off the end, and puts the recorded end back as well.
        assert_eq!(check(&whole[..4], &four, &six), [Tampering::CutOff(5, 6)]);
        // Another history of the same length, written with the signing key itself.
        let mut other = whole[..3].to_vec();
        for name in ["x", "y", "z"] {
            other.push(next(&head_of(&other), &OURS, name));
        }
        assert_eq!(check(&other, &head_of(&other), &four), [Tampering::Replaced(4)]);
    }
}
