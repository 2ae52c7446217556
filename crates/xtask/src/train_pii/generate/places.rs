//! Names of companies, streets and addresses, made up in the manner of each language.

use super::{Generator, writer::Writer};
use crate::train_pii::{corpus::capitalised, dice::Dice};

impl Writer<'_, '_> {
    pub(super) fn company(&self, dice: &mut Dice) -> String {
        let bank = self.generator.bank;
        let language = self.language;
        let last = |dice: &mut Dice| bank.last(language, dice);
        let word = |dice: &mut Dice| capitalised(self.generator.word(language, dice));
        let ending = |dice: &mut Dice| -> &str {
            let endings: &[&str] = match language {
                "de" => &["GmbH", "AG", "KG", "GmbH & Co. KG", "e.V.", "OHG", "Stiftung"],
                "fr" => &["SA", "SARL", "SAS", "et Fils", "& Cie", "Groupe"],
                "es" => &["S.A.", "S.L.", "e Hijos", "Hermanos", "y Asociados", "Grupo"],
                "nl" => &["B.V.", "BV", "N.V.", "en Zonen", "Groep", "Beheer"],
                "pt" => &["Ltda.", "S.A.", "Lda.", "e Filhos", "Comércio"],
                "it" => &["S.p.A.", "S.r.l.", "e Figli", "& C.", "Gruppo"],
                _ => &[
                    "Inc",
                    "Inc.",
                    "LLC",
                    "Ltd",
                    "Ltd.",
                    "Corp",
                    "Corporation",
                    "Group",
                    "PLC",
                    "and Sons",
                    "& Sons",
                    "& Co",
                    "Holdings",
                    "Partners",
                    "Company",
                    "Industries",
                ],
            };
            let one: &&str = dice.pick(endings);
            one
        };
        let trade = |dice: &mut Dice| -> &str {
            let trades: &[&str] = match language {
                "de" => &[
                    "Bau",
                    "Technik",
                    "Autohaus",
                    "Bäckerei",
                    "Logistik",
                    "Steuerberatung",
                    "Immobilien",
                    "Software",
                ],
                "fr" => &[
                    "Boulangerie",
                    "Garage",
                    "Cabinet",
                    "Conseil",
                    "Immobilier",
                    "Transports",
                    "Pharmacie",
                ],
                "es" => &[
                    "Construcciones",
                    "Talleres",
                    "Panadería",
                    "Consultores",
                    "Transportes",
                    "Inmobiliaria",
                    "Farmacia",
                ],
                "nl" => &[
                    "Bakkerij",
                    "Bouw",
                    "Autobedrijf",
                    "Advies",
                    "Transport",
                    "Makelaardij",
                    "Installatie",
                ],
                "pt" => &[
                    "Construções",
                    "Padaria",
                    "Transportes",
                    "Consultoria",
                    "Farmácia",
                    "Imobiliária",
                ],
                "it" => &[
                    "Costruzioni",
                    "Panificio",
                    "Trasporti",
                    "Studio",
                    "Farmacia",
                    "Immobiliare",
                    "Officina",
                ],
                _ => &[
                    "Technologies",
                    "Solutions",
                    "Systems",
                    "Labs",
                    "Bank",
                    "Consulting",
                    "Insurance",
                    "Airlines",
                    "Foods",
                    "Energy",
                    "Capital",
                    "Media",
                    "Software",
                    "Analytics",
                    "Health",
                    "Logistics",
                    "University",
                    "Hospital",
                    "Institute",
                    "Foundation",
                    "Motors",
                    "Bakery",
                ],
            };
            let one: &&str = dice.pick(trades);
            one
        };
        let before =
            matches!(language, "de" | "fr" | "es" | "nl" | "pt" | "it") && dice.percent(60);
        match dice.below(12) {
            0 => format!("{}-{}", last(dice), last(dice)),
            1 => {
                let and = match language {
                    "de" => "und",
                    "fr" => "et",
                    "es" => "y",
                    "nl" => "en",
                    "pt" | "it" => "e",
                    _ => "and",
                };
                format!("{}, {} {and} {}", last(dice), last(dice), last(dice))
            }
            2 | 3 => format!("{} {}", last(dice), ending(dice)),
            4 => format!("{} {}", word(dice), ending(dice)),
            5 | 6 if before => format!("{} {}", trade(dice), last(dice)),
            5 | 6 => format!("{} {}", last(dice), trade(dice)),
            7 if before => format!("{} {}", trade(dice), word(dice)),
            7 => format!("{} {}", word(dice), trade(dice)),
            8 => format!("{} {} {}", word(dice), trade(dice), ending(dice)),
            9 if language == "en" => format!("{} {}", bank.city(dice), trade(dice)),
            10 if language == "en" => format!("University of {}", bank.city(dice)),
            10 => format!("{}{} {}", word(dice), trade(dice).to_lowercase(), ending(dice)),
            _ => format!("{} {} {}", word(dice), word(dice), ending(dice)),
        }
    }

