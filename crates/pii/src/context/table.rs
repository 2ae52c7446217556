//! Tables in plain text: a value's column is named by the first line.

use super::words::{self, Word};
use crate::scan::Cx;

/// Columns beyond are not named.
const MOST_COLUMNS: usize = 48;

/// How much of a line before a value is looked at, bytes.
const LINE: usize = 400;

/// A cell longer than this, bytes, is no name of a column.
const LONGEST_NAME: usize = 48;

/// The first line of the table that was seen last.
#[derive(Default)]
pub(crate) struct Table {
    delimiter: u8,
    /// The words of each column's name, in order.
    words: Vec<(u8, Word)>,
    columns: usize,
}

impl Table {
    pub(crate) fn clear(&mut self) {
        self.columns = 0;
    }

    /// The words that name the column of a value that starts at `start`, if it is in a table.
    pub(super) fn names(&mut self, cx: &Cx<'_>, start: usize) -> &[(u8, Word)] {
        let Some((delimiter, column)) = self.column_of(cx, start) else { return &[] };
        if self.columns == 0 || self.delimiter != delimiter || column >= self.columns {
            self.columns = 0;
            self.find(cx, start, delimiter);
        }
        let first = self.words.partition_point(|(of, _)| usize::from(*of) < column);
        let last = self.words.partition_point(|(of, _)| usize::from(*of) <= column);
        if column < self.columns { &self.words[first..last] } else { &[] }
    }

    /// The delimiter before a value and how many of them its line has before it.
    fn column_of(&self, cx: &Cx<'_>, start: usize) -> Option<(u8, usize)> {
        let end = cx.run_back(start, 3, |byte| matches!(byte, b' ' | b'"' | b'\''));
        let before = cx.before(end);
        let known = self.columns > 0 && matches!(before, 0 | b'\n');
        let delimiter = match before {
            b',' | b';' | b'\t' | b'|' => before,
            _ if known => self.delimiter,
            _ => return None,
        };
        let line = cx.run_back(end, LINE, |byte| byte != b'\n' && byte != 0);
        let count = cx.slice(line, end).iter().filter(|byte| **byte == delimiter).count();
        (end - line < LINE).then_some((delimiter, count))
    }

    /// Looks whether the line above, or the one above a ruled line, names columns.
    fn find(&mut self, cx: &Cx<'_>, start: usize, delimiter: u8) {
        let mut line = cx.run_back(start, LINE, |byte| byte != b'\n' && byte != 0);
        for _ in 0..2 {
            if cx.before(line) != b'\n' {
                return;
            }
            let end = line - 1;
            line = cx.run_back(end, LINE, |byte| byte != b'\n' && byte != 0);
            let text = cx.slice(line, end);
            if !text.iter().all(|byte| b"-|:+= \r".contains(byte)) {
                self.take(text, line, delimiter);
                return;
            }
        }
    }

    /// Takes a line as the names of columns if it may be one: several short cells without numbers.
    fn take(&mut self, text: &[u8], line: usize, delimiter: u8) {
        let mut cells = text.split(|byte| *byte == delimiter);
        let named =
            |cell: &[u8]| cell.len() <= LONGEST_NAME && !cell.iter().any(u8::is_ascii_digit);
        let columns = cells.clone().count();
        let sentence = text.ends_with(b".") || text.windows(2).any(|it| it == b". ");
        let least = if delimiter == b',' { 3 } else { 2 };
        if !(least..=MOST_COLUMNS).contains(&columns) || sentence || !cells.all(named) {
            return;
        }
        self.delimiter = delimiter;
        self.columns = columns;
        self.words.clear();
        for (column, cell) in text.split(|byte| *byte == delimiter).enumerate() {
            self.words.extend(words::words(cell, line).map(|word| (column as u8, word)));
        }
    }
}
