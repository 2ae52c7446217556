//! Starting the emulators, once per process.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::getuid;
use tokio::sync::OnceCell;

use crate::client;

/// An emulator of AWS KMS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emulator {
    /// Checks signatures and permissions. Lets disabled keys work.
    Moto,
    /// Is strict about the states of keys. Checks no signature.
    LocalStack,
}

/// A running emulator. Its standard input is its life line: when this process ends, however it
/// ends, the pipe closes and the watchdog stops it and removes its directory.
struct Running {
    port: u16,
    _watchdog: Child,
}

/// `$1` the directory, the rest the program.
const WATCHDOG: &str = r#"
directory=$1; shift
"$@" &
server=$!
cat > /dev/null
kill -TERM $server 2> /dev/null
sleep 0.2
kill -KILL $server 2> /dev/null
wait $server
cd / && rm -rf "$directory"
"#;

/// LocalStack loads some hundred modules.
const READY_WITHIN: Duration = Duration::from_secs(120);

impl Emulator {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Moto, Self::LocalStack];

    /// The name of its folder and of its list of packages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Moto => "moto",
            Self::LocalStack => "localstack",
        }
    }

    /// The Python that it needs, as major and minor release.
    pub const fn python(self) -> (u32, u32) {
        match self {
            Self::Moto => (3, 9),
            Self::LocalStack => (3, 11),
        }
    }

    /// Where it is installed: outside of the source tree, so that every checkout on a machine
    /// shares it; another list of packages is another folder.
    pub fn home(self) -> PathBuf {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
        let cache = cache.or_else(home).unwrap_or_else(std::env::temp_dir);
        let list = requirements(self);
        // FNV-1a: only to tell lists apart.
        let hash = list.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        cache.join("portcullis").join(format!("{}-{hash:016x}", self.name()))
    }

    /// The file that is there once it is installed whole.
    pub fn stamp(self) -> PathBuf {
        self.home().join("installed")
    }

    /// The URL of this process's own, started at the first call.
    ///
    /// # Panics
    /// When it is not installed or does not start; the message says what to do.
    pub async fn url(self) -> String {
        static MOTO: OnceCell<Running> = OnceCell::const_new();
        static LOCALSTACK: OnceCell<Running> = OnceCell::const_new();
        let cell = match self {
            Self::Moto => &MOTO,
            Self::LocalStack => &LOCALSTACK,
        };
        let running = cell.get_or_init(|| self.start()).await;
        format!("http://127.0.0.1:{}", running.port)
    }

    async fn start(self) -> Running {
        assert!(self.stamp().exists(), "{} is not installed: {}", self.name(), install_command());
        let directory = tempfile::Builder::new().prefix("portcullis-kms-").tempdir();
        // The watchdog removes it, because statics are not dropped when a process ends.
        let directory = directory.expect("a temporary directory").keep();
        let port = free_port();
        let log = std::fs::File::create(directory.join("log")).expect("a log file");
        let mut command = Command::new("sh");
        command.args(["-c", WATCHDOG, "watchdog"]).arg(&directory);
        match self {
            Self::Moto => {
                command.arg(self.home().join("bin/moto_server"));
                command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
            }
            Self::LocalStack => {
                command.arg(self.home().join("bin/python"));
                command.args(["-m", "localstack.runtime.main"]);
                for (name, value) in [
                    ("SERVICES", "kms"),
                    ("STRICT_SERVICE_LOADING", "1"),
                    ("DISABLE_EVENTS", "1"),
                    ("SKIP_SSL_CERT_DOWNLOAD", "1"),
                    ("DNS_ADDRESS", "0"),
                ] {
                    command.env(name, value);
                }
                command.env("GATEWAY_LISTEN", format!("127.0.0.1:{port}"));
                for name in ["LOCALSTACK_VOLUME_DIR", "FILESYSTEM_ROOT", "HOME"] {
                    command.env(name, &directory);
                }
            }
        }
        let watchdog = command
            .current_dir(&directory)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a second handle of the log file"))
            .stderr(log)
            .spawn()
            .expect("sh runs");
        let running = Running { port, _watchdog: watchdog };
        self.wait_until_ready(port, &directory).await;
        running
    }

    async fn wait_until_ready(self, port: u16, directory: &Path) {
        let path = match self {
            Self::Moto => "/moto-api/data.json",
            Self::LocalStack => "/_localstack/health",
        };
        let deadline = Instant::now() + READY_WITHIN;
        while Instant::now() < deadline {
            let answer = client::get(format!("http://127.0.0.1:{port}{path}")).send().await;
            if answer.is_ok_and(|answer| answer.status == 200) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let log = std::fs::read_to_string(directory.join("log")).unwrap_or_default();
        panic!("{} did not start (user {}):\n{log}", self.name(), getuid().as_raw());
    }
}

/// What to run when an emulator is missing.
pub const fn install_command() -> &'static str {
    "run `cargo xtask emulators`"
}

/// The packages that an emulator is, for pip.
pub const fn requirements(emulator: Emulator) -> &'static str {
    match emulator {
        Emulator::Moto => include_str!("../../emulators/moto.txt"),
        Emulator::LocalStack => include_str!("../../emulators/localstack.txt"),
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}
