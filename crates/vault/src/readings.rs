//! What opened values say, kept for as long as the key ring that opened them.
//!
//! A credential is needed by call after call, and opening it costs more than most of a call's other
//! work. It may be kept in the clear as long as the data key that opens it is: whoever can read the
//! process's memory has both. With the ring, both are gone.

use std::{any::Any, collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use portcullis_domain::{Sealed, SealedPlace};
use uuid::Uuid;

/// How many are kept; with one more, all are forgotten.
const MOST: usize = 4096;

/// By table, row and field; all of one organisation.
#[derive(Default)]
pub(crate) struct Readings(ArcSwap<HashMap<(&'static str, Uuid, &'static str), Reading>>);

#[derive(Clone)]
struct Reading {
    /// A value that was saved anew is another.
    sealed: Sealed,
    said: Arc<dyn Any + Send + Sync>,
}

impl Readings {
    /// What a value said when it was opened, if it was.
    pub(crate) fn find<T: Send + Sync + 'static>(
        &self,
        place: &SealedPlace,
        sealed: &Sealed,
    ) -> Option<Arc<T>> {
        let readings = self.0.load();
        let reading = readings.get(&(place.table, place.row, place.field))?;
        let said = (reading.sealed == *sealed).then(|| Arc::clone(&reading.said))?;
        said.downcast().ok()
    }

    /// Keeps what a value says.
    pub(crate) fn keep<T: Send + Sync + 'static>(
        &self,
        place: &SealedPlace,
        sealed: &Sealed,
        said: &Arc<T>,
    ) {
        self.0.rcu(|readings| {
            let mut readings =
                if readings.len() < MOST { HashMap::clone(readings) } else { HashMap::new() };
            let reading = Reading { sealed: sealed.clone(), said: Arc::clone(said) as _ };
            readings.insert((place.table, place.row, place.field), reading);
            readings
        });
    }
}
