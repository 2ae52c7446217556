//! `portcullis demo`.

use crate::{cli::Demo, failure::Failure};

pub(crate) async fn run(_args: &Demo) -> Result<(), Failure> {
    Err(Failure::new("not wired"))
}
