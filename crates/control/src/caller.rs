//! Who asks for a use case, and from where.

use portcullis_domain::{Actor, AuditOrigin};

/// Who asks for a use case, and from where.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub actor: Actor,
    /// From where: what the audit trail says of it.
    pub origin: AuditOrigin,
}
