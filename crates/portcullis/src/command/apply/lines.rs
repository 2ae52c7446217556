//! Where in a document something stands, for whoever has to mend it.

use serde::Deserialize;
use serde_saphyr::Spanned;

/// The document as far as it names things.
#[derive(Deserialize)]
struct Lines {
    #[serde(default)]
    organisations: Vec<Organisation>,
}

#[derive(Deserialize)]
struct Organisation {
    slug: Spanned<String>,
    #[serde(default)]
    workspaces: Vec<Workspace>,
    #[serde(default)]
    users: Vec<User>,
    #[serde(default)]
    integrations: Vec<Slugged>,
    #[serde(default)]
    api_keys: Vec<Named>,
}

#[derive(Deserialize)]
struct Workspace {
    slug: Spanned<String>,
    #[serde(default)]
    environments: Vec<Slugged>,
    #[serde(default)]
    virtual_keys: Vec<Slugged>,
    #[serde(default)]
    api_keys: Vec<Named>,
}

#[derive(Deserialize)]
struct Slugged {
    slug: Spanned<String>,
}

#[derive(Deserialize)]
struct Named {
    name: Spanned<String>,
}

#[derive(Deserialize)]
struct User {
    email: Spanned<String>,
}

/// The line of what an application stopped at, `organisation acme: workspace team`, or of the
/// innermost thing around it that has a name.
pub(super) fn line(document: &str, what: &str) -> Option<u64> {
    let lines: Lines = serde_saphyr::from_str(document).ok()?;
    let around = |(place, _): &(String, u64)| {
        what.strip_prefix(place.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(": "))
    };
    let places = lines.organisations.iter().flat_map(Organisation::places).filter(around);
    places.max_by_key(|(place, _)| place.len()).map(|(_, line)| line)
}

impl Organisation {
    fn places(&self) -> Vec<(String, u64)> {
        let top = format!("organisation {}", self.slug.value);
        let mut places = vec![(top.clone(), self.slug.referenced.line())];
        let mut add = |place: String, name: &Spanned<String>| {
            places.push((format!("{place} {}", name.value), name.referenced.line()));
        };
        for workspace in &self.workspaces {
            let within = format!("{top}: workspace {}", workspace.slug.value);
            add(format!("{top}: workspace"), &workspace.slug);
            for one in &workspace.environments {
                add(format!("{within}: environment"), &one.slug);
            }
            for one in &workspace.virtual_keys {
                add(format!("{within}: virtual key"), &one.slug);
            }
            for one in &workspace.api_keys {
                add(format!("{within}: API key"), &one.name);
            }
        }
        for one in &self.users {
            add(format!("{top}: user"), &one.email);
        }
        for one in &self.integrations {
            add(format!("{top}: integration"), &one.slug);
        }
        for one in &self.api_keys {
            add(format!("{top}: API key"), &one.name);
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn the_innermost_thing_is_found() {
        let document = "organisations:\n\
            - slug: acme\n  users:\n  - {email: a@acme.test, workspaces: {ws: admin}}\n  \
            workspaces:\n  - slug: ws\n    api_keys:\n    - scopes: []\n      name: ci\n  \
            - slug: ws-2\n";
        for (what, expected) in [
            ("organisation acme", Some(2)),
            ("organisation acme: token issuer", Some(2)),
            ("organisation acme: user a@acme.test", Some(4)),
            ("organisation acme: workspace ws", Some(6)),
            ("organisation acme: workspace ws: API key ci", Some(9)),
            ("organisation acme: workspace ws-2", Some(10)),
            ("organisation other", None),
        ] {
            assert_eq!(line(document, what), expected, "{what}");
        }
        assert_eq!(line("organisations: 5", "organisation acme"), None);
    }
}
