//! `portcullis erase`.

use portcullis_domain::{Actor, Place, Scope, Slug};

use crate::{cli::Erase, config::Config, failure::Failure, instance::Instance, out};

pub(crate) async fn run(args: &Erase) -> Result<(), Failure> {
    if args.confirm != args.organisation {
        return Err(Failure::new(
            "--confirm: must be the organisation's slug once more; nothing was deleted",
        ));
    }
    let config = Config::load(&args.common, None)?;
    let instance = Instance::open(&config).await?;
    let complain = |error| Failure::database(&config, &error);
    let slug = Slug::parse(&args.organisation);
    let slug = slug.map_err(|error| Failure::new(format!("--organisation: {error}")))?;
    let mut reader = instance.db.read().await.map_err(complain)?;
    let found = reader.organisations().find_by_slug(&slug).await.map_err(complain)?;
    drop(reader);
    let found = found.ok_or_else(|| Failure::new(format!("no organisation '{slug}'")))?;
    let place = Place::Organisation(found.id);
    let permit = Actor::operator(found.id).permit(Scope::OrganisationSettingsUpdate, place);
    let permit = permit.map_err(|error| Failure::new(error.to_string()))?;
    instance.db.erase_organisation(&permit).await.map_err(complain)?;
    instance.vault.forget(Some(found.id));
    out::line(format_args!("{slug} is erased: its data keys are destroyed, and all that was its"));
    instance.db.close().await;
    Ok(())
}
