//! Signing in with e-mail address and password.
//!
//! Whoever guesses learns nothing: an unknown address is answered as a wrong password is, after the
//! same work. Each attempt counts before it is looked at, by account and by address, so that
//! attempts made at the same time cannot all be free.

use std::time::Duration;

use portcullis_domain::{
    AuditAction, AuditActor, AuditActorKind, AuditOrigin, AuditOutcome, AuditResource,
    EmailAddress, Member, OrganisationId, Secret, Session, User,
};
use portcullis_identity::{BackOff, Failures, PasswordHashing, SecretToken};
use portcullis_store::{Act, Attempts, Note, Scene, Tx};

use crate::{Control, ControlError, Parts, Result};

/// What somebody presents to be let in.
pub struct SignIn {
    /// Their e-mail address.
    pub email: String,
    /// Their password.
    pub password: Secret<String>,
    /// The organisation they want to work in, by id or slug; the first one they belong to when not
    /// given.
    pub organisation: Option<String>,
}

/// A session that has just begun.
pub struct SignedIn {
    /// The session.
    pub session: Session,
    /// Its token: for the browser's cookie only.
    pub token: SecretToken,
    /// Who.
    pub user: User,
}

/// An attempt that was counted: under which digests, by which rules, and what is remembered.
pub(crate) struct Attempt(Vec<([u8; 32], BackOff, Failures)>);

/// How long an attempt waits for its turn: hashing is made to be slow, and two at a time are
/// enough.
const TURN: Duration = Duration::from_secs(10);

impl Control {
    /// Signs somebody in.
    pub async fn sign_in(&self, origin: &AuditOrigin, asked: SignIn) -> Result<SignedIn> {
        let parts = &*self.0;
        let email = EmailAddress::parse(&asked.email).ok();
        let attempt = self.count_attempt(origin, &asked.email).await?;
        let user = match &email {
            None => None,
            Some(email) => parts.db.read().await?.users().find_by_email(email).await?,
        };
        if !self.is_password(user.as_ref(), asked.password).await? {
            self.tell_failure(origin, user.as_ref(), &asked.email).await?;
            return Err(ControlError::SignInFailed);
        }
        let user = user.ok_or(ControlError::SignInFailed)?;
        self.forgive(attempt).await?;
        self.begin_session(origin, user, asked.organisation.as_deref()).await
    }

    /// Begins a session for somebody who has proved who they are.
    pub(crate) async fn begin_session(
        &self,
        origin: &AuditOrigin,
        user: User,
        organisation: Option<&str>,
    ) -> Result<SignedIn> {
        let parts = &*self.0;
        let memberships = parts.db.read().await?.memberships_of(user.id).await?;
        let entered = parts.choose(&memberships, organisation).await?;
        let mint = parts.mint();
        let (token, now) = (SecretToken::mint(mint.dice), mint.now());
        let session = Session {
            id: mint.id(),
            user_id: user.id,
            organisation_id: entered,
            digest: token.digest(),
            previous: None,
            created_at: now,
            seen_at: now,
            rotated_at: now,
            client: origin.client.map(|address| address.to_string()),
            user_agent: origin.user_agent.clone(),
        };
        let scene = parts.scene_of(&user, origin);
        let note = Note {
            resource_id: Some(session.id.to_string()),
            ..Note::new(entered, AuditAction::SignIn, AuditResource::Session)
        };
        let write = async |act: &mut Act| -> Result<()> {
            act.tx().sessions().insert(&session).await?;
            Ok(act.note(note.clone()).await?)
        };
        parts.db.act(&scene, write).await?;
        Ok(SignedIn { session, token, user })
    }

    /// Whether it is somebody's password. Takes its time, on a thread that may.
    pub(crate) async fn is_password(
        &self,
        user: Option<&User>,
        password: Secret<String>,
    ) -> Result<bool> {
        let parts = &*self.0;
        let known = match user {
            None => None,
            Some(user) => parts.db.read().await?.users().password_hash(user.id).await?,
        };
        self.hashing(move |hashing| hashing.verify(&password, known.as_ref())).await
    }

    /// The hash of a new password.
    pub(crate) async fn hash_password(&self, password: Secret<String>) -> Result<Secret<String>> {
        let dice = std::sync::Arc::clone(&self.0.dice);
        self.hashing(move |hashing| hashing.hash(&password, &*dice)).await
    }

