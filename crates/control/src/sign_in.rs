//! Signing in with e-mail address and password.
//!
//! Whoever guesses learns nothing: an unknown address is answered as a wrong password is, after the
//! same work and at the end of the same step of time.

use portcullis_domain::{
    AuditAction, AuditOrigin, AuditResource, EmailAddress, OrganisationId, Secret, Session, User,
};
use portcullis_identity::SecretToken;
use portcullis_store::{Account, Act, Note};

use crate::{Control, ControlError, Parts, Result, password::in_steps};

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

/// What somebody has proved who they are with.
pub(crate) enum Proof {
    /// The password of this hash; it must still be theirs.
    Password(Secret<String>),
    /// An account that they have just made.
    New,
}

impl Control {
    /// Signs somebody in. Of several accounts of the e-mail address, into the one whose password it
    /// is.
    pub async fn sign_in(&self, origin: &AuditOrigin, asked: SignIn) -> Result<SignedIn> {
        in_steps(self.sign_in_now(origin, asked)).await
    }

    async fn sign_in_now(&self, origin: &AuditOrigin, asked: SignIn) -> Result<SignedIn> {
        let parts = &*self.0;
        let SignIn { email, password, organisation } = asked;
        let accounts = match EmailAddress::parse(&email) {
            Err(_) => Vec::new(),
            Ok(email) => parts.db.read().await?.users().of_email(&email).await?,
        };
        let attempt = self.admit_attempt(origin, &accounts, &email).await?;
        let entering = async {
            let theirs = self.whose_password(accounts.clone(), password).await?;
            if theirs.is_empty() {
                return Err(ControlError::SignInFailed);
            }
            self.forgive(attempt, None).await?;
            let (account, entered) = parts.choose(theirs, organisation.as_deref()).await?;
            let Account { user, password_hash } = account;
            let proof = password_hash.map_or(Proof::New, Proof::Password);
            self.begin_session(origin, user, entered, &proof).await
        };
        match entering.await {
            Err(error) => Err(self.failed(origin, &accounts, &email, error).await),
            begun => begun,
        }
    }

    /// Begins a session for somebody who has proved who they are.
    pub(crate) async fn begin_session(
        &self,
        origin: &AuditOrigin,
        user: User,
        entered: Option<OrganisationId>,
        proof: &Proof,
    ) -> Result<SignedIn> {
        let parts = &*self.0;
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
            check_proof(act, &user, proof).await?;
            act.tx().sessions().insert(&session).await?;
            Ok(act.note(note.clone()).await?)
        };
        parts.db.act(&scene, write).await?;
        Ok(SignedIn { session, token, user })
    }
}

/// A password that was changed while it was being checked proves nothing any more.
pub(crate) async fn check_proof(act: &mut Act, user: &User, proof: &Proof) -> Result<()> {
    let Proof::Password(proved) = proof else { return Ok(()) };
    let known = act.users().password_hash(user.id).await?;
    let is_same = known.is_some_and(|known| known.danger_expose() == proved.danger_expose());
    if is_same { Ok(()) } else { Err(ControlError::SignInFailed) }
}

impl Parts {
    /// The account that somebody means, and the organisation that they are to work in.
    async fn choose(
        &self,
        accounts: Vec<Account>,
        named: Option<&str>,
    ) -> Result<(Account, Option<OrganisationId>)> {
        let named = named.filter(|text| !text.is_empty());
        let mut reader = self.db.read().await?;
        for account in accounts {
            let memberships = reader.memberships_of(account.user.id).await?;
            let Some(named) = named else {
                let first = memberships.first().map(|member| member.organisation_id);
                return Ok((account, first));
            };
            for member in memberships {
                let id = member.organisation_id;
                let organisation = reader.organisations().find(id).await?;
                let is_named = id.to_string() == named
                    || organisation.is_some_and(|found| found.slug.as_str() == named);
                if is_named {
                    return Ok((account, Some(id)));
                }
            }
        }
        Err(ControlError::NotFound("organisation"))
    }
}
