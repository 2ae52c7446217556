//! What a customer has to grant in AWS.

use portcullis_vault::{
    EncryptionContext, KmsError,
    kms::{ConnectionSettings, KmsDocument, KmsGuide},
};
use serde_json::{Value, json};

use super::{
    identity::{Role, principal},
    key::{KeyName, region},
};
use crate::Surroundings;

/// What stands in for our own role where AWS does not tell it.
const UNKNOWN: &str = "arn:aws:iam::ACCOUNT:role/THE-ROLE-PORTCULLIS-RUNS-AS";

pub(super) async fn guide(
    surroundings: &Surroundings,
    settings: &ConnectionSettings,
) -> Result<KmsGuide, KmsError> {
    let key = settings.get("key_arn").and_then(|text| KeyName::parse(text).ok());
    let region = key.as_ref().and_then(|key| region(key, settings.get("region")).ok());
    let region = region.as_deref().or(settings.get("region")).unwrap_or("us-east-1");
    let own = principal(surroundings, region).await;
    let us = own.as_deref().unwrap_or(UNKNOWN);
    // A role that is not written as one is told when it is connected; here it is left out.
    let role = Role::of(settings).ok().flatten();
    let user = role.as_ref().map_or(us, |role| &role.arn);
    let mut documents = vec![KmsDocument {
        title: "Add these statements to the key's policy".to_owned(),
        text: pretty(&key_statements(user, settings)),
    }];
    if let Some(role) = &role {
        documents.push(KmsDocument {
            title: format!("The trust policy of {}", role.arn),
            text: pretty(&trust_policy(us, role)),
        });
    }
    let is_elsewhere = |key: &KeyName| {
        key.account().is_some_and(|account| !user.contains(&format!("::{account}:")))
    };
    if role.is_some() || key.as_ref().is_some_and(is_elsewhere) {
        documents.push(KmsDocument {
            title: format!("Attach this policy to {user}"),
            text: pretty(&identity_policy(settings)),
        });
    }
    Ok(KmsGuide { principal: Some(user.to_owned()).filter(|user| user != UNKNOWN), documents })
}

const USES: [&str; 5] =
    ["kms:GenerateDataKey", "kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo"];

/// Only for this organisation's data keys: without the condition, another organisation of the same
/// instance could name this key and have it used.
fn condition(settings: &ConnectionSettings) -> Value {
    let context = EncryptionContext::sealed_fields(settings.organisation);
    let pairs = context.pairs().into_iter();
    let pairs = pairs.map(|(name, value)| (format!("kms:EncryptionContext:{name}"), value.into()));
    json!({"StringEquals": pairs.collect::<serde_json::Map<String, Value>>()})
}

fn key_statements(user: &str, settings: &ConnectionSettings) -> Value {
    json!([
        {
            "Sid": "PortcullisUsesThisKey",
            "Effect": "Allow",
            "Principal": {"AWS": user},
            "Action": USES,
            "Resource": "*",
            "Condition": condition(settings),
        },
        {
            "Sid": "PortcullisLooksAtThisKey",
            "Effect": "Allow",
            "Principal": {"AWS": user},
            "Action": "kms:DescribeKey",
            "Resource": "*",
        },
    ])
}

fn trust_policy(us: &str, role: &Role) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"AWS": us},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": role.external_id}},
        }],
    })
}

fn identity_policy(settings: &ConnectionSettings) -> Value {
    let key =
        settings.get("key_arn").filter(|key| key.starts_with("arn:")).unwrap_or("THE-KEY-ARN");
    // A policy names keys, not aliases.
    let key = if key.contains(":alias/") { "THE-KEY-ARN" } else { key };
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": USES, "Resource": key, "Condition": condition(settings)},
            {"Effect": "Allow", "Action": "kms:DescribeKey", "Resource": key},
        ],
    })
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
