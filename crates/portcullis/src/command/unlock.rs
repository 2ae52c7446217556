//! `portcullis unlock`.

use portcullis_control::unlock;

use crate::{cli::Unlock, config::Config, failure::Failure, instance::Instance, out};

pub(crate) async fn run(args: &Unlock) -> Result<(), Failure> {
    let config = Config::load(&args.common, None)?;
    let instance = Instance::open(&config).await?;
    let keys = instance.keys().await?;
    let unlocked = unlock(&instance.db, &keys, &args.email).await;
    instance.close().await;
    let email = &args.email;
    out::line(match unlocked? {
        0 => format!("no failed sign-in with {email} was remembered"),
        1 => format!("1 failed sign-in with {email} is forgotten"),
        many => format!("{many} failed sign-ins with {email} are forgotten"),
    });
    Ok(())
}
