//! Checking the audit trail, and the checkpoints that are kept of it elsewhere.

use std::collections::BTreeSet;

use portcullis_domain::{
    AuditCheckpoint, AuditProof, ChainCheck, ChainHead, OrganisationId, Tampering, Timestamp,
};
use portcullis_store::{Db, Reader};

use crate::Result;

/// What a check of one chain has found.
pub struct AuditReport {
    /// Whose; `None` for the instance's own.
    pub chain: Option<OrganisationId>,
    /// What the organisation is called, if it is still there.
    pub name: Option<String>,
    /// How many events were read.
    pub events: u64,
    /// The last genuine one.
    pub head: ChainHead,
    /// What is wrong.
    pub found: Vec<Tampering>,
}

/// Records that are held at the same time.
const STEP: u32 = 1000;

/// Checks every chain in the database: those that end somewhere, those that have events, and those
/// of all organisations, which cannot be without. Checkpoints must have been found to be signed.
pub async fn check_audit(
    db: &Db,
    proof: &dyn AuditProof,
    checkpoints: &[AuditCheckpoint],
) -> Result<Vec<AuditReport>> {
    let mut reader = db.read().await?;
    let mut names = Vec::new();
    reader.load_organisations(&mut |row| names.push((row.id, row.slug.to_string()))).await?;
    let mut chains: BTreeSet<Option<OrganisationId>> =
        reader.audit_chains().heads().await?.into_iter().map(|(chain, _)| chain).collect();
    chains.extend(reader.audit_chains().with_events().await?);
    chains.extend(names.iter().map(|(id, _)| Some(*id)));
    chains.extend(checkpoints.iter().map(|checkpoint| checkpoint.chain));
    let mut reports = Vec::with_capacity(chains.len());
    for chain in chains {
        let mut check = ChainCheck::new(chain, proof);
        checkpoints.iter().filter(|known| known.chain == chain).for_each(|k| check.saw(&k.head));
        let events = read(&mut reader, chain, &mut check).await?;
        let name = names.iter().find(|(id, _)| Some(*id) == chain).map(|(_, name)| name.clone());
        let recorded = reader.audit_chains().head(chain).await?;
        let head = *check.head();
        let mut found = check.end(&recorded);
        if events == 0 && found.is_empty() && name.is_some() {
            found.push(Tampering::Missing);
        }
        reports.push(AuditReport { chain, name, events, head, found });
    }
    Ok(reports)
}

/// Where every chain ends now.
pub async fn audit_checkpoints(db: &Db, now: Timestamp) -> Result<Vec<AuditCheckpoint>> {
    let heads = db.read().await?.audit_chains().heads().await?;
    let checkpoint = |(chain, head)| AuditCheckpoint { chain, head, at: now };
    Ok(heads.into_iter().map(checkpoint).collect())
}

async fn read(
    reader: &mut Reader,
    chain: Option<OrganisationId>,
    check: &mut ChainCheck<'_>,
) -> Result<u64> {
    let (mut last, mut events) = (0, 0);
    loop {
        let page = reader.audit_chains().after(chain, last, STEP).await?;
        let Some(end) = page.last() else { return Ok(events) };
        last = end.record.seq;
        events += page.len() as u64;
        page.iter().for_each(|stored| check.read(&stored.record, stored.columns_agree));
    }
}
