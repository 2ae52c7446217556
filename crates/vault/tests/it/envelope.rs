//! Sealed values: what opens and what does not.

use std::{collections::HashSet, sync::Arc};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hmac,
};
use portcullis_domain::{DataKeyId, Sealed, SealedPlace};
use portcullis_vault::{
    Author, DataKeyState, DataKeyStore, EncryptionContext, KeyRing, Kms, OpenError, SealError,
    WrappedDataKey, Wrapping,
};
use proptest::prelude::*;
use uuid::Uuid;

use crate::support::{Stage, organisation, place};

async fn ring(n: u128) -> Arc<KeyRing> {
    Stage::new().vault.key_ring(organisation(n)).await.unwrap()
}

#[tokio::test]
async fn opens_what_it_sealed() {
    let ring = ring(1).await;
    for plaintext in [&b""[..], b"x", &[7; 100_000]] {
        let sealed = ring.seal(&place(1), plaintext).unwrap();
        let overhead = Sealed::HEADER_LEN + Sealed::TAG_LEN;
        assert_eq!(sealed.as_bytes().len(), plaintext.len() + overhead);
        assert_eq!(ring.open(&place(1), &sealed).ok().unwrap().danger_expose(), plaintext);
    }
    let ours = SealedPlace { organisation: None, ..place(1) };
    let ring = Stage::new().vault.key_ring(None).await.unwrap();
    let sealed = ring.seal(&ours, b"pepper").unwrap();
    assert_eq!(ring.open(&ours, &sealed).ok().unwrap().danger_expose(), b"pepper");
}

#[test]
fn any_value_comes_back_and_its_plaintext_is_not_in_the_envelope() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let ring = runtime.block_on(ring(1));
    proptest!(|(plaintext in prop::collection::vec(any::<u8>(), 0..600), row in any::<u128>())| {
        let place = SealedPlace { row: Uuid::from_u128(row), ..place(1) };
        let sealed = ring.seal(&place, &plaintext).unwrap();
        let opened = ring.open(&place, &sealed).ok().unwrap();
        prop_assert_eq!(opened.danger_expose(), &plaintext);
        if plaintext.len() >= 8 {
            prop_assert!(!sealed.as_bytes().windows(8).any(|w| w == &plaintext[..8]));
        }
    });
}

#[tokio::test]
async fn a_flipped_bit_anywhere_is_refused() {
    let ring = ring(1).await;
    let sealed = ring.seal(&place(1), b"a credential").unwrap();
    for at in 0..sealed.as_bytes().len() {
        for bit in 0..8 {
            let mut bytes = sealed.as_bytes().to_vec();
            bytes[at] ^= 1 << bit;
            match Sealed::from_bytes(bytes) {
                Ok(forged) => assert_eq!(ring.open(&place(1), &forged).err(), Some(OpenError)),
                Err(_) => assert!(at < 4, "only the magic is checked before: byte {at}"),
            }
        }
    }
}

#[tokio::test]
async fn a_cut_or_lengthened_value_is_refused() {
    let ring = ring(1).await;
    let bytes = ring.seal(&place(1), b"a credential").unwrap().as_bytes().to_vec();
    for len in 0..bytes.len() {
        if let Ok(cut) = Sealed::from_bytes(bytes[..len].to_vec()) {
            assert_eq!(ring.open(&place(1), &cut).err(), Some(OpenError), "{len} bytes");
        }
    }
    let longer = Sealed::from_bytes([&bytes[..], b"x"].concat()).unwrap();
    assert_eq!(ring.open(&place(1), &longer).err(), Some(OpenError));
}

#[tokio::test]
async fn a_moved_value_is_refused() {
    let ring = ring(1).await;
    let home = place(1);
    let sealed = ring.seal(&home, b"a credential").unwrap();
    let elsewhere = [
        SealedPlace { organisation: organisation(2), ..home },
        SealedPlace { organisation: None, ..home },
        SealedPlace { table: "configs", ..home },
        SealedPlace { row: Uuid::from_u128(78), ..home },
        SealedPlace { field: "template", ..home },
        // The same letters, divided in another way.
        SealedPlace { table: "integration", field: "scredential", ..home },
        SealedPlace { table: "", ..home },
    ];
    for place in elsewhere {
        assert_eq!(ring.open(&place, &sealed).err(), Some(OpenError), "{place:?}");
    }
    assert!(ring.open(&home, &sealed).is_ok());
}

#[tokio::test]
async fn two_tenants_never_open_each_others_values() {
    let stage = Stage::new();
    let one = stage.vault.key_ring(organisation(1)).await.unwrap();
    let two = stage.vault.key_ring(organisation(2)).await.unwrap();
    let sealed = one.seal(&place(1), b"of one").unwrap();
    assert_eq!(two.open(&place(1), &sealed).err(), Some(OpenError));
    assert_eq!(two.open(&place(2), &sealed).err(), Some(OpenError));
    assert!(stage.vault.open(&place(2), &sealed).await.is_err());
    assert_eq!(two.seal(&place(1), b"x").err(), Some(SealError::ForeignPlace));
}

