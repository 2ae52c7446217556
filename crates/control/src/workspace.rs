//! Which workspace an act means.

use portcullis_domain::{Actor, Slug, Workspace, WorkspaceId};

use crate::{ControlError, Parts, Result};

/// The workspace an act takes place in: a confined actor's own, whatever was named (admin
/// reference §1); else the one named by id or slug; else the organisation's default.
pub(crate) async fn place(parts: &Parts, actor: &Actor, named: Option<&str>) -> Result<Workspace> {
    let id = filter(parts, actor, named).await?;
    let mut reader = parts.db.read().await?;
    let id = match id {
        Some(id) => id,
        None => {
            let organisation = reader.organisations().find(actor.organisation()).await?;
            organisation.ok_or(ControlError::NotFound("organisation"))?.default_workspace
        }
    };
    let workspace = reader.tenant(actor.organisation()).workspaces().find(id).await?;
    workspace.ok_or(ControlError::NotFound("workspace"))
}

/// The workspace a list is confined to, if any.
pub(crate) async fn filter(
    parts: &Parts,
    actor: &Actor,
    named: Option<&str>,
) -> Result<Option<WorkspaceId>> {
    if let Some(own) = actor.workspace() {
        return Ok(Some(own));
    }
    let Some(named) = named.filter(|text| !text.is_empty()) else { return Ok(None) };
    let mut reader = parts.db.read().await?;
    let mut tenant = reader.tenant(actor.organisation());
    let mut workspaces = tenant.workspaces();
    let found = match (WorkspaceId::parse(named), Slug::parse(named)) {
        (Ok(id), _) => workspaces.find(id).await?,
        (_, Ok(slug)) => workspaces.find_by_slug(&slug).await?,
        _ => None,
    };
    Ok(Some(found.ok_or(ControlError::NotFound("workspace"))?.id))
}
