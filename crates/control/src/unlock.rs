//! Ending the wait of an e-mail address: for the operator, when somebody keeps an address waiting by
//! failing with it again and again.

use std::sync::Arc;

use portcullis_domain::{
    AuditAction, AuditActor, AuditActorKind, AuditOrigin, AuditResource, EmailAddress,
};
use portcullis_store::{Act, Db, Note, Scene};
use serde_json::json;

use crate::{
    ControlError, InstanceKeys, Result,
    attempt::{Target, counter},
};

/// Forgets the sign-ins with an e-mail address that failed, and the changes of password of whoever
/// bears it, and tells the instance's trail. Hands back how many sign-ins were remembered.
pub async fn unlock(db: &Db, keys: &InstanceKeys, email: &str) -> Result<u32> {
    let email = EmailAddress::parse(email)
        .map_err(|error| ControlError::invalid("email", error.to_string()))?;
    let id = counter(&keys.pepper, Target::Email(email.as_str()));
    let scene = Scene {
        actor: AuditActor::nameless(AuditActorKind::Operator),
        origin: AuditOrigin { path: "unlock".to_owned(), ..AuditOrigin::default() },
        signer: Arc::clone(&keys.audit) as Arc<_>,
    };
    let write = async |act: &mut Act| -> Result<u32> {
        let known = act.sign_in_attempts().find(&id).await?.failures;
        act.tx().sign_in_attempts().forget(&id).await?;
        // Whoever got hold of a session can keep its owner from changing the password, too.
        for account in act.users().of_email(&email).await? {
            let own = counter(&keys.pepper, Target::Own(account.user.id));
            act.tx().sign_in_attempts().forget(&own).await?;
        }
        let note = Note {
            resource_name: Some(email.to_string()),
            before: Some(json!({"failed_sign_ins": known})),
            after: Some(json!({"failed_sign_ins": 0})),
            ..Note::new(None, AuditAction::Update, AuditResource::Session)
        };
        act.note(note).await?;
        Ok(known)
    };
    db.act(&scene, write).await
}
