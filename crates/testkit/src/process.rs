//! The real binary as a process: its own data directory, free ports, its output kept.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    ops::Range,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tempfile::TempDir;

use crate::client;

/// How long the binary may take to become ready; generous, since test machines are busy.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// Where free ports are looked for.
const PORTS: Range<u32> = 12_000..32_000;

/// What `portcullis init --json` prints.
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "the names are the contract's own")]
pub struct Initialised {
    pub organisation_id: String,
    pub organisation_slug: String,
    pub workspace_id: String,
    pub workspace_slug: String,
    pub owner_email: String,
    pub owner_password: String,
    /// The master key.
    pub api_key: String,
}

/// How to start `portcullis`: by default with a new data directory, on free ports, allowed to call
/// providers on the loopback interface.
pub struct Setup {
    program: Vec<OsString>,
    home: TempDir,
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
}

/// `portcullis serve`, running. Dropping it kills it and removes its directory.
pub struct Portcullis {
    setup: Setup,
    child: Child,
    address: SocketAddr,
    metrics: SocketAddr,
}

impl Setup {
    /// For the binary that this build made.
    ///
    /// # Panics
    /// When there is no temporary directory or no binary; the message says how to make one.
    pub fn new() -> Self {
        Self::of([binary()])
    }

    /// For the binary that `program` starts: its path, after any words that start it in a certain
    /// way, such as `taskset -c 0`.
    ///
    /// # Panics
    /// When there is no temporary directory.
    pub fn of(program: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        let home = TempDir::new().expect("a temporary directory");
        let program = program.into_iter().map(Into::into).collect();
        Self { program, home, environment: Vec::new(), arguments: Vec::new() }
            .env("PORTCULLIS_EGRESS_ALLOW", "127.0.0.1/32")
    }

