//! What a customer has to grant in AWS.

use portcullis_vault::{
    EncryptionContext, KmsError,
    kms::{ConnectionSettings, KmsDocument, KmsGuide},
};
use serde_json::{Value, json};

use super::{
    identity::{Role, principal},
    key::{KeyName, is_region, region},
};
use crate::Surroundings;

/// What stands in for our own role where AWS does not tell it.
const UNKNOWN: &str = "arn:aws:iam::ACCOUNT:role/THE-ROLE-PORTCULLIS-RUNS-AS";

pub(super) async fn guide(
    surroundings: &Surroundings,
    settings: &ConnectionSettings,
) -> Result<KmsGuide, KmsError> {
    let key = settings.get("key_arn").and_then(|text| KeyName::parse(text).ok());
    let own = principal(surroundings, &asked_region(key.as_ref(), settings)).await;
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

/// Where AWS is asked who we are. A region becomes a part of a host's name: a text that is none is
/// not used here, and told when the key is connected.
fn asked_region(key: Option<&KeyName>, settings: &ConnectionSettings) -> String {
    let given = settings.get("region");
    let of_key = key.and_then(|key| region(key, given).ok());
    let alone = given.filter(|text| is_region(text)).map(str::to_owned);
    of_key.or(alone).unwrap_or_else(|| "us-east-1".to_owned())
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

#[cfg(test)]
mod tests {
    use portcullis_domain::Secret;
    use portcullis_vault::kms::ConnectionSettings;

    use super::{KeyName, asked_region};

    #[test]
    fn nobody_is_asked_whom_a_region_smuggles_in() {
        let arn = "arn:aws:kms:eu-west-1:111122223333:key/k";
        for (key, region, expected) in [
            (None, None, "us-east-1"),
            (None, Some("eu-central-1"), "eu-central-1"),
            (Some(arn), None, "eu-west-1"),
            (Some("alias/x"), Some("eu-central-1"), "eu-central-1"),
            (None, Some("x@169.254.169.254/?"), "us-east-1"),
            (Some("alias/x"), Some("evil.test/?"), "us-east-1"),
            (Some("alias/x"), Some("x@10.0.0.1:8443/#"), "us-east-1"),
            (Some(arn), Some("evil.test"), "us-east-1"),
        ] {
            let named = key.and_then(|key| KeyName::parse(key).ok());
            let region = region.map(|text| ("region".to_owned(), Secret::new(text.to_owned())));
            let settings = ConnectionSettings {
                provider: "aws".to_owned(),
                organisation: None,
                parameters: region.into_iter().collect(),
                pinned_key: None,
            };
            assert_eq!(asked_region(named.as_ref(), &settings), expected, "{key:?}");
        }
    }
}
