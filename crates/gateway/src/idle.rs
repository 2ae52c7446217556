//! How long somebody may be silent while we wait for them.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

/// Bounds each wait of a series. While nobody is waited for, nobody is late; and the timer is only
/// made when there is something to wait for, and only touched when it fires.
pub(crate) struct Idle {
    within: Duration,
    late_at: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Idle {
    pub(crate) fn new(within: Duration) -> Self {
        Self { within, late_at: None, sleep: None }
    }

    /// What was waited for, as far as it has come; `None` when it is late.
    pub(crate) fn bound<T>(&mut self, polled: Poll<T>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        if let Poll::Ready(come) = polled {
            self.late_at = None;
            return Poll::Ready(Some(come));
        }
        let late_at = *self.late_at.get_or_insert_with(|| Instant::now() + self.within);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(late_at)));
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= late_at {
                self.late_at = None;
                return Poll::Ready(None);
            }
            // It was set for an earlier wait.
            sleep.as_mut().reset(late_at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, task::Poll, time::Duration};

    use tokio::time::{Instant, sleep};

    use super::Idle;

    #[tokio::test(start_paused = true)]
    async fn each_wait_has_its_own_time() {
        let second = Duration::from_secs(1);
        let mut idle = Idle::new(second);
        for _ in 0..3 {
            let mut pause = Box::pin(sleep(second / 2 + second / 4));
            let come = poll_fn(|cx| {
                let polled = pause.as_mut().poll(cx);
                idle.bound(polled, cx)
            });
            assert_eq!(come.await, Some(()));
            sleep(second * 3).await;
        }
        let began = Instant::now();
        let late: Option<()> = poll_fn(|cx| idle.bound(Poll::Pending, cx)).await;
        assert_eq!((late, began.elapsed().as_secs()), (None, 1));
    }
}
