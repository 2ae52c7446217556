//! `portcullis apply`.

mod lines;

use std::{
    env,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use portcullis_control::{
    Change, ChangeKind, Compiler, Control, Document, KmsPace, Parts, Passwords, SecretSource,
    Surroundings,
};
use portcullis_domain::{Live, Secret};
use portcullis_runtime::egress::Egress;

use crate::{
    cli::Apply, config::Config, failure::Failure, instance::Instance, out, outside::Outside,
};

/// The longest document, in bytes.
const MAX_DOCUMENT: u64 = 4 << 20;
/// The longest secret, in bytes.
const MAX_SECRET: u64 = 64 << 10;

pub(crate) async fn run(args: &Apply) -> Result<(), Failure> {
    let config = Config::load(&args.common, None)?;
    let name = args.file.display();
    let complain = |error: &dyn std::fmt::Display| Failure::new(format!("{name}: {error}"));
    let text = read(&args.file).map_err(|error| complain(&error))?;
    let document: Document = serde_saphyr::from_str(&text).map_err(|error| complain(&error))?;
    let instance = Instance::open(&config).await?;
    let mut around = Around { base: args.file.parent().map(Path::to_owned).unwrap_or_default() };
    let applied = apply(&config, &instance, document, args.dry_run, &mut around).await;
    instance.close().await;
    let applied = applied?.map_err(|failed| {
        let detail = failed.error.detail().map(|text| format!(": {text}")).unwrap_or_default();
        let line = lines::line(&text, &failed.what);
        let line = line.map(|line| format!(":{line}")).unwrap_or_default();
        Failure::new(format!("{name}{line}: {failed}{detail}"))
    })?;
    out::line(match (applied.changes, args.dry_run) {
        (0, _) => "everything is as the document says".to_owned(),
        (1, true) => "1 difference; nothing was changed".to_owned(),
        (count, true) => format!("{count} differences; nothing was changed"),
        (1, false) => "1 difference was made away with".to_owned(),
        (count, false) => format!("{count} differences were made away with"),
    });
    Ok(())
}

async fn apply(
    config: &Config,
    instance: &Instance,
    document: Document,
    is_dry: bool,
    around: &mut Around,
) -> Result<Result<portcullis_control::Applied, portcullis_control::NotApplied>, Failure> {
    let keys = instance.keys().await?;
    let live = Arc::new(Live::default());
    let (compiler, reached) = Compiler::start(instance.db.clone(), Arc::clone(&live)).await?;
    let control = Control::new(Parts {
        db: instance.db.clone(),
        logs: instance.db.clone(),
        vault: Arc::clone(&instance.vault),
        pepper: keys.pepper,
        audit: keys.audit,
        live,
        reached,
        clock: Arc::clone(&instance.clock),
        dice: Arc::clone(&instance.dice),
        kms_pace: KmsPace::default(),
        passwords: Passwords::default(),
        fetch: Arc::new(Outside(Egress::new(
            config.egress_policy.clone(),
            config.egress_settings()?,
        ))),
        settings: config.control.clone(),
    });
    // The use cases read what was written before from the data plane's configuration.
    tokio::select! {
        applied = control.apply(document, is_dry, around) => Ok(applied),
        () = compiler.follow() => Err(Failure::new("the configuration is not followed any more")),
    }
}

/// The files and the environment around the document.
struct Around {
    /// What relative paths begin at: the document's folder.
    base: PathBuf,
}

impl Surroundings for Around {
    fn secret(&mut self, source: &SecretSource) -> Result<Secret<String>, String> {
        let secret = match source {
            SecretSource::Env(name) => {
                env::var(name).map_err(|error| format!("the variable {name}: {error}"))?
            }
            SecretSource::File(path) => {
                let path = self.base.join(path);
                let complain = |error: io::Error| format!("{}: {error}", path.display());
                let file = File::open(&path).map_err(complain)?;
                let mut text = String::new();
                file.take(MAX_SECRET).read_to_string(&mut text).map_err(complain)?;
                text.trim_end_matches(['\r', '\n']).to_owned()
            }
        };
        if secret.is_empty() {
            return Err("the secret is empty".to_owned());
        }
        Ok(Secret::new(secret))
    }

    fn check_target(&mut self, file: &Path) -> Result<(), String> {
        let path = self.base.join(file);
        if path.exists() {
            return Err(format!("{} is there already, and is not written over", path.display()));
        }
        match path.parent() {
            Some(folder) if folder.as_os_str().is_empty() || folder.is_dir() => Ok(()),
            _ => Err(format!("there is no folder for {}", path.display())),
        }
    }

    fn hand_out(&mut self, what: &str, secret: &Secret<String>, file: Option<&Path>) {
        let secret = secret.danger_expose();
        let Some(file) = file else {
            out::line(format_args!("  {what}: {secret}"));
            return;
        };
        let path = self.base.join(file);
        match write_new(&path, secret) {
            Ok(()) => out::line(format_args!("  {what}: written to {}", path.display())),
            Err(error) => {
                // There is no other copy.
                out::error(format_args!("{}: {error}; here it is instead", path.display()));
                out::line(format_args!("  {what}: {secret}"));
            }
        }
    }

    fn tell(&mut self, change: &Change) {
        let sign = match change.kind {
            ChangeKind::Made => '+',
            ChangeKind::Changed => '~',
            ChangeKind::Removed => '-',
        };
        out::line(format_args!("{sign} {}", change.what));
        for field in &change.fields {
            out::line(format_args!("    {field}"));
        }
    }
}

fn read(path: &Path) -> io::Result<String> {
    let source: Box<dyn Read> = match path.to_str() {
        Some("-") => Box::new(io::stdin().lock()),
        _ => Box::new(File::open(path)?),
    };
    let mut text = String::new();
    source.take(MAX_DOCUMENT + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_DOCUMENT {
        return Err(io::Error::other("the document is longer than 4 MiB"));
    }
    Ok(text)
}

/// Writes a file that only its owner can read, if there is none.
fn write_new(path: &Path, secret: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
    let written = file.write_all(format!("{secret}\n").as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a secret is none.
        fs::remove_file(path)?;
    }
    written
}
