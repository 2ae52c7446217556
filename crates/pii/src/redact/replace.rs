//! What takes the place of a value.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::{Entity, Group, check::mod97};

/// A value with its characters covered. Numbers keep their last four where that is usual, e-mail
/// addresses their domain.
pub(super) fn mask(entity: Entity, value: &str) -> String {
    if entity == Entity::EMAIL
        && let Some((local, domain)) = value.split_once('@')
    {
        let first = local.chars().next().map(String::from).unwrap_or_default();
        return format!("{first}***@{domain}");
    }
    let secret = matches!(entity.group(), Group::Secrets | Group::Custom | Group::Location);
    let name =
        matches!(entity, Entity::PERSON | Entity::USERNAME | Entity::HANDLE | Entity::CARD_CVV);
    let shown = value.chars().filter(|c| c.is_alphanumeric()).count();
    if secret || name || shown < 8 {
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

/// An invented value of the same form. `attempt` tells apart those of one value.
pub(super) fn substitute(key: &[u8], entity: Entity, value: &str, attempt: u32) -> String {
    let mut dice = Dice::new(key, entity, value, attempt);
    match entity {
        Entity::EMAIL => {
            let local = value.split('@').next().unwrap_or(value);
            format!("{}@example.com", dice.letters(local).to_lowercase())
        }
        Entity::PERSON => dice.name(value),
        Entity::IP_ADDRESS if value.contains(':') => format!("2001:db8::{:x}", dice.below(0xffff)),
        Entity::IP_ADDRESS => format!("203.0.113.{}", dice.below(254) + 1),
        Entity::DATE_OF_BIRTH | Entity::DATE => dice.date(value),
        Entity::AGE => value.replace(|c: char| c.is_ascii_digit(), "4"),
        Entity::IBAN => dice.iban(value),
        _ => dice.checked(entity, value),
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Numbers that follow from the key and the value.
struct Dice {
    seed: [u8; 32],
    block: [u8; 32],
    round: u64,
    used: usize,
}

impl Dice {
    fn new(key: &[u8], entity: Entity, value: &str, attempt: u32) -> Self {
        let parts = [entity.id().as_bytes(), &attempt.to_be_bytes(), value.as_bytes()];
        Self { seed: mac(key, &parts), block: [0; 32], round: 0, used: 32 }
    }

    fn below(&mut self, limit: u32) -> u32 {
        if self.used + 4 > 32 {
            self.block = mac(&self.seed, &[&self.round.to_be_bytes()]);
            self.round += 1;
            self.used = 0;
        }
        let bytes = &self.block[self.used..self.used + 4];
        self.used += 4;
        u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) % limit
    }

    /// Every letter becomes a letter, every digit a digit; all else stays.
    fn letters(&mut self, value: &str) -> String {
        value.chars().map(|c| self.alike(c)).collect()
    }

    fn alike(&mut self, c: char) -> char {
        let letter = |dice: &mut Self, first: u8| char::from(first + dice.below(26) as u8);
        match c {
            '0'..='9' => char::from(b'0' + self.below(10) as u8),
            'A'..='Z' => letter(self, b'A'),
            'a'..='z' => letter(self, b'a'),
            c if c.is_uppercase() => letter(self, b'A'),
            c if c.is_alphabetic() => letter(self, b'a'),
            c => c,
        }
    }

    /// As [`Self::letters`], again and again until the type's check passes. The first characters stay
    /// where they say who gave the number.
    fn checked(&mut self, entity: Entity, value: &str) -> String {
        let kept = match entity {
            Entity::CREDIT_CARD | Entity::PHONE => 2,
            Entity::CH_AHV | Entity::ICCID => 3,
            _ => 0,
        };
        let Some(recognizer) = entity.recognizer().filter(|it| !it.forms.is_empty()) else {
            return self.letters(value);
        };
        let mut last = String::new();
        for _ in 0..5000 {
            let mut left = kept;
            last = value
                .chars()
                .map(|c| {
                    if c.is_ascii_alphanumeric() && left > 0 {
                        left -= 1;
                        return c;
                    }
                    // Letters of numbers have meanings: they stay, and the last is often the check.
                    if c.is_ascii_alphabetic() { c } else { self.alike(c) }
                })
                .collect();
            let compact: Vec<u8> = last
                .bytes()
                .filter(u8::is_ascii_alphanumeric)
                .map(|byte| byte.to_ascii_uppercase())
                .collect();
            let sized = recognizer.forms.iter().any(|form| form.length() == compact.len());
            if !sized || (recognizer.check)(&compact).is_some_and(|log_odds| log_odds >= 0.0) {
                break;
            }
        }
        last
    }

    fn name(&mut self, value: &str) -> String {
        const FIRST: [&str; 16] = [
            "Alex", "Robin", "Kim", "Sam", "Charlie", "Jamie", "Noa", "Dana", "Toni", "Sascha",
            "Andrea", "Jo", "Chris", "Luca", "Maxi", "Ari",
        ];
        const LAST: [&str; 16] = [
            "Berg",
            "Castle",
            "Dale",
            "Ford",
            "Greenfield",
            "Hart",
            "Ivers",
            "Keller",
            "Lake",
            "Marsh",
            "North",
            "Oakley",
            "Parks",
            "Reed",
            "Stone",
            "Wells",
        ];
        let first = FIRST[self.below(16) as usize];
        if value.split_whitespace().count() < 2 {
            return first.to_owned();
        }
        format!("{first} {}", LAST[self.below(16) as usize])
    }

    /// Numbers of a date, each in its range.
    fn date(&mut self, value: &str) -> String {
        let mut out = String::new();
        let mut rest = value;
        while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
            out.push_str(&rest[..at]);
            let digits = rest[at..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - at);
            match digits {
                4 => out.push_str(&format!("{}", 1950 + self.below(50))),
                1 => out.push_str(&format!("{}", 1 + self.below(9))),
                2 => out.push_str(&format!("{:02}", 1 + self.below(12))),
                8 => out.push_str(&format!(
                    "{}{:02}{:02}",
                    1950 + self.below(50),
                    1 + self.below(12),
                    1 + self.below(28)
                )),
                _ => out.push_str(&self.letters(&rest[at..at + digits])),
            }
            rest = &rest[at + digits..];
        }
        out.push_str(rest);
        out
    }

    /// The country stays; the check digits are those of the new number.
    fn iban(&mut self, value: &str) -> String {
        let mut place = 0;
        let mut text: Vec<char> = Vec::new();
        for c in value.chars() {
            let keeps = place < 4 || !c.is_ascii_alphanumeric();
            place += usize::from(c.is_ascii_alphanumeric());
            text.push(if keeps { c } else { self.alike(c) });
        }
        let compact: Vec<u8> =
            text.iter().filter(|c| c.is_ascii_alphanumeric()).map(|c| *c as u8).collect();
        if compact.len() < 5 {
            return text.into_iter().collect();
        }
        let body = compact[4..].iter().copied().chain(compact[..2].iter().copied()).chain(*b"00");
        let check = format!("{:02}", 98 - mod97(body));
        let mut digits = check.chars();
        let mut place = 0;
        text.into_iter()
            .map(|c| {
                let at = place;
                place += usize::from(c.is_ascii_alphanumeric());
                if c.is_ascii_alphanumeric() && (2..4).contains(&at) {
                    digits.next().unwrap_or(c)
                } else {
                    c
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Detector, Scanner};

    #[test]
    fn masks() {
        assert_eq!(mask(Entity::CREDIT_CARD, "4111 1111 1111 1234"), "**** **** **** 1234");
        assert_eq!(mask(Entity::EMAIL, "jane.doe@example.com"), "j***@example.com");
        assert_eq!(mask(Entity::PASSWORD, "correct horse battery"), "****");
        assert_eq!(mask(Entity::PERSON, "Maximiliane Mustermann"), "****");
    }

    #[test]
    fn substitutes_have_the_form_of_what_they_stand_for() {
        let detector = Detector::default();
        let mut scanner = Scanner::new();
        for (entity, value) in [
            (Entity::EMAIL, "jane.doe@corp.example"),
            (Entity::CREDIT_CARD, "4111 1111 1111 1111"),
            (Entity::IBAN, "GB29 NWBK 6016 1331 9268 19"),
            (Entity::BR_CPF, "111.444.777-35"),
            (Entity::CH_AHV, "756.9217.0769.85"),
            (Entity::US_SSN, "536-90-4399"),
        ] {
            let substitute = substitute(b"0123456789abcdef", entity, value, 0);
            assert_ne!(substitute, value);
            let found = scanner.scan(&detector, &substitute);
            assert!(found.iter().any(|it| it.entity == entity), "{entity:?}: {substitute}");
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
