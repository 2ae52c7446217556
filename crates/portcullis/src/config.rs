//! What the settings mean: every field checked, every default resolved.

use std::{
    collections::BTreeMap,
    fmt,
    net::{SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
    time::Duration,
};

use portcullis_control::ControlSettings;
use portcullis_gateway::GatewaySettings;
use portcullis_identity::SessionRules;
use portcullis_runtime::egress::EgressPolicy;

use crate::{
    cli::Common,
    settings::{self, Server, Settings, SettingsError},
};

/// Checked settings.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) data_dir: PathBuf,
    pub(crate) database_url: String,
    pub(crate) listen: SocketAddr,
    pub(crate) workers: usize,
    pub(crate) max_connections: usize,
    pub(crate) header_timeout: Duration,
    pub(crate) max_header_bytes: usize,
    pub(crate) drain: Duration,
    pub(crate) vault_key: VaultKey,
    /// What wrapped data keys before, if it is still needed.
    pub(crate) former_vault_key: Option<VaultKey>,
    pub(crate) vault_cache: Duration,
    pub(crate) egress_policy: EgressPolicy,
    pub(crate) connect_timeout: Duration,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) gateway: GatewaySettings,
    pub(crate) control: ControlSettings,
    pub(crate) fsync: Duration,
    pub(crate) metrics_listen: Option<SocketAddr>,
    pub(crate) log_json: bool,
    pub(crate) log_filter: String,
}

/// Where the local key comes from.
#[derive(Clone, Debug)]
pub(crate) enum VaultKey {
    /// A file, made on first use.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// An open file descriptor.
    Descriptor(u32),
}

impl Config {
    /// Reads the settings of a command from file, environment and command line.
    pub(crate) fn load(common: &Common, listen: Option<&str>) -> Result<Self, SettingsError> {
        let environment: BTreeMap<String, String> =
            std::env::vars().filter(|(name, _)| name.starts_with("PORTCULLIS_")).collect();
        let mut settings = Settings::load(common.config.as_deref(), &environment)?;
        if let Some(dir) = &common.data_dir {
            settings.data.dir = dir.display().to_string();
        }
        if let Some(listen) = listen {
            settings.server.listen = listen.to_owned();
        }
        Self::resolve(&settings)
    }

