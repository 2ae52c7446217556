//! Signing in with e-mail address and password.
//!
//! Whoever guesses learns nothing: an unknown address is answered as a wrong password is, after the
//! same work and at the end of the same step of time. So is an organisation that no account of the
//! address belongs to: whoever names one tries the account there, and no other.

use portcullis_domain::{
    AuditAction, AuditOrigin, AuditResource, EmailAddress, OrganisationId, Secret, Session, Slug,
    User,
};
use portcullis_identity::SecretToken;
use portcullis_store::{Account, Act, Note};

use crate::{
    Control, ControlError, Parts, Result,
    attempt::{Concerned, Target},
    password::in_steps,
};

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

/// A session that is to begin, not yet written.
pub(crate) struct Beginning {
    signed_in: SignedIn,
    note: Note,
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

/// Of several accounts with one password, that whose password was set last. Whoever has an account of
/// an address could otherwise set guess after guess as its password, and see by where it leads
/// whether it is another's.
pub(crate) fn last_set(accounts: Vec<Account>) -> Option<Account> {
    accounts.into_iter().max_by_key(|account| (account.password_set_at, account.user.id))
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
    /// is; into none but the named organisation's, if one is named.
    pub async fn sign_in(&self, origin: &AuditOrigin, asked: SignIn) -> Result<SignedIn> {
        in_steps(self.sign_in_now(origin, asked)).await
    }

    async fn sign_in_now(&self, origin: &AuditOrigin, asked: SignIn) -> Result<SignedIn> {
        let parts = &*self.0;
        let SignIn { email, password, organisation } = asked;
        let bearers = match EmailAddress::parse(&email) {
            Err(_) => Vec::new(),
            Ok(email) => parts.db.read().await?.users().of_email(&email).await?,
        };
        let named = organisation.as_deref().filter(|text| !text.is_empty());
        let (accounts, entered) = match named {
            None => (bearers, None),
            Some(named) => parts.of_organisation(bearers, named).await?,
        };
        let concerned = Concerned { email: &email, accounts: &accounts, organisation: entered };
        let attempt = self.admit_attempt(origin, Target::Email(&email), concerned).await?;
        let theirs = match self.whose_password(accounts.clone(), password).await {
            Ok(theirs) => theirs,
            Err(error) => {
                // It had no turn, and proves nothing.
                self.forgive(attempt, None).await?;
                return Err(self.failed(origin, concerned, error).await);
            }
        };
        let Some(Account { user, password_hash, .. }) = last_set(theirs) else {
            return Err(self.failed(origin, concerned, ControlError::SignInFailed).await);
        };
        self.forgive(attempt, None).await?;
        let entered = match entered {
            Some(entered) => Some(entered),
            None => {
                let memberships = parts.db.read().await?.memberships_of(user.id).await?;
                memberships.first().map(|member| member.organisation_id)
            }
        };
        let proof = password_hash.map_or(Proof::New, Proof::Password);
        match self.begin_session(origin, user, entered, &proof).await {
            Err(error) => Err(self.failed(origin, concerned, error).await),
            begun => begun,
        }
    }

    /// Begins a session for somebody who has proved who they are.
    async fn begin_session(
        &self,
        origin: &AuditOrigin,
        user: User,
        entered: Option<OrganisationId>,
        proof: &Proof,
    ) -> Result<SignedIn> {
        let parts = &*self.0;
        let scene = parts.scene_of(&user, origin);
        let beginning = parts.session_of(origin, user, entered);
        let write = async |act: &mut Act| -> Result<()> {
            check_proof(act, &beginning.signed_in.user, proof).await?;
            beginning.write(act).await
        };
        parts.db.act(&scene, write).await?;
        Ok(beginning.begun())
    }
}

impl Beginning {
    /// Writes it, with its event.
    pub(crate) async fn write(&self, act: &mut Act) -> Result<()> {
        act.tx().sessions().insert(&self.signed_in.session).await?;
        Ok(act.note(self.note.clone()).await?)
    }

    /// The session, once it is written.
    pub(crate) fn begun(self) -> SignedIn {
        self.signed_in
    }
}

/// A password that was changed while it was being checked proves nothing any more.
pub(crate) async fn check_proof(act: &mut Act, user: &User, proof: &Proof) -> Result<()> {
    let Proof::Password(proved) = proof else { return Ok(()) };
    let known = act.users().account(user.id).await?.and_then(|account| account.password_hash);
    let is_same = known.is_some_and(|known| known.danger_expose() == proved.danger_expose());
    if is_same { Ok(()) } else { Err(ControlError::SignInFailed) }
}

impl Parts {
    /// A session for somebody.
    pub(crate) fn session_of(
        &self,
        origin: &AuditOrigin,
        user: User,
        entered: Option<OrganisationId>,
    ) -> Beginning {
        let mint = self.mint();
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
        let note = Note {
            resource_id: Some(session.id.to_string()),
            ..Note::new(entered, AuditAction::SignIn, AuditResource::Session)
        };
        Beginning { signed_in: SignedIn { session, token, user }, note }
    }

    /// Those of some accounts that belong to an organisation, which is named by id or slug; and which
    /// it is, if any does.
    async fn of_organisation(
        &self,
        accounts: Vec<Account>,
        named: &str,
    ) -> Result<(Vec<Account>, Option<OrganisationId>)> {
        let mut reader = self.db.read().await?;
        let found = match (OrganisationId::parse(named), Slug::parse(named)) {
            (Ok(id), _) => Some(id),
            (_, Ok(slug)) => {
                reader.organisations().find_by_slug(&slug).await?.map(|found| found.id)
            }
            _ => None,
        };
        let mut there = Vec::new();
        for account in accounts {
            let memberships = reader.memberships_of(account.user.id).await?;
            if memberships.iter().any(|member| Some(member.organisation_id) == found) {
                there.push(account);
            }
        }
        let organisation = found.filter(|_| !there.is_empty());
        Ok((there, organisation))
    }
}
