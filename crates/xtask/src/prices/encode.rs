//! Writes the table; `format` has the codes, `docs/prices.md` the layout.

use std::collections::BTreeMap;

use super::{
    Card, Rows,
    format::{Class, HEADER_BYTES, MAGIC},
};

/// Texts or cards one after the other, each kept once.
#[derive(Default)]
struct Heap {
    bytes: Vec<u8>,
    known: BTreeMap<Vec<u8>, usize>,
}

impl Heap {
    /// A reference: the offset in 24 bits, `count` in 8.
    fn refer(&mut self, item: Vec<u8>, count: usize) -> Result<u32, String> {
        let at = *self.known.entry(item).or_insert_with_key(|item| {
            let at = self.bytes.len();
            self.bytes.extend_from_slice(item);
            at
        });
        match (u32::try_from(at), u8::try_from(count)) {
            (Ok(at), Ok(count)) if at < 1 << 24 => Ok(at << 8 | u32::from(count)),
            _ => Err(format!("offset {at} or count {count} is too large for the layout")),
        }
    }

    fn name(&mut self, name: &str) -> Result<u32, String> {
        self.refer(name.as_bytes().to_vec(), name.len())
    }
}

/// The whole file.
pub(super) fn encode(rows: &Rows, origins: &[String; 3]) -> Result<Vec<u8>, String> {
    let (mut names, mut cards) = (Heap::default(), Heap::default());
    let (mut providers, mut models) = (Vec::new(), Vec::new());
    let mut last = None;
    for (at, ((provider, model), row)) in rows.iter().enumerate() {
        if last != Some(provider) {
            last = Some(provider);
            push(&mut providers, names.name(provider)?);
            push(&mut providers, size(at)?);
        }
        push(&mut models, names.name(model)?);
        push(&mut models, cards.refer(card(&row.card), row.card.len())?);
        models.extend([row.mode as u8, row.origin as u8, u8::from(row.free), 0]);
    }
    let count = providers.len() / 8;
    push(&mut providers, 0);
    push(&mut providers, size(rows.len())?);

    let mut file = MAGIC.to_vec();
    let origins = origins.iter().map(|origin| names.name(origin)).collect::<Result<Vec<_>, _>>()?;
    for number in [count, rows.len(), names.bytes.len(), cards.bytes.len()] {
        push(&mut file, size(number)?);
    }
    for origin in origins {
        push(&mut file, origin);
    }
    debug_assert_eq!(file.len(), HEADER_BYTES);
    for section in [providers, models, names.bytes, cards.bytes] {
        file.extend(section);
    }
    Ok(file)
}

fn card(card: &Card) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, &pico) in card {
        bytes.extend([key.class as u8, (key.tier as u8) << 4 | key.threshold]);
        if key.class == Class::Image {
            bytes.push(key.quality);
            bytes.extend(key.size.0.to_le_bytes());
            bytes.extend(key.size.1.to_le_bytes());
        }
        let mut rest = pico.unsigned_abs();
        while rest > 0x7f {
            bytes.push(rest as u8 & 0x7f | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
    }
    bytes
}

fn push(bytes: &mut Vec<u8>, number: u32) {
    bytes.extend(number.to_le_bytes());
}

fn size(number: usize) -> Result<u32, String> {
    u32::try_from(number).map_err(|_| format!("{number} is too large for the layout"))
}
