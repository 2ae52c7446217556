//! What has come and not left.

use super::border::BESIDE;

/// Bytes that have come and not left. Leaving moves nothing: what is left behind is dropped when it is
/// half of all, so that each byte that comes is moved once more at most.
#[derive(Default)]
pub(super) struct Held {
    bytes: Vec<u8>,
    /// How many of them have left.
    gone: usize,
    /// The offset of the first that has not left.
    base: usize,
    moved: u64,
}

impl Held {
    pub(super) fn come(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
        self.moved += piece.len() as u64;
    }

    /// What is held.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.gone..]
    }

    /// What came just before that.
    pub(super) fn before(&self) -> &[u8] {
        &self.bytes[self.gone.saturating_sub(BESIDE)..self.gone]
    }

    /// The offset of the first byte held.
    pub(super) fn base(&self) -> usize {
        self.base
    }

    /// Behind the last byte that has come.
    pub(super) fn end(&self) -> usize {
        self.base + self.bytes().len()
    }

    /// What is held before `offset` leaves as it came.
    pub(super) fn let_go(&mut self, offset: usize, out: &mut Vec<u8>) {
        let count = self.count_before(offset);
        out.extend_from_slice(&self.bytes()[..count]);
        self.moved += count as u64;
        self.skip(count);
    }

    /// What is held before `offset` is dropped: something else has left for it.
    pub(super) fn drop_before(&mut self, offset: usize) {
        self.skip(self.count_before(offset));
    }

    /// All is dropped.
    pub(super) fn clear(&mut self) {
        self.skip(self.bytes().len());
        self.compact();
    }

    /// To be called once for each piece.
    pub(super) fn compact(&mut self) {
        let rest = self.bytes.len() - self.gone;
        if self.gone >= rest + 2 * BESIDE {
            self.bytes.drain(..self.gone - BESIDE);
            self.gone = BESIDE;
            self.moved += (rest + BESIDE) as u64;
        }
    }

    /// How many bytes were moved so far.
    pub(super) fn moved(&self) -> u64 {
        self.moved
    }

    fn count_before(&self, offset: usize) -> usize {
        offset.saturating_sub(self.base).min(self.bytes().len())
    }

    fn skip(&mut self, count: usize) {
        self.gone += count;
        self.base += count;
    }
}