    /// Sets an environment variable for every command of this setup.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds an argument to `serve`.
    #[must_use]
    pub fn arg(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// The data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// Runs a subcommand to its end.
    ///
    /// # Errors
    /// When the binary cannot be started.
    pub fn run(&self, arguments: &[&str]) -> io::Result<Output> {
        self.command().args(arguments).stdin(Stdio::null()).output()
    }

    /// Runs a subcommand to its end, with that on its standard input.
    ///
    /// # Errors
    /// When the binary cannot be started or does not read.
    pub fn feed(&self, arguments: &[&str], input: &str) -> io::Result<Output> {
        let mut command = self.command();
        let piped = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.stderr(Stdio::piped()).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes())?;
        }
        child.wait_with_output()
    }

    /// Runs `init --json` for organisation Acme.
    ///
    /// # Panics
    /// When it fails; the message holds what it said.
    pub fn init(&self) -> Initialised {
        let words = ["init", "--organisation", "Acme", "--owner", "owner@acme.test", "--json"];
        let output = self.run(&words).expect("the binary starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "init failed: {said}");
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("init --json printed something else: {error}\n{said}"))
    }

    /// Starts `serve` and waits until it is ready.
    ///
    /// # Panics
    /// When it ends or does not get ready in a minute; the message holds its output.
    pub async fn serve(self) -> Portcullis {
        let (address, metrics) = (free_address(), free_address());
        let child = self.spawn(address, metrics);
        let mut portcullis = Portcullis { setup: self, child, address, metrics };
        portcullis.until_ready().await;
        portcullis
    }

    fn spawn(&self, address: SocketAddr, metrics: SocketAddr) -> Child {
        let log = File::options().create(true).append(true).open(self.log_file());
        let log = log.expect("the temporary directory takes files");
        let second = log.try_clone().expect("a file handle can be duplicated");
        let mut command = self.command();
        command.arg("serve").args(&self.arguments);
        command.env("PORTCULLIS_LISTEN", address.to_string());
        command.env("PORTCULLIS_METRICS__LISTEN", metrics.to_string());
        command.stdin(Stdio::null()).stdout(log).stderr(second);
        command.spawn().expect("the binary starts")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program[0]);
        command.args(&self.program[1..]);
        command.env("PORTCULLIS_DATA_DIR", self.data_dir());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn log_file(&self) -> PathBuf {
        self.home.path().join("output.log")
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

impl Portcullis {
    /// Where it serves.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it serves its metrics.
    pub fn metrics_address(&self) -> SocketAddr {
        self.metrics
    }

    /// The URL of a path: `url("/v1/models")`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The setup it was started with, to run further commands on the same data.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Sets environment variables for its next start and for further commands.
    pub fn set_env(&mut self, variables: &[(&str, &str)]) {
        let pairs = variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        self.setup.environment.extend(pairs);
    }

    /// Everything it wrote to its output so far, over all its starts.
    pub fn output(&self) -> String {
        std::fs::read_to_string(self.setup.log_file()).unwrap_or_default()
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        signal(&self.child, Signal::TERM);
    }

    /// Sends SIGKILL and waits for the end: what a crash looks like.
    ///
    /// # Panics
    /// When the process cannot be waited for.
    pub fn kill(&mut self) {
        signal(&self.child, Signal::KILL);
        self.child.wait().expect("a child can be waited for");
    }

    /// Waits for the end for at most `patience`.
    ///
    /// # Panics
    /// When it has not ended by then.
    pub async fn ended_within(&mut self, patience: Duration) -> ExitStatus {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return status;
            }
            assert!(Instant::now() < deadline, "still running:\n{}", self.output());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Starts it again on the same data and the same ports, after it ended.
    ///
    /// # Panics
    /// As [`Setup::serve`].
    pub async fn start_again(&mut self) {
        self.child = self.setup.spawn(self.address, self.metrics);
        self.until_ready().await;
    }

    async fn until_ready(&mut self) {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let ready = format!("http://{}/readyz", self.metrics);
            let answer = client::get(ready).send().await;
            if answer.is_ok_and(|answer| answer.status == 200) {
                return;
            }
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                panic!("portcullis ended ({status}) before it was ready:\n{}", self.output());
            }
            assert!(Instant::now() < deadline, "not ready in a minute:\n{}", self.output());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Drop for Portcullis {
    fn drop(&mut self) {
        // It may have ended already; there is nobody left to tell.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// An address of the loopback interface that nothing listens on, and that no other call in this
/// process returns. It is below the ports that the kernel gives to clients and to listeners that
/// do not care, so that nobody takes it by chance.
///
/// # Panics
/// When no port is left.
pub fn free_address() -> SocketAddr {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    // Test binaries that run at the same time begin at different places.
    let start = std::process::id().wrapping_mul(97);
    for _ in 0..PORTS.len() {
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        let offset = start.wrapping_add(call) % (PORTS.end - PORTS.start);
        let port = u16::try_from(PORTS.start + offset).expect("the range is of ports");
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return listener.local_addr().expect("a bound listener has an address");
        }
    }
    panic!("no free port from {} to {}", PORTS.start, PORTS.end);
}

/// Where this build put `portcullis`: `PORTCULLIS_BIN`, what the test runner says, or beside the
/// running test's own folder.
///
/// # Panics
/// When it is in none of these places.
pub fn binary() -> PathBuf {
    let told = ["PORTCULLIS_BIN", "CARGO_BIN_EXE_portcullis", "NEXTEST_BIN_EXE_portcullis"];
    if let Some(path) = told.iter().find_map(std::env::var_os) {
        return path.into();
    }
    let test = std::env::current_exe().expect("a running program has a path");
    let found = test.ancestors().skip(1).take(3).map(|folder| folder.join("portcullis"));
    found
        .into_iter()
        .find(|path| is_file(path))
        .expect("no portcullis binary: build it with `cargo build -p portcullis`")
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file())
}

fn signal(child: &Child, signal: Signal) {
    // A process that has ended takes no signals; that is not worth an error.
    let _gone = kill_process(Pid::from_child(child), signal);
}
