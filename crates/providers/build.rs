//! Turns `catalog/*.toml`, one file per provider, into the static table that `catalog.rs` includes.
//! A mistake in a file fails the build and is named, with its field.

use std::{collections::BTreeMap, env, fmt::Write as _, fs, path::Path};

use serde::Deserialize;

/// One file of the catalogue.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    title: String,
    /// Absent when there is no common one: the credential must then name a custom host.
    #[serde(default)]
    base_url: String,
    #[serde(default = "openai")]
    adapter: String,
    /// `bearer`, or the name of the header that takes the key as it is.
    #[serde(default = "bearer")]
    auth: String,
    /// Whether `stream_options.include_usage` is understood.
    #[serde(default)]
    stream_usage: bool,
    /// Paths that differ from OpenAI's, by the endpoint's internal name, relative to `base_url`.
    #[serde(default)]
    paths: BTreeMap<String, String>,
    docs: String,
}

fn openai() -> String {
    "openai".to_owned()
}

fn bearer() -> String {
    "bearer".to_owned()
}

#[allow(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]
fn main() -> Result<(), String> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=catalog");
    let mut table = BTreeMap::new();
    for file in fs::read_dir("catalog").map_err(|error| format!("catalog: {error}"))? {
        let path = file.map_err(|error| format!("catalog: {error}"))?.path();
        let fail = |problem: String| format!("{}: {problem}", path.display());
        let text = fs::read_to_string(&path).map_err(|error| fail(error.to_string()))?;
        // The message of a syntax error or of an unknown or missing field names it.
        let entry: Entry = toml::from_str(&text).map_err(|error| fail(error.to_string()))?;
        check(&entry, &path).map_err(fail)?;
        let code = entry_code(&entry).map_err(fail)?;
        table.insert(entry.name, code);
    }
    let entries: String = table.into_values().collect();
    let out = env::var("OUT_DIR").map_err(|error| format!("OUT_DIR: {error}"))?;
    let code = format!("static PROVIDERS: &[Provider] = &[\n{entries}];\n");
    fs::write(Path::new(&out).join("catalog.rs"), code).map_err(|error| error.to_string())
}

fn check(entry: &Entry, path: &Path) -> Result<(), String> {
    // Files are named after providers, so that no two can have the same name.
    if path.file_name().and_then(|name| name.to_str()) != Some(&format!("{}.toml", entry.name)) {
        return Err(format!("name: the file must be called {}.toml", entry.name));
    }
    if entry.title.is_empty() {
        return Err("title: must not be empty".to_owned());
    }
    if !entry.base_url.is_empty() && !entry.base_url.starts_with("https://") {
        return Err("base_url: must begin with https://".to_owned());
    }
    if entry.base_url.ends_with('/') {
        return Err("base_url: must not end with a slash".to_owned());
    }
    if !entry.docs.starts_with("https://") {
        return Err("docs: must begin with https://".to_owned());
    }
    match entry.paths.values().find(|path| !path.starts_with('/')) {
        Some(path) => Err(format!("paths: {path} must begin with a slash")),
        None => Ok(()),
    }
}

fn entry_code(entry: &Entry) -> Result<String, String> {
    let adapter = match &*entry.adapter {
        "openai" => "OpenAi",
        "azure-openai" => "AzureOpenAi",
        "anthropic" => "Anthropic",
        other => return Err(format!("adapter: there is no {other}")),
    };
    let auth = match &*entry.auth {
        "bearer" => "Auth::Bearer".to_owned(),
        name if name.bytes().all(|b| b == b'-' || b.is_ascii_lowercase()) => {
            format!("Auth::Header({name:?})")
        }
        other => return Err(format!("auth: {other} is neither bearer nor a header name")),
    };
    let mut code = String::new();
    let Entry { name, title, base_url, stream_usage, paths, docs, .. } = entry;
    let paths: Vec<(&String, &String)> = paths.iter().collect();
    writeln!(
        code,
        "Provider {{ name: {name:?}, title: {title:?}, base_url: {base_url:?}, \
         kind: AdapterKind::{adapter}, auth: {auth}, stream_usage: {stream_usage}, \
         paths: &{paths:?}, docs: {docs:?} }},"
    )
    .map_err(|error| error.to_string())?;
    Ok(code)
}
