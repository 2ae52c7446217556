//! `portcullis vault`.

use std::collections::HashMap;

use portcullis_domain::{OrganisationId, Slug};
use portcullis_vault::KeyStatus;
use serde_json::{Value, json};

use crate::{
    cli::{VaultArgs, VaultCommand},
    config::Config,
    failure::Failure,
    instance::Instance,
    out,
};

pub(crate) async fn run(command: &VaultCommand) -> Result<(), Failure> {
    let (VaultCommand::Status(args) | VaultCommand::Rotate(args) | VaultCommand::Rewrap(args)) =
        command;
    let config = Config::load(&args.common, None)?;
    let instance = Instance::open(&config).await?;
    let names = names(&config, &instance).await?;
    let only = match &args.organisation {
        None => None,
        Some(slug) => Some(find(&names, slug)?),
    };
    let wanted = |organisation: Option<OrganisationId>| only.is_none() || organisation == only;
    let unusable = |error: portcullis_vault::VaultError| Failure::new(format!("vault: {error}"));
    let all = instance.vault.status().await.map_err(unusable)?;
    let all: Vec<KeyStatus> =
        all.into_iter().filter(|status| wanted(status.organisation)).collect();
    match command {
        VaultCommand::Status(args) => show(args, &all, &names),
        VaultCommand::Rotate(_) => {
            // One that is named gets its first data key if it has none yet.
            let named = only.filter(|_| all.is_empty()).map(Some);
            for organisation in all.iter().map(|status| status.organisation).chain(named) {
                let id = instance.vault.rotate(organisation).await.map_err(unusable)?;
                let name = name(&names, organisation);
                out::line(format_args!("{name}: data key {id} seals from now on"));
            }
        }
        VaultCommand::Rewrap(_) => {
            for status in all {
                let count = instance.vault.rewrap(status.organisation).await.map_err(unusable)?;
                let name = name(&names, status.organisation);
                out::line(format_args!("{name}: {count} data keys wrapped anew"));
            }
        }
    }
    instance.db.close().await;
    Ok(())
}

type Names = HashMap<OrganisationId, Slug>;

async fn names(config: &Config, instance: &Instance) -> Result<Names, Failure> {
    let complain = |error| Failure::database(config, &error);
    let mut names = Names::new();
    let mut reader = instance.db.read().await.map_err(complain)?;
    reader
        .load_organisations(&mut |organisation| {
            names.insert(organisation.id, organisation.slug);
        })
        .await
        .map_err(complain)?;
    Ok(names)
}

fn find(names: &Names, slug: &str) -> Result<OrganisationId, Failure> {
    let found = names.iter().find(|(_, known)| known.as_str() == slug);
    found.map(|(id, _)| *id).ok_or_else(|| {
        let known: Vec<&str> = names.values().map(Slug::as_str).collect();
        Failure::new(format!("no organisation '{slug}'; there are: {}", known.join(", ")))
    })
}

fn name(names: &Names, organisation: Option<OrganisationId>) -> String {
    match organisation {
        None => "the instance itself".to_owned(),
        Some(id) => names.get(&id).map_or_else(|| id.to_string(), Slug::to_string),
    }
}

fn show(args: &VaultArgs, all: &[KeyStatus], names: &Names) {
    if args.json {
        let rows: Vec<Value> = all.iter().map(|status| as_json(status, names)).collect();
        out::line(Value::from(rows));
        return;
    }
    for status in all {
        let state = match &status.kms_key {
            Ok(key) if key.enabled => format!("enabled, from {}", key.origin),
            Ok(key) => format!("disabled, from {}", key.origin),
            Err(error) => format!("not usable: {error}"),
        };
        out::line(format_args!("{}", name(names, status.organisation)));
        out::line(format_args!("  KMS {} key {} ({state})", status.kms, status.kms_key_id));
        for key in &status.data_keys {
            let days = key.age.as_secs() / 86_400;
            out::line(format_args!(
                "  data key {}  {:<7}  {days} days old  {} values sealed",
                key.id,
                key.state.name(),
                key.uses
            ));
            if !key.unwraps {
                out::line(format_args!(
                    "    DOES NOT OPEN: wrapped by key {} of the {} KMS, which is not configured; \
                     name it in vault.former_key_file",
                    key.kms_key_id, key.kms
                ));
            }
        }
    }
}

fn as_json(status: &KeyStatus, names: &Names) -> Value {
    let keys: Vec<Value> = status
        .data_keys
        .iter()
        .map(|key| {
            json!({
                "id": key.id,
                "state": key.state.name(),
                "kms": key.kms,
                "kms_key_id": key.kms_key_id,
                "unwraps": key.unwraps,
                "created_at": key.created_at.to_string(),
                "age_seconds": key.age.as_secs(),
                "uses": key.uses,
            })
        })
        .collect();
    json!({
        "organisation_id": status.organisation,
        "organisation_slug": status.organisation.and_then(|id| names.get(&id)).map(Slug::as_str),
        "kms": status.kms,
        "kms_key_id": status.kms_key_id,
        "kms_key_enabled": status.kms_key.as_ref().ok().map(|key| key.enabled),
        "kms_error": status.kms_key.as_ref().err().map(ToString::to_string),
        "data_keys": keys,
    })
}
