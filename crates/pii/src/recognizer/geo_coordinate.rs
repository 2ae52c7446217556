//! Coordinates of places.

use super::{Recognizer, Site};
use crate::{
    Entity,
    entity::Group,
    scan::{Cx, Run, Sink},
};

pub(super) const RECOGNIZER: Recognizer = Recognizer {
    id: "GEO_COORDINATE",
    group: Group::Location,
    title: "geographic coordinates",
    validator: "latitude to 90 and longitude to 180, three decimals at least",
    example: "52.5200, 13.4050",
    hold: 256,
    sites: &[Site::Number(number)],
    labels: "live at, lives at, located at, gps, coordinates, coordinate, coords, geo, geolocation, location, lat, latitude, lon, lng, \
        long, longitude, lat long, lat lng, lat lon, latlng, position, koordinaten, standort, \
        breitengrad, längengrad, coordonnees, coordonnees gps, localisation, coordenadas, ubicacion, \
        latitud, longitud, coordinaten, locatie, breedtegraad, localizacao, coordinate gps, posizione, \
        latitudine, longitudine, geotag",
    cues: "map, maps, home, address, at, near, phone location, tracked, karte, carte, mapa, kaart, mappa",
    against: "mean, std, loss, weights, vector, embedding, tensor, accuracy",
    ..Recognizer::BLANK
};

fn number(cx: &Cx<'_>, run: &Run, index: usize, sink: &mut Sink) {
    let first = run.groups()[index].start;
    let Some(one) = degrees(cx, first) else { return };
    // Between the two: a comma, spaces, `N`, a second key.
    let mut at = one.end;
    let mut labelled = false;
    let limit = at + 24;
    while at < limit && !cx.at(at).is_ascii_digit() && cx.at(at) != b'-' {
        let byte = cx.at(at);
        let between = matches!(
            byte,
            b' ' | b','
                | b';'
                | b'/'
                | b'"'
                | b'\''
                | b':'
                | b'='
                | b'|'
                | b'\n'
                | b'&'
                | b'?'
                | b'N'
                | b'S'
        ) || byte.is_ascii_alphabetic();
        if !between {
            return;
        }
        labelled |= cx.goes_on(at, "lon") || cx.goes_on(at, "lng");
        at += 1;
    }
    let second = if cx.at(at) == b'-' { at + 1 } else { at };
    if at == one.end || at == limit || !cx.at(second).is_ascii_digit() {
        return;
    }
    let Some(two) = degrees(cx, second) else { return };
    let ranges = one.value <= 90.0 && two.value <= 180.0;
    let precise = one.decimals.min(two.decimals);
    if !ranges || precise < 3 && !(one.marked && two.marked) {
        return;
    }
    let prior = match (one.marked && two.marked, labelled, precise) {
        (true, ..) => 2.5,
        (_, true, _) => 0.5,
        (.., 4..) => -2.2,
        _ => -3.2,
    };
    let start = if cx.before(first) == b'-' { first - 1 } else { first };
    // `.../maps/@51.5074,-0.1278,15z`, `maps...?q=51.5074,-0.1278`.
    let link = matches!(cx.before(start), b'@' | b'=')
        && cx.behind(start, 48).windows(3).any(|it| it == b"map");
    let prior = if link { prior + 4.0 } else { prior };
    cx.offer(sink, (start, two.end), Entity::GEO_COORDINATE, prior, true);
}

struct Degrees {
    value: f64,
    decimals: usize,
    /// A degree sign or a quarter of the sky is given.
    marked: bool,
    end: usize,
}

fn degrees(cx: &Cx<'_>, at: usize) -> Option<Degrees> {
    let point = cx.run(at, 4, |byte| byte.is_ascii_digit());
    if cx.before(at) == b'.' || point == at || point - at > 3 {
        return None;
    }
    let mut end = point;
    let mut decimals = 0;
    if cx.at(point) == b'.' {
        end = cx.run(point + 1, 18, |byte| byte.is_ascii_digit());
        decimals = end - point - 1;
    }
    let value = std::str::from_utf8(cx.slice(at, end)).ok()?.parse().ok()?;
    let mut marked = false;
    // Minutes and seconds.
    if cx.goes_on(end, "°") {
        marked = true;
        end += 2;
        let dms = cx.run(end, 20, |byte| {
            byte.is_ascii_digit() || b" .'\"".contains(&byte) || byte >= 0xe2 || byte & 0xc0 == 0x80
        });
        if cx.slice(end, dms).iter().any(u8::is_ascii_digit)
            && matches!(cx.at(dms), b'N' | b'S' | b'E' | b'W' | b'O')
        {
            end = dms;
            decimals = 4;
        }
    }
    let gap = usize::from(cx.at(end) == b' ');
    if matches!(cx.at(end + gap), b'N' | b'S' | b'E' | b'W')
        && !cx.at(end + gap + 1).is_ascii_alphanumeric()
        && decimals > 2
    {
        marked = true;
        end += gap + 1;
    }
    (!cx.at(end).is_ascii_alphanumeric() && cx.at(end) != b'.' || !cx.at(end + 1).is_ascii_digit())
        .then_some(Degrees { value, decimals, marked, end })
}
