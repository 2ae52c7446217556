//! Names to addresses, remembered for a moment.

use std::{
    collections::{HashMap, hash_map::RandomState},
    future::Future,
    hash::BuildHasher as _,
    io,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

/// The addresses of a name, when they arrive.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Finds the addresses of a host name. Tests hand in their own.
pub trait Resolve: Send + Sync {
    /// The addresses of `host`, best first. The policy checks each of them, each time.
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a>;
}

/// The operating system's resolver, on the runtime's pool for blocking work.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            let mut addresses: Vec<IpAddr> = Vec::new();
            for address in found.map(|socket| socket.ip()) {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            Ok(addresses)
        })
    }
}

/// The most names remembered; beyond, the one that was looked up longest ago is forgotten.
const MAX_REMEMBERED: usize = 1024;
/// How long an answer stands in for one that does not come.
const STALE: Duration = Duration::from_secs(60 * 60);
/// How long a look-up may take when there is an answer to stand in for it.
const PATIENCE: Duration = Duration::from_secs(1);
/// Look-ups in flight of names that were answered before.
const KNOWN: usize = 16;
/// Look-ups in flight of all other names. Callers name hosts, and each name that hangs holds a
/// thread of the resolver until the system gives up: these must leave room for those above.
const UNKNOWN: usize = 48;
/// Of these, in one class of names: one domain that hangs must not keep the others out.
const IN_CLASS: usize = 4;
/// Classes that unknown names are sorted into, by their last two labels.
const CLASSES: usize = 64;
/// Look-ups in flight at most, in the whole process.
pub(crate) const MAX_LOOK_UPS: usize = KNOWN + UNKNOWN;

/// Remembers answers for a fixed time, because the system's resolver does not say how long its
/// answers hold, and for longer in case it gives none. Failures are not remembered.
pub(super) struct Remembered {
    resolver: Arc<dyn Resolve>,
    ttl: Duration,
    /// How long a look-up may keep its caller.
    within: Duration,
    // Taken only when a connection is made, never for a call on an open one.
    answers: Arc<Mutex<Answers>>,
    known: Arc<Semaphore>,
    unknown: Arc<Semaphore>,
    classes: Vec<Arc<Semaphore>>,
    hasher: RandomState,
}

type Answers = HashMap<String, Answer>;

#[derive(Clone)]
struct Answer {
    addresses: Arc<[IpAddr]>,
    given: Instant,
    /// Until when it is used without asking.
    fresh_until: Instant,
}

impl Remembered {
    pub(super) fn new(resolver: Arc<dyn Resolve>, ttl: Duration, within: Duration) -> Self {
        let room = |count| Arc::new(Semaphore::new(count));
        Self {
            resolver,
            ttl,
            within,
            answers: Arc::default(),
            known: room(KNOWN),
            unknown: room(UNKNOWN),
            classes: (0..CLASSES).map(|_| room(IN_CLASS)).collect(),
            hasher: RandomState::new(),
        }
    }

    /// The addresses of `host`, for the policy to check: however they were come by.
    pub(super) async fn resolve(&self, host: &str) -> io::Result<Arc<[IpAddr]>> {
        let host = host.to_ascii_lowercase();
        let known = self.remembered(&host);
        if let Some(addresses) = known.as_ref().and_then(Answer::fresh) {
            return Ok(addresses);
        }
        let within = if known.is_some() { self.within.min(PATIENCE) } else { self.within };
        let looked_up = timeout(within, self.look_up(&host, known.is_some())).await;
        match (looked_up, known) {
            (Ok(Ok(addresses)), _) => Ok(addresses),
            (failed, Some(known)) => {
                let failure = failed.map_or_else(
                    |_| "no answer".into(),
                    |failed| failed.err().map_or_else(String::new, |error| error.to_string()),
                );
                tracing::debug!(host, failure, "an earlier answer of the resolver is used again");
                // Who comes next need not wait as well.
                if let Some(answer) = locked(&self.answers).get_mut(&host) {
                    answer.fresh_until = answer.fresh_until.max(Instant::now() + self.ttl);
                }
                Ok(known.addresses)
            }
            (Ok(Err(error)), None) => Err(error),
            (Err(_), None) => {
                Err(io::Error::new(io::ErrorKind::TimedOut, "the resolver gave no answer in time"))
            }
        }
    }

