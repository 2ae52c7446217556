//! `portcullis demo`.

use portcullis_runtime::SystemDice;

use crate::{
    cli::Demo,
    command::serve::{StopSignal, start_log, stop_signal},
    config::Config,
    demo::{Page, Stage, TemporaryDirectory, invite, tell},
    failure::Failure,
    settings::Settings,
};

pub(crate) async fn run(args: &Demo) -> Result<(), Failure> {
    let mut stop = stop_signal()?;
    // Only what is out of order: the story is told on the page.
    let mut settings = Settings::default();
    settings.log.filter = "error".to_owned();
    start_log(&Config::resolve(&settings)?)?;
    let directory = TemporaryDirectory::create(&SystemDice)?;
    let stage = Stage::set(&args.listen, directory.path()).await?;
    let outcome = play(args, &stage, &mut stop).await;
    stage.strike().await;
    outcome
}

async fn play(args: &Demo, stage: &Stage, stop: &mut StopSignal) -> Result<(), Failure> {
    let mut page = Page::new();
    tokio::select! {
        told = tell(stage, &mut page) => told?,
        () = stop.recv() => return Ok(()),
    }
    if args.once {
        return Ok(());
    }
    invite(stage, &mut page)?;
    stop.recv().await;
    page.section("Stopping. The temporary instance and its directory go with it.")?;
    Ok(())
}
