//! Attempts to sign in: how many, and what the audit trail is told of those that fail.
//!
//! Each attempt counts before it is looked at, by what it is made at and by address of the network, so
//! that attempts made at the same time cannot all be free. What a sign-in is made at is an e-mail
//! address, whether no account bears it or several. Whoever is let in by something else already, by a
//! session or the link of an invite, is counted apart: anybody can keep an e-mail address waiting.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use portcullis_domain::{
    AuditAction, AuditActor, AuditActorKind, AuditOrigin, AuditOutcome, AuditResource,
    EmailAddress, OrganisationId, Timestamp, UserId,
};
use portcullis_identity::{BackOff, Failures};
use portcullis_store::{Account, Act, Attempts, Note, Reader, Scene, Tx};
use portcullis_vault::Pepper;
use serde_json::json;

use crate::{Control, ControlError, Parts, Result};

/// What an attempt is made at.
#[derive(Clone, Copy)]
pub(crate) enum Target<'a> {
    /// Whichever account bears an e-mail address.
    Email(&'a str),
    /// The same, by the link of an organisation's invite. Counted for all invites of the organisation
    /// to the address together: it can send as many as it likes.
    Invite(OrganisationId, &'a EmailAddress),
    /// The password of somebody who is signed in.
    Own(UserId),
}

/// Whom an attempt concerns.
#[derive(Clone, Copy)]
pub(crate) struct Concerned<'a> {
    /// The e-mail address, as it was typed.
    pub(crate) email: &'a str,
    /// The accounts that were meant, or may have been.
    pub(crate) accounts: &'a [Account],
    /// The one organisation that was meant.
    pub(crate) organisation: Option<OrganisationId>,
}

/// An attempt that was counted: under which digests, by which rules, and what is remembered.
pub(crate) struct Attempt(Vec<([u8; 32], BackOff, Failures)>);

/// An attempt that is not looked at, because its account or its address waits.
pub(crate) struct Waits {
    id: [u8; 32],
    rule: BackOff,
    until: Timestamp,
    wait_millis: u64,
}

/// Tries that were refused during waits, by what waits: until when, and how many. On this node.
#[derive(Default)]
pub(crate) struct RefusedTries(Mutex<HashMap<[u8; 32], (Timestamp, u64)>>);

/// How many waits are kept apart; what comes beyond is counted together.
const MOST_WAITS: usize = 10_000;
const TOGETHER: [u8; 32] = [0; 32];

impl Waits {
    pub(crate) const fn error(&self) -> ControlError {
        ControlError::TooManyAttempts { wait_millis: self.wait_millis }
    }
}

impl RefusedTries {
    /// Counts one. Its number, if the trail is to be told: of the first, the second, the fourth and
    /// so on, so that it knows about how many there were and cannot be flooded.
    fn count(&self, waits: &Waits, now: Timestamp) -> Option<u64> {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tries.len() >= MOST_WAITS && !tries.contains_key(&waits.id) {
            tries.retain(|id, (until, _)| *until > now || *id == TOGETHER);
        }
        let is_kept = tries.len() < MOST_WAITS || tries.contains_key(&waits.id);
        let id = if is_kept { waits.id } else { TOGETHER };
        let (until, count) = tries.entry(id).or_insert((waits.until, 0));
        if is_kept && *until != waits.until {
            (*until, *count) = (waits.until, 0);
        }
        *count = count.saturating_add(1);
        count.is_power_of_two().then_some(*count)
    }
}

impl Control {
    /// Counts an attempt. While it has to wait, the trail is told of that.
    pub(crate) async fn admit_attempt(
        &self,
        origin: &AuditOrigin,
        target: Target<'_>,
        concerned: Concerned<'_>,
    ) -> Result<Attempt> {
        let waits = match self.count_attempt(origin, target).await? {
            Ok(attempt) => return Ok(attempt),
            Err(waits) => waits,
        };
        let parts = &*self.0;
        if let Some(tries) = parts.passwords.refused.count(&waits, parts.clock.now()) {
            let outcome = AuditOutcome::Denied {
                status: Some(429),
                reason: "too many attempts had failed: it was not looked at".to_owned(),
            };
            let after = json!({
                "tries_refused": tries,
                "waits_for": if waits.rule == BackOff::ACCOUNT { "account" } else { "address" },
                "waits_until": waits.until.to_string(),
            });
            let told = Note { outcome, after: Some(after), ..failed_sign_in() };
            if waits.rule == BackOff::ACCOUNT {
                self.tell_failure(origin, concerned, told).await?;
            } else {
                // Whichever accounts were meant: it is told where nobody's accounts are.
                let act =
                    async |act: &mut Act| Ok::<_, ControlError>(act.note(told.clone()).await?);
                parts.db.act(&parts.nobody(origin), act).await?;
            }
        }
        Err(waits.error())
    }

