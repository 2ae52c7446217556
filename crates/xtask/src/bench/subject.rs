//! What is measured: a direct call, nginx, and the release binary.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use portcullis_testkit::{
    client,
    kms::Transit,
    process::{Portcullis, Setup, free_address},
};
use serde_json::json;
use tokio::runtime::Runtime;

use super::{PROXY_CORE, machine};
use crate::step::{self, Outcome, command};

/// Something that answers the load.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    headers: String,
    process: Process,
    /// The organisation's own key service, if it has one.
    kms: Option<KeyService>,
}

/// A key service on this machine that answers as slowly as one at the other end of a region, so that
/// a call which waited for it would show.
struct KeyService {
    transit: Transit,
    _runtime: Runtime,
}

const KMS_LATENCY: Duration = Duration::from_millis(20);

enum Process {
    /// Nothing between the load and the provider.
    None,
    Nginx(Child),
    Portcullis(Box<Portcullis>),
}

impl Subject {
    pub(crate) fn direct(provider: SocketAddr) -> Self {
        let headers = "authorization: Bearer sk-load\r\n".to_owned();
        Self { name: "direct", address: provider, headers, process: Process::None, kms: None }
    }

    /// nginx with one worker as a plain reverse proxy that keeps its connections.
    pub(crate) fn nginx(folder: &Path, provider: SocketAddr) -> Outcome<Self> {
        let address = free_address();
        let home = folder.join("nginx");
        fs::create_dir_all(&home).map_err(|error| format!("{}: {error}", home.display()))?;
        let file = home.join("nginx.conf");
        fs::write(&file, configuration(&home, address, provider))
            .map_err(|error| format!("{}: {error}", file.display()))?;
        let mut nginx = command("taskset", &["-c", PROXY_CORE, "nginx", "-c"]);
        nginx.arg(&file).arg("-p").arg(&home).stderr(Stdio::null());
        let child = nginx.spawn().map_err(|error| format!("nginx: {error}"))?;
        let process = Process::Nginx(child);
        let headers = "authorization: Bearer sk-load\r\n".to_owned();
        let subject = Self { name: "nginx", address, headers, process, kms: None };
        until_connectable(address, Duration::from_secs(5))?;
        Ok(subject)
    }

