//! A private PostgreSQL server, of Debian's binaries, for the tests of one process.

use std::{
    fs,
    net::TcpListener,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

/// A running server with its data in a temporary directory, on a free port of 127.0.0.1. It does
/// not wait for the disk: not for tests of durability.
pub struct Postgres {
    binaries: PathBuf,
    directory: PathBuf,
    port: u16,
    databases: AtomicU32,
    /// Its standard input is the server's life line: when this process ends, however it ends, the
    /// pipe closes, and the watchdog stops the server and removes its directory.
    _watchdog: Child,
}

/// Debian's unprivileged user `nobody` and group `nogroup`: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65_534;

const INSTALL: &str = "PostgreSQL's server is not installed: apt-get install -y postgresql";

/// `$1` the binaries, `$2` the directory, `$3` the port.
const WATCHDOG: &str = r#"
"$1/initdb" -D "$2/data" -U portcullis --auth=trust -E UTF8 --locale=C.UTF-8 --no-sync
"$1/postgres" -D "$2/data" -p "$3" -k "$2" -c listen_addresses=127.0.0.1 \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=300 &
server=$!
cat > /dev/null
kill -QUIT $server
wait $server
cd / && rm -rf "$2"
"#;

impl Postgres {
    /// The server of this process, started at the first call.
    ///
    /// # Panics
    /// When the server is not installed or does not start; the message says what to do.
    pub fn shared() -> &'static Self {
        static SERVER: OnceLock<Postgres> = OnceLock::new();
        SERVER.get_or_init(Self::start)
    }

    /// The URL of a new, empty database. It goes with the server.
    ///
    /// # Panics
    /// When the database cannot be made.
    pub fn fresh_database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let made = self.client("createdb").arg(&name).output().expect("createdb runs");
        assert!(made.status.success(), "createdb: {}", String::from_utf8_lossy(&made.stderr));
        format!("postgres://portcullis@127.0.0.1:{}/{name}", self.port)
    }

    /// Everything a database holds, as `pg_dump` writes it; bytes are hexadecimal there.
    ///
    /// # Panics
    /// When it cannot be dumped.
    pub fn dump(&self, url: &str) -> Vec<u8> {
        let dumped = self.client("pg_dump").arg("-d").arg(url).output().expect("pg_dump runs");
        assert!(dumped.status.success(), "pg_dump: {}", String::from_utf8_lossy(&dumped.stderr));
        dumped.stdout
    }

    /// The server's write-ahead log, all databases together: what was ever written, also where it
    /// was written over.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn write_ahead_log(&self) -> Vec<u8> {
        let files = fs::read_dir(self.directory.join("data/pg_wal")).expect("the server's folder");
        let paths = files.flatten().map(|file| file.path()).filter(|path| path.is_file());
        let mut log = Vec::new();
        for path in paths {
            // A segment is made in its full length, of zeros.
            let segment = fs::read(path).unwrap_or_default();
            let written = segment.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            log.extend_from_slice(&segment[..written]);
        }
        log
    }

    fn start() -> Self {
        let binaries = find_binaries();
        let directory = tempfile::Builder::new().prefix("portcullis-postgres-").tempdir();
        // The watchdog removes it, because statics are not dropped when a process ends.
        let directory = directory.expect("a temporary directory").keep();
        let port = free_port();
        let log = fs::File::create(directory.join("log")).expect("a log file");
        let mut command = Command::new("sh");
        command
            .args(["-c", WATCHDOG, "watchdog"])
            .args([binaries.as_path(), directory.as_path()])
            .arg(port.to_string())
            .current_dir(&directory)
            .stdin(Stdio::piped())
            // Not ours: whoever reads the test run's output would wait for the server to end.
            .stdout(log.try_clone().expect("a second handle of the log file"))
            .stderr(log)
            // An interrupt from the keyboard is for the tests; the server follows by the pipe.
            .process_group(0);
        if fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0) {
            chown(&directory, Some(NOBODY), Some(NOBODY)).expect("root may give a directory away");
            command.uid(NOBODY).gid(NOBODY);
        }
        let watchdog = command.spawn().expect("sh runs");
        let databases = AtomicU32::new(0);
        let server = Self { binaries, directory, port, databases, _watchdog: watchdog };
        server.wait_until_ready();
        server
    }

    fn wait_until_ready(&self) {
        for _ in 0..600 {
            let ready = self.client("pg_isready").args(["-q", "-d", "postgres"]).status();
            if ready.expect("pg_isready runs").success() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
        panic!("PostgreSQL did not start within 30 seconds:\n{log}");
    }

    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.join(program));
        command.args(["-h", "127.0.0.1", "-U", "portcullis", "-p"]).arg(self.port.to_string());
        command
    }
}

/// The newest installed release's.
fn find_binaries() -> PathBuf {
    let releases = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let with_server = releases
        .map(|release| release.path().join("bin"))
        .filter(|binaries| binaries.join("postgres").exists());
    let number = |binaries: &PathBuf| {
        let release = binaries.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        release.and_then(|name| name.parse::<u32>().ok())
    };
    with_server.max_by_key(number).expect(INSTALL)
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}
