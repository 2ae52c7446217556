//! Instants a span later.

use std::time::Duration;

use portcullis_domain::Timestamp;

pub(crate) trait After {
    fn after(self, span: Duration) -> Self;
}

impl After for Timestamp {
    fn after(self, span: Duration) -> Self {
        self.plus_micros(i64::try_from(span.as_micros()).unwrap_or(i64::MAX))
    }
}
