//! A map that is cheap to clone and to change a little: the ground of the snapshot.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::{BuildHasher, Hash},
    sync::Arc,
};

// Seeded, so that nobody can choose keys that collide, and quick: a call looks up half a dozen.
use foldhash::fast::RandomState;

const SHARDS: usize = 512;

/// A copy-on-write map. A clone shares everything; a change copies one shard of 512, so that one
/// key changed among 100,000 copies about 200 entries and leaves readers of the old map untouched.
pub struct Shards<K, V> {
    shards: Box<[Arc<HashMap<K, V, RandomState>>]>,
    hasher: RandomState,
    len: usize,
}

impl<K: Hash + Eq + Clone, V: Clone> Shards<K, V> {
    /// The number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of `key`.
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.shards[self.shard_of(key)].get(key)
    }

    /// Puts a value, handing back the one it replaces.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let shard = self.shard_of(&key);
        let old = Arc::make_mut(&mut self.shards[shard]).insert(key, value);
        self.len += usize::from(old.is_none());
        old
    }

    /// Takes a value out.
    pub fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let shard = self.shard_of(key);
        if !self.shards[shard].contains_key(key) {
            return None;
        }
        let old = Arc::make_mut(&mut self.shards[shard]).remove(key);
        self.len -= usize::from(old.is_some());
        old
    }

    /// All entries in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.shards.iter().flat_map(|shard| shard.iter())
    }

    fn shard_of<Q: Hash + ?Sized>(&self, key: &Q) -> usize {
        self.hasher.hash_one(key) as usize % SHARDS
    }
}

impl<K, V> Clone for Shards<K, V> {
    fn clone(&self) -> Self {
        Self { shards: self.shards.clone(), hasher: self.hasher.clone(), len: self.len }
    }
}

impl<K, V> Default for Shards<K, V> {
    fn default() -> Self {
        let empty = Arc::new(HashMap::default());
        Self { shards: vec![empty; SHARDS].into(), hasher: RandomState::default(), len: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::Shards;

    #[test]
    fn a_clone_keeps_what_the_original_loses() {
        let mut map = Shards::default();
        for n in 0..1000_u32 {
            map.insert(n, n * 2);
        }
        let before = map.clone();
        assert_eq!(map.insert(7, 0), Some(14));
        assert_eq!(map.remove(&8), Some(16));
        assert_eq!(map.remove(&8), None);
        assert_eq!((map.len(), before.len()), (999, 1000));
        assert_eq!((map.get(&7), before.get(&7), before.get(&8)), (Some(&0), Some(&14), Some(&16)));
        assert_eq!(before.iter().count(), 1000);
    }
}
