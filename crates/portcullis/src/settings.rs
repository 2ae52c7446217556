//! Settings as they were said: defaults, then the file, then the environment, then the command
//! line. `config.rs` says what they mean.
//!
//! Every setting is also `PORTCULLIS_<SECTION>__<KEY>` in the environment. Four have short names
//! too: `PORTCULLIS_DATA_DIR`, `PORTCULLIS_LISTEN`, `PORTCULLIS_DATABASE_URL`,
//! `PORTCULLIS_EGRESS_ALLOW`.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;
use toml::{Table, Value};

/// Everything that can be set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) server: Server,
    pub(crate) auth: Auth,
    pub(crate) data: Data,
    pub(crate) database: Database,
    pub(crate) vault: Vault,
    pub(crate) egress: Egress,
    pub(crate) gateway: Gateway,
    pub(crate) record: Record,
    pub(crate) metrics: Metrics,
    pub(crate) log: Log,
}

/// Where and how it listens.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Server {
    /// Address and port of the data plane, the admin API and the console.
    pub(crate) listen: String,
    /// Where people reach it, for links: `https://host`; empty means `http://` and the listener's
    /// address.
    pub(crate) public_url: String,
    /// Networks of proxies whose `X-Forwarded-For` is believed, comma-separated.
    pub(crate) trusted_proxies: String,
    /// Serving threads; 0 means one per core.
    pub(crate) workers: usize,
    /// Connections at a time, over all threads.
    pub(crate) max_connections: usize,
    /// Seconds a client may take to send a request's head.
    pub(crate) header_timeout_s: u64,
    /// Bytes of a request's head.
    pub(crate) max_header_bytes: usize,
    /// Seconds that calls in flight get to finish at shutdown.
    pub(crate) drain_s: u64,
}

/// How people sign in.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Auth {
    /// Minutes that a session may rest before it ends.
    pub(crate) session_idle_min: u64,
    /// Hours that a session lives at most.
    pub(crate) session_lifetime_h: u64,
}

/// Where it keeps its files.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Data {
    /// The data directory.
    pub(crate) dir: String,
}

/// Its database.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Database {
    /// `sqlite:///path/portcullis.db` or `postgres://user@host/name`; empty means SQLite in the
    /// data directory.
    pub(crate) url: String,
}

/// Its vault.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Vault {
    /// The key management service: `local`, or one of those that organisations can connect.
    pub(crate) kms: String,
    /// What another service than `local` has to be told: a JSON object, as in the admin API.
    pub(crate) kms_settings: Hidden,
    /// The same in a file of mode 0600.
    pub(crate) kms_settings_file: String,
    /// The local key: a file of mode 0600; empty means `vault.key` in the data directory.
    pub(crate) local_key_file: String,
    /// The local key from an environment variable of that name, 64 hex digits or base64.
    pub(crate) local_key_env: String,
    /// The local key from an open file descriptor of that number, 3 or more; 0 means none.
    pub(crate) local_key_fd: u32,
    /// The local key of before, in a file, until `portcullis vault rewrap` has run.
    pub(crate) former_key_file: String,
    /// The same in an environment variable.
    pub(crate) former_key_env: String,
    /// The service of before, other than `local`, until `portcullis vault rewrap` has run.
    pub(crate) former_kms: String,
    /// What that has to be told.
    pub(crate) former_kms_settings: Hidden,
    /// The same in a file of mode 0600.
    pub(crate) former_kms_settings_file: String,
    /// Seconds an unwrapped data key may be used before it is unwrapped anew.
    pub(crate) cache_s: u64,
    /// Seconds longer that it may be used while the key management service does not answer.
    pub(crate) grace_s: u64,
    /// Days after which a data key is replaced by a new one.
    pub(crate) rotate_days: u64,
    /// Sealed values after which a data key is replaced by a new one.
    pub(crate) rotate_uses: u64,
    /// Values that are sealed anew per second at most, after a rotation on demand.
    pub(crate) reseal_per_s: u32,
}

/// What it may call.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Egress {
    /// Networks and hosts exempt from the block of private addresses, comma-separated.
    pub(crate) allow: String,
    /// Milliseconds to connect.
    pub(crate) connect_timeout_ms: u64,
    /// A PEM file of further certificate authorities to trust.
    pub(crate) ca_file: String,
}

/// Bounds and rules of the data plane.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Gateway {
    /// Whether calls may name saved targets only.
    pub(crate) block_inline: bool,
    /// The client's headers that become metadata of their calls, comma-separated.
    pub(crate) headers_to_metadata: String,
    /// MiB of a JSON body.
    pub(crate) max_json_mib: usize,
    /// MiB of an upload.
    pub(crate) max_upload_mib: u64,
    /// Seconds a client may pause while sending.
    pub(crate) body_idle_s: u64,
    /// Seconds a provider may take to begin its answer.
    pub(crate) upstream_timeout_s: u64,
    /// Seconds a provider may pause in the middle of its answer.
    pub(crate) upstream_idle_s: u64,
}

