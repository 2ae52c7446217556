//! The README's tables are true: its settings are all there are, and its tests exist.

use std::{collections::BTreeSet, fs, path::PathBuf, process::Command};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The cells of the rows of the table below a heading, without the backticks around each.
fn table(heading: &str) -> Vec<Vec<String>> {
    let readme = fs::read_to_string(root().join("README.md")).expect("there is a README");
    let (_, below) = readme.split_once(heading).expect("the README has this heading");
    let lines = below.lines().skip_while(|line| !line.starts_with('|'));
    let rows = lines.take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

fn quoted(cell: &str) -> &str {
    cell.split('`').nth(1).unwrap_or_default()
}

#[test]
fn the_settings_are_all_there_are_and_their_defaults_are_accepted() {
    let rows = table("\n## Settings\n");
    let directory = tempfile::tempdir().unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    check.arg("check").current_dir(directory.path()).env_clear();
    let plain = check.output().unwrap();
    let mut named = BTreeSet::new();
    for row in &rows {
        let setting = quoted(&row[0]);
        let variable = format!("PORTCULLIS_{}", setting.replace('.', "__").to_uppercase());
        assert_eq!(quoted(&row[1]), variable);
        // An unknown variable is a complaint. Empty is the default's spelling of no text.
        check.env(variable, quoted(&row[2]));
        named.insert(setting.split_once('.').expect("section and key").1.to_owned());
    }
    let stated = check.output().unwrap();
    assert!(stated.status.success(), "{}", String::from_utf8_lossy(&stated.stderr));
    assert_eq!(stated.stdout, plain.stdout, "a default in the README is not the default");

    let source = include_str!("../../src/settings.rs");
    let (_, sections) = source.split_once("pub(crate) struct Server").expect("the first section");
    let (sections, _) = sections.split_once("impl Default").expect("the end of the sections");
    let fields = sections.lines().filter_map(|line| line.strip_prefix("    pub(crate) "));
    let fields: Vec<&str> = fields.filter_map(|field| field.split(':').next()).collect();
    assert_eq!(fields.len(), rows.len());
    for field in fields {
        assert!(named.contains(field), "{field} is not in the README");
    }
}

#[test]
fn the_tests_behind_the_guarantees_exist() {
    let rows = table("\n## Guarantees, and the test behind each\n");
    assert!(rows.len() > 10, "{rows:?}");
    for row in rows {
        let test = quoted(&row[1]);
        let (package, path) = test.split_once(' ').expect("a crate and a test");
        let (module, name) = path.rsplit_once("::").expect("a module and a function");
        let module = format!("crates/{package}/tests/it/{}", module.replace("::", "/"));
        let read = |end: &str| fs::read_to_string(root().join(module.clone() + end));
        let source = read(".rs").or_else(|_| read("/mod.rs")).unwrap_or_default();
        assert!(source.contains(&format!("fn {name}(")), "there is no test {test}");
    }
}
