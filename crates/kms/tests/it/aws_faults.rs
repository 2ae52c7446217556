//! AWS KMS misbehaves.

use std::time::{Duration, Instant};

use portcullis_kms::AwsIdentity;
use portcullis_testkit::kms::{Account, Emulator, Fault, FaultProxy, KeyKind};
use portcullis_vault::{
    KmsFailure, KmsOperation,
    kms::{KmsFactory as _, KmsSettingsError, verify},
};

use crate::support::{aws, context, factory, factory_with, gate, settings};

#[tokio::test]
async fn every_fault_has_its_reason_and_passes_by_itself() {
    let account = Account::at(Emulator::LocalStack).await;
    let key = account.key(KeyKind::Symmetric).await;
    let proxy = FaultProxy::before(account.url()).await;
    let kms = aws(gate(&account), &key.arn, proxy.url()).unwrap();
    let made = kms.generate(context()).await.ok().unwrap();
    let error = |status, code| Fault::Error { status, code, message: "" };
    for (fault, expected) in [
        (Fault::throttling(), KmsFailure::Throttled),
        (Fault::internal(), KmsFailure::ServiceFault),
        (error(500, "DependencyTimeoutException"), KmsFailure::ServiceFault),
        (error(500, "KeyUnavailableException"), KmsFailure::ServiceFault),
        (Fault::Status(503), KmsFailure::ServiceFault),
        (Fault::expired_credentials(), KmsFailure::CredentialsExpired),
        (Fault::clock_skew(), KmsFailure::ClockSkew),
        (error(400, "RequestTimeTooSkewed"), KmsFailure::ClockSkew),
        (error(400, "IncorrectKeyException"), KmsFailure::WrongKey),
        (error(400, "DisabledException"), KmsFailure::Disabled),
        (error(400, "AccessDeniedException"), KmsFailure::Denied),
        (Fault::Reset, KmsFailure::Unreachable),
        (Fault::Cut, KmsFailure::Unreachable),
        (Fault::Garbage, KmsFailure::Unexpected),
        (Fault::Status(404), KmsFailure::Unexpected),
    ] {
        proxy.set(fault.clone());
        let refused = kms.unwrap(context(), &made.wrapped).await.err().unwrap();
        assert_eq!(refused.failure, expected, "{fault:?}: {refused}");
        assert_eq!(refused.operation, KmsOperation::Unwrap);
        proxy.set(Fault::Pass);
        assert!(kms.unwrap(context(), &made.wrapped).await.is_ok(), "after {fault:?}");
    }
}

#[tokio::test]
async fn what_may_pass_is_tried_twice_and_a_refusal_once() {
    let account = Account::at(Emulator::LocalStack).await;
    let key = account.key(KeyKind::Symmetric).await;
    let proxy = FaultProxy::before(account.url()).await;
    let kms = aws(gate(&account), &key.arn, proxy.url()).unwrap();
    for fault in [Fault::throttling(), Fault::internal(), Fault::Reset] {
        proxy.set_for(1, fault.clone());
        proxy.forget();
        assert!(kms.generate(context()).await.is_ok(), "{fault:?}");
        assert_eq!(proxy.seen().len(), 2, "{fault:?}");
    }
    proxy.set(Fault::throttling());
    proxy.forget();
    assert!(kms.generate(context()).await.is_err());
    assert_eq!(proxy.seen().len(), 2, "the vault waits before it asks again");
    proxy.set(Fault::Error { status: 400, code: "AccessDeniedException", message: "" });
    proxy.forget();
    assert!(kms.generate(context()).await.is_err());
    assert_eq!(proxy.seen().len(), 1);
}