    pub(super) fn street(&self, dice: &mut Dice) -> String {
        let bank = self.generator.bank;
        let pattern = *dice.pick(Generator::list(&self.generator.streets, self.language));
        let word = capitalised(self.generator.word(self.language, dice));
        let (first, last) = (bank.first(self.language, dice), bank.last(self.language, dice));
        let full = if self.language == "de" {
            format!("{first}-{last}")
        } else {
            format!("{first} {last}")
        };
        let full = if self.language == "nl" { full.replace(' ', "-") } else { full };
        pattern
            .replace("{w}", &word)
            .replace("{n}", &full)
            .replace("{l}", &last)
            .replace("{f}", &first)
    }

    pub(super) fn address(&self, dice: &mut Dice) -> String {
        let street = self.street(dice);
        let number = 1 + dice.below(*dice.clone().pick(&[30, 200, 9000]));
        let city = self.generator.bank.city(dice);
        let gap = *dice.pick(&[", ", ", ", "\n"]);
        match self.language {
            "en" => {
                const STATES: &[&str] = &[
                    "CA", "NY", "TX", "FL", "OH", "WA", "IL", "PA", "MA", "GA", "CO", "OR", "AZ",
                    "NC", "MI", "NJ", "VA", "MN",
                ];
                let unit = if dice.percent(25) {
                    format!(
                        "{}{} {}",
                        *dice.pick(&[", ", " "]),
                        dice.pick(&["Apt", "Apt.", "Suite", "Unit", "#"]),
                        1 + dice.below(400)
                    )
                } else {
                    String::new()
                };
                match dice.below(4) {
                    0 => format!("{number} {street}{unit}"),
                    1 => format!("{number} {street}{unit}{gap}{city}"),
                    _ => format!(
                        "{number} {street}{unit}{gap}{city}, {} {:05}",
                        dice.pick(STATES),
                        1000 + dice.below(90_000)
                    ),
                }
            }
            "fr" => match dice.below(3) {
                0 => format!("{number} {street}"),
                _ => format!(
                    "{number}{} {street}{gap}{:05} {city}",
                    *dice.pick(&["", ",", " bis"]),
                    1000 + dice.below(90_000)
                ),
            },
            "nl" => match dice.below(3) {
                0 => format!("{street} {number}"),
                _ => format!(
                    "{street} {number}{gap}{} {}{} {city}",
                    1000 + dice.below(8999),
                    (b'A' + dice.below(26) as u8) as char,
                    (b'A' + dice.below(26) as u8) as char
                ),
            },
            "de" => match dice.below(3) {
                0 => format!("{street} {number}"),
                _ => format!("{street} {number}{gap}{:05} {city}", 1000 + dice.below(90_000)),
            },
            _ => match dice.below(3) {
                0 => format!("{street}, {number}"),
                _ => format!(
                    "{street}{} {number}{gap}{:05} {city}",
                    *dice.pick(&[",", "", " nº"]),
                    1000 + dice.below(90_000)
                ),
            },
        }
    }
}
