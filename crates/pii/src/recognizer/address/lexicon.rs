//! Words of addresses.

use std::{collections::HashMap, sync::LazyLock};

use crate::context::words::{self, Hash};

/// What a word is in an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `Street`, behind the name; sure, or also a common word.
    TypeBehind {
        sure: bool,
    },
    /// `rue`, before the name.
    TypeBefore {
        sure: bool,
    },
    /// `Apt`, before a number.
    Unit,
    /// A state or province, as a code or in full.
    Region,
    Country,
    /// `N`, `West`, `Old`.
    Direction,
    /// `de la`, `of`, `van`.
    Particle,
    /// `nº`, `No.`
    Number,
}
use Kind::{Country, Direction, Number, Particle, Region, TypeBefore, TypeBehind, Unit};

const WORDS: &[(Kind, &str)] = &[
    (
        TypeBehind { sure: true },
        "street streets st avenue ave av boulevard blvd road rd drive dr lane ln terrace terr parkway pkwy highway \
        hwy crescent cres circle cir expressway expy freeway turnpike tpke utca utcája körút caddesi \
        cad sokak sok sokağı bulvarı straße strasse straat laan gata gatan vägen vegen veien gade vej tie katu \
        courts lanes squares esplanade trail trl causeway",
    ),
    (
        TypeBehind { sure: false },
        "court ct place pl square sq way close gardens gdns grove mews row walk hill green rise view park quay \
        wharf parade loop alley aly pike route plaza crossing xing point ridge run path gate heights hts \
        manor hollow junction bypass bend cove creek glen island isle key landing meadow meadows mill \
        mount orchard pass pine plain port ranch shore shores spring springs station summit track union \
        valley village vista fields field ford forest fork garden estate estates corner bridge brook burg \
        camp club common dale dam divide center centre u út tér weg platz allee gasse ring damm ufer plein \
        gracht kade dijk singel plads torv torg plass náměstí třída ulice ulica tee tn gate terrasse allé",
    ),
    (
        TypeBefore { sure: true },
        "rue avenue boulevard bd impasse chemin allée allee quai faubourg calle avda avenida paseo plaza ronda carrer \
        travesía glorieta carretera via viale piazza corso vicolo piazzale lungomare contrada rua travessa praça \
        praca alameda estrada rodovia ulica ul al aleja aleje osiedle os plac strada strasse straße bulevardul \
        calea c pza pl av cra carrera jalan jl λεωφ λεωφόρος λ οδός ул улица проспект пр пер переулок вул",
    ),
    (
        TypeBefore { sure: false },
        "place cours route square passage villa cité hameau largo camino vía rambla parque v r urbanización",
    ),
    (
        Unit,
        "apt apartment suite ste unit flat floor fl rm room bldg building dept lot box wohnung whg stiege top \
        étage etage piso planta puerta esc escalera bajo apto ap appartement appt interno int scala bus depto \
        bloco sala andar lejlighed lgh lägenhet kv кв byt m lok",
    ),
    (
        Region,
        "al ak az ar ca co ct de fl ga hi id il in ia ks ky la me md ma mi mn ms mo mt ne nv nh nj nm ny nc nd oh \
        ok or pa ri sc sd tn tx ut vt va wa wv wi wy dc ab bc mb nb nl ns nt nu on pe qc sk yt nsw vic qld sa \
        tas act ae ap aa alabama alaska arizona arkansas california colorado connecticut delaware florida georgia \
        hawaii idaho illinois indiana iowa kansas kentucky louisiana maine maryland massachusetts michigan \
        minnesota mississippi missouri montana nebraska nevada ohio oklahoma oregon pennsylvania tennessee \
        texas utah vermont virginia wisconsin wyoming ontario quebec alberta manitoba saskatchewan victoria \
        queensland",
    ),
    (
        Country,
        "usa us uk gb germany deutschland france spain españa italy italia portugal brazil brasil netherlands \
        nederland belgium belgië belgique austria österreich switzerland schweiz suisse svizzera ireland \
        canada australia mexico méxico argentina chile colombia peru poland polska sweden sverige norway \
        norge denmark danmark finland suomi iceland greece cyprus croatia slovenia slovakia hungary \
        magyarország romania bulgaria serbia turkey türkiye russia ukraine india china japan singapore \
        malaysia indonesia thailand vietnam philippines israel egypt morocco tunisia algeria kenya nigeria \
        uruguay paraguay ecuador venezuela bolivia estonia latvia lithuania luxembourg malta greenland england \
        scotland wales",
    ),
    (
        Direction,
        "n s e w ne nw se sw north south east west northeast northwest southeast southwest old new upper lower great little saint san santa",
    ),
    (
        Particle,
        "de la le les du des del della delle dei degli di da do dos das der den dem van von zum zur am an auf im unter y e et and of the sur en aan op los las el al ter ten d l à à 't",
    ),
    (Number, "n no nr num núm numero número nº no# д дом č"),
];

/// What a word is; several things, perhaps.
pub(super) fn kinds(word: &[u8]) -> &'static [Kind] {
    static ALL: LazyLock<HashMap<Hash, Vec<Kind>>> = LazyLock::new(|| {
        let mut all: HashMap<Hash, Vec<Kind>> = HashMap::new();
        for (kind, list) in WORDS {
            for word in words::words(list.as_bytes(), 0) {
                all.entry(word.hash).or_default().push(*kind);
            }
        }
        all
    });
    let mut parts = words::words(word, 0);
    match (parts.next(), parts.next()) {
        (Some(word), None) => ALL.get(&word.hash).map_or(&[], Vec::as_slice),
        _ => &[],
    }
}

pub(super) fn is(word: &[u8], kind: Kind) -> bool {
    kinds(word).contains(&kind)
}

/// Whether one word is the name of a street by its ending: `Hauptstraße`, `Kerkstraat`. The second is
/// whether no other word ends so.
pub(super) fn street_ending(word: &[u8]) -> Option<bool> {
    const SURE: &[&str] = &[
        "straße",
        "strasse",
        "str",
        "str.",
        "straat",
        "gracht",
        "gatan",
        "gata",
        "vägen",
        "vegen",
        "veien",
        "utca",
        "utcája",
        "katu",
        "gränd",
        "stræde",
        "vænge",
        "stræti",
        "braut",
        "plantsoen",
        "burgwal",
        "singel",
        "laan",
        "chaussee",
        "gasse",
        "allee",
        "damm",
        "ufer",
        "stieg",
        "steig",
        "gade",
        "kuja",
        "körút",
        "brücke",
        "steinweg",
        "dreef",
        "steeg",
        "kade",
        "plein",
        "dijk",
        "vegur",
        "tänav",
        "iela",
        "gatvė",
        "tie",
        "vej",
        "terrasse",
        "promenade",
    ];
    const UNSURE: &[&str] = &[
        "weg", "platz", "ring", "hof", "berg", "markt", "pfad", "graben", "park", "baan", "pad",
        "wal", "gate", "plass", "tori", "rinne", "torv", "plads", "polku", "svingen", "bakken",
        "stien", "torget", "tér", "sétány", "tn", "mnt",
    ];
    let ends = |list: &[&str]| {
        list.iter().any(|ending| {
            word.len() > ending.len() + 1
                && word
                    .get(word.len() - ending.len()..)
                    .is_some_and(|tail| tail.eq_ignore_ascii_case(ending.as_bytes()))
        })
    };
    if ends(SURE) { Some(true) } else { ends(UNSURE).then_some(false) }
}
