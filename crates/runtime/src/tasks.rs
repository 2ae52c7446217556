//! Background tasks that shutdown can name and wait for.

use std::{
    collections::HashMap,
    future::{Future, IntoFuture},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

/// Spawns tasks and waits for them. Cheap to clone; clones share everything.
///
/// A task that runs until the end of the process listens to [`Tasks::shutdown_signal`]. The lock
/// inside is taken when a task starts or ends, never on the path of a call.
#[derive(Clone)]
pub struct Tasks(Arc<Shared>);

struct Shared {
    shutdown: watch::Sender<bool>,
    running: Mutex<Running>,
    count: watch::Sender<usize>,
}

#[derive(Default)]
struct Running {
    names: HashMap<u64, &'static str>,
    next: u64,
}

/// Becomes ready when shutdown begins. Clone it as often as needed and `.await` it.
#[derive(Clone)]
pub struct ShutdownSignal(watch::Receiver<bool>);

impl Tasks {
    /// No task yet, no shutdown yet.
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            shutdown: watch::Sender::new(false),
            running: Mutex::default(),
            count: watch::Sender::new(0),
        }))
    }

    /// Starts a task on the current runtime. `name` is what [`Tasks::drain`] reports when the task
    /// does not end. A panic ends this task only.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[allow(clippy::disallowed_methods, reason = "this is the spawn the ban points to")]
    pub fn spawn(&self, name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
        let entry = self.enter(name);
        tokio::spawn(async move {
            let _entry = entry;
            future.await;
        });
    }

    /// A signal that becomes ready when shutdown begins, at once if it already has.
    pub fn shutdown_signal(&self) -> ShutdownSignal {
        ShutdownSignal(self.0.shutdown.subscribe())
    }

    /// Begins shutdown without waiting: every signal becomes ready.
    pub fn shut_down(&self) {
        self.0.shutdown.send_replace(true);
    }

    /// Begins shutdown and waits for all tasks, those started meanwhile included. Returns the
    /// sorted names of those still running after `timeout`.
    pub async fn drain(&self, timeout: Duration) -> Vec<&'static str> {
        self.shut_down();
        let mut count = self.0.count.subscribe();
        // Elapsed or all gone: what is left to say is the same look at the list.
        let _ = tokio::time::timeout(timeout, count.wait_for(|count| *count == 0)).await;
        let mut names: Vec<_> = self.running().names.values().copied().collect();
        names.sort_unstable();
        names
    }

    fn enter(&self, name: &'static str) -> Entry {
        let mut running = self.running();
        let id = running.next;
        running.next += 1;
        running.names.insert(id, name);
        self.0.count.send_replace(running.names.len());
        Entry { tasks: self.clone(), id }
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        // The list stays whole whatever panicked: each change is one map operation.
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Tasks {
    fn default() -> Self {
        Self::new()
    }
}

impl ShutdownSignal {
    /// Whether shutdown has begun.
    pub fn is_raised(&self) -> bool {
        *self.0.borrow()
    }
}

impl IntoFuture for ShutdownSignal {
    type Output = ();
    type IntoFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move {
            // An error means that every `Tasks` is gone, which is an end as well.
            let _ = self.0.wait_for(|raised| *raised).await;
        })
    }
}

/// A task's place in the list, left when the task ends, is cancelled or panics.
struct Entry {
    tasks: Tasks,
    id: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut running = self.tasks.running();
        running.names.remove(&self.id);
        self.tasks.0.count.send_replace(running.names.len());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Tasks;

    #[tokio::test]
    async fn drain_waits_for_those_that_listen_and_names_those_that_do_not() {
        let tasks = Tasks::new();
        let signal = tasks.shutdown_signal();
        let (done, seen) = tokio::sync::oneshot::channel();
        tasks.spawn("listens", async move {
            signal.await;
            done.send(()).unwrap();
        });
        tasks.spawn("panics", async { panic!("on purpose") });
        tasks.spawn("is deaf", std::future::pending());
        assert!(!tasks.shutdown_signal().is_raised());
        assert_eq!(tasks.drain(Duration::from_millis(50)).await, ["is deaf"]);
        seen.await.unwrap();
        assert!(tasks.shutdown_signal().is_raised());
    }
}
