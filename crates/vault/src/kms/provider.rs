//! Describing and making the clients of key management services.

use std::collections::BTreeMap;

use portcullis_domain::{OrganisationId, Secret};
use serde_json::{Map, Value};

use super::{Kms, KmsFuture};

/// A kind of KMS that organisations can connect their own key of. The admin API's form, its
/// documentation and its checks all come from this.
#[derive(Debug)]
pub struct KmsProvider {
    /// Its name: `aws`.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What it is, in a sentence.
    pub help: &'static str,
    /// What it has to be told.
    pub parameters: &'static [KmsParameter],
}

/// One thing a KMS has to be told; always text.
#[derive(Debug)]
pub struct KmsParameter {
    /// Its name in the API.
    pub name: &'static str,
    /// What it is.
    pub help: &'static str,
    /// What it looks like.
    pub example: &'static str,
    /// Whether it must be given.
    pub required: bool,
    /// Whether it must never be shown again.
    pub secret: bool,
}

/// What connects an organisation to its own key. Its parameters may be secrets, so it has no
/// `Debug`.
#[derive(Clone)]
pub struct ConnectionSettings {
    /// The provider's name.
    pub provider: String,
    /// Whose key it is; `None` for the instance's.
    pub organisation: Option<OrganisationId>,
    /// What was given, by the parameters' names.
    pub parameters: BTreeMap<String, Secret<String>>,
    /// The key's own id, once the service has said what the given name means.
    pub pinned_key: Option<String>,
}

/// Settings that make no sense. Repeats no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{parameter}: {message}")]
pub struct KmsSettingsError {
    /// The parameter, as the API spells it.
    pub parameter: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// What a customer must grant for their key to be usable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KmsGuide {
    /// Who asks the KMS: a role's name, for one. `None` when it cannot be told.
    pub principal: Option<String>,
    /// What to add where.
    pub documents: Vec<KmsDocument>,
}

/// A text to add somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KmsDocument {
    /// Where it goes and what it does.
    pub title: String,
    /// The text.
    pub text: String,
}

/// Makes clients of the key management services that this build knows.
pub trait KmsFactory: Send + Sync {
    /// All of them.
    fn providers(&self) -> &[&'static KmsProvider];

    /// Makes the client of a connection, checking its settings. Does no I/O.
    fn connect(
        &self,
        settings: &ConnectionSettings,
    ) -> Result<std::sync::Arc<dyn Kms>, KmsSettingsError>;

    /// What has to be granted so that this connection works.
    fn guide<'a>(&'a self, settings: &'a ConnectionSettings) -> KmsFuture<'a, KmsGuide>;
}

/// Knows no KMS at all: for a vault whose organisations all use the instance's.
pub struct NoKmsFactory;

impl KmsFactory for NoKmsFactory {
    fn providers(&self) -> &[&'static KmsProvider] {
        &[]
    }

    fn connect(
        &self,
        settings: &ConnectionSettings,
    ) -> Result<std::sync::Arc<dyn Kms>, KmsSettingsError> {
        let message = format!("'{}' is not served here", settings.provider);
        Err(KmsSettingsError::new("provider", message))
    }

    fn guide<'a>(&'a self, _: &'a ConnectionSettings) -> KmsFuture<'a, KmsGuide> {
        Box::pin(std::future::ready(Ok(KmsGuide::default())))
    }
}

/// The longest value of a parameter, in bytes: a service account's key file fits.
const MAX_VALUE: usize = 16 << 10;

impl KmsProvider {
    /// Reads what somebody gave: known parameters only, all that are required, all of them text
    /// without control characters (a file's line breaks excepted).
    pub fn read(
        &self,
        organisation: Option<OrganisationId>,
        given: &Map<String, Value>,
    ) -> Result<ConnectionSettings, KmsSettingsError> {
        let mut parameters = BTreeMap::new();
        for (name, value) in given {
            let known = self.parameters.iter().find(|parameter| parameter.name == name);
            let Some(parameter) = known else {
                let names: Vec<_> = self.parameters.iter().map(|p| p.name).collect();
                let shown: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
                let message = format!("is unknown; {} takes {}", self.title, names.join(", "));
                return Err(KmsSettingsError::new(shown, message));
            };
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text.trim(),
                _ => return Err(KmsSettingsError::new(parameter.name, "must be text")),
            };
            if text.is_empty() {
                continue;
            }
            if text.len() > MAX_VALUE {
                let message = format!("must have at most {MAX_VALUE} bytes");
                return Err(KmsSettingsError::new(parameter.name, message));
            }
            if text.chars().any(|c| c.is_control() && !(parameter.secret && c == '\n')) {
                let message = "must not hold control characters";
                return Err(KmsSettingsError::new(parameter.name, message));
            }
            parameters.insert(name.clone(), Secret::new(text.to_owned()));
        }
        for parameter in self.parameters.iter().filter(|parameter| parameter.required) {
            if !parameters.contains_key(parameter.name) {
                let message = format!("is missing: {} ({})", parameter.help, parameter.example);
                return Err(KmsSettingsError::new(parameter.name, message));
            }
        }
        Ok(ConnectionSettings {
            provider: self.name.to_owned(),
            organisation,
            parameters,
            pinned_key: None,
        })
    }
}

