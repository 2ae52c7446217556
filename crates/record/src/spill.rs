//! Where a closed call waits in memory while the disk refuses it.

use std::{
    collections::VecDeque,
    io,
    sync::{PoisonError, atomic::Ordering},
};

use portcullis_domain::{Log, Sealed};

use crate::{node::Node, recorder::without_content};

/// A bounded queue of calls whose closing could not be written yet.
#[derive(Default)]
pub(crate) struct Spill {
    queue: VecDeque<(Log, Option<Sealed>)>,
    bytes: usize,
}

/// What became of a call handed to the spill.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Spilled {
    /// It waits, content included.
    Whole,
    /// It waits; its content found no room.
    WithoutContent,
    /// There was no room.
    Lost,
}

/// Keeps the end of a call that the disk refused, and says what became of it.
pub(crate) fn put(node: &Node, log: &Log, content: Option<Sealed>, error: &io::Error) {
    let bound = node.settings.spill_bytes;
    let mut spill = node.spill.lock().unwrap_or_else(PoisonError::into_inner);
    let outcome = spill.push(log, content, bound);
    drop(spill);
    let counters = &node.counters;
    match outcome {
        Spilled::Whole => {
            tracing::warn!(call = %log.id, %error, "the end of a call waits in memory");
        }
        Spilled::WithoutContent => {
            counters.content_lost.fetch_add(1, Ordering::Relaxed);
            tracing::error!(
                call = %log.id, %error,
                "the end of a call waits in memory; there is no room for its content"
            );
        }
        Spilled::Lost => {
            counters.lost.fetch_add(1, Ordering::Relaxed);
            tracing::error!(call = %log.id, %error, "the end of a call cannot be recorded");
        }
    }
}

/// What a log takes in memory, roughly: its texts are short and bounded by the gateway.
const LOG_BYTES: usize = 2048;

impl Spill {
    /// Keeps a call, at most `bound` bytes in all.
    pub(crate) fn push(&mut self, log: &Log, content: Option<Sealed>, bound: usize) -> Spilled {
        let room = bound.saturating_sub(self.bytes);
        let (log, content, outcome) = if size(&content) <= room {
            (log.clone(), content, Spilled::Whole)
        } else if LOG_BYTES <= room {
            (without_content(log), None, Spilled::WithoutContent)
        } else {
            return Spilled::Lost;
        };
        self.bytes += size(&content);
        self.queue.push_back((log, content));
        outcome
    }

    /// The call that waits longest.
    pub(crate) fn front(&self) -> Option<&(Log, Option<Sealed>)> {
        self.queue.front()
    }

    /// Lets the call go that waits longest.
    pub(crate) fn pop(&mut self) {
        if let Some((_, content)) = self.queue.pop_front() {
            self.bytes -= size(&content);
        }
    }

    /// How many calls wait.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }
}

fn size(content: &Option<Sealed>) -> usize {
    LOG_BYTES + content.as_ref().map_or(0, |sealed| sealed.as_bytes().len())
}