    /// Counts an attempt at something and from an address, unless either must wait.
    async fn count_attempt(
        &self,
        origin: &AuditOrigin,
        target: Target<'_>,
    ) -> Result<Result<Attempt, Waits>> {
        let parts = &*self.0;
        let now = parts.clock.now();
        let rules = parts.attempts(origin, target);
        // What has to wait is turned away without a turn at writing.
        if let Err(waits) = attempted(&mut parts.db.read().await?, &rules, now).await? {
            return Ok(Err(waits));
        }
        let count = async |tx: &mut Tx| -> Result<Result<Attempt, Waits>> {
            let counted = attempted(tx.reader(), &rules, now).await?;
            if let Ok(Attempt(counted)) = &counted {
                for (id, _, failures) in counted {
                    tx.sign_in_attempts().put(id, &attempts(*failures)).await?;
                }
            }
            Ok(counted)
        };
        parts.db.write(count).await
    }

    /// An attempt did not fail: it is as if it had not been made. `but` keeps its place under a
    /// rule.
    pub(crate) async fn forgive(&self, attempt: Attempt, but: Option<BackOff>) -> Result<()> {
        let forgive = async |tx: &mut Tx| -> Result<()> {
            for (id, rule, attempted) in &attempt.0 {
                if but == Some(*rule) {
                    continue;
                }
                let now = failures(tx.reader().sign_in_attempts().find(id).await?);
                let left = attempts(rule.succeeded(&now, attempted));
                tx.sign_in_attempts().put(id, &left).await?;
            }
            Ok(())
        };
        self.0.db.write(forgive).await
    }

    /// Tells the trail that an attempt came to nothing, and hands back why.
    pub(crate) async fn failed(
        &self,
        origin: &AuditOrigin,
        concerned: Concerned<'_>,
        error: ControlError,
    ) -> ControlError {
        let status = match &error {
            ControlError::SignInFailed => 401,
            ControlError::TooManyAttempts { .. } => 429,
            ControlError::Invalid { .. } => 400,
            _ => return error,
        };
        let outcome = AuditOutcome::Denied { status: Some(status), reason: error.to_string() };
        let told = self.tell_failure(origin, concerned, Note { outcome, ..failed_sign_in() }).await;
        told.err().unwrap_or(error)
    }

    /// Tells the organisation that was meant; if none was, every one that these accounts belong to. The
    /// instance is told of what is nobody's to know, once: of an address that no account bears, of
    /// accounts that belong nowhere.
    ///
    /// Whoever did not say which organisation they meant may be another one's person. So where there
    /// are several organisations, none of them is told where such an attempt came from, whether or not
    /// others are concerned: the instance is.
    async fn tell_failure(
        &self,
        origin: &AuditOrigin,
        concerned: Concerned<'_>,
        told: Note,
    ) -> Result<()> {
        let parts = &*self.0;
        let Concerned { email, accounts, organisation: meant } = concerned;
        let mut notes = Vec::new();
        let mut reader = parts.db.read().await?;
        let mut is_nowhere = false;
        for Account { user, .. } in accounts {
            let memberships = reader.memberships_of(user.id).await?;
            is_nowhere |= memberships.is_empty();
            let organisations = memberships.iter().map(|member| member.organisation_id);
            notes.extend(organisations.filter(|id| meant.is_none_or(|meant| meant == *id)).map(
                |id| {
                    let note = Note {
                        organisation: Some(id),
                        resource_id: Some(user.id.to_string()),
                        resource_name: Some(user.email.to_string()),
                        ..told.clone()
                    };
                    (AuditActor::user(user.id, user.email.as_str()), note)
                },
            ));
        }
        let is_kept = meant.is_none() && reader.organisations().count().await? > 1;
        drop(reader);
        let own = (is_kept || is_nowhere || notes.is_empty()).then(|| {
            // Of an unknown address only a fingerprint: it may have been a password in the wrong
            // field.
            let known = accounts.first().map(|account| account.user.email.to_string());
            let name = known.unwrap_or_else(|| parts.pepper.fingerprint(&folded(email)));
            Note { resource_name: Some(name), ..told }
        });
        let nobody = AuditActor::nameless(AuditActorKind::Anonymous);
        let write = async |act: &mut Act| -> Result<()> {
            if let Some(own) = &own {
                act.note_as(nobody.clone(), own.clone()).await?;
            }
            if is_kept {
                act.leave_out_where_from();
            }
            for (actor, note) in &notes {
                act.note_as(actor.clone(), note.clone()).await?;
            }
            Ok(())
        };
        parts.db.act(&parts.nobody(origin), write).await
    }
}

