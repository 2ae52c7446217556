//! `portcullis vault`.

mod show;

use std::{collections::HashMap, sync::Arc, time::Duration};

use portcullis_domain::{OrganisationId, Slug};
use portcullis_vault::{Author, KeyStatus, StatusDepth, VaultError, Work, WorkKind, WorkState};

use crate::{
    cli::{VaultCommand, VaultScope},
    config::Config,
    failure::Failure,
    instance::Instance,
    out,
};

/// How often it is looked whether another node is done with the work.
const LOOK: Duration = Duration::from_secs(1);

pub(crate) async fn run(command: &VaultCommand) -> Result<(), Failure> {
    let scope = match command {
        VaultCommand::Status(status) => &status.scope,
        VaultCommand::Rotate(rotate) => &rotate.scope,
        VaultCommand::Rewrap(scope) | VaultCommand::Verify(scope) => scope,
    };
    let config = Config::load(&scope.common, None)?;
    let instance = Instance::open(&config).await?;
    let names = names(&config, &instance).await?;
    let only = only(scope, &names)?;
    let wanted = |organisation: Option<OrganisationId>| only.is_none() || organisation == only;
    let is_status = matches!(command, VaultCommand::Status(_));
    let depth = StatusDepth { asks_kms: is_status, counts: is_status };
    let all = instance.vault.status(depth).await.map_err(unusable)?;
    let all: Vec<KeyStatus> =
        all.into_iter().filter(|status| wanted(status.organisation)).collect();
    // One that is named gets its first data key if it has none yet.
    let named = only.filter(|_| all.is_empty()).map(Some);
    let organisations: Vec<Option<OrganisationId>> =
        all.iter().map(|status| status.organisation).chain(named).collect();
    // So that what is done is told in the same transactions. Where the vault does not open, it is
    // told at the end, if then.
    if let Err(failure) = instance.audit_key().await {
        tracing::warn!(%failure, "the audit trail cannot be signed");
    }
    let done = match command {
        VaultCommand::Status(args) => {
            show::show(args.json, &all, &names);
            Ok(())
        }
        VaultCommand::Rotate(args) => rotate(&instance, &names, &organisations, args.no_wait).await,
        VaultCommand::Rewrap(_) => rewrap(&instance, &names, &organisations).await,
        VaultCommand::Verify(_) => verify(&instance, &names, &organisations).await,
    };
    instance.vault.maintain().await;
    instance.close().await;
    done
}

async fn rotate(
    instance: &Instance,
    names: &Names,
    organisations: &[Option<OrganisationId>],
    no_wait: bool,
) -> Result<(), Failure> {
    let by = Author::operator("vault rotate");
    for organisation in organisations {
        let id = instance.vault.rotate(*organisation, &by).await.map_err(unusable)?;
        let name = name(names, *organisation);
        out::line(format_args!("{name}: data key {id} seals from now on"));
    }
    if no_wait {
        out::line("what older data keys have sealed is sealed anew by the server");
        return Ok(());
    }
    let mut problem = None;
    for organisation in organisations {
        let name = name(names, *organisation);
        match finish(instance, *organisation, WorkKind::Reseal).await? {
            None => out::line(format_args!("{name}: all is sealed under it")),
            Some(work) => {
                let text = format!(
                    "{name}: {} of {} sealed anew, {} not: {}",
                    work.done,
                    work.total,
                    work.failed,
                    work.error.unwrap_or_default()
                );
                problem = problem.or(Some(text));
            }
        }
    }
    problem.map_or(Ok(()), |problem| Err(Failure::new(problem)))
}

/// Does work to its end, or waits until another node has; what of it is stuck.
async fn finish(
    instance: &Instance,
    organisation: Option<OrganisationId>,
    kind: WorkKind,
) -> Result<Option<Work>, Failure> {
    loop {
        let all = instance.vault.work().await.map_err(unusable)?;
        let is_it = |work: &Work| work.organisation == organisation && work.kind == kind;
        let Some(work) = all.into_iter().find(is_it) else { return Ok(None) };
        match instance.vault.perform(work, Arc::new(|| true)).await.map_err(unusable)? {
            WorkState::Finished => return Ok(None),
            WorkState::Stuck => {
                let all = instance.vault.work().await.map_err(unusable)?;
                return Ok(all.into_iter().find(is_it));
            }
            WorkState::Elsewhere | WorkState::Stopped => tokio::time::sleep(LOOK).await,
        }
    }
}

async fn rewrap(
    instance: &Instance,
    names: &Names,
    organisations: &[Option<OrganisationId>],
) -> Result<(), Failure> {
    let by = Author::operator("vault rewrap");
    for organisation in organisations {
        let count = instance.vault.rewrap(*organisation, &by).await.map_err(unusable)?;
        out::line(format_args!("{}: {count} data keys wrapped anew", name(names, *organisation)));
    }
    Ok(())
}

async fn verify(
    instance: &Instance,
    names: &Names,
    organisations: &[Option<OrganisationId>],
) -> Result<(), Failure> {
    let mut problem = None;
    for organisation in organisations {
        let name = name(names, *organisation);
        match instance.vault.verify(*organisation).await {
            Ok(described) => out::line(format_args!(
                "{name}: key {} does all that is needed ({})",
                described.key_id, described.origin
            )),
            Err(error) => {
                let text = format!("{name}: {error}");
                out::line(&text);
                problem = problem.or(Some(text));
            }
        }
    }
    problem.map_or(Ok(()), |problem| Err(Failure::new(problem)))
}

fn unusable(error: VaultError) -> Failure {
    Failure::new(format!("vault: {error}"))
}

pub(super) type Names = HashMap<OrganisationId, Slug>;

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

fn only(scope: &VaultScope, names: &Names) -> Result<Option<OrganisationId>, Failure> {
    let Some(slug) = &scope.organisation else { return Ok(None) };
    let found = names.iter().find(|(_, known)| known.as_str() == slug);
    found.map(|(id, _)| Some(*id)).ok_or_else(|| {
        let known: Vec<&str> = names.values().map(Slug::as_str).collect();
        Failure::new(format!("no organisation '{slug}'; there are: {}", known.join(", ")))
    })
}

pub(super) fn name(names: &Names, organisation: Option<OrganisationId>) -> String {
    match organisation {
        None => "the instance itself".to_owned(),
        Some(id) => names.get(&id).map_or_else(|| id.to_string(), Slug::to_string),
    }
}
