//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// One gate for all LLM traffic of an organisation: virtual keys, policies and a record of every
/// call, in one binary.
///
/// To see it work without any account:
///
///   portcullis demo
///
/// To begin for real:
///
///   portcullis init --organisation Acme --owner you@acme.example
///   portcullis serve
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, arg_required_else_help = true, verbatim_doc_comment)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the data plane and the admin API.
    ///
    /// On an empty data directory it first does what `init` does, with defaults, and says which
    /// file holds the master key. Clients are then pointed at http://ADDRESS/v1. It stops on
    /// SIGTERM or Ctrl-C, after the calls in flight have finished.
    Serve(Serve),
    /// Create the data directory, the database, the first organisation and its master key.
    ///
    /// The master key and the owner's password are printed once and are stored nowhere in the
    /// clear. An instance that has an organisation already is left as it is.
    Init(Init),
    /// Show the whole product at work, with a simulated provider and no network.
    ///
    /// A temporary instance is set up, calls are sent through the real pipeline, and what happened
    /// to each is told. It then stays up for you to try, until Ctrl-C.
    Demo(Demo),
    /// Check the settings, and say what they come to.
    Check(Common),
    /// Bring the database's schema up to date. `serve` does so by itself.
    Migrate(Common),
    /// Find, redact and measure personal data and secrets in texts.
    Pii(Pii),
    /// Look after the vault's keys.
    Vault(Vault),
    /// Delete an organisation for good: its keys, configuration and logs.
    ///
    /// Its data keys are destroyed first of all, so that what they sealed opens nowhere any more:
    /// in a backup, only with what wrapped them. For an organisation with a KMS key of its own that
    /// is the customer's. A running server stops serving it within a second.
    Erase(Erase),
    /// Make organisations, workspaces, keys, people's roles and settings what a document says.
    ///
    /// What is as it should be is left alone, so that applying twice is applying once; what the
    /// document does not name stays. Secrets are named by a variable or a file and never stand in
    /// it. Nodes that serve follow at once.
    Apply(Apply),
    /// End the wait of an e-mail address after failed sign-ins.
    ///
    /// Anybody who knows the address can keep it waiting by failing with it. What failed is forgotten,
    /// on every node at once; the network addresses it came from go on waiting.
    Unlock(Unlock),
    /// Look after the audit trail.
    Audit(Audit),
    /// Print a completion script for a shell.
    ///
    /// For bash: portcullis completions bash > /etc/bash_completion.d/portcullis
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// Where settings come from; shared by most commands.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Common {
    /// A settings file (TOML). Every setting is also PORTCULLIS_<SECTION>__<KEY> in the environment.
    #[arg(long, env = "PORTCULLIS_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The data directory: database, record, local key. [default: ./portcullis-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Where to listen. [default: 127.0.0.1:8787]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<String>,
    /// What to serve: a node may be kept to one of the planes.
    #[arg(long, value_enum, default_value_t = Role::All)]
    pub(crate) role: Role,
}

/// What a node serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Both planes.
    All,
    /// The data plane only.
    Gateway,
    /// The admin API only.
    Control,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    #[command(flatten)]
    pub(crate) common: Common,
    /// The organisation's name.
    #[arg(long, value_name = "NAME")]
    pub(crate) organisation: String,
    /// The owner's e-mail address.
    #[arg(long, value_name = "EMAIL")]
    pub(crate) owner: String,
    /// Print one JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Where to listen.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8787")]
    pub(crate) listen: String,
    /// End after the story instead of staying up.
    #[arg(long)]
    pub(crate) once: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Erase {
    #[command(flatten)]
    pub(crate) common: Common,
    /// The organisation, by its slug, or by its id where an erasure was interrupted.
    #[arg(long, value_name = "ORGANISATION")]
    pub(crate) organisation: String,
    /// The same once more: nothing of it comes back.
    #[arg(long, value_name = "ORGANISATION")]
    pub(crate) confirm: String,
}