/// What is remembered of attempts once one more is made, unless it has to wait.
async fn attempted(
    reader: &mut Reader,
    rules: &[([u8; 32], BackOff)],
    now: Timestamp,
) -> Result<Result<Attempt, Waits>> {
    let mut counted = Vec::with_capacity(rules.len());
    for (id, rule) in rules {
        let failures = failures(reader.sign_in_attempts().find(id).await?);
        if let Some(wait_millis) = rule.wait(&failures, now) {
            let until = failures.blocked_until;
            return Ok(Err(Waits { id: *id, rule: *rule, until, wait_millis }));
        }
        counted.push((*id, *rule, rule.attempted(&failures, now)));
    }
    Ok(Ok(Attempt(counted)))
}

impl Parts {
    /// The scene of what nobody known does.
    fn nobody(&self, origin: &AuditOrigin) -> Scene {
        Scene {
            actor: AuditActor::nameless(AuditActorKind::Anonymous),
            origin: origin.clone(),
            signer: self.signer(),
        }
    }

    fn attempts(&self, origin: &AuditOrigin, target: Target<'_>) -> Vec<([u8; 32], BackOff)> {
        let mut rules = vec![(counter(&self.pepper, target), BackOff::ACCOUNT)];
        if let Some(address) = origin.client {
            let address = address.to_string();
            let id = self.pepper.digest_for("attempts from address", &address);
            rules.push((id, BackOff::ADDRESS));
        }
        rules
    }
}

/// Under which digest attempts are counted.
pub(crate) fn counter(pepper: &Pepper, target: Target<'_>) -> [u8; 32] {
    match target {
        Target::Email(email) => pepper.digest_for("attempts on account", &folded(email)),
        Target::Invite(organisation, email) => {
            let text = format!("{organisation} {}", email.folded());
            pepper.digest_for("attempts by invite", &text)
        }
        Target::Own(user) => pepper.digest_for("attempts on own", &user.to_string()),
    }
}

fn failed_sign_in() -> Note {
    Note::new(None, AuditAction::SignInFailed, AuditResource::Session)
}

/// An account's name without regard to case; of a long text, its beginning.
fn folded(text: &str) -> String {
    text.trim().chars().take(254).collect::<String>().to_ascii_lowercase()
}

fn failures(attempts: Attempts) -> Failures {
    let Attempts { failures, last_at, blocked_until } = attempts;
    Failures { count: failures, last_at, blocked_until }
}

fn attempts(failures: Failures) -> Attempts {
    let Failures { count, last_at, blocked_until } = failures;
    Attempts { failures: count, last_at, blocked_until }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(id: u16, until: i64) -> Waits {
        let mut bytes = [1; 32];
        bytes[..2].copy_from_slice(&id.to_be_bytes());
        let until = Timestamp::from_micros(until);
        Waits { id: bytes, rule: BackOff::ACCOUNT, until, wait_millis: 1 }
    }

    #[test]
    fn ever_fewer_tries_are_told_of_and_each_wait_begins_anew() {
        let (tries, now) = (RefusedTries::default(), Timestamp::from_micros(0));
        let told = |wait: &Waits| -> Vec<u64> {
            (0..1000).filter_map(|_| tries.count(wait, now)).collect()
        };
        let expected = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
        assert_eq!(told(&waits(1, 10)), expected);
        assert_eq!(told(&waits(1, 20)), expected);
        assert_eq!(tries.count(&waits(2, 20), now), Some(1));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let (tries, now) = (RefusedTries::default(), Timestamp::from_micros(0));
        for id in 0..20_000 {
            tries.count(&waits(id, 10), now);
        }
        assert!(tries.0.lock().unwrap().len() <= MOST_WAITS + 1);
        assert_eq!(tries.count(&waits(5, 10), now), Some(2), "kept apart");
        // What is over makes room.
        let later = Timestamp::from_micros(11);
        assert_eq!(tries.count(&waits(30_000, 20), later), Some(1));
        assert!(tries.0.lock().unwrap().len() <= 2);
    }
}
