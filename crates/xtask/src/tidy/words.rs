//! Words that must not be in a file, and how long a file may be.

/// Files longer than this hold more than one idea.
const LONGEST: usize = 700;

/// Where packages come from and where this machine keeps things: neither concerns a reader. Each is
/// written in two halves, so that this file passes its own check.
const NOWHERE: &[(&str, &str)] = &[
    ("/wo", "rk/"),
    ("/tm", "p/"),
    ("/ro", "ot/"),
    ("crates", ".io"),
    ("registry.", "npmjs.org"),
    ("pypi", ".org"),
    ("files.python", "hosted.org"),
    ("deb.", "debian.org"),
    ("proxy.", "golang.org"),
];

/// What unfinished or silenced code looks like.
const NOT_IN_CODE: &[(&str, &str, &str)] = &[
    ("to", "do!(", "finish it"),
    ("unimpl", "emented!(", "finish it"),
    ("TO", "DO", "finish it, or describe the limit as it is"),
    ("FIX", "ME", "finish it, or describe the limit as it is"),
    ("#[ig", "nore", "a test that does not run is no test"),
    ("allow(de", "ad_code)", "delete what nothing uses"),
];

/// The files that may lift the ban on unsafe code, each with its reason beside it.
const UNSAFE: &[&str] = &["crates/portcullis/src/start_pages.rs"];

/// The complaints about one file.
pub(crate) fn check(file: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    // The lock file names the registry by its address: that is its job.
    if file != "Cargo.lock" {
        for (first, second) in NOWHERE {
            let word = [*first, second].concat();
            problems
                .extend(lines(text, &word).map(|line| format!("{file}:{line}: names `{word}`")));
        }
    }
    if file.ends_with(".rs") {
        for (first, second, advice) in NOT_IN_CODE {
            let word = [*first, second].concat();
            problems.extend(
                lines(text, &word).map(|line| format!("{file}:{line}: `{word}`: {advice}")),
            );
        }
        if !UNSAFE.contains(&file) {
            let word = ["unsafe", "_code"].concat();
            problems.extend(lines(text, &word).map(|line| {
                format!("{file}:{line}: `{word}`: find a safe way, or name the file in tidy's list")
            }));
        }
        let length =
            text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().lines().count();
        if file.contains("/src/") && length > LONGEST {
            problems.push(format!("{file}: {length} lines; split it by idea (at most {LONGEST})"));
        }
    }
    problems
}

/// The lines on which a word stands on its own: `framework/` does not hold a path.
fn lines<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let holds = move |line: &str| {
        line.match_indices(word).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
        })
    };
    text.lines().enumerate().filter(move |(_, line)| holds(line)).map(|(index, _)| index + 1)
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn paths_of_a_machine_are_found_and_words_that_look_alike_are_not() {
        let path = ["see /wo", "rk/notes"].concat();
        assert_eq!(check("README.md", &path).len(), 1);
        assert!(check("README.md", "a frame/work/of ideas").is_empty());
        let registry = ["fetched from crates", ".io"].concat();
        assert_eq!(
            check("docs/a.md", &registry),
            [format!("docs/a.md:1: names `{}`", &registry[13..])]
        );
        assert!(check("Cargo.lock", &registry).is_empty());
    }

    #[test]
    fn unfinished_code_is_found() {
        let code = ["fn f() {\n    to", "do!()\n}"].concat();
        assert_eq!(check("crates/a/src/lib.rs", &code).len(), 1);
        assert!(check("docs/plan.md", &code).is_empty());
    }

    #[test]
    fn the_ban_on_unsafe_code_is_lifted_in_named_files_only() {
        let code = ["#[allow(unsafe", "_code, reason = \"fast\")]"].concat();
        assert_eq!(check("crates/a/src/lib.rs", &code).len(), 1);
        assert!(check("crates/portcullis/src/start_pages.rs", &code).is_empty());
    }

    #[test]
    fn long_files_are_found_but_their_tests_do_not_count() {
        let long = "\n".repeat(701);
        assert_eq!(check("crates/a/src/lib.rs", &long).len(), 1);
        let tested = format!("fn f() {{}}\n#[cfg(test)]\nmod tests {{{long}}}");
        assert!(check("crates/a/src/lib.rs", &tested).is_empty());
    }
}
