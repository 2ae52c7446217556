//! What takes the place of a value.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::{Entity, Group};

/// A value with its characters covered. Numbers of cards, accounts, telephones and states keep their
/// last four, e-mail addresses their domain, all else nothing.
pub(super) fn mask(entity: Entity, value: &str) -> String {
    if entity == Entity::EMAIL
        && let Some((local, domain)) = value.split_once('@')
    {
        let first = local.chars().next().map(String::from).unwrap_or_default();
        return format!("{first}***@{domain}");
    }
    let usual = matches!(entity.group(), Group::Financial | Group::Government(_))
        || entity == Entity::PHONE;
    let shown = value.chars().filter(|c| c.is_alphanumeric()).count();
    if !usual || shown < 8 {
        return "****".to_owned();
    }
    let mut covered = shown - 4;
    let cover = |c: char| {
        if c.is_alphanumeric() && covered > 0 {
            covered -= 1;
            '*'
        } else {
            c
        }
    };
    value.chars().map(cover).collect()
}

/// `{{TYPE#...}}` with 64 bits of HMAC-SHA-256 over type and value.
pub(super) fn hash(key: &[u8], id: &str, value: &str) -> String {
    let digest = mac(key, &[id.as_bytes(), &[0], value.as_bytes()]);
    let hex: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{{{{{id}#{hex}}}}}")
}

/// HMAC-SHA-256.
pub(super) fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks() {
        assert_eq!(mask(Entity::CREDIT_CARD, "4111 1111 1111 1234"), "**** **** **** 1234");
        assert_eq!(mask(Entity::EMAIL, "jane.doe@example.com"), "j***@example.com");
        assert_eq!(mask(Entity::PASSWORD, "correct horse battery"), "****");
        assert_eq!(mask(Entity::PERSON, "Maximiliane Mustermann"), "****");
        assert_eq!(mask(Entity::PHONE, "+1 415 555 0132"), "+* *** *** 0132");
    }

    #[test]
    fn masks_show_no_year_no_host_and_no_words() {
        for (entity, value) in [
            (Entity::DATE_OF_BIRTH, "12.03.1985"),
            (Entity::DATE, "March 12, 1985"),
            (Entity::AGE, "46 years old"),
            (Entity::IP_ADDRESS, "203.0.113.112"),
            (Entity::MAC_ADDRESS, "00:1A:2B:3C:4D:5E"),
            (Entity::URL, "https://jane.example.com/home"),
            (Entity::LICENSE_PLATE, "B-MA 12345678"),
            (Entity::ADDRESS, "12 Main Street, Springfield"),
        ] {
            assert_eq!(mask(entity, value), "****", "{entity:?}");
        }
    }

    #[test]
    fn hashes_depend_on_key_type_and_value() {
        let one = hash(b"0123456789abcdef", "EMAIL", "a@b.com");
        assert_eq!(one, hash(b"0123456789abcdef", "EMAIL", "a@b.com"));
        assert_ne!(one, hash(b"0123456789abcdeF", "EMAIL", "a@b.com"));
        assert_ne!(one, hash(b"0123456789abcdef", "EMAI", "La@b.com"));
    }
}
