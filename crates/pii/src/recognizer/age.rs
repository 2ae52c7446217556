//! Ages of people.

use super::{Recognizer, Site};
use crate::{
    Entity,
    check::digits,
    context::words,
    entity::Group,
    scan::{Cx, Run, Sink},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "AGE",
    group: Group::Identity,
    title: "age of a person",
    validator: "1 to 120, words for age and person",
    example: "a 46-year-old patient",
    sites: &[Site::Number(number)],
    labels: "age, aged, age of, his age, her age, patient age, alter, im alter von, lebensalter, \
        age de, agee de, agé de, âge, edad, edad de, con edad de, leeftijd, op leeftijd van, idade, \
        idade de, com idade de, eta, età, all eta di, turned, turn, turns, turning, ll turn, \
        just turned, about to turn, cumple, cumplio, cumplir, compie, compiuto, fete ses, completou, completa",
    cues: "i, he, she, we, my, his, her, i m, am, who is, mother, father, brother, sister, son, \
        daughter, wife, husband, patient, man, woman, boy, girl, child, kid, baby, uncle, aunt, \
        grandmother, grandfather, grandma, grandpa, mr, mrs, ms, male, female, ich, er, sie, bin, \
        tiene, tengo, ha, ho, tem, tenho, j ai, elle, il, hij, zij, ik, ben, born, \
        homme, femme, garcon, fille, fils, monsieur, madame, patiente, mujer, hombre, nino, nina, hijo, hija, \
        senor, senora, paciente, homem, mulher, menino, menina, filho, filha, uomo, donna, ragazzo, ragazza, \
        bambino, bambina, figlio, figlia, paziente, signora, mann, frau, sohn, tochter, mutter, vater, \
        patientin, vrouw, jongen, meisje, zoon, dochter, moeder, vader, mere, pere, madre, padre",
    against: "il y a, hace, há, desde hace, depuis, durante, pendant, vor, geleden, da oltre, fa, \
        years ago, percent, degrees, experience, temperature, minutes, hours, days, weeks, km, \
        stone age, ice age, bronze age, level, version, building, house, company, tree, car, account, \
        whisky, whiskey, wine, or older, and older, or over, and over, oder alter, und alter, \
        oder daruber, ou plus, et plus, o mas, y mas, of ouder, en ouder, ou mais, e oltre, prozent, \
        pour cent, por ciento, per cento, procent, por cento",
    ..Recognizer::BLANK
};

/// Words behind a number that make an age of it, without the border before them.
const OLD: &[&str] = &[
    "years old",
    "year old",
    "years-old",
    "year-old",
    "yrs old",
    "yr old",
    "yo ",
    "y/o",
    "y.o.",
    "years of age",
    "years young",
    "jahre alt",
    "jahre jung",
    "jährige",
    "jährig",
    "ans",
    "años",
    "anos",
    "anni",
    "jaar oud",
    "jarige",
    "jaar",
    "-year-old",
    "year old's",
    "months old",
    "month-old",
];

fn number(cx: &Cx<'_>, run: &Run, index: usize, sink: &mut Sink) {
    let group = run.groups()[index];
    if group.letters
        || group.len() > 3
        || !(1..=120).contains(&digits(cx.slice(group.start, group.end)))
    {
        return;
    }
    // A part of a date, a time, an amount, an address.
    let before = cx.before(group.start);
    if matches!(before, b'$' | b':' | b'#' | b'.' | b'/' | b'-' | b'_') || cx.at(group.end) == b'%'
    {
        return;
    }
    let gap = usize::from(matches!(cx.at(group.end), b' ' | b'-'));
    let old = OLD.iter().find(|word| gap == 1 && cx.goes_on(group.end + gap, word));
    if let Some(word) = old {
        let end = group.end + gap + word.trim_end().len();
        let person = is_person(cx, end);
        let weak = matches!(*word, "ans" | "años" | "anos" | "anni" | "jaar");
        let prior = match (person, weak) {
            (true, _) => 1.5,
            (false, true) => -2.4,
            (false, false) => -1.6,
        };
        if !cx.at(end).is_ascii_alphanumeric() {
            cx.offer(sink, (group.start, end), Entity::AGE, prior, false);
        }
        return;
    }
    let tight =
        run.groups().get(index + 1).is_some_and(|it| it.joined.is_some_and(|it| it.is_tight()));
    let unit = cx.at(group.end) == b' ' && is_unit(cx, group.end + 1);
    if group.len() > 1 && !tight && !unit {
        cx.offer(sink, (group.start, group.end), Entity::AGE, -4.6, false);
    }
}

/// Whether a word for a person follows.
fn is_person(cx: &Cx<'_>, at: usize) -> bool {
    const PEOPLE: &[&str] = &[
        "man",
        "woman",
        "boy",
        "girl",
        "male",
        "female",
        "patient",
        "resident",
        "student",
        "person",
        "child",
        "kid",
        "baby",
        "infant",
        "son",
        "daughter",
        "mother",
        "father",
        "brother",
        "sister",
        "wife",
        "husband",
        "guy",
        "lady",
        "gentleman",
        "veteran",
        "victim",
        "suspect",
        "driver",
        "nephew",
        "niece",
        "cousin",
        "uncle",
        "aunt",
        "grandmother",
        "grandfather",
        "teenager",
        "adult",
        "employee",
        "customer",
        "client",
        "nurse",
        "teacher",
        "actor",
        "actress",
        "mann",
        "frau",
        "patientin",
        "junge",
        "schüler",
        "vrouw",
        "jongen",
        "meisje",
        "homme",
        "femme",
    ];
    // `46 yo F`.
    let gap = at + usize::from(cx.at(at) == b' ');
    if matches!(cx.at(gap), b'F' | b'M') && !cx.at(gap + 1).is_ascii_alphanumeric() {
        return true;
    }
    let end = cx.run(at, 28, |byte| byte.is_ascii_alphabetic() || matches!(byte, b' ' | b'-'));
    words::words(cx.slice(at, end), at).take(2).any(|word| {
        PEOPLE.iter().any(|it| cx.slice(word.start, word.end).eq_ignore_ascii_case(it.as_bytes()))
    })
}

/// Whether a unit follows that makes something else of the number.
fn is_unit(cx: &Cx<'_>, at: usize) -> bool {
    const UNITS: &[&str] = &[
        "percent", "km", "kg", "mg", "ml", "cm", "mm", "miles", "degrees", "minutes", "hours",
        "days", "weeks", "months", "dollars", "euros", "points", "times", "people", "items",
        "seconds", "pages", "prozent", "tage", "stunden", "minuten", "jours", "heures", "horas",
        "dias", "giorni",
    ];
    UNITS.iter().any(|unit| cx.goes_on(at, unit))
}