    /// Asks the resolver as soon as there is room for another question. The question stays counted
    /// until it is answered, also when nobody waits for the answer any more.
    #[allow(clippy::disallowed_methods, reason = "it ends with the resolver, and holds up nothing")]
    async fn look_up(&self, host: &str, is_known: bool) -> io::Result<Arc<[IpAddr]>> {
        let room = |room: &Arc<Semaphore>| Arc::clone(room).acquire_owned();
        let permits = if is_known {
            (room(&self.known).await, None)
        } else {
            let class = room(self.class(host)).await;
            (room(&self.unknown).await, Some(class))
        };
        // Whoever had the room before may have asked the same.
        if let Some(addresses) = self.remembered(host).as_ref().and_then(Answer::fresh) {
            return Ok(addresses);
        }
        let (resolver, answers) = (Arc::clone(&self.resolver), Arc::clone(&self.answers));
        let (host, ttl) = (host.to_owned(), self.ttl);
        let asked = tokio::spawn(async move {
            let found = resolver.resolve(&host).await;
            drop(permits);
            let addresses: Arc<[IpAddr]> = found?.into();
            if !ttl.is_zero() && !addresses.is_empty() {
                remember(&mut locked(&answers), host, addresses.clone(), ttl);
            }
            Ok(addresses)
        });
        asked.await.map_err(io::Error::other)?
    }

    /// Asks again for a name whose addresses did not answer: it may have moved.
    pub(super) fn doubt(&self, host: &str) {
        if let Some(answer) = locked(&self.answers).get_mut(&host.to_ascii_lowercase()) {
            answer.fresh_until = answer.given;
        }
    }

    fn remembered(&self, host: &str) -> Option<Answer> {
        let answer = locked(&self.answers).get(host).cloned();
        answer.filter(|answer| answer.given.elapsed() < STALE)
    }

    fn class(&self, host: &str) -> &Arc<Semaphore> {
        let domain = host.trim_end_matches('.').rsplitn(3, '.');
        let hash = self.hasher.hash_one(domain.take(2).collect::<Vec<_>>());
        &self.classes[usize::try_from(hash % CLASSES as u64).unwrap_or_default()]
    }
}

impl Answer {
    fn fresh(&self) -> Option<Arc<[IpAddr]>> {
        (Instant::now() < self.fresh_until).then(|| self.addresses.clone())
    }
}

fn remember(answers: &mut Answers, host: String, addresses: Arc<[IpAddr]>, ttl: Duration) {
    if answers.len() >= MAX_REMEMBERED && !answers.contains_key(&host) {
        let oldest = answers.iter().min_by_key(|(_, answer)| answer.given);
        if let Some(oldest) = oldest.map(|(host, _)| host.clone()) {
            answers.remove(&oldest);
        }
    }
    let given = Instant::now();
    answers.insert(host, Answer { addresses, given, fresh_until: given + ttl });
}

