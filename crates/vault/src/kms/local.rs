//! The `local` KMS: a 32-byte key that the operator keeps in a file, an environment variable or
//! behind a file descriptor. For a single machine, and for trying things out.
//!
//! A wrapped key is `1 │ nonce 12 │ ciphertext 32 │ tag 16`: AES-256-GCM with the key's id and the
//! encryption context as associated data. Random nonces are safe here: a key wraps a few data keys
//! a year, far from the 2^32 at which they would not be.

use std::{path::Path, sync::Arc};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
};
use portcullis_domain::{Dice, Secret};

use super::{
    DATA_KEY_LEN, EncryptionContext, GeneratedKey, Kms, KmsDescription, KmsError, KmsFailure,
    KmsFuture, KmsOperation, local_key,
};

pub use super::local_key::LocalKeyError;

/// A KMS whose key-encryption key is in this process.
pub struct LocalKms {
    key: LessSafeKey,
    key_id: String,
    origin: String,
    dice: Arc<dyn Dice>,
}

const FORMAT: u8 = 1;

impl LocalKms {
    /// Reads the key from a file that only its owner, this process's user or root, can read. The
    /// file holds 32 bytes, or their hex or base64 form.
    pub fn from_file(path: &Path, dice: Arc<dyn Dice>) -> Result<Self, LocalKeyError> {
        Self::try_new(&local_key::read_file(path)?, path.display().to_string(), dice)
    }

    /// As [`Self::from_file`], making the file with a new key when there is none. When several
    /// processes do so at once, all end up with the same key.
    pub fn from_file_or_create(path: &Path, dice: Arc<dyn Dice>) -> Result<Self, LocalKeyError> {
        local_key::create_file(path, &*dice)?;
        Self::from_file(path, dice)
    }

    /// Reads the key in hex or base64 from an environment variable. Whoever may read this
    /// process's environment may read it too: prefer a file.
    pub fn from_environment(variable: &str, dice: Arc<dyn Dice>) -> Result<Self, LocalKeyError> {
        let key = local_key::read_variable(variable)?;
        Self::try_new(&key, format!("environment variable {variable}"), dice)
    }

    /// Reads the key from an open file descriptor, a pipe for one, until its end. The forms are
    /// those of [`Self::from_file`].
    pub fn from_descriptor(descriptor: u32, dice: Arc<dyn Dice>) -> Result<Self, LocalKeyError> {
        let key = local_key::read_descriptor(descriptor)?;
        Self::try_new(&key, format!("file descriptor {descriptor}"), dice)
    }

    /// Takes the 32 bytes themselves. `origin` says where they come from, for the overview.
    pub fn try_new(
        key: &Secret<Vec<u8>>,
        origin: String,
        dice: Arc<dyn Dice>,
    ) -> Result<Self, LocalKeyError> {
        let bytes = key.danger_expose();
        let cipher = UnboundKey::new(&AES_256_GCM, bytes)
            .map_err(|_| LocalKeyError::Length { origin: origin.clone(), length: bytes.len() })?;
        Ok(Self { key: LessSafeKey::new(cipher), key_id: key_id(bytes), origin, dice })
    }

    fn associated_data(&self, context: EncryptionContext) -> Aad<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut push = |part: &str| {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        };
        push("portcullis local kms 1");
        push(&self.key_id);
        for (name, value) in context.pairs() {
            push(name);
            push(&value);
        }
        Aad::from(bytes)
    }

    fn wrap_now(
        &self,
        context: EncryptionContext,
        data_key: &Secret<Vec<u8>>,
    ) -> Result<Vec<u8>, KmsError> {
        let mut nonce = [0; NONCE_LEN];
        self.dice.fill(&mut nonce);
        let mut wrapped = Vec::with_capacity(1 + NONCE_LEN + DATA_KEY_LEN + AES_256_GCM.tag_len());
        wrapped.push(FORMAT);
        wrapped.extend_from_slice(&nonce);
        wrapped.extend_from_slice(data_key.danger_expose());
        let tag = self
            .key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                self.associated_data(context),
                &mut wrapped[1 + NONCE_LEN..],
            )
            .map_err(|_| failed(KmsOperation::Wrap, "the cipher refused to wrap"))?;
        wrapped.extend_from_slice(tag.as_ref());
        Ok(wrapped)
    }

    fn unwrap_now(
        &self,
        context: EncryptionContext,
        wrapped: &[u8],
    ) -> Result<Secret<Vec<u8>>, KmsError> {
        let rest = wrapped.strip_prefix(&[FORMAT]);
        let (nonce, rest) = rest
            .and_then(|rest| rest.split_first_chunk::<NONCE_LEN>())
            .ok_or_else(|| failed(KmsOperation::Unwrap, "its form is unknown"))?;
        let (ciphertext, tag) = rest
            .len()
            .checked_sub(AES_256_GCM.tag_len())
            .map(|at| rest.split_at(at))
            .ok_or_else(|| failed(KmsOperation::Unwrap, "it is cut off"))?;
        let mut data_key = zeroize::Zeroizing::new(vec![0; ciphertext.len()]);
        self.key
            .open_separate_gather(
                Nonce::assume_unique_for_key(*nonce),
                self.associated_data(context),
                ciphertext,
                tag,
                &mut data_key,
            )
            .map_err(|_| {
                failed(
                    KmsOperation::Unwrap,
                    "it was wrapped under another key or for another organisation",
                )
            })?;
        Ok(Secret::new(std::mem::take(&mut *data_key)))
    }
}

impl Kms for LocalKms {
    fn name(&self) -> &'static str {
        "local"
    }

    fn key_id(&self) -> &str {
        &self.key_id
    }

    fn generate(&self, context: EncryptionContext) -> KmsFuture<'_, GeneratedKey> {
        let mut plaintext = vec![0; DATA_KEY_LEN];
        self.dice.fill(&mut plaintext);
        let plaintext = Secret::new(plaintext);
        let wrapped = self.wrap_now(context, &plaintext);
        let generated = wrapped.map(|wrapped| GeneratedKey { plaintext, wrapped });
        Box::pin(std::future::ready(generated))
    }

    fn wrap<'a>(
        &'a self,
        context: EncryptionContext,
        data_key: &'a Secret<Vec<u8>>,
    ) -> KmsFuture<'a, Vec<u8>> {
        Box::pin(std::future::ready(self.wrap_now(context, data_key)))
    }

    fn unwrap<'a>(
        &'a self,
        context: EncryptionContext,
        wrapped: &'a [u8],
    ) -> KmsFuture<'a, Secret<Vec<u8>>> {
        Box::pin(std::future::ready(self.unwrap_now(context, wrapped)))
    }

    fn describe(&self) -> KmsFuture<'_, KmsDescription> {
        let description =
            KmsDescription { key_id: self.key_id.clone(), origin: self.origin.clone() };
        Box::pin(std::future::ready(Ok(description)))
    }
}

/// A fingerprint: tells keys apart and gives nothing of them away.
fn key_id(key: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let digest = hmac::sign(&key, b"portcullis local kms key id");
    digest.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn failed(operation: KmsOperation, detail: &str) -> KmsError {
    KmsError::new(operation, KmsFailure::Corrupt, detail)
}
