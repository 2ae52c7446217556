//! Work on two cores whose results do not depend on which ends first.

use std::thread;

const THREADS: usize = 2;

/// What `work` makes of each item, in the order of the items.
pub(crate) fn each<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let mut done = Vec::with_capacity(items.len());
    for together in items.chunks(THREADS) {
        thread::scope(|scope| {
            let threads: Vec<_> = together.iter().map(|item| scope.spawn(|| work(item))).collect();
            done.extend(threads.into_iter().map(|it| it.join().expect("work does not panic")));
        });
    }
    done
}
