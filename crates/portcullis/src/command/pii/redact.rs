//! `portcullis pii redact`.

use std::{fs, sync::Arc};

use portcullis_pii::{Ledger, Mode, Policy, redact};

use crate::{
    cli::{PiiMode, PiiRedact},
    failure::Failure,
    out,
};

pub(super) fn run(args: &PiiRedact) -> Result<(), Failure> {
    let detector = Arc::new(args.detector.detector()?);
    let mut policy = Policy::new(args.mode.into());
    if let Some(path) = &args.key_file {
        let key = fs::read(path);
        policy =
            policy.key(&key.map_err(|error| Failure::new(format!("{}: {error}", path.display())))?);
    }
    policy.check().map_err(|error| Failure::new(format!("{error}: give --key-file")))?;
    let text = super::read(&args.file)?;
    let mut ledger = Ledger::new();
    let redacted = redact(&detector, &Arc::new(policy), &mut ledger, args.format.into(), &text);
    let redacted = redacted.map_err(|error| Failure::new(error.to_string()))?;
    out::text(redacted.text);
    Ok(())
}

impl From<PiiMode> for Mode {
    fn from(mode: PiiMode) -> Self {
        match mode {
            PiiMode::Placeholder => Self::Placeholder,
            PiiMode::Mask => Self::Mask,
            PiiMode::Hash => Self::Hash,
            PiiMode::Substitute => Self::Substitute,
            PiiMode::Drop => Self::Drop,
            PiiMode::Block => Self::Block,
        }
    }
}
