//! The whole gate, with the time each step took.

use std::time::{Duration, Instant};

use crate::{
    acceptance,
    step::{self, Outcome},
    test, tidy,
};

/// A step's name and what it does.
type Step = (&'static str, fn() -> Outcome);

pub(crate) fn run() -> Outcome {
    let steps: [Step; 6] = [
        ("formatting", || step::run(step::cargo().args(["fmt", "--all", "--check"]))),
        ("tidy", tidy::run),
        ("lints", || {
            let lints = ["clippy", "--quiet", "--workspace", "--all-targets"];
            step::run(step::cargo().args(lints).args(["--", "-D", "warnings"]))
        }),
        ("fuzz targets", fuzz_targets),
        ("test", test::run),
        ("acceptance", || acceptance::run(&acceptance::Arguments::default())),
    ];
    let mut took = Vec::new();
    let begun = Instant::now();
    for (name, step) in steps {
        println!("\n=== {name}");
        let started = Instant::now();
        let outcome = step();
        took.push((name, started.elapsed()));
        if let Err(problem) = outcome {
            timings(&took);
            return Err(format!("{name}: {problem}"));
        }
    }
    timings(&took);
    println!("all green in {}", shown(begun.elapsed()));
    Ok(())
}

/// The fuzz targets are no members of the workspace: a fuzzer needs a nightly compiler. They compile
/// with any, without the fuzzer and with the versions of the workspace.
fn fuzz_targets() -> Outcome {
    let folder = step::root().join("crates/pii/fuzz");
    let locked = folder.join("Cargo.lock");
    std::fs::copy(step::root().join("Cargo.lock"), &locked)
        .map_err(|error| format!("{}: {error}", locked.display()))?;
    let check = ["check", "--quiet", "--no-default-features", "--bins", "--manifest-path"];
    let target = step::root().join("target");
    let mut cargo = step::cargo();
    cargo.args(check).arg(folder.join("Cargo.toml")).arg("--target-dir").arg(target);
    step::run(&mut cargo)
}

fn timings(took: &[(&str, Duration)]) {
    println!("\n=== timings");
    for (name, time) in took {
        println!("{name:<12} {:>9}", shown(*time));
    }
}

fn shown(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}m{:02}s", seconds / 60, seconds % 60)
}
