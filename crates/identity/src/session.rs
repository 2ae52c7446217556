//! The life of a session: how long it may rest, how long it lives, when its token is replaced.

use portcullis_domain::{Session, Timestamp};

/// The rules of every session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionRules {
    /// How long a session may rest.
    pub idle_millis: i64,
    /// How long it lives at most.
    pub lifetime_millis: i64,
    /// How long one token is used.
    pub token_millis: i64,
    /// How long a replaced token is still taken: for requests that were under way.
    pub grace_millis: i64,
}

/// What a session is at the moment a token of it is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// It goes on.
    Good,
    /// It goes on with a new token.
    NeedsNewToken,
    /// It has rested or lived too long.
    Over,
    /// A replaced token was presented after its time: somebody has a copy, and nobody can tell
    /// which of the two is the thief.
    Stolen,
}

impl Default for SessionRules {
    /// Rest at most one hour, live at most twelve, a new token every quarter of an hour.
    fn default() -> Self {
        Self {
            idle_millis: 3_600_000,
            lifetime_millis: 12 * 3_600_000,
            token_millis: 15 * 60_000,
            grace_millis: 60_000,
        }
    }
}

impl SessionRules {
    /// What the session is when a token of that digest is presented at `now`.
    pub fn state(&self, session: &Session, digest: &[u8; 32], now: Timestamp) -> SessionState {
        let is_over = now >= session.seen_at.plus_millis(self.idle_millis)
            || now >= session.created_at.plus_millis(self.lifetime_millis);
        if is_over {
            return SessionState::Over;
        }
        if session.digest == *digest {
            let is_old = now >= session.rotated_at.plus_millis(self.token_millis);
            return if is_old { SessionState::NeedsNewToken } else { SessionState::Good };
        }
        match &session.previous {
            Some(previous) if previous.digest == *digest && now < previous.until => {
                SessionState::Good
            }
            _ => SessionState::Stolen,
        }
    }
}

#[cfg(test)]
mod tests {
    use portcullis_domain::{PreviousToken, SessionId, UserId};

    use super::*;

    fn session(at: Timestamp) -> Session {
        let id = "0190b7a2-3f4c-7d8e-9a1b-2c3d4e5f6a7b";
        Session {
            id: SessionId::parse(id).unwrap(),
            user_id: UserId::parse(id).unwrap(),
            organisation_id: None,
            digest: [1; 32],
            previous: Some(PreviousToken { digest: [2; 32], until: at.plus_millis(60_000) }),
            created_at: at,
            seen_at: at,
            rotated_at: at,
            client: None,
            user_agent: None,
        }
    }

    #[test]
    fn a_session_ends_by_rest_by_age_and_by_theft() {
        let rules = SessionRules::default();
        let start = Timestamp::from_micros(1_800_000_000_000_000);
        let mut session = session(start);
        let at = |minutes: i64| start.plus_millis(minutes * 60_000);
        assert_eq!(rules.state(&session, &[1; 32], at(1)), SessionState::Good);
        assert_eq!(rules.state(&session, &[1; 32], at(15)), SessionState::NeedsNewToken);
        assert_eq!(rules.state(&session, &[1; 32], at(60)), SessionState::Over);
        session.seen_at = at(11 * 60 + 30);
        assert_eq!(rules.state(&session, &[1; 32], at(11 * 60 + 59)), SessionState::NeedsNewToken);
        assert_eq!(rules.state(&session, &[1; 32], at(12 * 60)), SessionState::Over);
        session.seen_at = start;
        assert_eq!(rules.state(&session, &[2; 32], at(0)), SessionState::Good);
        assert_eq!(rules.state(&session, &[2; 32], at(1)), SessionState::Stolen);
    }
}
