//! The OpenAPI 3.1 document, made from the table of routes: what is documented is what is routed,
//! and its schemas are those of the types that are read and written.

use std::collections::BTreeSet;

use schemars::{
    Schema, SchemaGenerator,
    generate::{Contract, SchemaSettings},
};
use serde_json::{Map, Value, json};

use crate::{
    error::Failure,
    route::{Door, Route},
};

const COMPONENTS: &str = "/components/schemas";
/// Where schemas of what is written are kept until their names are settled.
const WRITTEN: &str = "/components/written";

/// Where each kind of answer that is no success comes from.
const FAILURES: [(&str, &str); 10] = [
    ("400", "A parameter or field makes no sense."),
    ("401", "No valid API key, or nobody is signed in."),
    ("403", "The key or role does not permit it."),
    ("404", "There is no such thing, or it is not the caller's."),
    ("408", "The body did not come in time."),
    ("409", "It clashes with what is there."),
    ("413", "The body is too large."),
    ("429", "Too many attempts."),
    ("500", "A bug."),
    ("503", "The database, the vault or a KMS cannot be used now."),
];

/// The document.
pub(crate) fn document(routes: &[Route]) -> Value {
    let mut read = generator(Contract::Deserialize, COMPONENTS);
    let mut written = generator(Contract::Serialize, WRITTEN);
    let failure = written.subschema_for::<Failure>();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let operation = operation(route, &mut read, &mut written, &failure);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_ascii_lowercase()] = operation;
    }
    let mut schemas = read.take_definitions(true);
    let names: BTreeSet<String> = schemas.keys().cloned().collect();
    for (name, schema) in written.take_definitions(true) {
        schemas.insert(settled(&name, &names), schema);
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Portcullis",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Administration and sign-in. The data plane speaks the providers' own \
                APIs under the same base URL. Everything under /v1 here answers under /v2 too.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "apiKey": {
                    "type": "apiKey", "in": "header", "name": "x-portkey-api-key",
                    "description": "An API key. `Authorization: Bearer` is accepted too.",
                },
                "bearer": {"type": "http", "scheme": "bearer"},
                "session": {
                    "type": "apiKey", "in": "cookie", "name": "__Host-portcullis",
                    "description": "A session. Whatever changes something bears its \
                        x-csrf-token as well.",
                },
            },
        },
    });
    settle(&mut document, &names);
    document
}

/// The name of a schema of what is written: what is read may bear the same one and be another, as a
/// field with a default may be missing in the one and never is in the other.
fn settled(name: &str, read: &BTreeSet<String>) -> String {
    if read.contains(name) { format!("{name}Shown") } else { name.to_owned() }
}

fn settle(value: &mut Value, read: &BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let name = value.as_str().and_then(|text| text.strip_prefix('#'));
                let name = name.and_then(|text| text.strip_prefix(WRITTEN)?.strip_prefix('/'));
                match name.filter(|_| key == "$ref") {
                    Some(name) => *value = json!(format!("#{COMPONENTS}/{}", settled(name, read))),
                    None => settle(value, read),
                }
            }
        }
        Value::Array(array) => array.iter_mut().for_each(|value| settle(value, read)),
        _ => {}
    }
}

fn generator(contract: Contract, path: &'static str) -> SchemaGenerator {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = path.into();
    settings.contract = contract;
    settings.into_generator()
}

fn operation(
    route: &Route,
    read: &mut SchemaGenerator,
    written: &mut SchemaGenerator,
    failure: &Schema,
) -> Value {
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.summary,
        "tags": [tag(route.path)],
        "parameters": parameters(route),
        "responses": responses(route, written, failure),
        "security": security(route.door),
    });
    if let Some(body) = route.body {
        let schema = body(read);
        let required = schema.get("required").is_some_and(|names| *names != json!([]))
            || schema.get("$ref").is_some();
        operation["requestBody"] =
            json!({"required": required, "content": {"application/json": {"schema": schema}}});
    }
    if let Door::Scopes(scopes) = route.door {
        let names: Vec<&str> = scopes.iter().map(|scope| scope.name()).collect();
        operation["x-required-scopes"] = json!(names);
        operation["description"] = json!(format!("Needs {}.", names.join(" or ")));
    }
    operation
}

fn parameters(route: &Route) -> Value {
    let in_path = path_parameters(route.path).map(
        |name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}),
    );
    let in_query = route.params.iter().map(|param| {
        json!({
            "name": param.name, "in": "query", "required": false,
            "description": param.about, "schema": param.schema(),
        })
    });
    in_path.chain(in_query).collect()
}

fn responses(route: &Route, written: &mut SchemaGenerator, failure: &Schema) -> Value {
    let mut content = Map::new();
    for (media, schema) in (route.answers)(written) {
        content.insert(media.to_owned(), json!({"schema": schema}));
    }
    let mut responses = Map::new();
    responses.insert("200".to_owned(), json!({"description": "Done.", "content": content}));
    for (status, about) in FAILURES {
        let applies = match status {
            "401" => route.door != Door::Open || route.path.starts_with("/auth/"),
            "403" => route.door != Door::Open || route.is_unsafe(),
            "409" => route.is_unsafe(),
            "408" | "413" => route.body.is_some(),
            "429" => {
                route.path.starts_with("/auth/")
                    || route.path.contains("/organisation/kms/")
                    || (route.is_unsafe() && route.path.ends_with("/organisation/kms"))
            }
            _ => true,
        };
        if applies {
            let content = json!({"application/json": {"schema": failure}});
            let answer = json!({"description": about, "content": content});
            responses.insert(status.to_owned(), answer);
        }
    }
    Value::Object(responses)
}

fn security(door: Door) -> Value {
    match door {
        Door::Open => json!([]),
        Door::Session => json!([{"session": []}]),
        Door::Scopes(_) => json!([{"apiKey": []}, {"bearer": []}, {"session": []}]),
    }
}

/// `put_v1_admin_workspaces_workspaceId`.
fn operation_id(route: &Route) -> String {
    let path: String = route.path.chars().filter(|c| !matches!(c, '{' | '}')).collect();
    let words = path.split(['/', '-', '.']).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.collect();
    format!("{}_{}", route.method.as_str().to_ascii_lowercase(), words.join("_"))
}

fn tag(path: &str) -> &str {
    let mut segments = path.trim_start_matches('/').split('/');
    match (segments.next(), segments.next(), segments.next()) {
        (Some("auth"), ..) => "auth",
        (_, Some("admin"), Some(noun)) => noun,
        (_, Some(noun), _) => noun,
        _ => "other",
    }
}

fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}