#[derive(Debug, Args)]
pub(crate) struct Vault {
    #[command(subcommand)]
    pub(crate) command: VaultCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum VaultCommand {
    /// List every organisation's keys: which KMS key wraps them, their data keys with age, use and
    /// what is sealed under each, and work that is not finished.
    Status(VaultStatus),
    /// Make a new data key, and seal anew what older ones have sealed.
    ///
    /// A running server can be at it at the same time. Interrupted, it is taken up by the next
    /// server that runs, or by this command.
    Rotate(VaultRotate),
    /// Wrap all data keys anew under the key management service's current key. No sealed value
    /// changes.
    Rewrap(VaultScope),
    /// See whether the key management service does all that is needed of it.
    Verify(VaultScope),
}

#[derive(Debug, Args)]
pub(crate) struct VaultScope {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Only this organisation, by its slug. [default: all]
    #[arg(long, value_name = "SLUG")]
    pub(crate) organisation: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct VaultStatus {
    #[command(flatten)]
    pub(crate) scope: VaultScope,
    /// Print one JSON array instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Pii {
    #[command(subcommand)]
    pub(crate) command: PiiCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PiiCommand {
    /// Find what a text holds: marked in colour on a terminal, as JSON otherwise.
    Scan(PiiScan),
    /// Print a text with what was found replaced.
    Redact(PiiRedact),
    /// List the types, with their validators and an example of each.
    Types {
        /// Print one JSON array instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Measure against marked texts: precision, recall, F1 and F2 per type.
    ///
    /// GOLD has a line for each text: {"text": "...", "spans": [{"start": 0, "end": 4, "type":
    /// "EMAIL"}]}, offsets in code points, end exclusive. Names of types are ours or those of common
    /// data sets; types that nothing in GOLD is marked with do not count.
    Eval(PiiEval),
}

/// What to look for; shared by the commands that scan.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PiiDetector {
    /// Only these types, separated by commas; `all` for every one. [default: those that are on]
    #[arg(long, value_name = "TYPES", value_delimiter = ',')]
    pub(crate) types: Vec<String>,
    /// The least score of a finding, from 0 to 1: for all types, or TYPE=SCORE for one. May be given
    /// several times.
    #[arg(long, value_name = "SCORE")]
    pub(crate) threshold: Vec<String>,
    /// Do not report addresses of private networks, such as 10.0.0.7.
    #[arg(long)]
    pub(crate) allow_private_addresses: bool,
}

/// How a text is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PiiFormat {
    /// Plain text.
    #[default]
    Text,
    /// JSON: strings and numbers are read decoded, keys name them.
    Json,
    /// Form data (application/x-www-form-urlencoded).
    Form,
}

#[derive(Debug, Args)]
pub(crate) struct PiiScan {
    #[command(flatten)]
    pub(crate) detector: PiiDetector,
    /// FILE has a JSON object on each line, {"id", "text"}; print one for each, {"id", "spans":
    /// [{"start", "end", "type", "score"}]}, offsets in code points.
    #[arg(long)]
    pub(crate) jsonl: bool,
    /// Print JSON also on a terminal; --jsonl always does.
    #[arg(long)]
    pub(crate) json: bool,
    /// How the text is written.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: PiiFormat,
    /// The file to read; - for standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// What takes the place of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PiiMode {
    /// {{EMAIL_1}}, the same for a value wherever it occurs.
    #[default]
    Placeholder,
    /// ****1111: the last four characters stay where that is usual.
    Mask,
    /// A keyed hash; needs --key-file.
    Hash,
    /// An invented value of the same form; needs --key-file.
    Substitute,
    /// Nothing.
    Drop,
    /// Fail if anything is found.
    Block,
}

#[derive(Debug, Args)]
pub(crate) struct PiiRedact {
    #[command(flatten)]
    pub(crate) detector: PiiDetector,
    /// What takes the place of a value.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) mode: PiiMode,
    /// A file with the key of hashes and substitutes, 16 bytes at least.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// How the text is written.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: PiiFormat,
    /// The file to read; - for standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct PiiEval {
    #[command(flatten)]
    pub(crate) detector: PiiDetector,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
    /// The marked texts.
    #[arg(value_name = "GOLD")]
    pub(crate) gold: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct VaultRotate {
    #[command(flatten)]
    pub(crate) scope: VaultScope,
    /// Leave the sealing anew to the server.
    #[arg(long)]
    pub(crate) no_wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Apply {
    #[command(flatten)]
    pub(crate) common: Common,
    /// The document (YAML); `-` is standard input.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Only print what would be made, changed and taken away.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Unlock {
    #[command(flatten)]
    pub(crate) common: Common,
    /// The e-mail address.
    #[arg(value_name = "EMAIL")]
    pub(crate) email: String,
}

#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(subcommand)]
    pub(crate) command: AuditCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Check that no event was edited, deleted, inserted, moved or cut off, and name those that were.
    ///
    /// The checkpoints in the data directory are taken into account. With --file an export in JSON
    /// Lines is checked, which needs neither the database nor the vault.
    Verify(Verify),
    /// Print the public key that events and checkpoints are signed with.
    Key(Common),
    /// Print a signed checkpoint of every chain, to be kept elsewhere. `serve` writes one every hour.
    Checkpoint(Common),
    /// Print what the audit trail knows a secret by; the secret is read from standard input.
    ///
    /// To find where a provider key was put in: search the trail for the text it prints.
    Fingerprint(Common),
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Also take these checkpoints into account.
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoints: Vec<PathBuf>,
    /// Check this export (JSON Lines, without filters) instead of the database.
    #[arg(long, value_name = "FILE", requires = "public_key")]
    pub(crate) file: Option<PathBuf>,
    /// The instance's public key, as `portcullis audit key` prints it.
    #[arg(long, value_name = "HEX", requires = "file")]
    pub(crate) public_key: Option<String>,
    /// Print one JSON array instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
