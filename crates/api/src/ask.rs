//! What a handler is asked with: who asks, the path's and the query's parameters, the body.

use axum::body::Bytes;
use portcullis_control::{Caller, Control, Person};
use portcullis_domain::AuditOrigin;
use serde::de::DeserializeOwned;

use crate::{body, error::ApiError, query::Query};

/// A request as a handler sees it.
pub(crate) struct Ask<W, B> {
    pub(crate) control: Control,
    /// Who asks.
    pub(crate) who: W,
    pub(crate) query: Query,
    pub(crate) body: B,
    path: Vec<(String, String)>,
}

/// A request whose sender has been let in, and may come in still now that its body is there.
pub(crate) struct Incoming {
    pub(crate) control: Control,
    pub(crate) who: Admitted,
    pub(crate) path: Vec<(String, String)>,
    pub(crate) query: Query,
    pub(crate) body: Bytes,
}

/// Who has been let in.
pub(crate) enum Admitted {
    /// Somebody with scopes in an organisation.
    Caller(Box<Caller>),
    /// Somebody who is signed in.
    Person(Box<Person>),
    /// Anybody.
    Visitor(Box<Visitor>),
}

/// Anybody, who may be signed in.
pub(crate) struct Visitor {
    pub(crate) origin: AuditOrigin,
    /// Who they are, when they prove besides that they come from our pages.
    pub(crate) person: Option<Person>,
    /// Whose session they presented: to be ended when another takes its place.
    pub(crate) presented: Option<Person>,
}

/// Whom a handler takes.
pub(crate) trait Guest: Sized + Send + 'static {
    fn of(admitted: Admitted) -> Option<Self>;
}

impl<W: Guest, B: DeserializeOwned> Ask<W, B> {
    pub(crate) fn read(incoming: Incoming) -> Result<Self, ApiError> {
        let Incoming { control, who, path, query, body } = incoming;
        let who = W::of(who).ok_or(ApiError::WrongDoor)?;
        let body = body::read(&body)?;
        Ok(Self { control, who, query, body, path })
    }

    /// A parameter of the path.
    ///
    /// # Panics
    /// In a debug build when the route's path has none of that name.
    pub(crate) fn path(&self, name: &str) -> &str {
        let found = self.path.iter().find(|(known, _)| known == name);
        debug_assert!(found.is_some(), "the path has no parameter {name}");
        found.map_or("", |(_, value)| value)
    }
}

impl Guest for Caller {
    fn of(admitted: Admitted) -> Option<Self> {
        if let Admitted::Caller(caller) = admitted { Some(*caller) } else { None }
    }
}

impl Guest for Person {
    fn of(admitted: Admitted) -> Option<Self> {
        if let Admitted::Person(person) = admitted { Some(*person) } else { None }
    }
}

impl Guest for Visitor {
    fn of(admitted: Admitted) -> Option<Self> {
        if let Admitted::Visitor(visitor) = admitted { Some(*visitor) } else { None }
    }
}
