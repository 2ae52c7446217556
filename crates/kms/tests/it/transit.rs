//! HashiCorp Vault's and OpenBao's transit engine, at a stand-in that wraps for real.

use std::time::Duration;

use portcullis_kms::AwsIdentity;
use portcullis_testkit::kms::Transit;
use portcullis_vault::{
    EncryptionContext, KmsFailure,
    kms::{KmsFactory as _, verify},
};

use crate::support::{context, factory, organisation};

#[tokio::test]
async fn a_data_key_goes_there_and_back_for_its_organisation_only() {
    let transit = Transit::start("a-token", Duration::ZERO).await;
    let factory = factory(AwsIdentity::default());
    let connect = |token: &str| {
        let mut given = transit.settings();
        given["token"] = token.into();
        let provider = factory.providers().iter().find(|it| it.name == given["provider"]).unwrap();
        let mut given = given.as_object().unwrap().clone();
        given.remove("provider");
        let settings = provider.read(Some(organisation()), &given).ok().unwrap();
        factory.connect(&settings).unwrap()
    };
    let kms = connect("a-token");
    verify(&*kms, context()).await.unwrap();
    let made = kms.generate(context()).await.ok().unwrap();
    let opened = kms.unwrap(context(), &made.wrapped).await.ok().unwrap();
    assert_eq!(opened.danger_expose(), made.plaintext.danger_expose());
    assert!(transit.plaintexts().contains(opened.danger_expose()));
    let other = EncryptionContext::sealed_fields(None);
    let refused = kms.unwrap(other, &made.wrapped).await.err().unwrap();
    assert_eq!(refused.failure, KmsFailure::Corrupt, "{refused}");
    let refused = connect("another-token").describe().await.err().unwrap();
    assert_eq!(refused.failure, KmsFailure::Denied, "{refused}");
    assert!(!refused.to_string().contains("another-token"), "{refused}");
}
