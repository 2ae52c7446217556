//! `portcullis init`.

use portcullis_control::{Initialised, bootstrap};
use serde_json::{Value, json};

use crate::{cli::Init, config::Config, failure::Failure, instance::Instance, out};

pub(crate) async fn run(args: &Init) -> Result<(), Failure> {
    let config = Config::load(&args.common, None)?;
    let instance = Instance::open(&config).await?;
    let made = initialise(&instance, &args.organisation, &args.owner).await;
    instance.close().await;
    let made = made?;
    show(&made, args.json, &config);
    if out::is_lost() {
        let text = "not all could be printed, and the master key and the password are stored nowhere \
                    in the clear: without them, remove the database that was just made, and run \
                    init again";
        return Err(Failure::new(text));
    }
    Ok(())
}

fn show(made: &Initialised, as_json: bool, config: &Config) {
    if as_json {
        return out::line(credentials(made));
    }
    out::line(format_args!(
        "Organisation {} is ready in {}.",
        made.organisation.name,
        config.data_dir.display()
    ));
    out::line("");
    out::line(format_args!("  master API key   {}", made.api_key.danger_expose()));
    out::line(format_args!("  owner            {}", made.owner_email));
    out::line(format_args!("  owner's password {}", made.owner_password.danger_expose()));
    out::line("");
    out::line("Both are shown this once and stored nowhere in the clear: keep them safe.");
    out::line(format_args!("Next: portcullis serve --data-dir {}", config.data_dir.display()));
}

/// Creates the first organisation.
pub(crate) async fn initialise(
    instance: &Instance,
    organisation: &str,
    owner: &str,
) -> Result<Initialised, Failure> {
    let keys = instance.keys().await?;
    let (clock, dice) = (&*instance.clock, &*instance.dice);
    Ok(bootstrap(&instance.db, &keys, clock, dice, organisation, owner).await?)
}

/// The first credentials as one JSON object. Secrets: only for whoever runs the command.
pub(crate) fn credentials(made: &Initialised) -> Value {
    json!({
        "organisation_id": made.organisation.id,
        "organisation_slug": made.organisation.slug.as_str(),
        "workspace_id": made.workspace.id,
        "workspace_slug": made.workspace.slug.as_str(),
        "owner_email": made.owner_email,
        "owner_password": made.owner_password.danger_expose(),
        "api_key": made.api_key.danger_expose(),
    })
}
