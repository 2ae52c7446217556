//! Form data as it comes: every value is read as a text of its own, named by its field.

use super::{Found, Json, Reader, encode};
use crate::trail::Trail;

/// A name longer than this, bytes, names nothing.
const LONGEST_NAME: usize = 96;

/// Where the reading of form data stands.
#[derive(Default)]
pub(crate) struct Form {
    /// Bytes that are not read yet: a cut percent sign.
    rest: Vec<u8>,
    at: usize,
    in_value: bool,
    name: Vec<u8>,
    trail: Trail,
    decoded: Vec<u8>,
    length: usize,
    /// The value, where it is JSON.
    json: Option<Json>,
    begun: bool,
    released: usize,
}

impl Form {
    /// Reads on. Offsets are from the start of the form.
    pub(crate) fn push<R: Reader>(
        &mut self,
        reader: &mut R,
        piece: &[u8],
        end: bool,
        out: &mut Vec<Found<R::What>>,
    ) -> usize {
        let mut bytes = std::mem::take(&mut self.rest);
        bytes.extend_from_slice(piece);
        let mut at = 0;
        while at < bytes.len() {
            let byte = bytes[at];
            let cut = byte == b'%' && bytes.len() < at + 3 && !end;
            if cut {
                break;
            }
            if byte == b'&' {
                self.finish_value(reader, out);
            } else if !self.in_value {
                if byte == b'=' {
                    self.in_value = true;
                    self.begun = false;
                    self.json = None;
                    self.length = 0;
                    self.decoded.clear();
                    self.trail.begin(self.at + 1);
                } else if self.name.len() < LONGEST_NAME {
                    self.name.push(byte);
                }
            } else {
                let escape =
                    (byte == b'%').then(|| encode::hex(bytes.get(at + 1..at + 3))).flatten();
                let (read, plain) = match (byte, escape) {
                    (_, Some(plain)) => (3, plain),
                    (b'+', _) => (1, b' '),
                    (byte, _) => (1, byte),
                };
                if read > 1 || plain != byte {
                    self.trail.edit((self.at, read), (self.length + self.decoded.len(), 1));
                }
                self.decoded.push(plain);
                at += read;
                self.at += read;
                continue;
            }
            at += 1;
            self.at += 1;
        }
        self.rest = bytes.split_off(at);
        if end {
            self.finish_value(reader, out);
        } else if self.in_value {
            self.read(reader, false, out);
        } else {
            self.released = self.at;
        }
        self.released
    }

    fn finish_value<R: Reader>(&mut self, reader: &mut R, out: &mut Vec<Found<R::What>>) {
        if self.in_value {
            self.read(reader, true, out);
        }
        self.in_value = false;
        self.name.clear();
        self.released = self.at;
    }

    fn read<R: Reader>(&mut self, reader: &mut R, closed: bool, out: &mut Vec<Found<R::What>>) {
        if !self.begun {
            if self.decoded.len() < 3 && !closed {
                return;
            }
            self.begun = true;
            let key = String::from_utf8_lossy(&encode::percent_decoded(&self.name)).into_owned();
            // A placeholder begins with two braces, as no object does.
            let json = matches!(
                *self.decoded,
                [b'{', b'"' | b'}', ..] | [b'[', b'"', ..] | [b'[', b'{', b'"' | b'}', ..]
            );
            if json {
                self.json = Some(Json::new(&key));
            } else {
                reader.begin(&key);
            }
        }
        let first = out.len();
        let released = match &mut self.json {
            Some(json) => json.push(reader, &self.decoded, closed, out),
            None => reader.push(&self.decoded, closed, out),
        };
        self.length += self.decoded.len();
        self.decoded.clear();
        for found in &mut out[first..] {
            found.start = self.trail.source_of(found.start);
            found.end = self.trail.source_behind(found.end);
            found.wrap.form = true;
        }
        if released > 0 {
            self.released = self.released.max(self.trail.source_of(released));
        }
        self.trail.forget(released);
    }
}
