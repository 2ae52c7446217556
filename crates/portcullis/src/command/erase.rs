//! `portcullis erase`.

use portcullis_domain::{Actor, AuditOrigin, OrganisationId, Place, Scope, Slug};
use portcullis_store::Scene;

use crate::{cli::Erase, config::Config, failure::Failure, instance::Instance, out};

pub(crate) async fn run(args: &Erase) -> Result<(), Failure> {
    if args.confirm != args.organisation {
        return Err(Failure::new(
            "--confirm: must name the organisation once more; nothing was deleted",
        ));
    }
    let config = Config::load(&args.common, None)?;
    let instance = Instance::open(&config).await?;
    let complain = |error| Failure::database(&config, &error);
    // By its id, one is erased whose erasure was interrupted: its slug is gone.
    let id = match OrganisationId::parse(&args.organisation) {
        Ok(id) => id,
        Err(_) => {
            let slug = Slug::parse(&args.organisation);
            let slug = slug.map_err(|error| Failure::new(format!("--organisation: {error}")))?;
            let mut reader = instance.db.read().await.map_err(complain)?;
            let found = reader.organisations().find_by_slug(&slug).await.map_err(complain)?;
            found.ok_or_else(|| Failure::new(format!("no organisation '{slug}'")))?.id
        }
    };
    let place = Place::Organisation(id);
    let actor = Actor::operator(id);
    let permit = actor.permit(Scope::OrganisationSettingsUpdate, place);
    let permit = permit.map_err(|error| Failure::new(error.to_string()))?;
    let scene = Scene {
        actor: actor.audited(),
        origin: AuditOrigin { path: "erase".to_owned(), ..AuditOrigin::default() },
        signer: instance.audit_key().await?,
    };
    let found = instance.db.erase_organisation(&scene, &permit).await.map_err(complain)?;
    instance.vault.forget(Some(id));
    let name = &args.organisation;
    if found {
        out::line(format_args!("{name} is erased: its data keys are destroyed, and all it had"));
    } else {
        out::line(format_args!("nothing of {name} is left"));
    }
    let folded = instance.db.fold().await.map_err(|error| {
        Failure::new(format!(
            "the wrapped data keys still lie in the database's files: {error}. \
             Run it again with --organisation {id} --confirm {id}"
        ))
    });
    instance.close().await;
    folded
}
