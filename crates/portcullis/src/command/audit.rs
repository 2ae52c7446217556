//! `portcullis audit`.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _},
    path::Path,
};

use portcullis_control::{AuditReport, audit_checkpoints, check_audit};
use portcullis_domain::{
    AuditCheckpoint, AuditLink, AuditRecord, ChainCheck, OrganisationId, Timestamp, canonical,
};
use portcullis_vault::AuditPublicKey;
use serde_json::{Value, json};

use crate::{
    checkpoints,
    cli::{AuditCommand, Common, Verify},
    config::Config,
    failure::Failure,
    instance::Instance,
    out,
};

/// The longest secret that is looked for.
const MAX_SECRET: u64 = 16_384;

pub(crate) async fn run(command: &AuditCommand) -> Result<(), Failure> {
    match command {
        AuditCommand::Verify(args) => match &args.file {
            Some(file) => verify_file(args, file),
            None => verify(args).await,
        },
        AuditCommand::Key(common) => key(common).await,
        AuditCommand::Checkpoint(common) => checkpoint(common).await,
        AuditCommand::Fingerprint(common) => fingerprint(common).await,
    }
}

async fn verify(args: &Verify) -> Result<(), Failure> {
    let config = Config::load(&args.common, None)?;
    let instance = Instance::open(&config).await?;
    let key = instance.keys().await?.audit.public();
    let mut checkpoints = Vec::new();
    for path in checkpoints::files(&config.data_dir).iter().chain(&args.checkpoints) {
        checkpoints.extend(checkpoints::read(path, &key)?);
    }
    let reports = check_audit(&instance.db, &key, &checkpoints).await?;
    instance.close().await;
    tell(args, &reports, checkpoints.len())
}

fn verify_file(args: &Verify, path: &Path) -> Result<(), Failure> {
    let Some(key) = &args.public_key else {
        return Err(Failure::new("--file needs --public-key: `portcullis audit key` prints it"));
    };
    let key = AuditPublicKey::parse(key)
        .map_err(|_| Failure::new("--public-key: expected 64 hexadecimal digits"))?;
    let mut checkpoints = Vec::new();
    for path in &args.checkpoints {
        checkpoints.extend(checkpoints::read(path, &key)?);
    }
    let complain =
        |error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", path.display()));
    let lines = BufReader::new(File::open(path).map_err(|error| complain(&error))?).lines();
    let mut checks: BTreeMap<Option<OrganisationId>, (ChainCheck<'_>, u64)> = BTreeMap::new();
    for (number, line) in lines.enumerate() {
        let line = line.map_err(|error| complain(&error))?;
        let record = exported(&line).ok_or_else(|| {
            complain(&format!("line {} is no line of an export in JSON Lines", number + 1))
        })?;
        let (check, events) = checks
            .entry(record.chain)
            .or_insert_with(|| (begun(record.chain, &key, &checkpoints), 0));
        check.read(&record, true);
        *events += 1;
    }
    let report = |(chain, (check, events)): (_, (ChainCheck<'_>, u64))| {
        let head = *check.head();
        AuditReport { chain, name: None, events, head, found: check.end(&head) }
    };
    let reports: Vec<AuditReport> = checks.into_iter().map(report).collect();
    if reports.is_empty() {
        return Err(complain(&"there is no event in it"));
    }
    tell(args, &reports, checkpoints.len())
}

fn begun<'k>(
    chain: Option<OrganisationId>,
    key: &'k AuditPublicKey,
    checkpoints: &[AuditCheckpoint],
) -> ChainCheck<'k> {
    let mut check = ChainCheck::new(chain, key);
    checkpoints.iter().filter(|known| known.chain == chain).for_each(|k| check.saw(&k.head));
    check
}

/// A line of an export as the record it was made from.
fn exported(line: &str) -> Option<AuditRecord> {
    let line: Value = serde_json::from_str(line).ok()?;
    let event = line.get("event").filter(|event| event.is_object())?;
    let chain = match event["chain"].as_str()? {
        "instance" => None,
        id => Some(OrganisationId::parse(id).ok()?),
    };
    let hash = line["hash"].as_str().filter(|hex| hex.len() == 64)?;
    // A hash is half as long as a signature.
    let hash = checkpoints::signature(&hash.repeat(2))?;
    let hash = *hash.first_chunk::<32>()?;
    let signature = checkpoints::signature(line["signature"].as_str()?)?;
    Some(AuditRecord {
        chain,
        seq: event["seq"].as_u64()?,
        at: Timestamp::from_micros(event["at"].as_i64()?),
        canonical: canonical(event),
        link: AuditLink { hash, signature },
    })
}

fn tell(args: &Verify, reports: &[AuditReport], checkpoints: usize) -> Result<(), Failure> {
    if args.json {
        out::line(Value::from(reports.iter().map(as_json).collect::<Vec<_>>()));
    } else {
        for report in reports {
            let name = name(report);
            for found in &report.found {
                out::line(format_args!("{name}: {found}"));
            }
            if report.found.is_empty() {
                out::line(format_args!(
                    "{name}: {} events, as they were recorded; the last is {} {}",
                    report.events,
                    report.head.seq,
                    hex(&report.head.hash)
                ));
            }
        }
        out::line(format_args!("{checkpoints} signed checkpoints were taken into account"));
    }
    match reports.iter().map(|report| report.found.len()).sum::<usize>() {
        0 => Ok(()),
        count => Err(Failure::new(format!("the audit trail was tampered with: {count} findings"))),
    }
}

fn as_json(report: &AuditReport) -> Value {
    json!({
        "chain": report.chain.map_or_else(|| "instance".to_owned(), |id| id.to_string()),
        "organisation_slug": report.name,
        "events": report.events,
        "last": {"id": report.head.seq, "hash": hex(&report.head.hash)},
        "found": report.found.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn name(report: &AuditReport) -> String {
    match (&report.name, report.chain) {
        (Some(name), _) => name.clone(),
        (None, Some(id)) => id.to_string(),
        (None, None) => "the instance itself".to_owned(),
    }
}

async fn key(common: &Common) -> Result<(), Failure> {
    let instance = Instance::open(&Config::load(common, None)?).await?;
    out::line(instance.keys().await?.audit.public());
    instance.close().await;
    Ok(())
}

async fn checkpoint(common: &Common) -> Result<(), Failure> {
    let instance = Instance::open(&Config::load(common, None)?).await?;
    let key = instance.keys().await?.audit;
    for checkpoint in audit_checkpoints(&instance.db, instance.clock.now()).await? {
        out::line(checkpoints::line(&checkpoint, &key));
    }
    instance.close().await;
    Ok(())
}

async fn fingerprint(common: &Common) -> Result<(), Failure> {
    let mut secret = String::new();
    io::stdin().lock().take(MAX_SECRET).read_to_string(&mut secret)?;
    let secret = secret.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(Failure::new("put the secret on standard input: not on the command line"));
    }
    let instance = Instance::open(&Config::load(common, None)?).await?;
    out::line(instance.keys().await?.pepper.fingerprint(secret));
    instance.close().await;
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
