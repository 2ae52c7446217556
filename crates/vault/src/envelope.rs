//! The sealed envelope, suite 1: AES-256-GCM under a key of its own for every value.
//!
//! ```text
//! "PCV1" │ suite 1 │ data-key id 16 │ salt 32 │ nonce 12 │ commitment 32 │ ciphertext │ tag 16
//! ```
//!
//! Field key and commitment are the two halves of HKDF-Expand-SHA-256 (RFC 5869) over salt and
//! place. The data key serves as the pseudorandom key as it is: it is 32 uniformly random bytes,
//! for which RFC 5869 §3.3 lets the extract step go, and so it is prepared once for all values.
//! The associated data is the whole header and the place. The commitment is compared before GCM
//! is tried, because GCM alone lets one ciphertext open under two keys.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    error::Unspecified,
};
use hkdf::Hkdf;
use portcullis_domain::{DataKeyId, Dice, Sealed, SealedPlace, Secret};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::scrub::scrub;

/// Why a value could not be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The place belongs to another organisation than the key ring.
    #[error("the place belongs to another organisation than the key ring: a bug in the caller")]
    ForeignPlace,
    /// The table's or field's name is empty or longer than 63 bytes.
    #[error("a sealed field's table and column names must have 1 to 63 bytes")]
    PlaceName,
    /// The value is too large.
    #[error("the value is larger than the 512 MiB that can be sealed at once")]
    TooLarge,
    /// The data key has sealed all it may and could not be rotated.
    #[error("the organisation's data key is used up: run `portcullis vault rotate`")]
    UsedUp,
    /// The cipher refused.
    #[error("the cipher refused to seal")]
    Cipher,
}

/// A value that does not open here. There is one error for all causes, so that nobody can learn
/// from it which part of a forged envelope was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sealed value does not open here: it was changed or moved, or its data key is gone")]
pub struct OpenError;

/// The largest plaintext, in bytes.
const MAX_PLAINTEXT: usize = 512 << 20;
const SUITE: u8 = 1;
const KEY_LEN: usize = 32;
const COMMITMENT_LEN: usize = 32;

// Offsets of the header's parts.
const SUITE_AT: usize = Sealed::MAGIC.len();
const DATA_KEY_AT: usize = SUITE_AT + 1;
const SALT_AT: usize = DATA_KEY_AT + 16;
const NONCE_AT: usize = SALT_AT + 32;
const COMMITMENT_AT: usize = NONCE_AT + 12;
const _: () = assert!(COMMITMENT_AT + COMMITMENT_LEN == Sealed::HEADER_LEN);

/// Seals for `place`, under the data key `id`, the plaintext that `write` appends: about `len`
/// bytes.
pub(crate) fn seal(
    prk: &Hkdf<Sha256>,
    id: DataKeyId,
    dice: &dyn Dice,
    place: &SealedPlace,
    len: usize,
    write: impl FnOnce(&mut Vec<u8>),
) -> Result<Sealed, SealError> {
    if len > MAX_PLAINTEXT {
        return Err(SealError::TooLarge);
    }
    let mut bound = Bound::try_new(place).ok_or(SealError::PlaceName)?;
    let header = bound.header_mut();
    header[..SUITE_AT].copy_from_slice(&Sealed::MAGIC);
    header[SUITE_AT] = SUITE;
    header[DATA_KEY_AT..SALT_AT].copy_from_slice(id.as_bytes());
    dice.fill(&mut header[SALT_AT..COMMITMENT_AT]);
    let derived = Derived::of(prk, &bound).map_err(|_| SealError::Cipher)?;
    bound.header_mut()[COMMITMENT_AT..].copy_from_slice(derived.commitment());

    let mut bytes = Vec::with_capacity(Sealed::HEADER_LEN + len + Sealed::TAG_LEN);
    bytes.extend_from_slice(bound.header());
    write(&mut bytes);
    let tag = derived
        .cipher()
        .and_then(|cipher| {
            let in_out = &mut bytes[Sealed::HEADER_LEN..];
            cipher.seal_in_place_separate_tag(bound.nonce(), Aad::from(bound.as_bytes()), in_out)
        })
        .map_err(|_| SealError::Cipher)?;
    bytes.extend_from_slice(tag.as_ref());
    Sealed::from_bytes(bytes).map_err(|_| SealError::Cipher)
}

