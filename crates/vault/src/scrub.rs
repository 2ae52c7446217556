//! What other code leaves behind.

use std::hint::black_box;

/// How far below the caller is wiped, in words of eight bytes: further than preparing an HMAC or
/// expanding a key reaches.
const BELOW: usize = 256;

/// Overwrites what the functions that were just called left on the stack. The libraries wipe what
/// they hold on to, but not every copy on the way: HMAC's padded key is one, the halves of an
/// expanded key are others.
#[inline(never)]
pub(crate) fn scrub() {
    let below = [0_u64; BELOW];
    black_box(&below);
}

#[cfg(test)]
mod tests {
    use std::{fs, fs::File, hint::black_box, os::unix::fs::FileExt as _, sync::Arc};

    use portcullis_domain::{DataKeyId, Secret};
    use uuid::Uuid;

    use crate::{Pepper, key_ring::DataKey};

    /// Whether this thread's stack holds a key as it is, or with its bytes masked as HMAC masks them.
    #[inline(never)]
    fn is_left(key: &[u8]) -> bool {
        let here = &raw const key as usize;
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let stack = maps.lines().find_map(|line| {
            let (from, to) = line.split_once(' ')?.0.split_once('-')?;
            let (from, to) =
                (usize::from_str_radix(from, 16).ok()?, usize::from_str_radix(to, 16).ok()?);
            (from..to).contains(&here).then_some(from..to)
        });
        let stack = stack.unwrap();
        let mut bytes = vec![0; stack.len()];
        File::open("/proc/self/mem")
            .unwrap()
            .read_exact_at(&mut bytes, stack.start as u64)
            .unwrap();
        [0, 0x36, 0x5c].iter().any(|mask| {
            let masked = |window: &[u8]| window.iter().zip(key).all(|(a, b)| a ^ mask == *b);
            bytes.windows(key.len()).any(masked)
        })
    }

    #[test]
    fn no_prepared_key_stays_on_the_stack() {
        let key: Vec<u8> = (0..32).map(|n| 5 * n + 41).collect();
        let masked: [u8; 32] = std::array::from_fn(|at| key[at] ^ 0x5c);
        assert!(is_left(black_box(&key)), "it is found where it is");
        black_box(&masked);
        std::thread::spawn(move || {
            let secret = || Secret::new(key.clone());
            let id = DataKeyId::from_uuid(Uuid::from_u128(1));
            let data_key = DataKey::try_new(id, &secret(), Arc::default());
            assert!(data_key.is_some() && !is_left(&key));
            let pepper = Pepper::from_bytes(secret());
            assert!(pepper.is_ok() && !is_left(&key));
        })
        .join()
        .unwrap();
    }
}
