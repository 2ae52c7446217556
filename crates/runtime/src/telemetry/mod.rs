//! What the process says about itself: lines on standard error, metrics, and whether it is well.

mod metrics;
mod ops;

use std::str::FromStr;

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer,
    layer::{Context, SubscriberExt as _},
    util::SubscriberInitExt as _,
};

pub use metrics::Metrics;
pub use ops::{Ops, Readiness};
/// The metric types that [`Metrics::register`] takes.
pub use prometheus_client;

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// What is logged, and how.
#[derive(Clone, Debug)]
pub struct TelemetrySettings {
    /// The form of a line.
    pub format: LogFormat,
    /// Which lines: `info`, or per module such as `info,portcullis_gateway=debug`.
    pub filter: String,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter does not parse.
    #[error("the log filter {filter:?} is not understood: {detail}; write for instance \"info\"")]
    Filter {
        /// As it was given.
        filter: String,
        /// What the parser says.
        detail: String,
    },
    /// Called twice.
    #[error("logging was already set up in this process")]
    AlreadySet,
}

/// An unknown name of a log format.
#[derive(Debug, thiserror::Error)]
#[error("a log format is \"text\" or \"json\"")]
pub struct UnknownLogFormat;

impl FromStr for LogFormat {
    type Err = UnknownLogFormat;

    fn from_str(text: &str) -> Result<Self, UnknownLogFormat> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(UnknownLogFormat),
        }
    }
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".to_owned() }
    }
}

/// Sends log lines to standard error. Once per process.
pub fn init(settings: &TelemetrySettings) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(&settings.filter).map_err(|error| TelemetryError::Filter {
        filter: settings.filter.clone(),
        detail: error.to_string(),
    })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = match settings.format {
        LogFormat::Text => {
            let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
            lines.with_ansi(is_terminal).finish().with(Discreet).try_init()
        }
        LogFormat::Json => lines.json().flatten_event(true).finish().with(Discreet).try_init(),
    };
    set.map_err(|_| TelemetryError::AlreadySet)
}

/// Keeps back lines that hold secrets, whatever the filter asks for.
struct Discreet;

/// Crates, by the beginning of their names, that write whole bodies of requests and answers in lines
/// below `info`. The AWS SDK's have data keys in the clear.
const INDISCREET: [&str; 1] = ["aws_"];

impl<S: Subscriber> Layer<S> for Discreet {
    fn enabled(&self, line: &Metadata<'_>, _: Context<'_, S>) -> bool {
        *line.level() <= Level::INFO
            || !INDISCREET.iter().any(|name| line.target().starts_with(name))
    }
}

#[cfg(test)]
mod tests {
    use super::{LogFormat, TelemetryError, TelemetrySettings, init};

    #[test]
    fn a_wrong_filter_is_named_and_logging_is_set_up_once() {
        let wrong = TelemetrySettings { filter: "info=loud".to_owned(), ..Default::default() };
        let error = init(&wrong).unwrap_err();
        assert!(error.to_string().contains("info=loud"), "{error}");
        let sound = TelemetrySettings { format: LogFormat::Json, ..Default::default() };
        init(&sound).unwrap();
        assert!(matches!(init(&sound), Err(TelemetryError::AlreadySet)));
    }

    #[test]
    fn formats_have_two_names() {
        assert_eq!("json".parse::<LogFormat>().unwrap(), LogFormat::Json);
        assert_eq!("text".parse::<LogFormat>().unwrap(), LogFormat::Text);
        assert!("JSON".parse::<LogFormat>().is_err());
    }
}
