//! `portcullis apply`: makes an instance what a document says, by the use cases that everybody else
//! goes through, as the operator. What is as it should be is left alone, so that applying twice is
//! applying once. A dry run takes the same path and stops before each act.

mod api_key;
mod document;
mod organisation;
mod people;
mod provider;
mod workspace;

use std::{collections::HashMap, fmt::Display, path::Path};

use portcullis_domain::{Actor, AuditOrigin, OrganisationId, Secret, Workspace};
use serde::Serialize;

use crate::{Caller, Control, ControlError, Result};

pub use document::{Document, SecretSource};

/// What is around an application of a document: secrets come from there, and go there.
pub trait Surroundings: Send {
    /// The secret at a source, or why it cannot be had.
    fn secret(&mut self, source: &SecretSource) -> Result<Secret<String>, String>;

    /// Whether something new could be put into a file; if not, why not.
    fn check_target(&mut self, file: &Path) -> Result<(), String>;

    /// Hands out a secret that was just made: a key's token, an invite's link. It must not be lost.
    fn hand_out(&mut self, what: &str, secret: &Secret<String>, file: Option<&Path>);

    /// Says what is different, or was made so.
    fn tell(&mut self, change: &Change);
}

/// One difference between what is and what is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What comes of it.
    pub kind: ChangeKind,
    /// What, and where: `organisation acme: workspace team`.
    pub what: String,
    /// The fields, with what they were and what they are to be.
    pub fields: Vec<String>,
}

/// What comes of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is made.
    Made,
    /// It is changed.
    Changed,
    /// It is taken away.
    Removed,
}

/// How an application ended.
#[derive(Debug)]
pub struct Applied {
    /// How many differences there were.
    pub changes: usize,
}

/// Why an application stopped, and at what. What was done before stays done.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {error}")]
pub struct NotApplied {
    /// At what.
    pub what: String,
    /// Why.
    #[source]
    pub error: ControlError,
}

/// An application under way.
struct Run<'a> {
    control: &'a Control,
    around: &'a mut dyn Surroundings,
    is_dry: bool,
    changes: usize,
    /// Where it is: what is being looked at.
    place: Vec<String>,
    /// Workspaces that a dry run would have made in the organisation it is at, by slug.
    drawn: HashMap<String, Workspace>,
}

/// The fields in which something is to be different.
#[derive(Default)]
struct Fields(Vec<String>);

impl Control {
    /// Makes everything what the document says, or only tells what is different.
    pub async fn apply(
        &self,
        document: Document,
        is_dry: bool,
        around: &mut dyn Surroundings,
    ) -> Result<Applied, NotApplied> {
        let mut run = Run {
            control: self,
            around,
            is_dry,
            changes: 0,
            place: Vec::new(),
            drawn: HashMap::new(),
        };
        match run.all(document).await {
            Ok(()) => Ok(Applied { changes: run.changes }),
            Err(error) => Err(NotApplied { what: run.place.join(": "), error }),
        }
    }
}

impl Run<'_> {
    async fn all(&mut self, document: Document) -> Result<()> {
        for organisation in document.organisations {
            self.enter(format!("organisation {}", organisation.slug));
            self.organisation(organisation).await?;
            self.leave();
        }
        Ok(())
    }

    fn enter(&mut self, what: impl Into<String>) {
        self.place.push(what.into());
    }

    /// Only after success: a failure is told with its place.
    fn leave(&mut self) {
        self.place.pop();
    }

    /// Tells of a difference. Whether it is to be made away with.
    fn differs(&mut self, kind: ChangeKind, fields: Fields) -> bool {
        self.changes += 1;
        let what = self.place.join(": ");
        self.around.tell(&Change { kind, what, fields: fields.0 });
        !self.is_dry
    }

    /// The operator, acting on an organisation.
    fn operator(&self, organisation: OrganisationId) -> Caller {
        let origin = AuditOrigin { path: "apply".to_owned(), ..AuditOrigin::default() };
        Caller { actor: Actor::operator(organisation), origin }
    }

    fn secret(&mut self, field: &'static str, source: &SecretSource) -> Result<Secret<String>> {
        self.around.secret(source).map_err(|error| ControlError::invalid(field, error))
    }
}

impl Fields {
    /// A field of something new.
    fn made(&mut self, name: &str, value: impl Display) {
        self.0.push(format!("{name}: {value}"));
    }

    /// A field that is to be different, if it is given and is.
    fn field<T: Serialize + PartialEq>(&mut self, name: &str, before: &T, after: Option<&T>) {
        if let Some(after) = after.filter(|after| *after != before) {
            let text = |value: &T| serde_json::to_string(value).unwrap_or_default();
            self.0.push(format!("{name}: {} -> {}", text(before), text(after)));
        }
    }

    /// A field whose values are not told.
    fn secret(&mut self, name: &str) {
        self.0.push(format!("{name}: changed"));
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A name made from a slug.
fn name_of(slug: &str) -> String {
    let words = slug.strip_prefix("ws-").unwrap_or(slug).replace(['-', '_'], " ");
    let mut letters = words.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", letters.as_str())
}
