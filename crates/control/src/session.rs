//! People who are signed in, and what they do with what is their own.

use portcullis_domain::{
    Actor, AuditAction, AuditOrigin, AuditOutcome, AuditResource, Member, Organisation,
    OrganisationId, PreviousToken, Secret, Session, SessionId, Timestamp, User,
};
use portcullis_identity::{SecretToken, SessionState, check_password};
use portcullis_store::{Account, Act, Note, Tx};
use subtle::ConstantTimeEq;

use crate::{
    Caller, Control, ControlError, Result,
    attempt::{Concerned, Target},
    check,
};

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Person {
    /// Who.
    pub user: User,
    /// Their session.
    pub session: Session,
    /// What they may do in the organisation that the session is in; nobody once they have left it.
    pub actor: Option<Actor>,
    /// From where they ask.
    pub origin: AuditOrigin,
}

/// What the person may be told of an organisation they belong to.
pub struct Membership {
    /// The organisation.
    pub organisation: Organisation,
    /// What they are in it.
    pub member: Member,
}

/// A session with a new token, not yet written.
struct Renewed {
    session: Session,
    token: SecretToken,
    note: Note,
}

/// How often a session's last use is noted.
const SEEN_MILLIS: i64 = 60_000;

impl Control {
    /// Who presents this session token. The second value is a token that takes its place from now
    /// on, when it was time for one.
    pub async fn person(
        &self,
        origin: AuditOrigin,
        token: &str,
    ) -> Result<(Person, Option<SecretToken>)> {
        let parts = &*self.0;
        let token = SecretToken::parse(token).ok_or(ControlError::NotSignedIn)?;
        let digest = token.digest();
        let mut reader = parts.db.read().await?;
        let found = reader.sessions().find(&digest).await?.ok_or(ControlError::NotSignedIn)?;
        let user = reader.users().find(found.user_id).await?.ok_or(ControlError::NotSignedIn)?;
        drop(reader);
        let now = parts.clock.now();
        let mut session = found.clone();
        let mut fresh = None;
        match parts.settings.sessions.state(&found, &digest, now) {
            SessionState::Over => {
                self.end(&found, None).await?;
                return Err(ControlError::NotSignedIn);
            }
            SessionState::Stolen => {
                self.end(&found, Some((&user, &origin))).await?;
                return Err(ControlError::NotSignedIn);
            }
            SessionState::NeedsNewToken => {
                let token = SecretToken::mint(&*parts.dice);
                session.previous = Some(PreviousToken {
                    digest: found.digest,
                    until: now.plus_millis(parts.settings.sessions.grace_millis),
                });
                session.digest = token.digest();
                session.rotated_at = now;
                fresh = Some(token);
            }
            SessionState::Good => {}
        }
        if fresh.is_some() || now >= found.seen_at.plus_millis(SEEN_MILLIS) {
            session.seen_at = now;
            session.client = origin.client.map(|address| address.to_string());
            session.user_agent.clone_from(&origin.user_agent);
            let write = async |tx: &mut Tx| -> Result<bool> {
                Ok(tx.sessions().update(&session, &found.digest).await?)
            };
            if !parts.db.write(write).await? {
                // Another request was quicker: its token counts, and this one is in its grace.
                (session, fresh) = (found, None);
            }
        }
        let actor = self.actor_of(&session);
        Ok((Person { user, session, actor, origin }, fresh))
    }

    /// Whoever presented this session's token a moment ago, as they are by now. What the token
    /// became meanwhile by the passing of time is no matter; it is refused when the session has
    /// ended, or goes on with a token that did not come of this one.
    pub async fn person_still(
        &self,
        origin: AuditOrigin,
        presented: &Session,
        token: &str,
    ) -> Result<Person> {
        let parts = &*self.0;
        let token = SecretToken::parse(token).ok_or(ControlError::NotSignedIn)?;
        let digest = token.digest();
        let mut reader = parts.db.read().await?;
        let found = reader.sessions().find(&digest).await?;
        let session = found.filter(|found| found.id == presented.id);
        let session = session.ok_or(ControlError::NotSignedIn)?;
        let user = reader.users().find(session.user_id).await?.ok_or(ControlError::NotSignedIn)?;
        drop(reader);
        let current = &session.digest;
        let state = parts.settings.sessions.state(&session, current, parts.clock.now());
        if state == SessionState::Over {
            return Err(ControlError::NotSignedIn);
        }
        let actor = self.actor_of(&session);
        Ok(Person { user, session, actor, origin })
    }

    /// What the person of a session may do in the organisation that it is in.
    fn actor_of(&self, session: &Session) -> Option<Actor> {
        let organisation = session.organisation_id?;
        let snapshot = self.0.live.current();
        let member = snapshot.member(organisation, session.user_id)?;
        Some(Actor::from_member(member, snapshot.roles(organisation)?, session.id))
    }