#[tokio::test]
async fn names_of_places_are_bounded() {
    const LONGEST: &str = "a23456789012345678901234567890123456789012345678901234567890123";
    const TOO_LONG: &str = "a234567890123456789012345678901234567890123456789012345678901234";
    let ring = ring(1).await;
    let longest = SealedPlace { table: LONGEST, field: LONGEST, ..place(1) };
    let sealed = ring.seal(&longest, b"x").unwrap();
    assert!(ring.open(&longest, &sealed).is_ok());
    for bad in ["", TOO_LONG] {
        let place = SealedPlace { field: bad, ..place(1) };
        assert_eq!(ring.seal(&place, b"x").err(), Some(SealError::PlaceName));
    }
}

#[tokio::test]
async fn salts_and_nonces_do_not_repeat() {
    let ring = ring(1).await;
    let mut seen = HashSet::new();
    for _ in 0..100_000 {
        let sealed = ring.seal(&place(1), b"").unwrap();
        let bytes = sealed.as_bytes();
        assert!(seen.insert(bytes[21..53].to_vec()), "a salt came twice");
        assert!(seen.insert(bytes[53..65].to_vec()), "a nonce came twice");
    }
}

const DATA_KEY: [u8; 32] = [0x42; 32];

/// `canary` under [`DATA_KEY`] in format 1, to be opened by every release to come.
const FORMAT_1: &str = "\
    504356310100000000000000000000000000000005010101010101010101010101010101010101010101\
    010101010101010101010102020202020202020202020296f9c4b27c52783c945ef244af003ec8c45ec1\
    ad18b79c9fb085599c34bf0c77792ad0053e3f643c165efbdc957110e773317a9ec818";

/// Seals by the description of the format alone, with whatever commitment is asked for.
fn by_hand(id: DataKeyId, plaintext: &[u8], forge: impl FnOnce(&mut [u8])) -> Sealed {
    let mut place = b"portcullis sealed field 1".to_vec();
    place.push(1);
    place.extend_from_slice(organisation(1).unwrap().as_bytes());
    place.push(12);
    place.extend_from_slice(b"integrations");
    place.extend_from_slice(&77_u128.to_be_bytes());
    place.push(10);
    place.extend_from_slice(b"credential");

    let (salt, nonce) = ([1; 32], [2; 12]);
    // HKDF-Expand, RFC 5869 §2.3, two blocks.
    let key = hmac::Key::new(hmac::HMAC_SHA256, &DATA_KEY);
    let first = hmac::sign(&key, &[&salt[..], &place, &[1]].concat());
    let second = hmac::sign(&key, &[first.as_ref(), &salt[..], &place, &[2]].concat());
    let mut commitment = second.as_ref().to_vec();
    forge(&mut commitment);

    let header = [b"PCV1", &[1][..], id.as_bytes(), &salt, &nonce, &commitment].concat();
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, first.as_ref()).unwrap());
    let mut rest = plaintext.to_vec();
    let aad = Aad::from([&header[..], &place].concat());
    cipher.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut rest).unwrap();
    Sealed::from_bytes([header, rest].concat()).unwrap()
}

#[tokio::test]
async fn the_format_is_as_documented_and_a_wrong_commitment_is_refused() {
    let stage = Stage::new();
    let id = DataKeyId::from_uuid(Uuid::from_u128(5));
    let context = EncryptionContext::sealed_fields(organisation(1));
    let data_key = portcullis_domain::Secret::new(DATA_KEY.to_vec());
    let wrapping = Wrapping {
        connection: None,
        kms: stage.kms.name().to_owned(),
        kms_key_id: stage.kms.key_id().to_owned(),
        bytes: stage.kms.wrap(context, &data_key).await.unwrap(),
    };
    let key = WrappedDataKey {
        id,
        organisation: organisation(1),
        wrapping,
        state: DataKeyState::Active,
        uses: 0,
        created_at: portcullis_domain::Clock::now(&*stage.clock),
        retired_at: None,
        emptied_at: None,
    };
    stage.store.insert(key, None, false, Author::system()).await.unwrap();

    let right = by_hand(id, b"canary", |_| {});
    stage.reads(&place(1), &right).await;
    // As it was written by the release that had this format first.
    let written: Vec<u8> = (0..FORMAT_1.len() / 2)
        .map(|i| u8::from_str_radix(&FORMAT_1[2 * i..2 * i + 2], 16).unwrap())
        .collect();
    let written = Sealed::from_bytes(written).unwrap();
    stage.reads(&place(1), &written).await;
    assert_eq!(written, right);
    // Everything else is right, the tag included: only the commitment stands in the way.
    let wrong = by_hand(id, b"canary", |commitment| commitment[31] ^= 1);
    let ring = stage.vault.key_ring(organisation(1)).await.unwrap();
    assert_eq!(ring.open(&place(1), &wrong).err(), Some(OpenError));
}
