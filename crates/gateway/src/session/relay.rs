//! Both directions of a session, and how it ends.

use std::{
    borrow::Cow,
    future::poll_fn,
    io,
    task::{Context, Poll},
    time::Duration,
};

use portcullis_domain::Fault;
use portcullis_runtime::{
    Switched,
    server::Draining,
    websocket::{Sender, Violation, close_frame},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use crate::session::{
    guard::Guard,
    lane::{Lane, LaneEnd},
    ledger::Ledger,
};

/// How often it is asked whether the session may go on.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How long the other side may take to close when one side has, or both when we end the session.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);
/// Codes that close (RFC 6455 §7.4.1 and the registry it set up).
const GOING_AWAY: u16 = 1001;
const PROTOCOL_ERROR: u16 = 1002;
const POLICY_VIOLATION: u16 = 1008;
const BAD_GATEWAY: u16 = 1014;

/// How a session ended.
#[derive(Debug)]
pub(super) enum End {
    /// Both sides have closed, or one has and the other left.
    Closed,
    /// We have ended it in good order, for this reason.
    Ended(&'static str),
    /// The client was gone without having closed.
    ClientGone,
    /// The provider was.
    ProviderGone,
    /// The client does not keep to the protocol.
    ClientViolated(Violation),
    /// The provider does not.
    ProviderViolated(Violation),
    /// The session may not go on.
    TakenBack(Fault),
}

/// How long it goes on without anybody saying anything.
struct Patience {
    idle: Duration,
    seen: u64,
    seen_at: Instant,
    closed_at: Option<Instant>,
}

/// The two sides, and what is under way between them.
pub(super) struct Relay {
    client: Switched,
    provider: Switched,
    to_provider: Lane,
    to_client: Lane,
    ledger: Ledger,
    /// For the one frame that we may send as a client.
    mask: [u8; 4],
}

impl Relay {
    pub(super) fn new(client: Switched, provider: Switched, ledger: Ledger, mask: [u8; 4]) -> Self {
        let (to_provider, to_client) = (Lane::new(Sender::Client), Lane::new(Sender::Server));
        Self { client, provider, to_provider, to_client, ledger, mask }
    }

    /// Carries the session to its end.
    pub(super) async fn run(&mut self, mut draining: Draining, guard: Guard, idle: Duration) {
        let mut ask = interval(ASK_EVERY);
        ask.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut patience = Patience::new(idle);
        let end = loop {
            tokio::select! {
                biased;
                () = &mut draining => break End::Ended("the gateway is stopping"),
                _ = ask.tick() => {
                    let is_closing = self.to_provider.is_closed() || self.to_client.is_closed();
                    if is_closing {
                        if patience.is_over_for_close() {
                            break End::Closed;
                        }
                    } else if let Err(fault) = guard.check().await {
                        break End::TakenBack(fault);
                    } else if patience.is_over(self.ledger.bytes()) {
                        break End::Ended("nothing was said for too long");
                    }
                }
                end = poll_fn(|cx| self.poll(cx)) => break end,
            }
        };
        // Whoever does not close in time is cut.
        if let Some((code, reason)) = end.code() {
            let _ = timeout(CLOSE_WITHIN, self.stop(&end, code, &reason)).await;
            self.ledger.end(end);
        } else {
            self.ledger.end(end);
            let _ = timeout(CLOSE_WITHIN, self.shut()).await;
        }
    }

    /// Ready when the session has ended by itself.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let Self { client, provider, to_provider, to_client, ledger, .. } = self;
        let from_client = to_provider.poll(Sender::Client, client, provider, ledger, cx);
        let from_provider = to_client.poll(Sender::Server, provider, client, ledger, cx);
        let closing = to_provider.is_closed() || to_client.is_closed();
        match (from_client, from_provider) {
            (Poll::Ready(LaneEnd::Closed), Poll::Ready(LaneEnd::Closed)) => {
                Poll::Ready(End::Closed)
            }
            (Poll::Ready(LaneEnd::Violated(violation)), _) => {
                Poll::Ready(End::ClientViolated(violation))
            }
            (_, Poll::Ready(LaneEnd::Violated(violation))) => {
                Poll::Ready(End::ProviderViolated(violation))
            }
            (_, Poll::Ready(LaneEnd::Stopped)) => Poll::Ready(End::TakenBack(ledger.refusal())),
            // After the closing of one side, it is no matter how the other leaves.
            (Poll::Ready(LaneEnd::Gone | LaneEnd::Refused), _)
            | (_, Poll::Ready(LaneEnd::Gone | LaneEnd::Refused))
                if closing =>
            {
                Poll::Ready(End::Closed)
            }
            (Poll::Ready(LaneEnd::Gone), _) | (_, Poll::Ready(LaneEnd::Refused)) => {
                Poll::Ready(End::ClientGone)
            }
            (Poll::Ready(LaneEnd::Refused), _) | (_, Poll::Ready(LaneEnd::Gone)) => {
                Poll::Ready(End::ProviderGone)
            }
            _ => Poll::Pending,
        }
    }

    /// Ends the session from here: each side gets to the end of the frame it is in, and then is told.
    async fn stop(&mut self, end: &End, code: u16, reason: &str) -> io::Result<()> {
        let Self { client, provider, to_provider, to_client, ledger, mask } = self;
        to_provider.stop();
        to_client.stop();
        // Nothing more is to be had of a side that is gone or cannot be followed.
        let mut client_done = matches!(end, End::ClientGone | End::ClientViolated(_));
        let mut provider_done = matches!(end, End::ProviderGone | End::ProviderViolated(_));
        poll_fn(|cx| {
            client_done = client_done
                || to_provider.poll(Sender::Client, client, provider, ledger, cx).is_ready();
            provider_done = provider_done
                || to_client.poll(Sender::Server, provider, client, ledger, cx).is_ready();
            if client_done && provider_done { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        if to_provider.is_between() && !matches!(end, End::ProviderGone) {
            let frame = close_frame(Sender::Client, GOING_AWAY, "", *mask);
            // It may be gone as well: the client is to be told all the same.
            let _ = provider.write_all(&frame).await;
        }
        if to_client.is_between() && !matches!(end, End::ClientGone) {
            client.write_all(&close_frame(Sender::Server, code, reason, *mask)).await?;
        }
        self.shut().await
    }

    /// Says that nothing more is sent, and takes for a moment what the client sends all the same:
    /// with bytes unread, the system would reset the connection, and the last message could be lost
    /// with it.
    async fn shut(&mut self) -> io::Result<()> {
        let _ = self.provider.shutdown().await;
        self.client.shutdown().await?;
        let mut buffer = [0; 1024];
        while self.client.read(&mut buffer).await? > 0 {}
        Ok(())
    }
}

impl End {
    /// What those who are still there are told, where they have not said it themselves.
    fn code(&self) -> Option<(u16, Cow<'static, str>)> {
        Some(match self {
            Self::Closed => return None,
            Self::Ended(reason) => (GOING_AWAY, (*reason).into()),
            Self::ClientGone => (GOING_AWAY, "the client is gone".into()),
            Self::ProviderGone | Self::ProviderViolated(_) => {
                (BAD_GATEWAY, "the provider broke off".into())
            }
            Self::ClientViolated(_) => (PROTOCOL_ERROR, "this is no WebSocket message".into()),
            Self::TakenBack(fault) => (POLICY_VIOLATION, fault.public.clone()),
        })
    }
}

impl Patience {
    fn new(idle: Duration) -> Self {
        Self { idle, seen: 0, seen_at: Instant::now(), closed_at: None }
    }

    /// Whether nothing has come for too long, of which so many bytes came until now.
    fn is_over(&mut self, bytes: u64) -> bool {
        if bytes != self.seen {
            (self.seen, self.seen_at) = (bytes, Instant::now());
        }
        self.seen_at.elapsed() >= self.idle
    }

    /// Whether the other side of one that has closed took too long. To be asked from then on.
    fn is_over_for_close(&mut self) -> bool {
        self.closed_at.get_or_insert_with(Instant::now).elapsed() >= CLOSE_WITHIN
    }
}
