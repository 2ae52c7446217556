//! Logs.

use portcullis_domain::{
    Actor, CallId, Content, ContentPart, Log, Place, Scope, Sealed, SealedPlace,
};
use portcullis_store::{LogCursor, LogFilter};
use portcullis_vault::Vault;

use crate::{ControlError, Parts, Result, workspace};

/// Use cases of logs.
pub struct Logs<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) actor: &'a Actor,
}

/// A page of logs.
pub struct LogPage {
    /// The logs, newest first.
    pub logs: Vec<Log>,
    /// How many match in all, counted up to 10,000: a full count of a year would take long.
    pub total: u64,
    /// Whether there are more than were counted.
    pub total_is_capped: bool,
}

const MOST_COUNTED: u32 = 10_000;

/// One log with its content, as far as that was kept and may be seen.
pub struct LogDetail {
    /// The log.
    pub log: Log,
    /// The request body.
    pub request: Option<Vec<u8>>,
    /// The response body.
    pub response: Option<Vec<u8>>,
}

impl Logs<'_> {
    /// Logs, newest first, after the one that `after` names.
    pub async fn list(
        &self,
        mut filter: LogFilter,
        workspace: Option<&str>,
        after: Option<CallId>,
        limit: u32,
    ) -> Result<LogPage> {
        filter.workspace = workspace::filter(self.parts, self.actor, workspace).await?;
        let organisation = self.actor.organisation();
        let place = match filter.workspace {
            Some(workspace) => Place::Workspace(organisation, workspace),
            None => Place::Organisation(organisation),
        };
        self.actor
            .permit(Scope::LogsList, place)
            .or_else(|_| self.actor.permit(Scope::LogsView, place))?;
        let mut reader = self.parts.logs.read().await?;
        let mut tenant = reader.tenant(organisation);
        let after = match after {
            None => None,
            Some(id) => {
                let log = tenant.logs().find(id).await?;
                let log = log.filter(|log| self.sees(log)).ok_or_else(|| {
                    ControlError::invalid("after", "there is no such log to continue after")
                })?;
                Some(LogCursor { created_at: log.created_at, id })
            }
        };
        let logs = tenant.logs().list(&filter, after, limit).await?;
        let most = u64::from(MOST_COUNTED);
        let total = tenant.logs().count(&filter, MOST_COUNTED + 1).await?;
        Ok(LogPage { logs, total: total.min(most), total_is_capped: total > most })
    }

    /// One log with its content. Whoever may make calls may look one up (data-plane reference), but
    /// sees its content only with `logs.view`.
    pub async fn retrieve(&self, id: CallId) -> Result<LogDetail> {
        let organisation = self.actor.organisation();
        let scopes = self.actor.scopes();
        let may_look = [Scope::LogsView, Scope::CompletionsWrite, Scope::LogsWrite];
        if !may_look.iter().any(|scope| scopes.contains(*scope)) {
            return Err(ControlError::ScopeMissing(Scope::LogsView));
        }
        let mut reader = self.parts.logs.read().await?;
        let mut tenant = reader.tenant(organisation);
        let log = tenant.logs().find(id).await?.filter(|log| self.sees(log));
        let log = log.ok_or(ControlError::NotFound("log"))?;
        if !scopes.contains(Scope::LogsView) {
            return Ok(LogDetail { log, request: None, response: None });
        }
        let Content { request, response } = tenant.logs().content(id).await?;
        drop(reader);
        let request = open(&self.parts.vault, &log, ContentPart::Request, request).await?;
        let response = open(&self.parts.vault, &log, ContentPart::Response, response).await?;
        Ok(LogDetail { log, request, response })
    }

    fn sees(&self, log: &Log) -> bool {
        self.actor.workspace().is_none_or(|own| own == log.workspace_id)
    }
}

async fn open(
    vault: &Vault,
    log: &Log,
    part: ContentPart,
    sealed: Option<Sealed>,
) -> Result<Option<Vec<u8>>> {
    let Some(sealed) = sealed else { return Ok(None) };
    let place = SealedPlace {
        organisation: Some(log.organisation_id),
        table: "log_bodies",
        row: log.id.uuid(),
        field: part.name(),
    };
    let opened = vault.open(&place, &sealed).await?;
    Ok(Some(opened.danger_expose().clone()))
}
