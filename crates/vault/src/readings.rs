//! What opened values say, kept for as long as the key ring that opened them.
//!
//! A credential is needed by call after call, and opening it costs more than most of a call's other
//! work. It may be kept in the clear as long as the data key that opens it is: whoever can read the
//! process's memory has both. With the ring, both are gone.

use std::{any::Any, sync::Arc};

use arc_swap::ArcSwap;
use portcullis_domain::{Sealed, SealedPlace, Shards};
use uuid::Uuid;

/// How many are kept. With one more, another is forgotten: any one, and never all, so that where
/// more are in use most of them are still found.
const MOST: usize = 4096;

/// Table, row and field.
type Place = (&'static str, Uuid, &'static str);

/// All of one organisation. To keep one more copies one shard, and of its entries nothing but the
/// references.
#[derive(Default)]
pub(crate) struct Readings(ArcSwap<Shards<Place, Arc<Reading>>>);

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
        let reading = Arc::new(Reading { sealed: sealed.clone(), said: Arc::clone(said) as _ });
        self.0.rcu(|readings| {
            let mut readings = Shards::clone(readings);
            readings.insert((place.table, place.row, place.field), Arc::clone(&reading));
            if readings.len() > MOST {
                let others = readings.iter().filter(|(_, kept)| !Arc::ptr_eq(kept, &reading));
                let any = others.map(|(place, _)| *place).next();
                any.and_then(|any| readings.remove(&any));
            }
            readings
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(byte: u8) -> Sealed {
        let mut bytes = Sealed::MAGIC.to_vec();
        bytes.resize(Sealed::HEADER_LEN + Sealed::TAG_LEN, byte);
        Sealed::from_bytes(bytes).unwrap()
    }

    fn place(row: usize) -> SealedPlace {
        let row = Uuid::from_u128(row as u128);
        SealedPlace { organisation: None, table: "integrations", row, field: "credential" }
    }

    #[test]
    fn beyond_the_bound_one_is_forgotten_for_each_that_is_kept() {
        let (readings, sealed) = (Readings::default(), sealed(1));
        let found = |row| readings.find::<usize>(&place(row), &sealed).map(|said| *said);
        for row in 0..MOST + 100 {
            readings.keep(&place(row), &sealed, &Arc::new(row));
            assert_eq!(found(row), Some(row));
        }
        assert_eq!((0..MOST + 100).filter(|row| found(*row) == Some(*row)).count(), MOST);
    }

    #[test]
    fn a_value_that_was_saved_anew_is_another() {
        let readings = Readings::default();
        readings.keep(&place(1), &sealed(1), &Arc::new(7_u8));
        assert_eq!(readings.find::<u8>(&place(1), &sealed(2)), None);
        assert_eq!(readings.find::<u16>(&place(1), &sealed(1)), None);
        readings.keep(&place(1), &sealed(2), &Arc::new(8_u8));
        assert_eq!(readings.find::<u8>(&place(1), &sealed(2)).as_deref(), Some(&8));
        assert_eq!(readings.find::<u8>(&place(1), &sealed(1)), None);
    }
}
