//! People. They belong to no organisation by themselves: see [`crate::MemberFilter`].

use portcullis_domain::{
    AuditAction, AuditResource, EmailAddress, OrganisationId, Permit, Secret, Timestamp, User,
    UserId,
};
use serde_json::{Value as Json, json};

use crate::{
    Act, Error, Note, Reader, Result,
    value::{Row, values},
};

/// The people of the instance.
pub struct Users<'r>(&'r mut Reader);

/// Somebody's account: who they are, and what they prove it with.
#[derive(Clone)]
pub struct Account {
    /// Who.
    pub user: User,
    /// The hash of their password, if they have one.
    pub password_hash: Option<Secret<String>>,
    /// When that was set.
    pub password_set_at: Timestamp,
}

/// How many accounts of one e-mail address are looked at. An organisation has one of them at a
/// time, and those that belong to none come last.
pub const MOST_ACCOUNTS: i64 = 100;

macro_rules! columns {
    () => {
        "id, email, first_name, last_name, created_at, updated_at"
    };
}

impl Reader {
    /// The people of the instance: for sign-in and for people themselves, never for what a tenant
    /// asks.
    pub fn users(&mut self) -> Users<'_> {
        Users(self)
    }
}

impl Users<'_> {
    /// The person of that id.
    pub async fn find(&mut self, id: UserId) -> Result<Option<User>> {
        let sql = concat!("SELECT ", columns!(), " FROM users WHERE id = $1");
        self.0.optional(sql, values![id]).await?.as_ref().map(read).transpose()
    }

    /// The accounts that bear an e-mail address, whatever its case: first those that belong to an
    /// organisation, the oldest first; at most [`MOST_ACCOUNTS`].
    pub async fn of_email(&mut self, email: &EmailAddress) -> Result<Vec<Account>> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            ", password_hash, password_set_at FROM users WHERE LOWER(email) = $1 ORDER BY
             CASE WHEN EXISTS (SELECT 1 FROM memberships WHERE user_id = users.id) THEN 0 ELSE 1 END,
             created_at, id LIMIT $2"
        );
        self.0.all(sql, values![email.folded(), MOST_ACCOUNTS], Account::read).await
    }

    /// The account of that id.
    pub async fn account(&mut self, id: UserId) -> Result<Option<Account>> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            ", password_hash, password_set_at FROM users WHERE id = $1"
        );
        self.0.optional(sql, values![id]).await?.as_ref().map(Account::read).transpose()
    }
}

impl Act {
    /// Adds a person; the permit's organisation is the one that lets them in.
    pub async fn insert_user(
        &mut self,
        permit: &Permit,
        user: &User,
        password_hash: Option<&Secret<String>>,
    ) -> Result<()> {
        self.execute(
            "INSERT INTO users (id, email, first_name, last_name, password_hash, created_at,
                 updated_at, password_set_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $6)",
            values![
                user.id,
                user.email.as_str(),
                user.first_name.as_str(),
                user.last_name.as_str(),
                password_hash.map(|hash| hash.danger_expose().as_str()),
                user.created_at,
                user.updated_at,
            ],
        )
        .await?;
        let mut note = note(Some(permit.organisation()), AuditAction::Create, user);
        note.scope = permit.scope();
        self.note(note).await
    }

    /// Writes somebody's names and, if given, the hash of a new password; `organisations` are told.
    pub async fn update_user(
        &mut self,
        before: &User,
        user: &User,
        password_hash: Option<&Secret<String>>,
        organisations: &[OrganisationId],
    ) -> Result<()> {
        let now = self.clock.now();
        let changed = self
            .execute(
                "UPDATE users SET first_name = $2, last_name = $3,
                     password_hash = COALESCE($4, password_hash), updated_at = $5,
                     password_set_at = CASE WHEN $4 IS NULL THEN password_set_at ELSE $5 END
                 WHERE id = $1",
                values![
                    user.id,
                    user.first_name.as_str(),
                    user.last_name.as_str(),
                    password_hash.map(|hash| hash.danger_expose().as_str()),
                    now,
                ],
            )
            .await?;
        if changed == 0 {
            return Err(Error::Gone);
        }
        let action = match password_hash {
            Some(_) => AuditAction::Rotate,
            None => AuditAction::Update,
        };
        let told =
            |organisation| Note { before: Some(shown(before)), ..note(organisation, action, user) };
        if organisations.is_empty() {
            self.note(told(None)).await?;
        }
        for organisation in organisations {
            self.note(told(Some(*organisation))).await?;
            self.tx().announce(*organisation, crate::Subject::Member(user.id)).await?;
        }
        Ok(())
    }
}

fn note(organisation: Option<OrganisationId>, action: AuditAction, user: &User) -> Note {
    Note {
        resource_id: Some(user.id.to_string()),
        resource_name: Some(user.email.to_string()),
        after: Some(shown(user)),
        ..Note::new(organisation, action, AuditResource::User)
    }
}

fn shown(user: &User) -> Json {
    json!({
        "email": user.email.as_str(),
        "first_name": user.first_name,
        "last_name": user.last_name,
    })
}

impl Account {
    fn read(row: &Row) -> Result<Self> {
        let password_hash = row.opt_text("password_hash")?.map(Secret::new);
        let password_set_at = row.instant("password_set_at")?;
        Ok(Self { user: read(row)?, password_hash, password_set_at })
    }
}

fn read(row: &Row) -> Result<User> {
    Ok(User {
        id: row.id("id")?,
        email: EmailAddress::parse(&row.text("email")?).map_err(|_| Error::Corrupt("email"))?,
        first_name: row.text("first_name")?,
        last_name: row.text("last_name")?,
        created_at: row.instant("created_at")?,
        updated_at: row.instant("updated_at")?,
    })
}
