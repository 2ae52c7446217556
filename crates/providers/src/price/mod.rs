//! What models cost. The table is compiled into the binary; looking up a price parses nothing
//! ahead, takes no lock and allocates nothing.

mod cost;
pub mod estimate;
mod format;
mod table;

pub use cost::{PriceContext, SearchContext};
pub use format::{Class, Mode, ServiceTier};
pub use table::{Model, Price, Table, table};
