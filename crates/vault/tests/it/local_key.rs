//! Where the `local` KMS takes its key from.

use std::{
    fs::{self, Permissions},
    io::Write,
    os::{
        fd::AsRawFd,
        unix::fs::{MetadataExt, PermissionsExt},
    },
    path::Path,
    sync::Arc,
};

use portcullis_domain::Secret;
use portcullis_vault::{
    Kms,
    kms::local::{LocalKeyError, LocalKms},
};
use tempfile::TempDir;

use crate::{secrecy::in_child, support::Random};

const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const BASE64: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn key_bytes() -> Vec<u8> {
    (0..32).collect()
}

fn expected_id() -> String {
    let kms = LocalKms::try_new(&Secret::new(key_bytes()), String::new(), Arc::new(Random));
    kms.unwrap_or_else(|e| panic!("{e}")).key_id().to_owned()
}

fn read(path: &Path) -> Result<String, LocalKeyError> {
    LocalKms::from_file(path, Arc::new(Random)).map(|kms| kms.key_id().to_owned())
}

fn file(directory: &TempDir, content: &[u8], mode: u32) -> std::path::PathBuf {
    let path = directory.path().join("kms.key");
    drop(fs::remove_file(&path));
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn a_key_file_holds_bytes_hex_or_base64() {
    let directory = TempDir::new().unwrap();
    let forms =
        [key_bytes(), HEX.into(), format!("{HEX}\n").into(), format!(" {BASE64}\r\n").into()];
    for form in forms {
        assert_eq!(read(&file(&directory, &form, 0o600)).unwrap(), expected_id());
    }
    let not_hex = HEX.replace('f', "g");
    for not_a_key in ["", "\n", "password", &HEX[1..], &format!("{HEX}00"), &not_hex] {
        let error = read(&file(&directory, not_a_key.as_bytes(), 0o600)).unwrap_err();
        assert!(matches!(error, LocalKeyError::Form { .. }), "{error}");
        assert!(not_a_key.trim().is_empty() || !error.to_string().contains(not_a_key), "{error}");
    }
}

#[test]
fn a_key_file_that_others_can_reach_is_refused() {
    let directory = TempDir::new().unwrap();
    for mode in [0o600, 0o400] {
        assert!(read(&file(&directory, HEX.as_bytes(), mode)).is_ok(), "{mode:o}");
    }
    for mode in [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666, 0o777] {
        let error = read(&file(&directory, HEX.as_bytes(), mode)).unwrap_err();
        assert!(matches!(error, LocalKeyError::Mode { .. }), "{mode:o}: {error}");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
    let error = read(directory.path()).unwrap_err();
    assert!(matches!(error, LocalKeyError::NotAFile { .. }), "{error}");
    let error = read(&directory.path().join("missing")).unwrap_err();
    assert!(matches!(error, LocalKeyError::Io { .. }), "{error}");
}

#[test]
fn a_missing_key_file_is_made_once_when_asked() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("kms.key");
    // Several at once, as nodes starting on one data directory.
    let ids: Vec<_> = std::thread::scope(|scope| {
        let make = || {
            let made = LocalKms::from_file_or_create(&path, Arc::new(Random));
            made.unwrap_or_else(|e| panic!("{e}")).key_id().to_owned()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(read(&path).unwrap(), ids[0]);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    let left: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");

    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let refused = LocalKms::from_file_or_create(&path, Arc::new(Random));
    assert!(matches!(refused.err(), Some(LocalKeyError::Mode { .. })));
}

#[test]
fn a_key_comes_through_a_descriptor() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writeln!(writer, "{HEX}").unwrap();
    drop(writer);
    let descriptor = reader.as_raw_fd() as u32;
    let kms = LocalKms::from_descriptor(descriptor, Arc::new(Random));
    assert_eq!(kms.unwrap_or_else(|e| panic!("{e}")).key_id(), expected_id());
    let closed = LocalKms::from_descriptor(987_654, Arc::new(Random));
    assert!(matches!(closed.err(), Some(LocalKeyError::Io { .. })));
}

#[test]
fn a_key_comes_from_the_environment() {
    let variable = "PORTCULLIS_TEST_LOCAL_KEY";
    match std::env::var(variable) {
        Err(_) => {
            let unset = LocalKms::from_environment(variable, Arc::new(Random));
            assert!(matches!(unset.err(), Some(LocalKeyError::Unset { .. })));
            for value in [HEX, BASE64] {
                in_child("local_key::a_key_comes_from_the_environment", &[(variable, value)]);
            }
        }
        Ok(_) => {
            let kms = LocalKms::from_environment(variable, Arc::new(Random));
            assert_eq!(kms.unwrap_or_else(|e| panic!("{e}")).key_id(), expected_id());
            let path = LocalKms::from_environment("PATH", Arc::new(Random));
            assert!(matches!(path.err(), Some(LocalKeyError::Form { .. })));
        }
    }
}