    /// The CSRF token of a session: what its pages must send with every request that changes
    /// something, and no other site can know.
    pub fn csrf_token(&self, session: SessionId) -> String {
        let digest = self.0.pepper.digest_for("csrf", &session.to_string());
        digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether a request bears its session's CSRF token.
    pub fn check_csrf(&self, session: SessionId, presented: Option<&str>) -> Result<()> {
        let expected = self.csrf_token(session);
        let is_right = presented
            .is_some_and(|presented| presented.as_bytes().ct_eq(expected.as_bytes()).into());
        if is_right { Ok(()) } else { Err(ControlError::Forged) }
    }

    /// Ends a session, because of its age or because somebody has a copy of its token.
    async fn end(&self, session: &Session, stolen: Option<(&User, &AuditOrigin)>) -> Result<()> {
        let Some((user, origin)) = stolen else {
            let remove = async |tx: &mut Tx| -> Result<bool> {
                Ok(tx.sessions().remove(session.user_id, session.id).await?)
            };
            return self.0.db.write(remove).await.map(drop);
        };
        let reason = "a session token was used after it had been replaced: the session was ended";
        let note = Note {
            resource_id: Some(session.id.to_string()),
            outcome: AuditOutcome::Denied { status: Some(401), reason: reason.to_owned() },
            ..Note::new(session.organisation_id, AuditAction::SignOut, AuditResource::Session)
        };
        let write = async |act: &mut Act| -> Result<()> {
            act.tx().sessions().remove(session.user_id, session.id).await?;
            Ok(act.note(note.clone()).await?)
        };
        self.0.db.act(&self.0.scene_of(user, origin), write).await
    }
}

/// What somebody who is signed in does with what is their own.
pub struct Own<'a> {
    pub(crate) control: &'a Control,
    pub(crate) person: &'a Person,
}

impl Control {
    /// What is somebody's own.
    pub fn own<'a>(&'a self, person: &'a Person) -> Own<'a> {
        Own { control: self, person }
    }
}

impl Person {
    /// The person as the caller of administrative use cases.
    pub fn caller(&self) -> Result<Caller> {
        let nowhere = "you belong to no organisation, or no longer to this one";
        let actor = self.actor.clone().ok_or(ControlError::Forbidden(nowhere))?;
        Ok(Caller { actor, origin: self.origin.clone() })
    }
}

