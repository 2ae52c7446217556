//! AWS KMS at both emulators: what works, and what is refused with which reason.

use portcullis_testkit::kms::{Account, Emulator, FaultProxy, KeyKind};
use portcullis_vault::{
    EncryptionContext, KmsError, KmsFailure, Wrapping,
    kms::{KmsFactory as _, verify},
};
use serde_json::json;

use crate::support::{as_user, aws, context, factory, gate, organisation, settings};

/// Runs the same test at both.
macro_rules! at_both_emulators {
    ($($(#[$attribute:meta])* async fn $name:ident($account:ident) $body:block)*) => {$(
        mod $name {
            use super::*;

            async fn test($account: Account) $body

            #[tokio::test]
            async fn moto() {
                test(Account::at(Emulator::Moto).await).await;
            }

            #[tokio::test]
            async fn localstack() {
                test(Account::at(Emulator::LocalStack).await).await;
            }
        }
    )*};
}

fn failure<T>(answer: Result<T, KmsError>) -> KmsFailure {
    match answer {
        Ok(_) => panic!("it was not refused"),
        Err(error) => error.failure,
    }
}

at_both_emulators! {
    async fn a_key_does_all_that_is_needed_of_it(account) {
        let key = account.key(KeyKind::Symmetric).await;
        let kms = aws(gate(&account), &key.arn, account.url()).unwrap();
        let described = verify(&*kms, context()).await.unwrap();
        assert_eq!(described.key_id, key.arn);
        let made = kms.generate(context()).await.ok().unwrap();
        assert_eq!(made.plaintext.danger_expose().len(), 32);
        // Bound to the organisation and the purpose.
        let other = EncryptionContext::sealed_fields(None);
        assert_eq!(failure(kms.unwrap(other, &made.wrapped).await), KmsFailure::Corrupt);
        let mut flipped = made.wrapped.clone();
        *flipped.last_mut().unwrap() ^= 1;
        assert_eq!(failure(kms.unwrap(context(), &flipped).await), KmsFailure::Corrupt);
        assert!(kms.unwrap(context(), &made.wrapped[..10]).await.is_err());
    }

    async fn ids_aliases_and_their_arns_name_a_key(account) {
        let key = account.key(KeyKind::Symmetric).await;
        let name = format!("named-{}", key.id);
        let alias = account.alias(&name, &key).await;
        for named in [&*key.id, &*alias, &format!("alias/{name}")] {
            let mut given = vec![("key_arn", named), ("endpoint", account.url())];
            if !named.starts_with("arn:") {
                given.push(("region", "us-east-1"));
            }
            let factory = factory(gate(&account));
            let mut settings = settings("aws", &given);
            let kms = factory.connect(&settings).unwrap();
            let described = verify(&*kms, context()).await.unwrap();
            assert_eq!(described.key_id, key.arn, "{named}");
            // From here on the key itself is named, wherever the alias goes.
            settings.pinned_key = Some(described.key_id);
            let pinned = factory.connect(&settings).unwrap();
            assert_eq!(pinned.key_id(), key.arn);
            verify(&*pinned, context()).await.unwrap();
        }
    }

    async fn multi_region_keys_work(account) {
        let key = account.key(KeyKind::MultiRegion).await;
        assert!(key.id.starts_with("mrk-"), "{key:?}");
        let kms = aws(gate(&account), &key.arn, account.url()).unwrap();
        // moto cuts such a key's longer id in what it wraps, and does not find it again.
        let is_moto = account.access_key_id != "test";
        let described = if is_moto { kms.describe().await } else { verify(&*kms, context()).await };
        let described = described.unwrap();
        assert!(described.origin.contains("multi-region"), "{described:?}");
        let copy = Wrapping {
            connection: None,
            kms: "aws".to_owned(),
            kms_key_id: key.arn.replace("us-east-1", "eu-west-1"),
            bytes: Vec::new(),
        };
        assert!(kms.opens(&copy), "what a copy of the key wrapped");
    }

    async fn a_data_key_moves_between_keys_without_being_shown(account) {
        let (old, new) =
            (account.key(KeyKind::Symmetric).await, account.key(KeyKind::Symmetric).await);
        let proxy = FaultProxy::before(account.url()).await;
        let kms = aws(gate(&account), &old.arn, proxy.url()).unwrap();
        let made = kms.generate(context()).await.ok().unwrap();
        let from = Wrapping {
            connection: None,
            kms: "aws".to_owned(),
            kms_key_id: old.arn.clone(),
            bytes: made.wrapped,
        };
        proxy.forget();
        let kms = aws(gate(&account), &new.arn, proxy.url()).unwrap();
        let moved = kms.rewrap(context(), &from).unwrap().await.unwrap();
        assert_eq!(proxy.seen().len(), 1);
        let seen = &proxy.seen()[0];
        assert_eq!((&*seen.operation, &seen.json["SourceKeyId"]), ("ReEncrypt", &json!(old.arn)));
        let opened = kms.unwrap(context(), &moved).await.ok().unwrap();
        assert_eq!(opened.danger_expose(), made.plaintext.danger_expose());
        // The other key does not open it any more.
        let kms = aws(gate(&account), &old.arn, account.url()).unwrap();
        let refused = failure(kms.unwrap(context(), &moved).await);
        assert!(matches!(refused, KmsFailure::WrongKey | KmsFailure::Denied), "{refused:?}");
        // Not from another region, nor from another service.
        let kms = aws(gate(&account), &new.arn, account.url()).unwrap();
        for (name, key) in [
            ("aws", old.arn.replace("us-east-1", "eu-west-1")),
            ("local", old.arn.clone()),
            ("aws", "alias/x".to_owned()),
        ] {
            let from = Wrapping { kms: name.to_owned(), kms_key_id: key, ..from.clone() };
            assert!(kms.rewrap(context(), &from).is_none(), "{from:?}");
        }
    }

    async fn new_material_of_a_key_opens_what_the_old_wrapped(account) {
        let key = account.key(KeyKind::Symmetric).await;
        let kms = aws(gate(&account), &key.arn, account.url()).unwrap();
        let made = kms.generate(context()).await.ok().unwrap();
        account.rotate(&key).await;
        let opened = kms.unwrap(context(), &made.wrapped).await.ok().unwrap();
        assert_eq!(opened.danger_expose(), made.plaintext.danger_expose());
        let from = Wrapping {
            connection: None,
            kms: "aws".to_owned(),
            kms_key_id: key.arn.clone(),
            bytes: made.wrapped,
        };
        let anew = kms.rewrap(context(), &from).unwrap().await.unwrap();
        let opened = kms.unwrap(context(), &anew).await.ok().unwrap();
        assert_eq!(opened.danger_expose(), made.plaintext.danger_expose());
    }

    async fn a_key_that_cannot_serve_is_refused_with_the_reason(account) {
        for (kind, expected) in [
            (KeyKind::Rsa, KmsFailure::Asymmetric),
            (KeyKind::Signing, KmsFailure::WrongUsage),
            (KeyKind::Hmac, KmsFailure::WrongUsage),
        ] {
            let key = account.key(kind).await;
            let kms = aws(gate(&account), &key.arn, account.url()).unwrap();
            assert_eq!(failure(verify(&*kms, context()).await), expected, "{kind:?}");
        }
        let key = account.key(KeyKind::Symmetric).await;
        let kms = aws(gate(&account), &key.arn, account.url()).unwrap();
        account.disable(&key).await;
        assert_eq!(failure(verify(&*kms, context()).await), KmsFailure::Disabled);
        account.enable(&key).await;
        verify(&*kms, context()).await.unwrap();
        account.schedule_deletion(&key).await;
        assert_eq!(failure(verify(&*kms, context()).await), KmsFailure::PendingDeletion);
        account.cancel_deletion(&key).await;
        account.enable(&key).await;
        verify(&*kms, context()).await.unwrap();
        let missing = key.arn.replace(&key.id, "00000000-0000-0000-0000-000000000000");
        let kms = aws(gate(&account), &missing, account.url()).unwrap();
        assert_eq!(failure(verify(&*kms, context()).await), KmsFailure::NotFound);
        // The endpoint is that of another region than the key's.
        let elsewhere = key.arn.replace("us-east-1", "eu-west-1");
        let kms = aws(gate(&account), &elsewhere, account.url()).unwrap();
        let refused = failure(verify(&*kms, context()).await);
        assert!(matches!(refused, KmsFailure::NotFound | KmsFailure::WrongRegion), "{refused:?}");
    }

    async fn every_call_names_key_and_context_and_holds_ids_only(account) {
        let key = account.key(KeyKind::Symmetric).await;
        let proxy = FaultProxy::before(account.url()).await;
        let kms = aws(gate(&account), &key.arn, proxy.url()).unwrap();
        verify(&*kms, context()).await.unwrap();
        let expected =
            json!({"organisation": organisation().to_string(), "purpose": "sealed-fields"});
        for seen in proxy.seen() {
            assert_eq!(seen.json["KeyId"], key.arn, "{seen:?}");
            if seen.operation != "DescribeKey" {
                assert_eq!(seen.json["EncryptionContext"], expected, "{seen:?}");
            }
            assert!(seen.headers.contains_key("authorization"), "{seen:?}");
        }
        let operations: Vec<_> = proxy.seen().into_iter().map(|seen| seen.operation).collect();
        let expected = ["DescribeKey", "GenerateDataKey", "Encrypt", "Decrypt", "Decrypt"];
        assert_eq!(operations, expected);
    }

    async fn a_role_is_assumed_with_the_organisations_external_id(account) {
        let key = account.key(KeyKind::Symmetric).await;
        let uses = json!({"Effect": "Allow", "Action": "kms:*", "Resource": "*"});
        // LocalStack has no IAM here; any role will do there.
        let is_moto = account.access_key_id != "test";
        let role = if is_moto {
            account.role("customer-kms", &uses).await
        } else {
            "arn:aws:iam::000000000000:role/customer-kms".to_owned()
        };
        let proxy = FaultProxy::before(Account::at(Emulator::Moto).await.url()).await;
        let moto = Account::at(Emulator::Moto).await;
        let mut identity = gate(&moto);
        identity.sts_endpoint = Some(proxy.url().to_owned());
        let settings = settings("aws", &[
            ("key_arn", &key.arn), ("endpoint", account.url()), ("role_arn", &role),
        ]);
        let kms = factory(identity).connect(&settings).unwrap();
        verify(&*kms, context()).await.unwrap();
        assert_eq!(proxy.count("AssumeRole"), 1, "once for all calls");
        let asked = &proxy.seen()[0].text;
        assert!(asked.contains(&format!("ExternalId={}", organisation())), "{asked}");
        assert!(asked.contains("RoleSessionName=portcullis"), "{asked}");
    }
}

/// Only moto checks who asks.
#[tokio::test]
async fn the_five_uses_and_a_look_are_all_that_must_be_granted() {
    let account = Account::at(Emulator::Moto).await;
    let key = account.key(KeyKind::Symmetric).await;
    let grant =
        |actions: serde_json::Value| json!({"Effect": "Allow", "Action": actions, "Resource": "*"});
    let all = ["kms:DescribeKey", "kms:GenerateDataKey", "kms:Encrypt", "kms:Decrypt"];
    let (id, secret) = account.user("enough", &grant(json!(all))).await;
    let kms = aws(as_user(&id, &secret, &account), &key.arn, account.url()).unwrap();
    verify(&*kms, context()).await.unwrap();
    for (n, missing) in all.iter().enumerate() {
        let rest: Vec<_> = all.iter().filter(|action| *action != missing).collect();
        let (id, secret) = account.user(&format!("lacks-{n}"), &grant(json!(rest))).await;
        let kms = aws(as_user(&id, &secret, &account), &key.arn, account.url()).unwrap();
        let refused = verify(&*kms, context()).await.unwrap_err();
        assert_eq!(refused.failure, KmsFailure::Denied, "{missing}: {refused}");
    }
    // A wrong secret, and a key that nobody knows.
    for (id, secret) in [(&*account.access_key_id, "wrong"), ("AKIAIOSFODNN7EXAMPLE", "wrong")] {
        let kms = aws(as_user(id, secret, &account), &key.arn, account.url()).unwrap();
        let refused = verify(&*kms, context()).await.unwrap_err();
        assert_eq!(refused.failure, KmsFailure::CredentialsInvalid, "{refused}");
        assert!(!refused.to_string().contains("wrong"), "{refused}");
    }
    // A role that we may not assume.
    let (id, secret) = account.user("no-roles", &grant(json!(all))).await;
    let given = settings(
        "aws",
        &[
            ("key_arn", &key.arn),
            ("endpoint", account.url()),
            ("role_arn", "arn:aws:iam::123456789012:role/customer"),
        ],
    );
    let kms = factory(as_user(&id, &secret, &account)).connect(&given).unwrap();
    let refused = verify(&*kms, context()).await.unwrap_err();
    assert_eq!(refused.failure, KmsFailure::Denied, "{refused}");
    assert!(refused.to_string().contains("assuming the role"), "{refused}");
}

#[tokio::test]
async fn the_guide_names_who_asks_and_binds_the_key_to_the_organisation() {
    let account = Account::at(Emulator::Moto).await;
    let factory = factory(gate(&account));
    let key = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let guide = factory.guide(&settings("aws", &[("key_arn", key)])).await.unwrap();
    let principal = guide.principal.unwrap();
    assert!(principal.ends_with(":user/gate"), "{principal}");
    let policy: serde_json::Value = serde_json::from_str(&guide.documents[0].text).unwrap();
    assert_eq!(policy[0]["Principal"]["AWS"], principal);
    let bound = &policy[0]["Condition"]["StringEquals"]["kms:EncryptionContext:organisation"];
    assert_eq!(*bound, organisation().to_string());
    // With a role it is the role that asks, and that trusts us.
    let role = "arn:aws:iam::111122223333:role/customer";
    let given = settings("aws", &[("key_arn", key), ("role_arn", role)]);
    let guide = factory.guide(&given).await.unwrap();
    assert_eq!(guide.principal.as_deref(), Some(role));
    let texts: String = guide.documents.iter().map(|document| &*document.text).collect();
    assert!(texts.contains(&principal) && texts.contains("sts:ExternalId"), "{texts}");
}