/// Opens what [`seal`] sealed for the same place under the same data key.
pub(crate) fn open(
    prk: &Hkdf<Sha256>,
    place: &SealedPlace,
    sealed: &Sealed,
) -> Result<Secret<Vec<u8>>, OpenError> {
    let (header, rest) = sealed.as_bytes().split_at_checked(Sealed::HEADER_LEN).ok_or(OpenError)?;
    let (ciphertext, tag) =
        rest.len().checked_sub(Sealed::TAG_LEN).map(|at| rest.split_at(at)).ok_or(OpenError)?;
    if header[SUITE_AT] != SUITE {
        return Err(OpenError);
    }
    let mut bound = Bound::try_new(place).ok_or(OpenError)?;
    bound.header_mut().copy_from_slice(header);
    let derived = Derived::of(prk, &bound).map_err(|_| OpenError)?;
    if !bool::from(derived.commitment().ct_eq(&header[COMMITMENT_AT..])) {
        return Err(OpenError);
    }
    let mut plaintext = Zeroizing::new(vec![0; ciphertext.len()]);
    derived
        .cipher()
        .and_then(|cipher| {
            let aad = Aad::from(bound.as_bytes());
            cipher.open_separate_gather(bound.nonce(), aad, ciphertext, tag, &mut plaintext)
        })
        .map_err(|_| OpenError)?;
    Ok(Secret::new(std::mem::take(&mut *plaintext)))
}

/// The id of the data key that sealed a value, as its header claims.
pub(crate) fn data_key_id(sealed: &Sealed) -> Option<DataKeyId> {
    let bytes = sealed.as_bytes().get(DATA_KEY_AT..SALT_AT)?;
    Some(DataKeyId::from_uuid(Uuid::from_bytes(bytes.try_into().ok()?)))
}

/// Header and canonical place side by side: the associated data. On the stack, because this is
/// made for every value.
struct Bound {
    bytes: [u8; Sealed::HEADER_LEN + MAX_PLACE],
    len: usize,
}

const LABEL: &[u8] = b"portcullis sealed field 1";
/// The longest identifier PostgreSQL keeps whole.
const MAX_NAME: usize = 63;
const MAX_PLACE: usize = LABEL.len() + 1 + 16 + (1 + MAX_NAME) + 16 + (1 + MAX_NAME);

impl Bound {
    /// Encodes a place: label; 0, or 1 and the organisation; table; row; field. Names carry their
    /// length before them, so that no two places encode alike.
    fn try_new(place: &SealedPlace) -> Option<Self> {
        let fits = |name: &str| (1..=MAX_NAME).contains(&name.len());
        if !fits(place.table) || !fits(place.field) {
            return None;
        }
        let mut bound =
            Self { bytes: [0; Sealed::HEADER_LEN + MAX_PLACE], len: Sealed::HEADER_LEN };
        bound.push(LABEL);
        match &place.organisation {
            None => bound.push(&[0]),
            Some(organisation) => {
                bound.push(&[1]);
                bound.push(organisation.as_bytes());
            }
        }
        bound.push(&[place.table.len() as u8]);
        bound.push(place.table.as_bytes());
        bound.push(place.row.as_bytes());
        bound.push(&[place.field.len() as u8]);
        bound.push(place.field.as_bytes());
        Some(bound)
    }

    fn push(&mut self, part: &[u8]) {
        self.bytes[self.len..self.len + part.len()].copy_from_slice(part);
        self.len += part.len();
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn header(&self) -> &[u8] {
        &self.bytes[..Sealed::HEADER_LEN]
    }

    fn header_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..Sealed::HEADER_LEN]
    }

    fn place(&self) -> &[u8] {
        &self.bytes[Sealed::HEADER_LEN..self.len]
    }

    fn nonce(&self) -> Nonce {
        let mut nonce = [0; COMMITMENT_AT - NONCE_AT];
        nonce.copy_from_slice(&self.bytes[NONCE_AT..COMMITMENT_AT]);
        Nonce::assume_unique_for_key(nonce)
    }
}

/// Not inlined: what it leaves on the stack lies below its caller, where it is wiped.
#[inline(never)]
fn expand(
    prk: &Hkdf<Sha256>,
    info: &[&[u8]],
    derived: &mut [u8; KEY_LEN + COMMITMENT_LEN],
) -> Result<(), Unspecified> {
    prk.expand_multi_info(info, derived).map_err(|_| Unspecified)
}

/// A value's own key and the commitment to it.
struct Derived(Zeroizing<[u8; KEY_LEN + COMMITMENT_LEN]>);

impl Derived {
    fn of(prk: &Hkdf<Sha256>, bound: &Bound) -> Result<Self, Unspecified> {
        let mut derived = Self(Zeroizing::new([0; KEY_LEN + COMMITMENT_LEN]));
        // The salt's length is fixed, so the two cannot be divided in another way.
        let info = [&bound.bytes[SALT_AT..NONCE_AT], bound.place()];
        let expanded = expand(prk, &info, &mut derived.0);
        scrub();
        expanded?;
        Ok(derived)
    }

    fn cipher(&self) -> Result<LessSafeKey, Unspecified> {
        UnboundKey::new(&AES_256_GCM, &self.0[..KEY_LEN]).map(LessSafeKey::new)
    }

    fn commitment(&self) -> &[u8] {
        &self.0[KEY_LEN..]
    }
}