    /// The same, for an organisation that has connected a key of its own, in a service that takes
    /// [`KMS_LATENCY`] for each answer.
    pub(crate) fn own_key(provider: SocketAddr) -> Outcome<Self> {
        // It serves from a thread of its own for as long as the subject lives.
        let mut serving = tokio::runtime::Builder::new_multi_thread();
        let serving = serving.worker_threads(1).enable_all().build();
        let serving = serving.map_err(|error| format!("no runtime: {error}"))?;
        let transit = serving.block_on(Transit::start("a-token", KMS_LATENCY));
        let mut subject = Self::portcullis(provider)?;
        subject.name = "portcullis, own key";
        let runtime = runtime()?;
        let url = format!("http://{}/v1/admin/organisation/kms", subject.address);
        let key = subject.headers.lines().find_map(|line| line.strip_prefix("authorization: "));
        let key = key.unwrap_or_default().to_owned();
        let mut call = client::put(&url).json(&transit.settings());
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let call = std::mem::replace(&mut call, client::get(&url));
            let answer = runtime.block_on(call.header("authorization", &key).send());
            let answer = answer.map_err(|error| error.to_string())?;
            if answer.status == 200 && answer.json()["status"] == "active" {
                break;
            }
            if answer.status != 200 || Instant::now() > deadline {
                return Err(format!("the key was not connected: {}", answer.text()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        subject.kms = Some(KeyService { transit, _runtime: serving });
        subject.until_known(&runtime)?;
        Ok(subject)
    }

    /// How often the key service was asked to unwrap a data key; none without a service.
    pub(crate) fn unwraps(&self) -> usize {
        self.kms.as_ref().map_or(0, |kms| kms.transit.count("decrypt"))
    }

    /// The release binary with its defaults: key authentication, vault and record on.
    pub(crate) fn portcullis(provider: SocketAddr) -> Outcome<Self> {
        let runtime = runtime()?;
        let setup = setup();
        let key = setup.init().api_key;
        let gate = runtime.block_on(setup.serve());
        let create = client::post(gate.url("/v1/integrations")).bearer(&key).json(&json!({
            "name": "Load",
            "ai_provider_id": "openai",
            "key": "sk-load",
            "slug": "load",
            "configurations": { "custom_host": format!("http://{provider}/v1") },
        }));
        let created = runtime.block_on(create.send()).map_err(|error| error.to_string())?;
        if created.status != 200 {
            return Err(format!("the virtual key was refused: {}", created.text()));
        }
        let headers = format!("authorization: Bearer {key}\r\nx-portkey-provider: @load\r\n");
        let address = gate.address();
        let process = Process::Portcullis(Box::new(gate));
        let subject = Self { name: "portcullis", address, headers, process, kms: None };
        subject.until_known(&runtime)?;
        Ok(subject)
    }

    /// The virtual key reaches the data plane a moment after its creation.
    fn until_known(&self, runtime: &Runtime) -> Outcome {
        let url = format!("http://{}/v1/chat/completions", self.address);
        let deadline = Instant::now() + Duration::from_secs(2);
        loop {
            let mut call = client::post(&url).header("content-type", "application/json");
            for line in self.headers.lines() {
                let (name, value) = line.split_once(": ").expect("our own headers have values");
                call = call.header(name, value);
            }
            let call = call.body(super::chat());
            let answer = runtime.block_on(call.send()).map_err(|error| error.to_string())?;
            if answer.status == 200 {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("a first call failed: {} {}", answer.status, answer.text()));
            }
        }
    }

    /// A chat call with this body, as its bytes go over the wire to this subject.
    pub(crate) fn request(&self, body: &str) -> Vec<u8> {
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
             {}content-length: {}\r\n\r\n{body}",
            self.address,
            self.headers,
            body.len(),
        )
        .into_bytes()
    }

    /// Processor seconds used so far; none for a direct call.
    pub(crate) fn cpu_seconds(&self) -> Outcome<Option<f64>> {
        self.pid().map(|pid| machine::cpu_seconds(pid).ok_or_else(|| self.gone())).transpose()
    }

    /// Waits until the subject does nothing any more, then as [`Self::cpu_seconds`].
    pub(crate) fn idle(&self) -> Outcome<Option<f64>> {
        const PAUSE: Duration = Duration::from_millis(250);
        let deadline = Instant::now() + Duration::from_secs(120);
        let mut before = self.cpu_seconds()?;
        while let Some(from) = before {
            std::thread::sleep(PAUSE);
            let after = self.cpu_seconds()?;
            let busy = after.map_or(0.0, |to| to - from) / PAUSE.as_secs_f64();
            if busy < 0.05 {
                return Ok(after);
            }
            if Instant::now() > deadline {
                return Err(format!("{} is still busy two minutes after its load", self.name));
            }
            before = after;
        }
        Ok(before)
    }

    /// Resident megabytes; none for a direct call.
    pub(crate) fn resident_megabytes(&self) -> Outcome<Option<f64>> {
        self.pid()
            .map(|pid| machine::resident_megabytes(pid).ok_or_else(|| self.gone()))
            .transpose()
    }

    fn pid(&self) -> Option<u32> {
        match &self.process {
            Process::None => None,
            // `taskset` becomes the program that it starts.
            Process::Nginx(child) => Some(child.id()),
            Process::Portcullis(gate) => Some(gate.pid()),
        }
    }

    fn gone(&self) -> String {
        format!("{} ended during the measurement", self.name)
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        if let Process::Nginx(child) = &mut self.process {
            // Ended already or not, nothing is left to do.
            let _gone = child.kill();
            let _reaped = child.wait();
        }
    }
}

/// Times from the start of the process to its first answer, on a data directory that exists, in
/// milliseconds, sorted.
pub(crate) fn cold_starts(times: usize) -> Outcome<Vec<f64>> {
    let runtime = runtime()?;
    let setup = setup();
    setup.init();
    let mut gate = runtime.block_on(setup.serve());
    let mut taken = Vec::new();
    for _ in 0..times {
        gate.kill();
        let started = Instant::now();
        runtime.block_on(gate.start_again());
        taken.push(started.elapsed().as_secs_f64() * 1e3);
    }
    taken.sort_by(f64::total_cmp);
    Ok(taken)
}

/// The size of the release binary in megabytes.
pub(crate) fn binary_megabytes() -> Outcome<f64> {
    let file = binary();
    let meta = fs::metadata(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(meta.len() as f64 / 1e6)
}

/// Waits until something listens.
pub(crate) fn until_connectable(address: SocketAddr, patience: Duration) -> Outcome {
    let runtime = runtime()?;
    let deadline = Instant::now() + patience;
    loop {
        // What it answers does not matter here, only that it does.
        let probe = client::raw(address, b"\r\n", Duration::from_millis(1));
        if runtime.block_on(probe).is_ok() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("nothing listens on {address} after {patience:?}"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn setup() -> Setup {
    let words = ["taskset", "-c", PROXY_CORE].map(Into::into);
    Setup::of(words.into_iter().chain([binary().into_os_string()]))
}

fn binary() -> std::path::PathBuf {
    step::root().join("target/release/portcullis")
}

fn runtime() -> Outcome<Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| format!("no runtime: {error}"))
}

fn configuration(home: &Path, address: SocketAddr, provider: SocketAddr) -> String {
    let home = home.display();
    format!(
        "daemon off;
master_process off;
pid {home}/pid;
error_log {home}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    keepalive_requests 100000000;
    client_body_buffer_size 1m;
    upstream provider {{
        server {provider};
        keepalive 128;
        keepalive_requests 100000000;
    }}
    server {{
        listen {address};
        location / {{
            proxy_pass http://provider;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_buffering off;
        }}
    }}
}}
"
    )
}
