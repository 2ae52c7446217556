//! The door: who sends a request, whether they may come in, and what the audit trail is told when
//! nothing came of it. Every route passes here; a handler cannot be reached otherwise.

use std::{net::IpAddr, sync::Arc};

use axum::{
    body::Body,
    extract::{FromRequestParts as _, RawPathParams, State},
    routing::{MethodFilter, MethodRouter, on},
};
use http::{
    HeaderMap, Request,
    header::{AUTHORIZATION, HOST, ORIGIN, SET_COOKIE, USER_AGENT},
    request::Parts,
};
use http_body::Body as _;
use portcullis_control::{Asked, Caller, Control, ControlError, Person, Refused};
use portcullis_domain::{ActorKind, AuditOrigin, Scope, Secret, Session};
use portcullis_identity::SecretToken;

use crate::{
    answer::Reply,
    ask::{Admitted, Incoming, Visitor},
    body,
    cookie::{self, Cookie},
    error::ApiError,
    query::Query,
    route::{Door, Route},
    trace::TraceId,
};

/// The address that a request came from, put into its extensions by whoever accepted the
/// connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// A request at the door.
struct AtDoor<'r> {
    control: &'r Control,
    route: &'r Route,
    headers: &'r HeaderMap,
    origin: AuditOrigin,
    /// Who it comes from, once that is known: for the audit trail.
    known: Option<Caller>,
    /// The session that was presented.
    session: Option<Session>,
    /// A session's new token, when it was time for one.
    fresh: Option<SecretToken>,
}

/// The route as the router takes it.
pub(crate) fn method(route: Route) -> MethodRouter<Control> {
    // Every method of the table is one that filters know.
    let filter = MethodFilter::try_from(route.method.clone()).unwrap_or(MethodFilter::GET);
    let route = Arc::new(route);
    on(filter, move |State(control): State<Control>, request: Request<Body>| {
        serve(control, Arc::clone(&route), request)
    })
}

async fn serve(control: Control, route: Arc<Route>, request: Request<Body>) -> Reply {
    let (mut parts, body) = request.into_parts();
    let path = path(&mut parts).await;
    let mut door = AtDoor {
        control: &control,
        route: &route,
        headers: &parts.headers,
        origin: origin(&parts),
        known: None,
        session: None,
        fresh: None,
    };
    let id = path.as_ref().ok().and_then(|path| path.last()).map(|(_, value)| value.clone());
    let asked = Asked { action: route.action, resource: route.resource, id: id.as_deref() };
    let outcome = async {
        let mut who = door.admit().await?;
        let path = path?;
        let query = Query::read(&parts.uri, route.params)?;
        let is_whole = body.is_end_stream();
        let body = body::collect(body).await?;
        if !is_whole {
            // It came as slowly as its sender liked, and much can be revoked meanwhile.
            who = door.admit_still(who).await?;
        }
        let incoming = Incoming { control: control.clone(), who, path, query, body };
        let reply = (route.serve)(incoming).await?;
        door.tell_use(&asked).await?;
        Ok(reply)
    };
    let outcome: Result<Reply, ApiError> = outcome.await;
    let mut reply = match outcome {
        Ok(reply) => reply,
        Err(error) => {
            door.tell_refusal(&asked, &error).await;
            error.into_reply()
        }
    };
    // A handler's own word about the session is the last one.
    if let Some(token) = door.fresh
        && !reply.headers().contains_key(SET_COOKIE)
    {
        Cookie::Session(token).put(reply.headers_mut());
    }
    reply
}

