//! Nothing shows a secret.

use std::{env, process::Command, sync::Arc};

use portcullis_domain::{ApiKeyToken, Secret};
use portcullis_vault::{KeyRing, Pepper, Vault, kms::local::LocalKms, process};
use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

use crate::support::{Random, Setting, Stage, TestKms, organisation, place};

/// Fails to compile when the type implements the trait: then two candidates for `check` apply and
/// neither can be chosen.
macro_rules! lacks {
    ($type:ty: $trait:path) => {
        const _: () = {
            trait Ambiguous<A> {
                fn check() {}
            }
            struct Implements;
            impl<T: ?Sized> Ambiguous<()> for T {}
            impl<T: ?Sized + $trait> Ambiguous<Implements> for T {}
            let _ = <$type as Ambiguous<_>>::check;
        };
    };
}

lacks!(Secret<Vec<u8>>: std::fmt::Debug);
lacks!(Secret<String>: std::fmt::Debug);
lacks!(Secret<String>: std::fmt::Display);
lacks!(Pepper: std::fmt::Debug);
lacks!(LocalKms: std::fmt::Debug);
lacks!(KeyRing: std::fmt::Debug);
lacks!(Vault: std::fmt::Debug);

#[tokio::test]
async fn what_can_be_printed_shows_no_key_and_no_plaintext() {
    let stage = Stage::new();
    let sealed = stage.vault.seal(&place(1), b"canary").await.unwrap();
    let keys = stage.store.inner.clone();
    let other = Stage::with(Setting { kms: TestKms::new(9), keys, ..Setting::default() });
    let printed = format!(
        "{sealed:?} {:?} {:?} {:?}",
        stage.status().await,
        portcullis_vault::DataKeyStore::list(&*stage.store, organisation(1)).await.unwrap(),
        other.vault.open(&place(1), &sealed).await.err(),
    );
    let key = [[1_u8; 32], [9; 32]].map(|key| format!("{key:?}"));
    for secret in ["canary", &key[0], &key[1], "0101010101", "0909090909"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[test]
fn a_pepper_digests_alike_after_being_stored_and_unlike_another() {
    let pepper = Pepper::mint(&Random);
    let token = ApiKeyToken::mint("production", &Random);
    let stored = Secret::new(pepper.danger_expose().to_vec());
    let again = Pepper::from_bytes(stored).ok().unwrap();
    let digest = pepper.digest(token.danger_expose());
    assert_eq!(digest, again.digest(token.danger_expose()));
    assert_ne!(digest, Pepper::mint(&Random).digest(token.danger_expose()));
    assert_ne!(digest, pepper.digest("pck_other"));
    assert!(Pepper::from_bytes(Secret::new(vec![0; 31])).is_err());

    // RFC 4231 has no 32-byte key; this is HMAC-SHA-256 of "token" under 32 zero bytes.
    let zero = Pepper::from_bytes(Secret::new(vec![0; 32])).ok().unwrap();
    let hex: String = zero.digest("token").0.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "3a6a70b57f919d9218bd35c24f98c3e7ae733e60b2e8c81c3be8fcf3de23e065");
}

#[test]
fn no_core_is_dumped() {
    // In a process of its own: the other tests need /proc.
    if env::var("PORTCULLIS_TEST_CHILD").is_err() {
        return in_child("secrecy::no_core_is_dumped", &[("PORTCULLIS_TEST_CHILD", "1")]);
    }
    process::forbid_core_dumps().unwrap();
    assert_eq!(getrlimit(Resource::Core).maximum, Some(0));
    assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    let unlimited = getrlimit(Resource::Memlock).current.is_none();
    assert_eq!(process::lock_memory().unwrap(), unlimited);
}

/// Runs one test of this binary in a process of its own.
pub(crate) fn in_child(test: &str, environment: &[(&str, &str)]) {
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn a_vault_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>(_: &T) {}
    fn sent<T: Send>(_: &T) {}
    let stage = Stage::new();
    shared(&stage.vault);
    let sealed = portcullis_domain::Sealed::from_bytes([&b"PCV1"[..], &[0; 109]].concat()).unwrap();
    let place = place(1);
    sent(&stage.vault.open(&place, &sealed));
    sent(&stage.vault.seal(&place, b"x"));
    sent(&Arc::clone(&stage.vault).maintain());
}
