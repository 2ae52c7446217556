//! The `date` header of answers, written once a second.

use std::{
    cell::RefCell,
    time::{Duration, UNIX_EPOCH},
};

use portcullis_domain::Clock as _;
use tokio::time::Instant;

use crate::SystemClock;

/// Runs `f` on the present instant in the form of RFC 9110 §5.6.7.
pub(super) fn with_date<R>(f: impl FnOnce(&[u8]) -> R) -> R {
    thread_local! {
        static DATE: RefCell<(String, Option<Instant>)> =
            const { RefCell::new((String::new(), None)) };
    }

    DATE.with_borrow_mut(|(text, until)| {
        let now = Instant::now();
        if until.is_none_or(|until| until <= now) {
            let micros = SystemClock.now().micros().unsigned_abs();
            *text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_micros(micros));
            // Until the next second begins.
            *until = Some(now + Duration::from_micros(1_000_000 - micros % 1_000_000));
        }
        f(text.as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::with_date;

    #[test]
    fn the_date_has_the_one_form_that_may_be_sent() {
        let date = with_date(|date| String::from_utf8(date.to_vec()).unwrap());
        assert!(date.len() == 29 && date.ends_with(" GMT"), "{date}");
    }
}