    /// Checks settings and works out what they mean.
    pub(crate) fn resolve(settings: &Settings) -> Result<Self, SettingsError> {
        let wrong = |place: &str, what: String| SettingsError::new(place, what);
        let data_dir = std::path::absolute(&settings.data.dir)
            .map_err(|error| wrong("data.dir", format!("not a usable path: {error}")))?;
        let database_url = match &*settings.database.url {
            "" => format!("sqlite://{}", data_dir.join("portcullis.db").display()),
            url if ["sqlite://", "postgres://", "postgresql://"]
                .iter()
                .any(|scheme| url.starts_with(scheme)) =>
            {
                url.to_owned()
            }
            // The value is not repeated: it may hold a password.
            _ => {
                let what = "must begin with sqlite:// or postgres://, for example \
                            postgres://portcullis@db.internal/portcullis";
                return Err(wrong("database.url", what.to_owned()));
            }
        };
        if settings.vault.kms != "local" {
            let what = format!("'{}' is unknown; 'local' is served", settings.vault.kms);
            return Err(wrong("vault.kms", what));
        }
        let vault_key = local_key(&settings.vault)?;
        let vault_key = vault_key.unwrap_or_else(|| VaultKey::File(data_dir.join("vault.key")));
        let former_vault_key = former_key(&settings.vault)?;
        let egress_policy = EgressPolicy::parse(&settings.egress.allow)
            .map_err(|error| wrong("egress.allow", error.to_string()))?;
        let log_json = match &*settings.log.format {
            "text" => false,
            "json" => true,
            other => {
                return Err(wrong("log.format", format!("'{other}' is neither text nor json")));
            }
        };
        let gateway = &settings.gateway;
        for (place, value, least) in [
            ("gateway.max_json_mib", gateway.max_json_mib as u64, 1),
            ("gateway.max_upload_mib", gateway.max_upload_mib, 1),
            ("gateway.body_idle_s", gateway.body_idle_s, 1),
            ("gateway.upstream_timeout_s", gateway.upstream_timeout_s, 1),
            ("gateway.upstream_idle_s", gateway.upstream_idle_s, 1),
            ("server.header_timeout_s", settings.server.header_timeout_s, 1),
            ("server.max_header_bytes", settings.server.max_header_bytes as u64, 8 << 10),
            ("server.max_connections", settings.server.max_connections as u64, 1),
            ("egress.connect_timeout_ms", settings.egress.connect_timeout_ms, 1),
            ("record.fsync_ms", settings.record.fsync_ms, 1),
            ("auth.session_idle_min", settings.auth.session_idle_min, 1),
            ("auth.session_lifetime_h", settings.auth.session_lifetime_h, 1),
        ] {
            if value < least {
                return Err(wrong(place, format!("must be at least {least}")));
            }
        }
        let cores = std::thread::available_parallelism().map_or(1, Into::into);
        let upstream_timeout = Duration::from_secs(gateway.upstream_timeout_s);
        let defaults = GatewaySettings::default();
        Ok(Self {
            database_url,
            listen: address("server.listen", &settings.server.listen)?,
            workers: if settings.server.workers == 0 { cores } else { settings.server.workers },
            max_connections: settings.server.max_connections,
            header_timeout: Duration::from_secs(settings.server.header_timeout_s),
            max_header_bytes: settings.server.max_header_bytes,
            drain: Duration::from_secs(settings.server.drain_s),
            vault_key,
            former_vault_key,
            vault_cache: Duration::from_secs(settings.vault.cache_s),
            egress_policy,
            connect_timeout: Duration::from_millis(settings.egress.connect_timeout_ms),
            ca_file: (!settings.egress.ca_file.is_empty())
                .then(|| PathBuf::from(&settings.egress.ca_file)),
            gateway: GatewaySettings {
                max_json_bytes: gateway.max_json_mib << 20,
                max_upload_bytes: gateway.max_upload_mib << 20,
                body_idle_timeout: Duration::from_secs(gateway.body_idle_s),
                upstream_timeout,
                upstream_timeout_max: defaults.upstream_timeout_max.max(upstream_timeout),
                upstream_idle_timeout: Duration::from_secs(gateway.upstream_idle_s),
                max_kept_bytes: settings.record.max_kept_kib << 10,
                ..defaults
            },
            control: ControlSettings {
                public_url: public_url(&settings.server)?,
                sessions: SessionRules {
                    idle_millis: millis(settings.auth.session_idle_min, 60_000),
                    lifetime_millis: millis(settings.auth.session_lifetime_h, 3_600_000),
                    ..SessionRules::default()
                },
            },
            fsync: Duration::from_millis(settings.record.fsync_ms),
            metrics_listen: match &*settings.metrics.listen {
                "" => None,
                text => Some(address("metrics.listen", text)?),
            },
            log_json,
            log_filter: settings.log.filter.clone(),
            data_dir,
        })
    }

    /// The database's address for people: scheme, user, host and path. Whatever else a URL may
    /// say may be a password.
    pub(crate) fn shown_database(&self) -> String {
        shown_url(&self.database_url)
    }
}

fn millis(count: u64, each: i64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(each)
}

/// Where people reach the instance.
fn public_url(server: &Server) -> Result<String, SettingsError> {
    let url = match &*server.public_url {
        "" => format!("http://{}", server.listen),
        url => url.trim_end_matches('/').to_owned(),
    };
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let is_plain = host.is_some_and(|host| {
        !host.is_empty() && !host.contains(['@', '?', '#']) && !host.contains(char::is_whitespace)
    });
    if is_plain {
        Ok(url)
    } else {
        let what = "must be an address such as https://gate.example, without a login or a query";
        Err(SettingsError::new("server.public_url", what))
    }
}

