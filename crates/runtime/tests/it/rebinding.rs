//! Names whose addresses change between the check and the call.

use std::{
    io,
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use portcullis_runtime::egress::{
    Egress, EgressErrorKind, EgressPolicy, EgressSettings, Refused, Resolve, Resolving,
};

use crate::world::{SOON, Upstream, get, text};

/// Gives its answers in turn, the last one for ever.
struct Changing {
    answers: Mutex<Vec<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Changing {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |list: &&[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
        let answers = answers.iter().rev().map(parse).collect();
        Arc::new(Self { answers: Mutex::new(answers), asked: AtomicUsize::new(0) })
    }
}

impl Resolve for Changing {
    fn resolve<'a>(&'a self, _host: &'a str) -> Resolving<'a> {
        self.asked.fetch_add(1, SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop() } else { answers.last().cloned() };
        Box::pin(async move { answer.ok_or_else(|| io::Error::other("no answer")) })
    }
}

fn settings(dns_ttl: Duration) -> EgressSettings {
    EgressSettings { dns_ttl, connect_timeout: Duration::from_millis(300), ..Default::default() }
}

#[tokio::test]
async fn a_name_that_turns_private_after_its_check_is_refused_at_the_connection() {
    let upstream = Upstream::hello().await;
    // Public at first: nobody answers there, which is not the point.
    let resolver = Changing::new(&[&["192.31.195.1"], &["127.0.0.1"]]);
    let policy = EgressPolicy::default();
    let url = format!("http://rebinding.example.com:{}/", upstream.address.port());
    assert!(policy.check_url(&url).is_ok());
    let egress = Egress::with_resolver(policy, settings(Duration::ZERO), resolver.clone());
    let first = egress.send(get(&url), SOON).await.unwrap_err();
    assert_eq!((first.kind, first.sent), (EgressErrorKind::Unreachable, false), "{first}");
    let second = egress.send(get(&url), SOON).await.unwrap_err();
    assert_eq!(second.kind, EgressErrorKind::Refused(Refused::PrivateAddress));
    assert_eq!((resolver.asked.load(SeqCst), upstream.opened()), (2, 0));
}

#[tokio::test]
async fn one_private_address_among_public_ones_refuses_the_name() {
    let upstream = Upstream::hello().await;
    let url = format!("http://mixed.example.com:{}/", upstream.address.port());
    for (address, reason) in [
        ("127.0.0.1", Refused::PrivateAddress),
        ("::ffff:127.0.0.1", Refused::PrivateAddress),
        ("10.0.0.1", Refused::PrivateAddress),
        ("169.254.169.254", Refused::Metadata),
    ] {
        let resolver = Changing::new(&[&["8.8.8.8", address]]);
        let egress =
            Egress::with_resolver(EgressPolicy::default(), settings(Duration::ZERO), resolver);
        let error = egress.send(get(&url), SOON).await.unwrap_err();
        assert_eq!(error.kind, EgressErrorKind::Refused(reason), "{address}");
    }
    assert_eq!(upstream.opened(), 0);
}

#[tokio::test]
async fn a_listed_name_may_be_private_but_never_a_metadata_service() {
    let upstream = Upstream::hello().await;
    let url = format!("http://llm.internal:{}/", upstream.address.port());
    let resolver = Changing::new(&[&["127.0.0.1"], &["169.254.169.254"]]);
    let policy = EgressPolicy::parse("llm.internal").unwrap();
    let egress = Egress::with_resolver(policy, settings(Duration::ZERO), resolver);
    // Dropping the answer unread closes its connection, so that the next call resolves again.
    drop(egress.send(get(&url), SOON).await.unwrap());
    let error = egress.send(get(&url), SOON).await;
    match error {
        Err(error) => assert_eq!(error.kind, EgressErrorKind::Refused(Refused::Metadata)),
        Ok(_) => panic!("a metadata service was called"),
    }
}

#[tokio::test]
async fn a_dead_address_is_passed_over() {
    let upstream = Upstream::hello().await;
    let url = format!("http://two.example.com:{}/", upstream.address.port());
    let resolver = Changing::new(&[&["127.0.0.2", "127.0.0.1"]]);
    let policy = EgressPolicy::parse("127.0.0.0/8").unwrap();
    let egress = Egress::with_resolver(policy, settings(Duration::ZERO), resolver);
    let answer = egress.send(get(&url), SOON).await.unwrap();
    assert_eq!(text(answer.into_body()).await, "hello");
}

#[tokio::test]
async fn an_answer_of_the_resolver_is_reused_for_its_time_and_forgotten_when_it_fails() {
    let upstream = Upstream::hello().await;
    let url = format!("http://cached.example.com:{}/", upstream.address.port());
    let resolver = Changing::new(&[&["127.0.0.1"]]);
    let policy = EgressPolicy::parse("127.0.0.0/8").unwrap();
    let egress = Egress::with_resolver(policy, settings(SOON), resolver.clone());
    for _ in 0..3 {
        let mut request = get(&url);
        request.headers_mut().insert("connection", "close".parse().unwrap());
        text(egress.send(request, SOON).await.unwrap().into_body()).await;
    }
    assert_eq!(resolver.asked.load(SeqCst), 1);
    let dead = "http://cached.example.com:1/";
    egress.send(get(dead), SOON).await.unwrap_err();
    egress.send(get(dead), SOON).await.unwrap_err();
    assert_eq!(resolver.asked.load(SeqCst), 2);
}
