//! One route: what it is asked with, who may ask, what serves it, and what is said of it.

use std::{any::TypeId, future::Future, pin::Pin, sync::Arc};

use http::Method;
use portcullis_control::{Caller, Person};
use portcullis_domain::{AuditAction, AuditResource, Scope};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;

use crate::{
    answer::{Answer, Reply},
    ask::{Ask, Guest, Incoming, Visitor},
    body::NoBody,
    error::ApiError,
    query::Param,
};

/// A row of the table of routes.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) door: Door,
    pub(crate) action: AuditAction,
    pub(crate) resource: AuditResource,
    /// What it does, in one line.
    pub(crate) summary: &'static str,
    pub(crate) params: &'static [Param],
    /// Whether the use case itself tells the audit trail of a reading.
    pub(crate) tells_itself: bool,
    /// The schema of the body it takes, if it takes one.
    pub(crate) body: Option<fn(&mut SchemaGenerator) -> Schema>,
    /// The media types it answers with, and their schemas.
    pub(crate) answers: fn(&mut SchemaGenerator) -> Vec<(&'static str, Schema)>,
    pub(crate) serve: Serve,
}

/// Who may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Everybody.
    Open,
    /// Whoever is signed in.
    Session,
    /// Whoever holds one of these scopes somewhere, with a key or signed in. What they may do where
    /// is asked again by the use case.
    Scopes(&'static [Scope]),
}

/// What may be known of a route from outside.
#[derive(Clone, Debug)]
pub struct RouteInfo {
    /// The method.
    pub method: Method,
    /// The path with its parameters in braces.
    pub path: &'static str,
    /// Who may come in.
    pub door: Door,
    /// What the audit trail calls the act.
    pub action: AuditAction,
    /// What the audit trail calls the thing.
    pub resource: AuditResource,
}

/// Serves a request whose sender has been let in.
pub(crate) type Serve = Arc<dyn Fn(Incoming) -> Serving + Send + Sync>;

pub(crate) type Serving = Pin<Box<dyn Future<Output = Result<Reply, ApiError>> + Send>>;

/// What the audit trail calls a route's act, and what it is done to.
pub(crate) type Audited = (AuditAction, AuditResource);

/// A route for whoever holds one of those scopes.
pub(crate) fn admin<B, R, F, Fut>(
    method: Method,
    path: &'static str,
    scopes: &'static [Scope],
    audited: Audited,
    summary: &'static str,
    handler: F,
) -> Route
where
    B: DeserializeOwned + JsonSchema + Send + 'static,
    R: Answer,
    F: Fn(Ask<Caller, B>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, ApiError>> + Send + 'static,
{
    row(method, path, Door::Scopes(scopes), audited, summary, handler)
}

/// A route for whoever is signed in.
pub(crate) fn own<B, R, F, Fut>(
    method: Method,
    path: &'static str,
    audited: Audited,
    summary: &'static str,
    handler: F,
) -> Route
where
    B: DeserializeOwned + JsonSchema + Send + 'static,
    R: Answer,
    F: Fn(Ask<Person, B>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, ApiError>> + Send + 'static,
{
    row(method, path, Door::Session, audited, summary, handler)
}

/// A route for everybody.
pub(crate) fn open<B, R, F, Fut>(
    method: Method,
    path: &'static str,
    audited: Audited,
    summary: &'static str,
    handler: F,
) -> Route
where
    B: DeserializeOwned + JsonSchema + Send + 'static,
    R: Answer,
    F: Fn(Ask<Visitor, B>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, ApiError>> + Send + 'static,
{
    row(method, path, Door::Open, audited, summary, handler)
}

impl Route {
    /// The parameters of its query.
    pub(crate) fn query(mut self, params: &'static [Param]) -> Self {
        self.params = params;
        self
    }

    /// Its use case tells the audit trail of a reading.
    pub(crate) fn telling_itself(mut self) -> Self {
        self.tells_itself = true;
        self
    }

    pub(crate) fn info(&self) -> RouteInfo {
        RouteInfo {
            method: self.method.clone(),
            path: self.path,
            door: self.door,
            action: self.action,
            resource: self.resource,
        }
    }

    /// Whether it changes something.
    pub(crate) fn is_unsafe(&self) -> bool {
        !self.method.is_safe()
    }
}

fn row<W, B, R, F, Fut>(
    method: Method,
    path: &'static str,
    door: Door,
    (action, resource): Audited,
    summary: &'static str,
    handler: F,
) -> Route
where
    W: Guest,
    B: DeserializeOwned + JsonSchema + Send + 'static,
    R: Answer,
    F: Fn(Ask<W, B>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, ApiError>> + Send + 'static,
{
    let takes_body = TypeId::of::<B>() != TypeId::of::<NoBody>();
    let body: fn(&mut SchemaGenerator) -> Schema = |generator| generator.subschema_for::<B>();
    let handler = Arc::new(handler);
    let serve = move |incoming: Incoming| -> Serving {
        let handler = Arc::clone(&handler);
        Box::pin(async move { Ok(handler(Ask::read(incoming)?).await?.into_reply()) })
    };
    Route {
        method,
        path,
        door,
        action,
        resource,
        summary,
        params: &[],
        tells_itself: false,
        body: takes_body.then_some(body),
        answers: R::documented,
        serve: Arc::new(serve),
    }
}
