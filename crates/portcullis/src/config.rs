//! What the settings mean: every field checked, every default resolved.

use std::{
    collections::BTreeMap,
    fmt,
    net::{SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
    time::Duration,
};

use portcullis_control::ControlSettings;
use portcullis_domain::Secret;
use portcullis_gateway::GatewaySettings;
use portcullis_identity::SessionRules;
use portcullis_runtime::egress::{EgressPolicy, EgressSettings, ExtraCa};
use portcullis_vault::VaultSettings;

use crate::{
    cli::Common,
    client_address::TrustedProxies,
    settings::{self, Server, Settings, SettingsError},
};

/// Checked settings.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) data_dir: PathBuf,
    pub(crate) database_url: String,
    pub(crate) listen: SocketAddr,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) workers: usize,
    pub(crate) max_connections: usize,
    pub(crate) header_timeout: Duration,
    pub(crate) max_header_bytes: usize,
    pub(crate) drain: Duration,
    pub(crate) vault_kms: VaultKms,
    /// What wrapped data keys before, as far as it is still needed.
    pub(crate) former_vault_kms: Vec<VaultKms>,
    pub(crate) vault: VaultSettings,
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

/// What wraps data keys.
#[derive(Clone)]
pub(crate) enum VaultKms {
    /// A key of the operator's own.
    Local(VaultKey),
    /// A key management service.
    Service {
        /// Its name.
        provider: String,
        /// What it has to be told.
        settings: KmsSettings,
    },
}

/// Where a key management service's settings are.
#[derive(Clone)]
pub(crate) enum KmsSettings {
    /// Here, as JSON.
    Text(Secret<String>),
    /// In a file that holds them as JSON.
    File(PathBuf),
}