    async fn hashing<T: Send + 'static>(
        &self,
        work: impl FnOnce(&PasswordHashing) -> T + Send + 'static,
    ) -> Result<T> {
        let turn = tokio::time::timeout(TURN, self.0.passwords.turns.clone().acquire_owned());
        let Ok(Ok(turn)) = turn.await else {
            return Err(ControlError::TooManyAttempts { wait_millis: 10_000 });
        };
        let hashing = std::sync::Arc::clone(&self.0.passwords.hashing);
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&hashing)
        });
        done.await.map_err(|error| ControlError::Internal(error.to_string()))
    }

    /// Counts an attempt on an account and from an address, unless either must wait.
    pub(crate) async fn count_attempt(
        &self,
        origin: &AuditOrigin,
        account: &str,
    ) -> Result<Attempt> {
        let parts = &*self.0;
        let now = parts.clock.now();
        let rules = parts.attempts(origin, account);
        let count = async |tx: &mut Tx| -> Result<Attempt> {
            let mut counted = Vec::with_capacity(rules.len());
            for (id, rule) in &rules {
                let failures = failures(tx.reader().sign_in_attempts().find(id).await?);
                if let Some(wait_millis) = rule.wait(&failures, now) {
                    return Err(ControlError::TooManyAttempts { wait_millis });
                }
                counted.push((*id, *rule, rule.attempted(&failures, now)));
            }
            for (id, _, failures) in &counted {
                tx.sign_in_attempts().put(id, &attempts(*failures)).await?;
            }
            Ok(Attempt(counted))
        };
        parts.db.write(count).await
    }

    /// An attempt did not fail: an account whose password is known owes nothing any more, and its
    /// address nothing for this one.
    pub(crate) async fn forgive(&self, attempt: Attempt) -> Result<()> {
        let forgive = async |tx: &mut Tx| -> Result<()> {
            for (id, rule, attempted) in &attempt.0 {
                if *rule == BackOff::ACCOUNT {
                    tx.sign_in_attempts().forget(id).await?;
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

    /// Tells every organisation that the person belongs to; of somebody unknown, the instance.
    pub(crate) async fn tell_failure(
        &self,
        origin: &AuditOrigin,
        user: Option<&User>,
        presented: &str,
    ) -> Result<()> {
        let parts = &*self.0;
        let organisations: Vec<Option<OrganisationId>> = match user {
            None => vec![None],
            Some(user) => {
                let memberships = parts.db.read().await?.memberships_of(user.id).await?;
                let told: Vec<_> = memberships.iter().map(|m| Some(m.organisation_id)).collect();
                if told.is_empty() { vec![None] } else { told }
            }
        };
        let scene = match user {
            Some(user) => parts.scene_of(user, origin),
            None => Scene {
                actor: AuditActor::nameless(AuditActorKind::Anonymous),
                origin: origin.clone(),
                signer: parts.signer(),
            },
        };
        // Of somebody unknown only a fingerprint: it may have been a password in the wrong field.
        let name = match user {
            Some(user) => user.email.to_string(),
            None => parts.pepper.fingerprint(&folded(presented)),
        };
        let write = async |act: &mut Act| -> Result<()> {
            for organisation in &organisations {
                act.note(Note {
                    resource_id: user.map(|user| user.id.to_string()),
                    resource_name: Some(name.clone()),
                    outcome: AuditOutcome::Denied {
                        status: Some(401),
                        reason: ControlError::SignInFailed.to_string(),
                    },
                    ..Note::new(*organisation, AuditAction::SignInFailed, AuditResource::Session)
                })
                .await?;
            }
            Ok(())
        };
        parts.db.act(&scene, write).await
    }
}

impl Parts {
    /// The organisation that somebody is to work in.
    async fn choose(
        &self,
        memberships: &[Member],
        named: Option<&str>,
    ) -> Result<Option<OrganisationId>> {
        let Some(named) = named.filter(|text| !text.is_empty()) else {
            return Ok(memberships.first().map(|member| member.organisation_id));
        };
        let mut reader = self.db.read().await?;
        for member in memberships {
            let id = member.organisation_id;
            if id.to_string() == named {
                return Ok(Some(id));
            }
            let organisation = reader.organisations().find(id).await?;
            if organisation.is_some_and(|found| found.slug.as_str() == named) {
                return Ok(Some(id));
            }
        }
        Err(ControlError::NotFound("organisation"))
    }

    fn attempts(&self, origin: &AuditOrigin, account: &str) -> Vec<([u8; 32], BackOff)> {
        let mut rules = vec![(self.account_id(account), BackOff::ACCOUNT)];
        if let Some(address) = origin.client {
            let address = address.to_string();
            let id = self.pepper.digest_for("attempts from address", &address);
            rules.push((id, BackOff::ADDRESS));
        }
        rules
    }

    fn account_id(&self, account: &str) -> [u8; 32] {
        self.pepper.digest_for("attempts on account", &folded(account))
    }
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
