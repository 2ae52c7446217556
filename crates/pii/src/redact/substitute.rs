//! Invented values of the same form.

use std::sync::LazyLock;

use super::replace::mac;
use crate::{Detector, Entity, Scanner, check::mod97};

/// The fewest letters and digits of a substitute: a shorter one is easily a word or a number that
/// somebody else meant.
const LEAST: usize = 6;

/// The longest value with a substitute, bytes: restoring a stream holds back as much.
const LONGEST: usize = 256;

/// An invented value of the same form, if there is one that can be told from what else stands in a
/// text. `attempt` tells apart those of one value.
pub(super) fn substitute(key: &[u8], entity: Entity, value: &str, attempt: u32) -> Option<String> {
    if value.len() > LONGEST {
        return None;
    }
    let mut dice = Dice::new(key, entity, value, attempt);
    let place = match entity {
        // Every number is somebody's age.
        Entity::AGE => return None,
        Entity::EMAIL => dice.email(value),
        Entity::PERSON => dice.name(),
        Entity::PHONE => dice.phone(value),
        Entity::URL => format!("https://example.com/{}", dice.letters("aaaaaaaa")),
        Entity::MAC_ADDRESS => dice.mac_address(value),
        Entity::IP_ADDRESS if value.contains(':') => format!("2001:db8::{:x}", dice.below(0xffff)),
        Entity::IP_ADDRESS => format!("203.0.113.{}", dice.below(254) + 1),
        Entity::DATE_OF_BIRTH | Entity::DATE => dice.date(value),
        Entity::IBAN => dice.iban(value),
        Entity::API_KEY | Entity::AWS_ACCESS_KEY => dice.key(value),
        _ => dice.checked(entity, value),
    };
    let visible = place.chars().filter(|c| c.is_alphanumeric()).count();
    (visible >= LEAST && place != value).then_some(place)
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
            Entity::CREDIT_CARD => 2,
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

    /// First and last name, also for one of them alone: one word by itself is too common.
    fn name(&mut self) -> String {
        const FIRST: [&str; 16] = [
            "Alex", "Robin", "Kim", "Sam", "Charlie", "Jamie", "Noa", "Dana", "Toni", "Sascha",
            "Andrea", "Nicola", "Chris", "Luca", "Maxi", "Ariel",
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
        format!("{} {}", FIRST[self.below(16) as usize], LAST[self.below(16) as usize])
    }

    /// An address at a domain that nobody has (RFC 2606).
    fn email(&mut self, value: &str) -> String {
        let is_local = |c: &char| c.is_alphanumeric() || matches!(c, '.' | '_' | '+' | '-');
        let local: String = value.chars().take_while(is_local).collect();
        let short = LEAST.saturating_sub(local.chars().count());
        let local = self.letters(&(local + &"a".repeat(short)));
        format!("{}@example.com", local.to_lowercase())
    }

    /// The calling code stays, and what says the area; the last digits are new, and the number is one
    /// by the numbering plans.
    fn phone(&mut self, value: &str) -> String {
        static PHONES: LazyLock<Option<Detector>> =
            LazyLock::new(|| Detector::builder().only(&[Entity::PHONE]).build().ok());
        let digits = value.chars().filter(char::is_ascii_digit).count();
        let kept = digits.saturating_sub(if digits >= 10 { 6 } else { 4 });
        let mut scanner = Scanner::new();
        let mut last = String::new();
        for _ in 0..32 {
            let mut seen = 0;
            last = value
                .chars()
                .map(|c| {
                    let digit = c.is_ascii_digit();
                    seen += usize::from(digit);
                    if digit && seen > kept { self.alike(c) } else { c }
                })
                .collect();
            let whole = PHONES.as_ref().is_some_and(|phones| {
                let found = scanner.scan_named(phones, &last, "phone");
                matches!(found, [it] if it.evidence.checked && (it.start, it.end) == (0, last.len()))
            });
            if whole {
                break;
            }
        }
        last
    }

    /// Hexadecimal digits of an address that a network gave by itself (IEEE 802, the second bit).
    fn mac_address(&mut self, value: &str) -> String {
        let upper = !value.contains(|c: char| c.is_ascii_lowercase());
        let mut place = 0;
        let hex = |c: char| {
            if !c.is_ascii_hexdigit() {
                return c;
            }
            place += 1;
            let digit = match place {
                1 => 0,
                2 => 2,
                _ => self.below(16),
            };
            let digit = char::from_digit(digit, 16).unwrap_or('0');
            if upper { digit.to_ascii_uppercase() } else { digit }
        };
        value.chars().map(hex).collect()
    }

    /// What says whose key it is stays: up to the last `-` or `_` near the beginning, or four
    /// characters.
    fn key(&mut self, value: &str) -> String {
        const HEAD: usize = 12;
        let ends = |(at, byte): (usize, u8)| {
            (matches!(byte, b'-' | b'_') && value.len() - at > HEAD).then_some(at + 1)
        };
        let prefix = value.bytes().take(HEAD).enumerate().filter_map(ends).next_back().unwrap_or(4);
        let Some((prefix, secret)) = value.split_at_checked(prefix) else {
            return self.letters(value);
        };
        format!("{prefix}{}", self.letters(secret))
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

    const KEY: &[u8] = b"0123456789abcdef";

    #[test]
    fn substitutes_have_the_form_of_what_they_stand_for() {
        let detector = Detector::default();
        let mut scanner = Scanner::new();
        for (entity, value, kept, label) in [
            (Entity::EMAIL, "jane.doe@corp.example", "", ""),
            (Entity::EMAIL, "jane at example dot com", "", ""),
            (Entity::EMAIL, "j@x.org", "", ""),
            (Entity::CREDIT_CARD, "4111 1111 1111 1111", "41", ""),
            (Entity::IBAN, "GB29 NWBK 6016 1331 9268 19", "GB", ""),
            (Entity::BR_CPF, "111.444.777-35", "", ""),
            (Entity::CH_AHV, "756.9217.0769.85", "756", ""),
            (Entity::US_SSN, "536-90-4399", "", ""),
            (Entity::MAC_ADDRESS, "00:1A:2B:3C:4D:5E", "", ""),
            (Entity::MAC_ADDRESS, "001a.2b3c.4d5e", "", "MAC address: "),
            (Entity::PHONE, "+1 415 555 0132", "+1 415 ", "phone: "),
            (Entity::PHONE, "(415) 555-0132", "(415) ", "phone: "),
            (Entity::PHONE, "+49 151 23456789", "+49 151 ", "phone: "),
            (Entity::PHONE, "+33 6 12 34 56 78", "+33 6 ", "phone: "),
            (Entity::PHONE, "0044 20 7946 0958", "0044 20 ", "phone: "),
            (Entity::PHONE, "030 901820", "030 ", "phone: "),
            (Entity::URL, "https://jane.example.com/home?user=jane", "https://", "my site: "),
            (Entity::IP_ADDRESS, "81.2.69.142", "", "IP address: "),
            (
                Entity::API_KEY,
                "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD",
                "sk-proj-",
                "key: ",
            ),
            (Entity::AWS_ACCESS_KEY, "AKIAIOSFODNN7EXAMPLE", "AKIA", ""),
        ] {
            for attempt in 0..40 {
                let substitute = substitute(KEY, entity, value, attempt).expect("there is one");
                assert_ne!(substitute, value);
                assert!(substitute.starts_with(kept), "{entity:?}: {substitute}");
                let whole = format!("{label}{substitute}");
                let found = scanner.scan(&detector, &whole);
                let alike = entity == Entity::AWS_ACCESS_KEY || entity == Entity::URL;
                assert!(
                    alike || found.iter().any(|it| it.entity == entity),
                    "{entity:?}: {whole} {found:?}"
                );
            }
        }
    }

    #[test]
    fn what_could_be_anything_has_no_substitute() {
        for (entity, value) in [
            (Entity::AGE, "46 years old"),
            (Entity::CARD_CVV, "123"),
            (Entity::USERNAME, "jane"),
            (Entity::PASSWORD, &"x1".repeat(200)),
        ] {
            assert_eq!(substitute(KEY, entity, value, 0), None, "{entity:?}");
        }
        let name = substitute(KEY, Entity::PERSON, "Wei", 0).expect("there is one");
        assert!(name.contains(' '), "{name}");
    }
}
