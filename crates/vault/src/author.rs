//! Who changes data keys.

use portcullis_domain::{AuditActor, AuditActorKind, AuditOrigin, Scope};

/// On whose behalf data keys are changed, as the audit trail tells it.
#[derive(Clone, Debug)]
pub struct Author {
    /// Who.
    pub actor: AuditActor,
    /// From where.
    pub origin: AuditOrigin,
    /// The scope that was used.
    pub scope: Option<Scope>,
}

impl Author {
    /// The instance itself.
    pub fn system() -> Self {
        let actor = AuditActor::nameless(AuditActorKind::System);
        Self { actor, origin: AuditOrigin::default(), scope: None }
    }

    /// The operator, by a command.
    pub fn operator(command: &str) -> Self {
        let actor = AuditActor::nameless(AuditActorKind::Operator);
        let origin = AuditOrigin { path: command.to_owned(), ..AuditOrigin::default() };
        Self { actor, origin, scope: None }
    }
}