impl AtDoor<'_> {
    /// Lets somebody in, or not.
    async fn admit(&mut self) -> Result<Admitted, ApiError> {
        match self.route.door {
            Door::Open => {
                self.check_same_origin()?;
                let presented = self.person().await.ok();
                let person = presented.clone();
                let person = person.filter(|person| self.check_csrf(person).is_ok());
                let visitor = Visitor { origin: self.origin.clone(), person, presented };
                Ok(Admitted::Visitor(Box::new(visitor)))
            }
            Door::Session => {
                let person = self.person().await?;
                self.known = person.caller().ok();
                self.check_same_origin()?;
                self.check_csrf(&person)?;
                Ok(Admitted::Person(Box::new(person)))
            }
            Door::Scopes(_) => {
                let caller = match self.key() {
                    Some(key) => self.authenticate(&key)?,
                    None if cookie::token(self.headers).is_some() => {
                        let person = self.person().await?;
                        let caller = person.caller()?;
                        self.known = Some(caller.clone());
                        self.check_same_origin()?;
                        self.check_csrf(&person)?;
                        caller
                    }
                    None => return Err(ControlError::KeyUnknown.into()),
                };
                Ok(Admitted::Caller(Box::new(self.check_scopes(caller)?)))
            }
        }
    }

    /// Whoever was let in, as they are by now, if they may come in still. The token is not looked
    /// at once more: its grace may be over, which is nobody's theft.
    async fn admit_still(&mut self, admitted: Admitted) -> Result<Admitted, ApiError> {
        let known = self.known.clone();
        let still = self.look_again(admitted).await;
        // The trail is told of those who were known before.
        self.known = self.known.take().or(known);
        still
    }

    async fn look_again(&mut self, admitted: Admitted) -> Result<Admitted, ApiError> {
        Ok(match admitted {
            Admitted::Visitor(visitor) => {
                let mut visitor = *visitor;
                if visitor.presented.is_some() {
                    visitor.presented = self.person_still().await.ok();
                    visitor.person = visitor.person.and_then(|_| visitor.presented.clone());
                }
                Admitted::Visitor(Box::new(visitor))
            }
            Admitted::Person(_) => {
                let person = self.person_still().await?;
                self.known = person.caller().ok();
                Admitted::Person(Box::new(person))
            }
            Admitted::Caller(_) => {
                let caller = match self.key() {
                    Some(key) => self.authenticate(&key)?,
                    None => self.person_still().await?.caller()?,
                };
                Admitted::Caller(Box::new(self.check_scopes(caller)?))
            }
        })
    }

    fn check_scopes(&mut self, caller: Caller) -> Result<Caller, ApiError> {
        self.known = Some(caller.clone());
        let Door::Scopes(scopes) = self.route.door else { return Ok(caller) };
        if !scopes.iter().any(|scope| caller.actor.holds_somewhere(*scope)) {
            return Err(ControlError::ScopeMissing(scopes[0]).into());
        }
        Ok(caller)
    }

    /// `x-portkey-api-key`, or a bearer token when that is absent (admin reference §1).
    fn key(&self) -> Option<Secret<String>> {
        let text = |name| self.headers.get(name).and_then(|value| value.to_str().ok());
        let key = text("x-portkey-api-key").map(str::trim).filter(|text| !text.is_empty());
        let bearer = || {
            let text = text(AUTHORIZATION.as_str())?.trim();
            match text.split_at_checked(7) {
                Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer ") => {
                    Some(token.trim())
                }
                _ => Some(text),
            }
        };
        key.or_else(bearer).map(|key| Secret::new(key.to_owned()))
    }

    fn authenticate(&mut self, key: &Secret<String>) -> Result<Caller, ApiError> {
        let known = self.control.authenticate(key.danger_expose(), self.origin.clone());
        known.map_err(|Refused { error, caller }| {
            self.known = caller.map(|caller| *caller);
            error.into()
        })
    }

    async fn person(&mut self) -> Result<Person, ApiError> {
        let token = cookie::token(self.headers).ok_or(ControlError::NotSignedIn)?;
        let origin = self.origin.clone();
        let (person, fresh) = self.control.person(origin, token.danger_expose()).await?;
        self.session = Some(person.session.clone());
        self.fresh = fresh;
        Ok(person)
    }

    async fn person_still(&self) -> Result<Person, ApiError> {
        let token = cookie::token(self.headers).ok_or(ControlError::NotSignedIn)?;
        let session = self.session.as_ref().ok_or(ControlError::NotSignedIn)?;
        let origin = self.origin.clone();
        Ok(self.control.person_still(origin, session, token.danger_expose()).await?)
    }

    /// What changes something, and is not sent with a key, must come from our own pages, as far as
    /// the browser tells.
    fn check_same_origin(&self) -> Result<(), ApiError> {
        if !self.route.is_unsafe() {
            return Ok(());
        }
        body::refuse_forms(self.headers)?;
        let text = |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok());
        let is_ours = match text("sec-fetch-site") {
            Some(site) => matches!(site, "same-origin" | "none"),
            None => match text(ORIGIN.as_str()) {
                None => true,
                Some(origin) => {
                    let host = origin.split_once("://").map(|(_, host)| host);
                    host.is_some() && host == text(HOST.as_str())
                }
            },
        };
        if is_ours { Ok(()) } else { Err(ControlError::Forged.into()) }
    }

    fn check_csrf(&self, person: &Person) -> Result<(), ApiError> {
        if !self.route.is_unsafe() {
            return Ok(());
        }
        let presented = self.headers.get("x-csrf-token").and_then(|value| value.to_str().ok());
        Ok(self.control.check_csrf(person.session.id, presented)?)
    }

    /// A key that read with an administrative scope is told of, before its answer goes out. What
    /// changes something has been told of with the change itself.
    async fn tell_use(&self, asked: &Asked<'_>) -> Result<(), ApiError> {
        let (Door::Scopes(scopes), Some(caller)) = (self.route.door, &self.known) else {
            return Ok(());
        };
        let is_key = matches!(caller.actor.kind(), ActorKind::ApiKey(..) | ActorKind::Token(_));
        if self.route.is_unsafe() || self.route.tells_itself || !is_key {
            return Ok(());
        }
        let is_administrative = |scope: &&Scope| !Scope::USE.contains(scope);
        let used = scopes.iter().filter(is_administrative);
        let Some(scope) = used.copied().find(|scope| caller.actor.holds_somewhere(*scope)) else {
            return Ok(());
        };
        Ok(self.control.tell_use(caller, asked, scope).await?)
    }

    /// What was denied is told of, and what was to change something and did not.
    async fn tell_refusal(&self, asked: &Asked<'_>, error: &ApiError) {
        let Some(caller) = &self.known else { return };
        if !self.route.is_unsafe() && !error.is_denial() {
            return;
        }
        let told = self.control.tell_refusal(caller, asked, error.outcome(), error.scope()).await;
        if let Err(failure) = told {
            // Nothing was done; the trail lacks only that it was tried.
            tracing::error!(error = %failure, "the audit trail cannot be told of a refusal");
        }
    }
}

/// From where a request comes, as the audit trail says it.
fn origin(parts: &Parts) -> AuditOrigin {
    let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let trace = parts.extensions.get::<TraceId>().and_then(|id| id.0.to_str().ok());
    AuditOrigin {
        request_id: trace.map(str::to_owned),
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().filter(|query| !query.is_empty()).map(str::to_owned),
        client: parts.extensions.get::<Peer>().map(|peer| peer.0),
        user_agent: text(USER_AGENT).map(str::to_owned),
    }
}

/// The path's parameters.
async fn path(parts: &mut Parts) -> Result<Vec<(String, String)>, ApiError> {
    let unreadable = || ApiError::Malformed("the path cannot be read".to_owned());
    let params = RawPathParams::from_request_parts(parts, &()).await.map_err(|_| unreadable())?;
    let pairs: Vec<_> =
        params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    if pairs.iter().any(|(_, value)| value.contains('\0')) {
        return Err(unreadable());
    }
    Ok(pairs)
}
