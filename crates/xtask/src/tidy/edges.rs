//! Which crate may depend on which: the architecture, as data.

use std::{fs, path::Path};

use toml::{Table, Value};

use crate::step::Outcome;

/// Each crate's folder and what of ours it may use. A crate that is not here has no place yet:
/// adding a row is a decision for the architecture, not a chore.
const MAY_USE: &[(&str, &[&str])] = &[
    (
        "portcullis",
        &[
            "api",
            "control",
            "domain",
            "gateway",
            "identity",
            "kms",
            "pii",
            "providers",
            "record",
            "runtime",
            "store",
            "vault",
        ],
    ),
    ("api", &["control", "domain", "identity"]),
    ("gateway", &["domain", "identity", "providers", "record", "runtime", "vault"]),
    ("control", &["domain", "identity", "providers", "record", "runtime", "store", "vault"]),
    ("identity", &["domain"]),
    // A leaf: only the binary links the AWS SDK.
    ("kms", &["domain", "runtime", "vault"]),
    ("vault", &["domain", "runtime"]),
    ("record", &["domain", "runtime"]),
    ("providers", &["domain"]),
    ("store", &["domain"]),
    ("runtime", &["domain"]),
    ("domain", &[]),
    ("pii", &[]),
    ("testkit", &[]),
    ("xtask", &["pii", "testkit"]),
];

/// What tests of any crate may use on top.
const TESTS_MAY_USE: &[&str] = &["testkit"];

/// The complaints about every manifest below `crates`.
pub(crate) fn check(root: &Path) -> Outcome<Vec<String>> {
    let crates = root.join("crates");
    let failed = |error| format!("{}: {error}", crates.display());
    let mut problems = Vec::new();
    for entry in fs::read_dir(&crates).map_err(failed)? {
        let folder = entry.map_err(failed)?.path();
        let manifest = folder.join("Cargo.toml");
        // A folder without a manifest is a leftover of another branch.
        let Ok(text) = fs::read_to_string(&manifest) else { continue };
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        problems.extend(manifest_problems(&name, &text));
    }
    problems.sort();
    Ok(problems)
}

fn manifest_problems(name: &str, text: &str) -> Vec<String> {
    let file = format!("crates/{name}/Cargo.toml");
    let manifest: Table = match text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![format!("{file}: {error}")],
    };
    let Some((_, allowed)) = MAY_USE.iter().find(|(row, _)| *row == name) else {
        return vec![format!("{file}: `{name}` is not in the table of crates")];
    };
    let mut problems = Vec::new();
    for (kind, dependency) in dependencies(&manifest) {
        let tests = kind == "dev-dependencies" && TESTS_MAY_USE.contains(&dependency.as_str());
        if !allowed.contains(&dependency.as_str()) && !tests {
            problems.push(format!("{file}: forbidden edge {name} -> {dependency} in [{kind}]"));
        }
    }
    let inherits = |table: &str, key: &str| {
        let value = manifest.get(table).and_then(|table| table.get(key));
        let value = if key == "workspace" { value } else { value.and_then(|v| v.get("workspace")) };
        value == Some(&Value::Boolean(true))
    };
    if !inherits("lints", "workspace") {
        problems.push(format!("{file}: needs `[lints] workspace = true`"));
    }
    for key in ["version", "edition", "rust-version", "license"] {
        if !inherits("package", key) {
            problems.push(format!("{file}: needs `{key}.workspace = true`"));
        }
    }
    problems
}

/// Our own crates among a manifest's dependencies, by kind, also those for one platform only.
fn dependencies(manifest: &Table) -> Vec<(&'static str, String)> {
    const KINDS: [&str; 3] = ["dependencies", "build-dependencies", "dev-dependencies"];
    let platforms = manifest.get("target").and_then(Value::as_table);
    let platforms =
        platforms.into_iter().flat_map(|table| table.values().filter_map(Value::as_table));
    let mut found = Vec::new();
    for table in std::iter::once(manifest).chain(platforms) {
        for kind in KINDS {
            let Some(list) = table.get(kind).and_then(Value::as_table) else { continue };
            for (key, value) in list {
                // A renamed dependency is still that dependency.
                let package = value.get("package").and_then(Value::as_str).unwrap_or(key);
                if let Some(ours) = our_crate(package) {
                    found.push((kind, ours.to_owned()));
                }
            }
        }
    }
    found
}

fn our_crate(package: &str) -> Option<&str> {
    match package {
        "portcullis" | "xtask" => Some(package),
        _ => package.strip_prefix("portcullis-"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "[package]\nversion.workspace = true\nedition.workspace = true\n\
        rust-version.workspace = true\nlicense.workspace = true\n[lints]\nworkspace = true\n";

    fn problems(name: &str, rest: &str) -> Vec<String> {
        manifest_problems(name, &format!("{HEAD}{rest}"))
    }

    #[test]
    fn allowed_edges_pass() {
        let rest = "[dependencies]\nportcullis-domain.workspace = true\nserde.workspace = true\n\
            [dev-dependencies]\nportcullis-testkit.workspace = true\n";
        assert!(problems("store", rest).is_empty());
    }

    #[test]
    fn a_forbidden_edge_is_named() {
        let rest = "[dependencies]\nportcullis-store.workspace = true\n";
        let expected =
            "crates/gateway/Cargo.toml: forbidden edge gateway -> store in [dependencies]";
        assert_eq!(problems("gateway", rest), [expected]);
    }

    #[test]
    fn no_disguise_hides_an_edge() {
        for rest in [
            "[dependencies]\nshelf = { package = \"portcullis-store\", path = \"../store\" }\n",
            "[target.'cfg(unix)'.dependencies]\nportcullis-store.workspace = true\n",
            "[build-dependencies.portcullis-store]\nworkspace = true\n",
            "[dev-dependencies]\nportcullis-store.workspace = true\n",
        ] {
            assert_eq!(problems("gateway", rest).len(), 1, "{rest}");
        }
    }

    #[test]
    fn test_tools_stay_out_of_releases() {
        let rest = "[dependencies]\nportcullis-testkit.workspace = true\n";
        assert_eq!(problems("portcullis", rest).len(), 1);
    }

    #[test]
    fn a_crate_needs_a_row_and_the_shared_settings() {
        assert_eq!(problems("novelty", "").len(), 1);
        assert_eq!(manifest_problems("domain", "[package]\nedition = \"2024\"\n").len(), 5);
    }

    #[test]
    fn the_table_has_no_cycle() {
        // Rows list users before what they use, so every edge points down the table.
        for (row, (name, uses)) in MAY_USE.iter().enumerate().filter(|(_, (n, _))| *n != "xtask") {
            for used in *uses {
                let at = MAY_USE.iter().position(|(name, _)| name == used).expect("a row");
                assert!(at > row, "{name} -> {used}");
            }
        }
    }
}