#[tokio::test]
async fn a_slow_answer_is_waited_for_and_a_missing_one_is_not() {
    let account = Account::at(Emulator::LocalStack).await;
    let key = account.key(KeyKind::Symmetric).await;
    let proxy = FaultProxy::before(account.url()).await;
    let kms = aws(gate(&account), &key.arn, proxy.url()).unwrap();
    proxy.set(Fault::Slow(Duration::from_millis(500)));
    assert!(kms.generate(context()).await.is_ok());
    proxy.set(Fault::Hang);
    let begun = Instant::now();
    let error = kms.generate(context()).await.err().unwrap();
    assert_eq!(error.failure, KmsFailure::Unreachable, "{error}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn nobody_there_and_no_credentials_are_told_apart() {
    let account = Account::at(Emulator::LocalStack).await;
    let key = account.key(KeyKind::Symmetric).await;
    let nobody = {
        let proxy = FaultProxy::before(account.url()).await;
        proxy.url().to_owned()
    };
    let kms = aws(gate(&account), &key.arn, &nobody).unwrap();
    let error = verify(&*kms, context()).await.unwrap_err();
    assert_eq!(error.failure, KmsFailure::Unreachable, "{error}");
    // Credentials that a source of the chain cannot give: this machine is on no cloud.
    let kms = aws(AwsIdentity::default(), &key.arn, account.url()).unwrap();
    let error = tokio::time::timeout(Duration::from_secs(30), verify(&*kms, context())).await;
    let error = error.unwrap().unwrap_err();
    let expected = [KmsFailure::CredentialsMissing, KmsFailure::Unreachable];
    assert!(expected.contains(&error.failure), "{error}");
    assert!(error.failure.is_transient());
}

#[tokio::test]
async fn settings_that_make_no_sense_or_lead_astray_are_refused() {
    let key = "arn:aws:kms:us-east-1:111122223333:key/k";
    let role = "arn:aws:iam::111122223333:role/r";
    let refused = |parameters: &[(&str, &str)]| -> KmsSettingsError {
        factory(AwsIdentity::default()).connect(&settings("aws", parameters)).err().unwrap()
    };
    for (parameters, named) in [
        (&[("key_arn", "nonsense key")][..], "key_arn"),
        (&[("key_arn", "arn:aws:s3:::bucket")], "key_arn"),
        (&[("key_arn", "alias/x")], "region"),
        (&[("key_arn", key), ("region", "eu-west-1")], "region"),
        (&[("key_arn", key), ("role_arn", "r")], "role_arn"),
        (&[("key_arn", key), ("external_id", "abc")], "external_id"),
        (&[("key_arn", key), ("role_arn", role), ("external_id", "a b")], "external_id"),
        (
            &[
                ("key_arn", key),
                ("role_arn", role),
                // Another organisation's id, which its role's trust policy asks for.
                ("external_id", "0190b7a2-3f4c-7d8e-9a1b-2c3d4e5f6a7c"),
            ],
            "external_id",
        ),
        (&[("key_arn", key), ("role_arn", role), ("external_id", "instance")], "external_id"),
        (&[("key_arn", key), ("endpoint", "kms.test")], "endpoint"),
        (&[("key_arn", key), ("endpoint", "http://kms.example.com")], "endpoint"),
        (&[("key_arn", key), ("endpoint", "https://kms.example.com/path")], "endpoint"),
        (&[("key_arn", key), ("endpoint", "https://169.254.169.254")], "endpoint"),
        (&[("key_arn", key), ("endpoint", "https://user@kms.example.com")], "endpoint"),
        (&[("key_arn", key), ("endpoint", "https://10.0.0.1")], "endpoint"),
    ] {
        assert_eq!(refused(parameters).parameter, named, "{parameters:?}");
    }
    // A name that the text rules let pass is checked again where it is dialled.
    let closed = factory_with(gate(&Account::at(Emulator::LocalStack).await), "10.1.2.3");
    let given = settings("aws", &[("key_arn", key), ("endpoint", "https://kms.localtest.example")]);
    let kms = closed.connect(&given).unwrap();
    assert!(verify(&*kms, context()).await.is_err());
    let unknown = factory(AwsIdentity::default()).connect(&settings("none", &[])).err().unwrap();
    assert_eq!(unknown.parameter, "provider");
}
