//! What has to be on the machine, installed when it is missing.
//!
//! Each need is checked by looking for what it provides, so a second run does nothing.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use portcullis_testkit::kms::{Emulator, requirements};

use crate::step::{self, Outcome, command};

/// Something from Debian's archive.
pub(crate) struct Package {
    name: &'static str,
    present: fn() -> bool,
}

/// PostgreSQL's server: tests start a private one.
pub(crate) const POSTGRESQL: Package = Package { name: "postgresql", present: has_postgresql };
/// Python's virtual environments.
pub(crate) const PYTHON: Package = Package { name: "python3-venv", present: has_python };
/// Node and its package manager.
pub(crate) const NODE: Package = Package { name: "npm", present: || has("npm") && has("node") };
/// The proxy that benchmarks take as their floor.
pub(crate) const NGINX: Package = Package { name: "nginx-light", present: || has("nginx") };
/// Pins a process to a core.
pub(crate) const TASKSET: Package = Package { name: "util-linux", present: || has("taskset") };

/// Installs the packages that are missing; needs root, or `sudo` without a password.
pub(crate) fn packages(wanted: &[&Package]) -> Outcome {
    let missing: Vec<&str> =
        wanted.iter().filter(|package| !(package.present)()).map(|package| package.name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("installing {}", missing.join(", "));
    let by_hand = format!("apt-get update && apt-get install -y {}", missing.join(" "));
    let install = || {
        step::quietly(&mut as_root(&["apt-get", "update"]))?;
        let install = ["apt-get", "install", "-y", "--no-install-recommends"];
        let mut install = as_root(&install);
        step::quietly(install.args(&missing).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    install().map_err(|problem| format!("{problem}\nas root, run: {by_hand}"))?;
    match wanted.iter().find(|package| !(package.present)()) {
        None => Ok(()),
        Some(package) => Err(format!("{} was installed but is not usable", package.name)),
    }
}

/// A Python with the packages of `requirements`, made or brought up to date.
pub(crate) fn python(requirements: &Path) -> Outcome<PathBuf> {
    packages(&[&PYTHON])?;
    let home = step::root().join(".local/python");
    let python = home.join("bin/python");
    let stamp = home.join("requirements.txt");
    if unchanged(requirements, &stamp) {
        return Ok(python);
    }
    if !python.exists() {
        step::quietly(command("python3", &["-m", "venv"]).arg(&home))?;
    }
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    step::quietly(command(&python, &install).arg(requirements))?;
    stamped(requirements, &stamp)?;
    Ok(python)
}

/// The emulators of key management services, each in a Python environment of its own.
pub(crate) fn emulators() -> Outcome {
    Emulator::ALL.into_iter().try_for_each(emulator)
}

fn emulator(emulator: Emulator) -> Outcome {
    let (home, stamp) = (emulator.home(), emulator.stamp());
    if stamp.exists() {
        return Ok(());
    }
    let failed = |error: std::io::Error| format!("{}: {error}", home.display());
    fs::create_dir_all(&home).map_err(failed)?;
    // Another checkout may be at it: whoever comes second finds it done.
    let lock = fs::File::create(home.with_extension("lock")).map_err(failed)?;
    lock.lock().map_err(failed)?;
    if stamp.exists() {
        return Ok(());
    }
    let python = python_of(emulator.python()).ok_or_else(|| {
        let (major, minor) = emulator.python();
        format!(
            "{} needs Python {major}.{minor} or newer with venv: install it by your system's \
             packages, or with `pyenv install {major}.{minor}`",
            emulator.name()
        )
    })?;
    step::quietly(command(&python, &["-m", "venv", "--clear"]).arg(&home))?;
    let list = home.join("requirements.txt");
    fs::write(&list, requirements(emulator)).map_err(failed)?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    step::quietly(command(home.join("bin/python"), &install).arg(&list))?;
    fs::write(&stamp, "").map_err(failed)
}

/// A Python of at least that release: on the path, or among pyenv's.
fn python_of((major, minor): (u32, u32)) -> Option<PathBuf> {
    let mut candidates = vec![PathBuf::from("python3")];
    candidates.extend((minor..minor + 8).map(|n| PathBuf::from(format!("python{major}.{n}"))));
    let root = std::env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".pyenv")));
    let versions = root.and_then(|root| fs::read_dir(root.join("versions")).ok());
    let versions = versions.into_iter().flatten().flatten();
    candidates.extend(versions.map(|version| version.path().join("bin/python")));
    let is_new_enough =
        format!("import sys, venv, ensurepip; sys.exit(sys.version_info[:2] < ({major}, {minor}))");
    candidates.into_iter().find(|python| {
        command(python, &["-c", &is_new_enough]).output().is_ok_and(|said| said.status.success())
    })
}

/// The Node modules that the `package.json` of `folder` pins, beside it.
pub(crate) fn node(folder: &Path) -> Outcome {
    packages(&[&NODE])?;
    let wanted = folder.join("package.json");
    let stamp = folder.join("node_modules/.wanted.json");
    if unchanged(&wanted, &stamp) {
        return Ok(());
    }
    let install = ["install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"];
    step::quietly(command("npm", &install).current_dir(folder))?;
    stamped(&wanted, &stamp)
}

/// Whether a program is on the path or where system programs lie.
fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/bin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(system).any(|folder| folder.join(program).is_file())
}

fn has_postgresql() -> bool {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    has("initdb") || versions.into_iter().any(|version| version.path().join("bin/initdb").is_file())
}

fn has_python() -> bool {
    // Debian ships the module's shell without its heart: only ensurepip tells.
    has("python3")
        && command("python3", &["-c", "import venv, ensurepip"])
            .output()
            .is_ok_and(|output| output.status.success())
}

fn as_root(words: &[&str]) -> Command {
    let root = step::reply(&mut command("id", &["-u"])).is_ok_and(|id| id == "0");
    let words = if root { words.to_vec() } else { [&["sudo", "-n"], words].concat() };
    command(words[0], &words[1..])
}

fn unchanged(wanted: &Path, stamp: &Path) -> bool {
    matches!((fs::read(wanted), fs::read(stamp)), (Ok(wanted), Ok(stamp)) if wanted == stamp)
}

fn stamped(wanted: &Path, stamp: &Path) -> Outcome {
    fs::copy(wanted, stamp).map(drop).map_err(|error| format!("{}: {error}", stamp.display()))
}
