//! The embedded price table and the arithmetic of costs.

mod exact;
mod known;
mod lookup;
