//! The house rules that a program can check.

mod edges;
mod words;

use std::{fs, path::Path};

use crate::step::{self, Outcome, command};

/// Checks every rule and reports every violation, each with its file.
pub(crate) fn run() -> Outcome {
    let root = step::root();
    let files = files()?;
    let mut problems = edges::check(&root)?;
    problems.extend(layout(&files));
    for file in &files {
        // A file that is no text holds no words.
        if let Ok(text) = fs::read_to_string(root.join(file)) {
            problems.extend(words::check(file, &text));
        }
    }
    if problems.is_empty() {
        println!("tidy: {} files, no complaints", files.len());
        return Ok(());
    }
    Err(format!("{} house rules broken:\n  {}", problems.len(), problems.join("\n  ")))
}

/// Every file that is or could be committed.
fn files() -> Outcome<Vec<String>> {
    let list = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let list = step::reply(&mut command("git", &list))?;
    let here = |file: &&str| Path::new(file).is_file();
    Ok(list.lines().filter(here).map(str::to_owned).collect())
}

/// Rules about where files lie.
fn layout(files: &[String]) -> Vec<String> {
    let mut problems: Vec<String> = files
        .iter()
        .filter(|file| misplaced_test(file))
        .map(|file| format!("{file}: integration tests live in tests/it, one binary per crate"))
        .collect();
    for wanted in ["LICENSE", "README.md", "ARCHITECTURE.md", "CHANGELOG.md", "licenses/README.md"]
    {
        if !files.iter().any(|file| file == wanted) {
            problems.push(format!("{wanted}: missing"));
        }
    }
    problems
}

/// A test binary of its own: linking each is the slow part of a test run.
fn misplaced_test(file: &str) -> bool {
    let Some(path) = file.strip_prefix("crates/") else { return false };
    let Some((_, below)) = path.split_once("/tests/") else { return false };
    path.ends_with(".rs") && !below.starts_with("it/")
}

#[cfg(test)]
mod tests {
    use super::misplaced_test;

    #[test]
    fn only_the_one_test_binary_is_in_place() {
        assert!(misplaced_test("crates/store/tests/keys.rs"));
        assert!(misplaced_test("crates/store/tests/other/main.rs"));
        assert!(!misplaced_test("crates/store/tests/it/main.rs"));
        assert!(!misplaced_test("crates/store/tests/fixtures/a.json"));
        assert!(!misplaced_test("crates/store/src/tests.rs"));
    }
}
