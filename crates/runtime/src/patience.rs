//! A deadline that costs nearly nothing when it is kept.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::time::{Instant, Sleep, sleep_until};

/// How long somebody may take, time and again. The timer stays from one time to the next and is
/// only touched when it fires too early, so that each time costs a look at the clock.
#[derive(Default)]
pub(crate) struct Patience {
    until: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    /// Begins anew, to last until then.
    pub(crate) fn begin(&mut self, until: Instant) {
        self.until = Some(until);
    }

    /// Ready when it has run out.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(until) = self.until else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(until)));
        // One that was set for longer would come too late.
        if sleep.deadline() > until {
            sleep.as_mut().reset(until);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= until {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, time::Duration};

    use tokio::time::{Instant, sleep};

    use super::Patience;

    #[tokio::test(start_paused = true)]
    async fn each_time_ends_when_it_should() {
        let mut patience = Patience::default();
        for seconds in [5, 20, 1, 60] {
            let began = Instant::now();
            patience.begin(began + Duration::from_secs(seconds));
            poll_fn(|cx| patience.poll(cx)).await;
            assert_eq!(began.elapsed().as_secs(), seconds);
            sleep(Duration::from_secs(3)).await;
        }
    }
}
