//! Fields and what stands in them. Nothing here knows what a log is.

/// Bytes that are not a log, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a log: {0}")]
pub(crate) struct Malformed(pub(super) &'static str);

/// Writes fields.
pub(super) struct Put<'a>(pub(super) &'a mut Vec<u8>);

impl Put<'_> {
    pub(super) fn bytes(&mut self, tag: u8, value: &[u8]) {
        match u8::try_from(value.len()) {
            // Nearly all are so short, and the length is one byte.
            Ok(len @ 0..0x80) => self.0.extend_from_slice(&[tag, len]),
            _ => {
                self.0.push(tag);
                varint(value.len() as u64, self.0);
            }
        }
        self.0.extend_from_slice(value);
    }

    pub(super) fn number(&mut self, tag: u8, value: u64) {
        match u8::try_from(value) {
            Ok(value @ 0..0x80) => self.0.extend_from_slice(&[tag, 1, value]),
            _ => {
                self.0.extend_from_slice(&[tag, varint_len(value)]);
                varint(value, self.0);
            }
        }
    }

    pub(super) fn pair(&mut self, tag: u8, name: &str, value: &str) {
        self.0.push(tag);
        let name_len = name.len() as u64;
        varint(u64::from(varint_len(name_len)) + name_len + value.len() as u64, self.0);
        varint(name_len, self.0);
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(value.as_bytes());
    }

    /// Fields within a field, which are short: the length is one byte.
    pub(super) fn group(&mut self, tag: u8, fields: impl FnOnce(&mut Self)) {
        self.0.extend_from_slice(&[tag, 0]);
        let start = self.0.len();
        fields(self);
        let len = self.0.len() - start;
        if len < 0x80 {
            self.0[start - 1] = len as u8;
        } else {
            // Two bytes hold 16,383, more than all fields of a group can take.
            self.0[start - 1] = len as u8 | 0x80;
            self.0.insert(start, (len >> 7) as u8);
        }
    }
}

/// Reads fields.
pub(super) struct Take<'a>(pub(super) &'a [u8]);

impl<'a> Take<'a> {
    pub(super) fn field(&mut self) -> Result<Option<(u8, &'a [u8])>, Malformed> {
        let Some((&tag, rest)) = self.0.split_first() else { return Ok(None) };
        self.0 = rest;
        let len = usize::try_from(self.varint()?).map_err(|_| CUT)?;
        let (value, rest) = self.0.split_at_checked(len).ok_or(CUT)?;
        self.0 = rest;
        Ok(Some((tag, value)))
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(CUT)?;
            self.0 = rest;
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed("a number is too long"))
    }
}

const CUT: Malformed = Malformed("it is cut off");

pub(super) fn number(value: &[u8]) -> Result<u64, Malformed> {
    Take(value).varint()
}

pub(super) fn text(value: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(value).map_err(|_| Malformed("a text is not UTF-8"))
}

pub(super) fn pair(value: &[u8]) -> Result<(&str, &str), Malformed> {
    let mut take = Take(value);
    let len = usize::try_from(take.varint()?).map_err(|_| CUT)?;
    let (name, value) = take.0.split_at_checked(len).ok_or(CUT)?;
    Ok((text(name)?, text(value)?))
}

fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn varint_len(number: u64) -> u8 {
    (u64::BITS - number.leading_zeros()).div_ceil(7).max(1) as u8
}

/// Signed numbers near zero as small ones.
pub(super) fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

pub(super) fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}