fn locked(answers: &Mutex<Answers>) -> MutexGuard<'_, Answers> {
    answers.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        net::IpAddr,
        sync::{
            Arc, Mutex,
            atomic::{AtomicUsize, Ordering::SeqCst},
        },
        time::Duration,
    };

    use tokio::time::{Instant, advance};

    use super::{IN_CLASS, Remembered, Resolve, Resolving, UNKNOWN};

    /// Answers, fails or hangs, as told.
    #[derive(Default)]
    struct Moody {
        fails: Mutex<bool>,
        hangs: Mutex<Option<&'static str>>,
        hanging: AtomicUsize,
    }

    impl Resolve for Moody {
        fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
            let hangs = self.hangs.lock().unwrap().is_some_and(|part| host.contains(part));
            let fails = *self.fails.lock().unwrap();
            Box::pin(async move {
                if hangs {
                    self.hanging.fetch_add(1, SeqCst);
                    std::future::pending::<()>().await;
                }
                if fails { Err(io::Error::other("no")) } else { Ok(vec![answer()]) }
            })
        }
    }

    fn answer() -> IpAddr {
        "192.0.2.1".parse().unwrap()
    }

    fn remembered() -> (Arc<Moody>, Arc<Remembered>) {
        let moody = Arc::new(Moody::default());
        let (ttl, within) = (Duration::from_secs(10), Duration::from_secs(5));
        let resolver = Arc::clone(&moody) as Arc<dyn Resolve>;
        (moody, Arc::new(Remembered::new(resolver, ttl, within)))
    }

    #[tokio::test(start_paused = true)]
    async fn names_that_hang_leave_room_for_others() {
        let (moody, remembered) = remembered();
        remembered.resolve("api.known.example").await.unwrap();
        *moody.hangs.lock().unwrap() = Some("hang");
        let mut hanging = tokio::task::JoinSet::new();
        let begun = Instant::now();
        for index in 0..100 {
            let remembered = Arc::clone(&remembered);
            let host = format!("h{index}.hang.example");
            hanging.spawn(async move { remembered.resolve(&host).await.unwrap_err().kind() });
        }
        while let Some(kind) = hanging.join_next().await {
            assert_eq!(kind.unwrap(), io::ErrorKind::TimedOut);
        }
        assert_eq!(begun.elapsed().as_secs(), 5, "each was freed in time");
        assert_eq!(moody.hanging.load(SeqCst), IN_CLASS, "one domain, few questions");
        // As another class, unless it fell into the same one of the 64 by chance.
        let others = ["a.one.example", "a.two.example", "a.three.test", "a.four.test"];
        let mut answered = 0;
        for host in others {
            answered += usize::from(remembered.resolve(host).await.is_ok());
        }
        assert!(answered > 0);

        for index in 0..2000 {
            let remembered = Arc::clone(&remembered);
            let host = format!("hang.d{index}.example");
            hanging.spawn(async move { remembered.resolve(&host).await.unwrap_err().kind() });
        }
        while hanging.join_next().await.is_some() {}
        assert_eq!(moody.hanging.load(SeqCst), UNKNOWN, "many domains, as many as have room");
        advance(Duration::from_secs(20)).await;
        let begun = Instant::now();
        assert_eq!(*remembered.resolve("api.known.example").await.unwrap(), [answer()]);
        assert_eq!(begun.elapsed().as_millis(), 0, "what was known has room of its own");
    }

    #[tokio::test(start_paused = true)]
    async fn an_earlier_answer_stands_in_for_an_hour() {
        let (moody, remembered) = remembered();
        remembered.resolve("a.example").await.unwrap();
        *moody.fails.lock().unwrap() = true;
        advance(Duration::from_secs(11)).await;
        assert_eq!(*remembered.resolve("A.example").await.unwrap(), [answer()], "it failed");

        *moody.hangs.lock().unwrap() = Some("a.example");
        remembered.doubt("a.example");
        let begun = Instant::now();
        assert_eq!(*remembered.resolve("a.example").await.unwrap(), [answer()], "it hangs");
        assert_eq!(begun.elapsed().as_secs(), 1);
        remembered.resolve("a.example").await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), 1, "the next does not wait as well");

        *moody.hangs.lock().unwrap() = None;
        advance(Duration::from_secs(3600)).await;
        assert_eq!(remembered.resolve("a.example").await.unwrap_err().to_string(), "no");
    }
}