/// The record.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Record {
    /// KiB kept of each body of a call; 0 keeps no content.
    pub(crate) max_kept_kib: usize,
    /// Milliseconds between two flushes to the disk: what a power loss may cost.
    pub(crate) fsync_ms: u64,
}

/// The metrics listener.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Metrics {
    /// Address and port; empty switches it off.
    pub(crate) listen: String,
}

/// The process's own log.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    /// `text` or `json`.
    pub(crate) format: String,
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,portcullis_store=debug`.
    pub(crate) filter: String,
}

impl Default for Auth {
    fn default() -> Self {
        Self { session_idle_min: 60, session_lifetime_h: 12 }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8787".to_owned(),
            public_url: String::new(),
            trusted_proxies: String::new(),
            workers: 0,
            max_connections: 16_384,
            header_timeout_s: 75,
            max_header_bytes: 64 << 10,
            drain_s: 30,
        }
    }
}
impl Default for Data {
    fn default() -> Self {
        Self { dir: "./portcullis-data".to_owned() }
    }
}
impl Default for Vault {
    fn default() -> Self {
        Self {
            kms: "local".to_owned(),
            local_key_file: String::new(),
            local_key_env: String::new(),
            local_key_fd: 0,
            former_key_file: String::new(),
            former_key_env: String::new(),
            kms_settings: Hidden::default(),
            kms_settings_file: String::new(),
            former_kms: String::new(),
            former_kms_settings: Hidden::default(),
            former_kms_settings_file: String::new(),
            cache_s: 300,
            grace_s: 900,
            rotate_days: 90,
            rotate_uses: 1 << 30,
            reseal_per_s: 500,
        }
    }
}
impl Default for Egress {
    fn default() -> Self {
        Self { allow: String::new(), connect_timeout_ms: 10_000, ca_file: String::new() }
    }
}
impl Default for Gateway {
    fn default() -> Self {
        Self {
            block_inline: false,
            headers_to_metadata: String::new(),
            max_json_mib: 32,
            max_upload_mib: 512,
            body_idle_s: 30,
            upstream_timeout_s: 600,
            upstream_idle_s: 300,
        }
    }
}
impl Default for Record {
    fn default() -> Self {
        Self { max_kept_kib: 1024, fsync_ms: 50 }
    }
}
impl Default for Metrics {
    fn default() -> Self {
        Self { listen: "127.0.0.1:9787".to_owned() }
    }
}
impl Default for Log {
    fn default() -> Self {
        Self { format: "text".to_owned(), filter: "info".to_owned() }
    }
}

/// Text that may hold a secret: it has no printable form.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Hidden(pub(crate) String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_empty() { "Hidden(empty)" } else { "Hidden" })
    }
}

/// A complaint about settings: where it stands and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {what}")]
pub(crate) struct SettingsError {
    pub(crate) place: String,
    pub(crate) what: String,
}

impl SettingsError {
    pub(crate) fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }

    /// Says where the setting was made that is complained of: in the environment, or in the file.
    pub(crate) fn found_in(
        mut self,
        file: Option<&Path>,
        environment: &BTreeMap<String, String>,
    ) -> Self {
        let Some((section, key)) = self.place.split_once('.') else { return self };
        let long = format!("PORTCULLIS_{section}__{key}").to_ascii_uppercase();
        let short = SHORT.iter().find(|(_, of, name)| (*of, *name) == (section, key));
        let mut names = [Some(&*long), short.map(|(name, ..)| *name)].into_iter().flatten();
        let variable = names
            .find_map(|name| environment.keys().find(|known| known.eq_ignore_ascii_case(name)));
        let says = |file: &&Path| {
            let table = fs::read_to_string(file).ok().and_then(|text| text.parse::<Table>().ok());
            table.is_some_and(|table| table.get(section).and_then(|of| of.get(key)).is_some())
        };
        let origin = match (variable, file.filter(says)) {
            (Some(name), _) => name.clone(),
            (None, Some(file)) => file.display().to_string(),
            (None, None) => return self,
        };
        self.place = format!("{origin}: {}", self.place);
        self
    }
}

/// Short names of the environment, and the setting each means.
const SHORT: [(&str, &str, &str); 4] = [
    ("PORTCULLIS_DATA_DIR", "data", "dir"),
    ("PORTCULLIS_LISTEN", "server", "listen"),
    ("PORTCULLIS_DATABASE_URL", "database", "url"),
    ("PORTCULLIS_EGRESS_ALLOW", "egress", "allow"),
];

impl Settings {
    /// Reads the file, if one is named, and lays the environment over it.
    pub(crate) fn load(
        file: Option<&Path>,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, SettingsError> {
        let mut table = match file {
            None => Table::new(),
            Some(path) => {
                let place = path.display().to_string();
                let text = fs::read_to_string(path).map_err(|error| {
                    SettingsError::new(&place, format!("the file cannot be read: {error}"))
                })?;
                let table: Table = text.parse().map_err(|error: toml::de::Error| {
                    SettingsError::new(&place, error.to_string().trim_end().to_owned())
                })?;
                // Checked by itself first, so that its faults are not blamed on the environment.
                Self::checked(table.clone(), &place)?;
                table
            }
        };
        for (name, section, key) in SHORT {
            if let Some(value) = environment.get(name) {
                put(&mut table, name, section, key, Value::String(value.clone()))?;
            }
        }
        for (name, text) in environment {
            let Some((section, key)) =
                name.strip_prefix("PORTCULLIS_").and_then(|rest| rest.split_once("__"))
            else {
                continue;
            };
            let (section, key) = (section.to_ascii_lowercase(), key.to_ascii_lowercase());
            let mut one = Table::new();
            // A number is a number where one is expected, and text where text is.
            let number = text.parse::<i64>().ok().map(Value::Integer);
            let flag = text.parse::<bool>().ok().map(Value::Boolean);
            let readings = number.into_iter().chain(flag).chain([Value::String(text.clone())]);
            let mut outcome = Ok(());
            for value in readings {
                one.clear();
                put(&mut one, name, &section, &key, value.clone())?;
                outcome = Self::checked(one.clone(), name).map(|_| ());
                if outcome.is_ok() {
                    put(&mut table, name, &section, &key, value)?;
                    break;
                }
            }
            outcome?;
        }
        Self::checked(table, "settings")
    }

    fn checked(table: Table, place: &str) -> Result<Self, SettingsError> {
        table.try_into().map_err(|error: toml::de::Error| {
            SettingsError::new(place, error.to_string().trim().replace('\n', " "))
        })
    }
}

fn put(
    table: &mut Table,
    place: &str,
    section: &str,
    key: &str,
    value: Value,
) -> Result<(), SettingsError> {
    let entry = table.entry(section.to_owned()).or_insert_with(|| Value::Table(Table::new()));
    let Value::Table(section) = entry else {
        return Err(SettingsError::new(place, format!("'{section}' is not a section")));
    };
    section.insert(key.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn a_complaint_names_where_the_setting_was_made() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("portcullis.toml");
        fs::write(&path, "[server]\nlisten = 'x'\n").unwrap();
        let file = Some(&*path);
        let told = |pairs: &[(&str, &str)]| {
            SettingsError::new("server.listen", "is none").found_in(file, &env(pairs)).to_string()
        };
        assert_eq!(told(&[]), format!("{}: server.listen: is none", path.display()));
        let other = SettingsError::new("server.workers", "is none").found_in(file, &env(&[]));
        assert_eq!(other.to_string(), "server.workers: is none");
        assert_eq!(
            told(&[("PORTCULLIS_LISTEN", "x")]),
            "PORTCULLIS_LISTEN: server.listen: is none"
        );
        assert_eq!(
            told(&[("PORTCULLIS_SERVER__LISTEN", "x")]),
            "PORTCULLIS_SERVER__LISTEN: server.listen: is none"
        );
        let none = SettingsError::new("data.dir", "is none").found_in(None, &env(&[]));
        assert_eq!(none.to_string(), "data.dir: is none");
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("portcullis.toml");
        fs::write(&file, "[server]\nlisten = '127.0.0.1:1'\nworkers = 2\n").unwrap();
        let overlay = env(&[
            ("PORTCULLIS_LISTEN", "127.0.0.1:2"),
            ("PORTCULLIS_SERVER__WORKERS", "3"),
            ("PORTCULLIS_LOG__FILTER", "7"),
            ("PORTCULLIS_LOG__FORMAT", "true"),
            ("PORTCULLIS_GATEWAY__BLOCK_INLINE", "true"),
            ("HOME", "x"),
        ]);
        let settings = Settings::load(Some(&file), &overlay).unwrap();
        assert_eq!((&*settings.server.listen, settings.server.workers), ("127.0.0.1:2", 3));
        assert_eq!((&*settings.log.filter, &*settings.log.format), ("7", "true"));
        assert!(settings.gateway.block_inline);
    }

    #[test]
    fn complaints_name_the_place_and_the_field() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("portcullis.toml");
        for (text, field) in
            [("[server]\nlisen = 'x'", "lisen"), ("[server]\nworkers = 'x'", "workers")]
        {
            fs::write(&file, text).unwrap();
            let error = Settings::load(Some(&file), &env(&[])).unwrap_err().to_string();
            assert!(error.contains("portcullis.toml") && error.contains(field), "{error}");
        }
        for name in ["PORTCULLIS_SERVER__WORKER", "PORTCULLIS_SERVE__WORKERS"] {
            let error = Settings::load(None, &env(&[(name, "1")])).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        for (name, value) in
            [("PORTCULLIS_SERVER__WORKERS", "many"), ("PORTCULLIS_GATEWAY__BLOCK_INLINE", "yes")]
        {
            let error = Settings::load(None, &env(&[(name, value)])).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
