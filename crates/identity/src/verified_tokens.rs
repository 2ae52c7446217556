//! Tokens whose signature this thread has found good: they are not checked again while they are.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use aws_lc_rs::digest::{SHA256, digest};
use portcullis_domain::{ApiKey, ApiKeyId, Snapshot, Timestamp, TokenClaims, TokenIssuer};

use crate::signed_token::{SignedToken, TokenRefused};

/// How many one thread remembers.
const MOST: usize = 2048;

/// A token that was found good, and by whose keys.
struct Verified {
    issuer: Arc<TokenIssuer>,
    key: Arc<ApiKey>,
}

thread_local! {
    static VERIFIED: RefCell<HashMap<[u8; 32], Verified>> = RefCell::default();
}

/// The API key that a token stands for at `now`. No I/O: the issuer's keys are in the snapshot. A
/// signature is checked once for each thread, and again when the issuer has changed.
pub fn key_of_token(
    token: &str,
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<Arc<ApiKey>, TokenRefused> {
    let id = sha256(token.as_bytes());
    let known = VERIFIED.with_borrow(|verified| {
        let Verified { issuer, key } = verified.get(&id)?;
        let current = snapshot.token_issuer(issuer.organisation_id)?;
        let is_current = Arc::ptr_eq(issuer, current);
        let holds = is_current && snapshot.workspace(key.workspace_id).is_some();
        holds.then(|| Arc::clone(key))
    });
    if let Some(key) = known {
        return if key.is_expired(now) { Err(TokenRefused::Expired) } else { Ok(key) };
    }
    let token = SignedToken::read(token)?;
    let issuer = snapshot.token_issuer(token.organisation()?).ok_or(TokenRefused::NoIssuer)?;
    let claims = token.verify(issuer, now)?;
    let name = name(issuer, &claims);
    let key = issuer.api_key(claims, name, snapshot).ok_or(TokenRefused::NoWorkspace)?;
    let key = Arc::new(key);
    let verified = Verified { issuer: Arc::clone(issuer), key: Arc::clone(&key) };
    VERIFIED.with_borrow_mut(|all| remember(all, id, verified, now));
    Ok(key)
}

fn remember(
    all: &mut HashMap<[u8; 32], Verified>,
    id: [u8; 32],
    verified: Verified,
    now: Timestamp,
) {
    if all.len() >= MOST {
        all.retain(|_, known| !known.key.is_expired(now));
    }
    if all.len() >= MOST {
        // More good tokens at once than that: each is checked once more.
        all.clear();
    }
    all.insert(id, verified);
}

/// What logs and the audit trail know somebody's tokens by: the same for all of one person's in one
/// workspace (a UUID of version 8, RFC 9562 §5.8).
fn name(issuer: &TokenIssuer, claims: &TokenClaims) -> ApiKeyId {
    let organisation = issuer.organisation_id.to_string();
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    let (workspace, user) = (text(&claims.workspace), text(&claims.user));
    let mut told = Vec::new();
    for part in ["token", &organisation, &workspace, &user] {
        // With its length, so that no part can be taken for a piece of another.
        told.extend((part.len() as u64).to_be_bytes());
        told.extend(part.as_bytes());
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&sha256(&told)[..16]);
    ApiKeyId::from_hash(bytes)
}

fn sha256(text: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, text).as_ref());
    bytes
}