impl Config {
    /// Reads the settings of a command from file, environment and command line.
    pub(crate) fn load(common: &Common, listen: Option<&str>) -> Result<Self, SettingsError> {
        let environment: BTreeMap<String, String> =
            std::env::vars().filter(|(name, _)| name.starts_with("PORTCULLIS_")).collect();
        let mut settings = Settings::load(common.config.as_deref(), &environment)?;
        let mut given = Vec::new();
        if let Some(dir) = &common.data_dir {
            settings.data.dir = dir.display().to_string();
            given.push("data.dir");
        }
        if let Some(listen) = listen {
            settings.server.listen = listen.to_owned();
            given.push("server.listen");
        }
        // What the command line says is before whoever reads the complaint.
        Self::resolve(&settings).map_err(|error| match given.contains(&&*error.place) {
            true => error,
            false => error.found_in(common.config.as_deref(), &environment),
        })
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
        let vault_kms = kms(&settings.vault, &data_dir)?;
        let former_vault_kms = former_kms(&settings.vault)?;
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
            ("vault.rotate_days", settings.vault.rotate_days, 1),
            ("vault.rotate_uses", settings.vault.rotate_uses, 1),
            ("vault.reseal_per_s", settings.vault.reseal_per_s.into(), 1),
            ("auth.session_idle_min", settings.auth.session_idle_min, 1),
            ("auth.session_lifetime_h", settings.auth.session_lifetime_h, 1),
        ] {
            if value < least {
                return Err(wrong(place, format!("must be at least {least}")));
            }
        }
        for (place, value, most) in [
            ("vault.cache_s", settings.vault.cache_s, 86_400),
            ("vault.grace_s", settings.vault.grace_s, 86_400),
            ("vault.rotate_days", settings.vault.rotate_days, 3_650),
            // Beyond it a data key seals no more.
            ("vault.rotate_uses", settings.vault.rotate_uses, 1 << 31),
            // Four such bodies, and headers, are one entry of the record, of 64 MiB at most.
            ("record.max_kept_kib", settings.record.max_kept_kib as u64, 15 << 10),
        ] {
            if value > most {
                return Err(wrong(place, format!("must be at most {most}")));
            }
        }
        let cores = std::thread::available_parallelism().map_or(1, Into::into);
        let upstream_timeout = Duration::from_secs(gateway.upstream_timeout_s);
        let defaults = GatewaySettings::default();
        Ok(Self {
            database_url,
            listen: address("server.listen", &settings.server.listen)?,
            trusted_proxies: TrustedProxies::parse(&settings.server.trusted_proxies)
                .map_err(|error| wrong("server.trusted_proxies", error))?,
            workers: if settings.server.workers == 0 { cores } else { settings.server.workers },
            max_connections: settings.server.max_connections,
            header_timeout: Duration::from_secs(settings.server.header_timeout_s),
            max_header_bytes: settings.server.max_header_bytes,
            drain: Duration::from_secs(settings.server.drain_s),
            vault_kms,
            former_vault_kms,
            vault: VaultSettings {
                lifetime: Duration::from_secs(settings.vault.cache_s),
                grace: Duration::from_secs(settings.vault.grace_s),
                rotate_after: Duration::from_secs(settings.vault.rotate_days * 86_400),
                rotate_after_uses: settings.vault.rotate_uses,
                reseal_per_second: settings.vault.reseal_per_s,
                ..VaultSettings::default()
            },
            egress_policy,
            connect_timeout: Duration::from_millis(settings.egress.connect_timeout_ms),
            ca_file: (!settings.egress.ca_file.is_empty())
                .then(|| PathBuf::from(&settings.egress.ca_file)),
            gateway: GatewaySettings {
                block_inline: gateway.block_inline,
                headers_to_metadata: gateway
                    .headers_to_metadata
                    .parse()
                    .map_err(|error| wrong("gateway.headers_to_metadata", error))?,
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

    /// Bounds of outbound connections, with the authorities that the operator trusts.
    pub(crate) fn egress_settings(&self) -> Result<EgressSettings, SettingsError> {
        let extra_ca = match &self.ca_file {
            None => ExtraCa::default(),
            Some(path) => {
                let complain = |error: &dyn fmt::Display| {
                    SettingsError::new("egress.ca_file", format!("{}: {error}", path.display()))
                };
                let pem = std::fs::read(path).map_err(|error| complain(&error))?;
                ExtraCa::parse_pem(&pem).map_err(|error| complain(&error))?
            }
        };
        let connect_timeout = self.connect_timeout;
        Ok(EgressSettings { connect_timeout, extra_ca, ..EgressSettings::default() })
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

/// What wraps data keys.
fn kms(vault: &settings::Vault, data_dir: &Path) -> Result<VaultKms, SettingsError> {
    let key = local_key(vault)?;
    let given = kms_settings("vault.kms_settings", &vault.kms_settings, &vault.kms_settings_file)?;
    match (&*vault.kms, given) {
        ("local", None) => {
            Ok(VaultKms::Local(key.unwrap_or_else(|| VaultKey::File(data_dir.join("vault.key")))))
        }
        ("local", Some(_)) => {
            let what = "is for another vault.kms than 'local', whose key is vault.local_key_file";
            Err(SettingsError::new("vault.kms_settings", what))
        }
        (provider, Some(settings)) if is_served(provider) => {
            if key.is_some() {
                let what = format!(
                    "vault.kms is '{provider}': the local key is not used; name it as \
                     vault.former_key_file while the vault moves away from it"
                );
                return Err(SettingsError::new("vault.local_key_file", what));
            }
            Ok(VaultKms::Service { provider: provider.to_owned(), settings })
        }
        (provider, None) if is_served(provider) => {
            let what = format!("'{provider}' needs vault.kms_settings or vault.kms_settings_file");
            Err(SettingsError::new("vault.kms", what))
        }
        (other, _) => Err(unknown_kms("vault.kms", other)),
    }
}

/// What wrapped data keys before.
fn former_kms(vault: &settings::Vault) -> Result<Vec<VaultKms>, SettingsError> {
    let mut former: Vec<VaultKms> = former_key(vault)?.map(VaultKms::Local).into_iter().collect();
    let (text, file) = (&vault.former_kms_settings, &vault.former_kms_settings_file);
    let given = kms_settings("vault.former_kms_settings", text, file)?;
    match (&*vault.former_kms, given) {
        ("", None) => {}
        (provider, Some(settings)) if is_served(provider) => {
            former.push(VaultKms::Service { provider: provider.to_owned(), settings });
        }
        ("", Some(_)) => {
            let what = "is missing: which service do the settings belong to?";
            return Err(SettingsError::new("vault.former_kms", what));
        }
        ("local", _) => {
            let what = "a former local key is named by vault.former_key_file";
            return Err(SettingsError::new("vault.former_kms", what));
        }
        (provider, None) if is_served(provider) => {
            let what = format!("'{provider}' needs vault.former_kms_settings or …_file");
            return Err(SettingsError::new("vault.former_kms", what));
        }
        (other, _) => return Err(unknown_kms("vault.former_kms", other)),
    }
    Ok(former)
}

fn kms_settings(
    place: &str,
    text: &settings::Hidden,
    file: &str,
) -> Result<Option<KmsSettings>, SettingsError> {
    match (&*text.0, file) {
        ("", "") => Ok(None),
        (text, "") => Ok(Some(KmsSettings::Text(Secret::new(text.to_owned())))),
        ("", file) => Ok(Some(KmsSettings::File(file.into()))),
        _ => {
            let what = format!("name either {place} or {place}_file, not both");
            Err(SettingsError::new(place, what))
        }
    }
}

fn is_served(provider: &str) -> bool {
    portcullis_kms::PROVIDERS.iter().any(|entry| entry.provider().name == provider)
}

fn unknown_kms(place: &str, name: &str) -> SettingsError {
    let known: Vec<_> =
        portcullis_kms::PROVIDERS.iter().map(|entry| entry.provider().name).collect();
    let what = format!("'{name}' is unknown; served are local, {}", known.join(", "));
    SettingsError::new(place, what)
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

impl fmt::Display for VaultKms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(key) => key.fmt(f),
            Self::Service { provider, .. } => write!(f, "the {provider} KMS"),
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
    use super::{Config, Settings, shown_url};

    #[test]
    fn a_header_that_must_not_become_metadata_is_refused_by_name() {
        let mut settings = Settings::default();
        settings.gateway.headers_to_metadata = "X-Team, x-cost-center".to_owned();
        assert!(Config::resolve(&settings).is_ok());
        settings.gateway.headers_to_metadata.push_str(", Cookie");
        let error = Config::resolve(&settings).err().unwrap().to_string();
        assert!(error.contains("gateway.headers_to_metadata"), "{error}");
        assert!(error.contains("'cookie' may hold a credential"), "{error}");
    }

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
