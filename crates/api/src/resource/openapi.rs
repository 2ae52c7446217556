//! `/openapi.json`.

use http::Method;
use portcullis_domain::{AuditAction, AuditResource};
use serde_json::{Map, Value};

use crate::{
    answer::Json,
    ask::{Ask, Visitor},
    body::NoBody,
    error::ApiError,
    route::{Route, open},
};

pub(crate) fn routes() -> Vec<Route> {
    vec![open(
        Method::GET,
        "/v1/openapi.json",
        (AuditAction::Read, AuditResource::Organisation),
        "This document",
        document,
    )]
}

async fn document(_: Ask<Visitor, NoBody>) -> Result<Json<Map<String, Value>>, ApiError> {
    match crate::openapi() {
        Value::Object(document) => Ok(Json(document)),
        _ => Ok(Json(Map::new())),
    }
}
