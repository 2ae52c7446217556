//! What has to be on the machine, installed when it is missing.
//!
//! Each need is checked by looking for what it provides, so a second run does nothing.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

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