impl Own<'_> {
    /// When the session ends at the latest, used or not.
    pub fn expires_at(&self) -> Timestamp {
        let lifetime = self.control.0.settings.sessions.lifetime_millis;
        self.person.session.created_at.plus_millis(lifetime)
    }

    /// The organisations they belong to.
    pub async fn memberships(&self) -> Result<Vec<Membership>> {
        let mut reader = self.control.0.db.read().await?;
        let members = reader.memberships_of(self.person.user.id).await?;
        let mut memberships = Vec::with_capacity(members.len());
        for member in members {
            let organisation = reader.organisations().find(member.organisation_id).await?;
            memberships
                .extend(organisation.map(|organisation| Membership { organisation, member }));
        }
        Ok(memberships)
    }

    /// Goes over to another organisation. The session gets a new token: it may do other things
    /// from now on.
    pub async fn enter(&self, organisation: &str) -> Result<(Session, SecretToken)> {
        let memberships = self.memberships().await?;
        let entered = memberships.iter().map(|membership| &membership.organisation).find(|known| {
            known.id.to_string() == organisation || known.slug.as_str() == organisation
        });
        let entered = entered.ok_or(ControlError::NotFound("organisation"))?.id;
        let renewed = self.renewed(Some(entered), AuditAction::Enter);
        self.act(async |act: &mut Act| self.renew(act, &renewed).await).await?;
        Ok((renewed.session, renewed.token))
    }

    /// Ends this session.
    pub async fn sign_out(&self) -> Result<()> {
        self.end_session(self.person.session.id).await
    }

    /// Ends every session, this one included.
    pub async fn sign_out_everywhere(&self) -> Result<u64> {
        let user = self.person.user.id;
        let note = Note {
            resource_name: Some("every session".to_owned()),
            ..self.note(AuditAction::SignOut, AuditResource::Session)
        };
        let write = async |act: &mut Act| -> Result<u64> {
            let ended = act.tx().sessions().remove_all(user, None).await?;
            act.note(note.clone()).await?;
            Ok(ended)
        };
        self.act(write).await
    }

    /// Their sessions, newest first.
    pub async fn sessions(&self) -> Result<Vec<Session>> {
        let mut reader = self.control.0.db.read().await?;
        let sessions = reader.sessions().of_user(self.person.user.id).await?;
        let (now, rules) = (self.control.now(), &self.control.0.settings.sessions);
        let is_alive =
            |session: &Session| rules.state(session, &session.digest, now) != SessionState::Over;
        Ok(sessions.into_iter().filter(is_alive).collect())
    }

    /// Ends one of their sessions.
    pub async fn end_session(&self, id: SessionId) -> Result<()> {
        let user = self.person.user.id;
        let note = Note {
            resource_id: Some(id.to_string()),
            ..self.note(AuditAction::SignOut, AuditResource::Session)
        };
        let write = async |act: &mut Act| -> Result<()> {
            if !act.tx().sessions().remove(user, id).await? {
                return Err(ControlError::NotFound("session"));
            }
            Ok(act.note(note.clone()).await?)
        };
        self.act(write).await
    }

    /// Changes their names.
    pub async fn rename(&self, first: Option<String>, last: Option<String>) -> Result<User> {
        let mut user = self.person.user.clone();
        if let Some(first) = first {
            check::personal_name(&first, "first_name")?;
            user.first_name = first;
        }
        if let Some(last) = last {
            check::personal_name(&last, "last_name")?;
            user.last_name = last;
        }
        let organisations = self.organisations().await?;
        let write = async |act: &mut Act| -> Result<()> {
            Ok(act.update_user(&self.person.user, &user, None, &organisations).await?)
        };
        self.act(write).await?;
        self.control.0.caught_up().await;
        Ok(user)
    }

    /// Changes their password. Every other session ends, and this one gets a new token: all of it,
    /// or nothing.
    pub async fn change_password(
        &self,
        current: Secret<String>,
        new: Secret<String>,
    ) -> Result<(Session, SecretToken)> {
        let user = &self.person.user;
        check_password(new.danger_expose(), user.email.as_str())
            .map_err(|weak| ControlError::invalid("new_password", weak.to_string()))?;
        let origin = &self.person.origin;
        let mut reader = self.control.0.db.read().await?;
        let own: Vec<Account> = reader.users().account(user.id).await?.into_iter().collect();
        let accounts = reader.users().of_email(&user.email).await?;
        drop(reader);
        // They said which organisation they are in; once they have left it, the instance is told.
        let organisation = self.person.session.organisation_id;
        let concerned = Concerned { email: user.email.as_str(), accounts: &own, organisation };
        let attempt = self.control.admit_attempt(origin, Target::Own(user.id), concerned).await?;
        let is_theirs = match self.control.whose_password(own.clone(), current).await {
            Ok(theirs) => !theirs.is_empty(),
            Err(error) => {
                // It had no turn, and proves nothing.
                self.control.forgive(attempt, None).await?;
                return Err(self.control.failed(origin, concerned, error).await);
            }
        };
        if !is_theirs {
            let wrong = ControlError::invalid("current_password", "is not your password");
            return Err(self.control.failed(origin, concerned, wrong).await);
        }
        self.control.forgive(attempt, None).await?;
        let beside = accounts.into_iter().filter_map(|account| account.password_hash).collect();
        let hash = self.control.hash_password(new, beside).await?;
        let organisations = self.organisations().await?;
        let renewed = self.renewed(organisation, AuditAction::Rotate);
        let session = renewed.session.id;
        // One act: a password that is set has ended what the former one began.
        let write = async |act: &mut Act| -> Result<()> {
            act.update_user(user, user, Some(&hash), &organisations).await?;
            act.tx().sessions().remove_all(user.id, Some(session)).await?;
            self.renew(act, &renewed).await
        };
        self.act(write).await?;
        Ok((renewed.session, renewed.token))
    }

    /// This session with a new token, in an organisation.
    fn renewed(&self, organisation: Option<OrganisationId>, action: AuditAction) -> Renewed {
        let parts = &*self.control.0;
        let token = SecretToken::mint(&*parts.dice);
        let mut session = self.person.session.clone();
        // No grace: what the old token could do, it can do no longer.
        session.previous = None;
        session.digest = token.digest();
        session.organisation_id = organisation;
        session.rotated_at = parts.clock.now();
        session.seen_at = session.rotated_at;
        let note = Note {
            resource_id: Some(session.id.to_string()),
            ..Note::new(organisation, action, AuditResource::Session)
        };
        Renewed { session, token, note }
    }

    async fn renew(&self, act: &mut Act, renewed: &Renewed) -> Result<()> {
        let old = &self.person.session.digest;
        if !act.tx().sessions().update(&renewed.session, old).await? {
            return Err(ControlError::NotSignedIn);
        }
        Ok(act.note(renewed.note.clone()).await?)
    }

    async fn organisations(&self) -> Result<Vec<OrganisationId>> {
        let memberships = self.memberships().await?;
        Ok(memberships.iter().map(|membership| membership.organisation.id).collect())
    }

    async fn act<T, F>(&self, work: F) -> Result<T>
    where
        F: AsyncFnOnce(&mut Act) -> Result<T> + Clone,
    {
        let parts = &*self.control.0;
        parts.db.act(&parts.scene_of(&self.person.user, &self.person.origin), work).await
    }

    fn note(&self, action: AuditAction, resource: AuditResource) -> Note {
        Note::new(self.person.session.organisation_id, action, resource)
    }
}
