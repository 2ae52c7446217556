//! Sign-in, and what is people's own: for the console, and for whoever signs in otherwise.

pub(crate) mod invite;
pub(crate) mod personal_key;
pub(crate) mod session;
