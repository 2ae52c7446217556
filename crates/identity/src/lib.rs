//! How people and their tokens prove who they are: passwords, sessions, back-off after failed
//! attempts, signed tokens. Values in, values out: nothing here knows a socket, a database or what
//! anybody may do.

mod back_off;
mod jwks;
mod password;
mod secret_token;
mod session;
mod signed_token;
mod verified_tokens;

pub use back_off::{BackOff, Failures};
pub use jwks::{MAX_JWKS, MalformedJwks, parse_jwks};
pub use password::{
    MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS, PasswordHashing, WeakPassword, check_password,
    mint_password,
};
pub use secret_token::SecretToken;
pub use session::{SessionRules, SessionState};
pub use signed_token::{TokenRefused, resembles_signed_token};
pub use verified_tokens::key_of_token;