impl ConnectionSettings {
    /// A parameter's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(|value| value.danger_expose().as_str())
    }

    /// A parameter's value, or a complaint that it is missing.
    pub fn require(&self, name: &'static str) -> Result<&str, KmsSettingsError> {
        self.get(name).ok_or_else(|| KmsSettingsError::new(name, "is missing"))
    }

    /// What was given, secrets left out: those of `provider`'s parameters that may be shown.
    pub fn public<'a>(&'a self, provider: &KmsProvider) -> Vec<(&'a str, &'a str)> {
        let is_public = |name: &str| {
            provider.parameters.iter().any(|parameter| parameter.name == name && !parameter.secret)
        };
        self.parameters
            .iter()
            .filter(|(name, _)| is_public(name))
            .map(|(name, value)| (name.as_str(), value.danger_expose().as_str()))
            .collect()
    }

    /// As JSON, to be sealed.
    pub fn to_json(&self) -> Secret<Vec<u8>> {
        let parameters: Map<String, Value> = self
            .parameters
            .iter()
            .map(|(name, value)| (name.clone(), Value::from(value.danger_expose().as_str())))
            .collect();
        let json = serde_json::json!({
            "provider": self.provider,
            "organisation": self.organisation,
            "parameters": parameters,
            "pinned_key": self.pinned_key,
        });
        Secret::new(json.to_string().into_bytes())
    }

    /// Reads what [`Self::to_json`] wrote; `None` when it is something else.
    pub fn from_json(json: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(json).ok()?;
        let organisation = match &value["organisation"] {
            Value::Null => None,
            Value::String(id) => Some(OrganisationId::parse(id).ok()?),
            _ => return None,
        };
        let parameters = value["parameters"]
            .as_object()?
            .iter()
            .map(|(name, value)| Some((name.clone(), Secret::new(value.as_str()?.to_owned()))));
        Some(Self {
            provider: value["provider"].as_str()?.to_owned(),
            organisation,
            parameters: parameters.collect::<Option<_>>()?,
            pinned_key: value["pinned_key"].as_str().map(str::to_owned),
        })
    }
}

impl KmsSettingsError {
    /// A complaint about that parameter.
    pub fn new(parameter: impl Into<String>, message: impl Into<String>) -> Self {
        Self { parameter: parameter.into(), message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{ConnectionSettings, KmsParameter, KmsProvider};

    const PROVIDER: KmsProvider = KmsProvider {
        name: "x",
        title: "X",
        help: "",
        parameters: &[
            KmsParameter {
                name: "key",
                help: "a key",
                example: "k",
                required: true,
                secret: false,
            },
            KmsParameter { name: "token", help: "", example: "", required: false, secret: true },
        ],
    };

    #[test]
    fn settings_are_read_and_come_back_from_json() {
        let given = json!({"key": " k1 ", "token": "s\necret"});
        let settings = PROVIDER.read(None, given.as_object().unwrap()).ok().unwrap();
        assert_eq!((settings.get("key"), settings.get("token")), (Some("k1"), Some("s\necret")));
        let back = ConnectionSettings::from_json(settings.to_json().danger_expose()).unwrap();
        assert_eq!((back.get("token"), &*back.provider), (Some("s\necret"), "x"));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (given, parameter) in [
            (json!({}), "key"),
            (json!({"key": ""}), "key"),
            (json!({"key": 1}), "key"),
            (json!({"key": "a\nb"}), "key"),
            (json!({"key": "a".repeat(20_000)}), "key"),
            (json!({"key": "a", "kay": "b"}), "kay"),
            (json!({"key": "a", "token": "b\rc"}), "token"),
        ] {
            let error = PROVIDER.read(None, given.as_object().unwrap()).err().unwrap();
            assert_eq!(error.parameter, parameter, "{error}");
        }
    }
}