fn shown_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return String::new() };
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    let (shown, hidden) = rest.split_at(end);
    match shown.rsplit_once('@') {
        Some((login, place)) => {
            let user = login.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{place}")
        }
        // The mark that ended it may have been one of a password's own.
        None if hidden.contains('@') => format!("{scheme}://…"),
        None => format!("{scheme}://{shown}"),
    }
}

/// Makes the data directory, for its owner only, or checks that it is so.
pub(crate) fn prepare_data_dir(dir: &Path) -> Result<(), SettingsError> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    let place = dir.display().to_string();
    if !dir.exists() {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
        return made.map_err(|error| {
            SettingsError::new(place, format!("the data directory cannot be made: {error}"))
        });
    }
    let mode = std::fs::metadata(dir)
        .map_err(|error| SettingsError::new(&place, format!("cannot be read: {error}")))?
        .permissions()
        .mode();
    if mode & 0o007 != 0 {
        let what = format!(
            "the data directory is open to everybody (mode {:o}); run: chmod 700 {place}",
            mode & 0o777
        );
        return Err(SettingsError::new(place, what));
    }
    Ok(())
}

/// Where the settings say that the local key is, if they do.
fn local_key(vault: &settings::Vault) -> Result<Option<VaultKey>, SettingsError> {
    match (&*vault.local_key_file, &*vault.local_key_env, vault.local_key_fd) {
        ("", "", 0) => Ok(None),
        (file, "", 0) => Ok(Some(VaultKey::File(file.into()))),
        ("", variable, 0) => Ok(Some(VaultKey::Environment(variable.to_owned()))),
        ("", "", 1..3) => {
            let what = "must be 3 or more: 0 to 2 are standard input, output and error";
            Err(SettingsError::new("vault.local_key_fd", what))
        }
        ("", "", descriptor) => Ok(Some(VaultKey::Descriptor(descriptor))),
        _ => {
            let what = "name one of vault.local_key_file, vault.local_key_env and \
                        vault.local_key_fd, not several";
            Err(SettingsError::new("vault", what))
        }
    }
}

fn former_key(vault: &settings::Vault) -> Result<Option<VaultKey>, SettingsError> {
    match (&*vault.former_key_file, &*vault.former_key_env) {
        ("", "") => Ok(None),
        (file, "") => Ok(Some(VaultKey::File(file.into()))),
        ("", variable) => Ok(Some(VaultKey::Environment(variable.to_owned()))),
        _ => {
            let what = "name either vault.former_key_file or vault.former_key_env, not both";
            Err(SettingsError::new("vault", what))
        }
    }
}

impl fmt::Display for VaultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(variable) => write!(f, "the variable {variable}"),
            Self::Descriptor(number) => write!(f, "file descriptor {number}"),
        }
    }
}

fn address(place: &str, text: &str) -> Result<SocketAddr, SettingsError> {
    let mut found = text.to_socket_addrs().map_err(|error| {
        let what = format!("'{text}' is not an address and port such as 127.0.0.1:8787: {error}");
        SettingsError::new(place, what)
    })?;
    found.next().ok_or_else(|| SettingsError::new(place, format!("'{text}' has no address")))
}

#[cfg(test)]
mod tests {
    use super::shown_url;

    #[test]
    fn a_database_is_shown_without_what_may_be_a_password() {
        for (url, shown) in [
            ("sqlite:///data/p.db?mode=rwc", "sqlite:///data/p.db"),
            ("postgres://gate:hunter2@db.test/gate", "postgres://gate@db.test/gate"),
            ("postgres://gate@db.test/gate?password=hunter2", "postgres://gate@db.test/gate"),
            ("postgres://db.test/gate?user=a&password=hunter2#x", "postgres://db.test/gate"),
            ("postgres://db.test?password=hunter2", "postgres://db.test"),
            ("postgres://gate:hun/ter2@db.test/gate", "postgres://gate@db.test/gate"),
            ("postgres://gate:hun@ter2@db.test/gate", "postgres://gate@db.test/gate"),
            ("postgres://gate:hunter2?@db.test/gate", "postgres://…"),
            ("postgres://gate:hunter2#@db.test/gate", "postgres://…"),
        ] {
            assert_eq!(shown_url(url), shown);
        }
    }
}
