//! The README's test command.

use crate::{
    step::{self, Outcome},
    tools,
};

/// Installs what is missing and runs every test.
///
/// With cargo's own runner: it gives each crate's suite one process, so that the store's starts
/// PostgreSQL once; a runner with a process per test would start hundreds.
pub(crate) fn run() -> Outcome {
    tools::packages(&[&tools::POSTGRESQL, &tools::PYTHON])?;
    // Installing waits for the network, building for the processor.
    let installing = std::thread::spawn(tools::emulators);
    // The journeys of the binary's own crate start it as a process.
    step::run(step::cargo().args(["build", "--quiet", "--workspace", "--bins"]))?;
    installing.join().map_err(|_| "installing the emulators panicked".to_owned())??;
    let mut tally = Tally::default();
    let mut test = step::cargo();
    test.args(["test", "--quiet", "--workspace", "--no-fail-fast"]);
    let outcome = step::watched(&mut test, |line| tally.read(line));
    println!("{}", tally.closing_line());
    outcome
}

/// What the suites' closing lines add up to.
#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
    suites: u64,
}

impl Tally {
    fn read(&mut self, line: &str) {
        let Some(result) = line.trim().strip_prefix("test result: ") else { return };
        self.suites += 1;
        for part in result.split(['.', ';']) {
            let mut words = part.split_whitespace();
            let count = words.next().and_then(|word| word.parse::<u64>().ok());
            match (count, words.next()) {
                (Some(count), Some("passed")) => self.passed += count,
                (Some(count), Some("failed")) => self.failed += count,
                (Some(count), Some("ignored")) => self.ignored += count,
                _ => {}
            }
        }
    }

    fn closing_line(&self) -> String {
        let Self { passed, failed, ignored, suites } = self;
        let total = passed + failed + ignored;
        format!(
            "{total} tests in {suites} suites: {passed} passed, {failed} failed, {ignored} ignored"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn suites_add_up() {
        let mut tally = Tally::default();
        tally.read("test result: ok. 11 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out");
        tally.read("running 3 tests");
        tally
            .read("test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out");
        let line = "15 tests in 2 suites: 13 passed, 1 failed, 1 ignored";
        assert_eq!(tally.closing_line(), line);
    }
}
