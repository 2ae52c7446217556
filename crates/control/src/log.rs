//! Logs.

use portcullis_domain::{AuditAction, AuditResource, CallId, Log, Reach, Scope, Sealed};
use portcullis_record::content::{self, Content};
use portcullis_store::{LogCursor, LogFilter, LogReach, Note};
use portcullis_vault::Vault;

use crate::{ControlError, Result, desk::Desk};

/// Use cases of logs.
pub struct Logs<'a>(pub(crate) Desk<'a>);

/// A page of logs.
pub struct LogPage {
    /// The logs, newest first.
    pub logs: Vec<Log>,
    /// How many match in all, counted up to 10,000: a full count of a year would take long.
    pub total: u64,
    /// Whether there are more than were counted.
    pub total_is_capped: bool,
}

pub(crate) const MOST_COUNTED: u32 = 10_000;

/// One log with its content, as far as that was kept and may be seen.
pub struct LogDetail {
    /// The log.
    pub log: Log,
    /// Headers and bodies.
    pub content: Content,
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
        let scope = match self.0.actor().holds_somewhere(Scope::LogsList) {
            true => Scope::LogsList,
            false => Scope::LogsView,
        };
        let reach = self.0.reach(scope, workspace).await?;
        filter.reach = Some(self.own_or_all(reach));
        let organisation = self.0.organisation();
        let mut reader = self.0.parts.logs.read().await?;
        let mut tenant = reader.tenant(organisation);
        let after = match after {
            None => None,
            Some(id) => {
                let log = tenant.logs().find(id).await?;
                let log = log.filter(|log| self.sees(scope, log)).ok_or_else(|| {
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
    /// sees its content only with `logs.view`; that is told to the audit trail.
    pub async fn retrieve(&self, id: CallId) -> Result<LogDetail> {
        let organisation = self.0.organisation();
        let scopes = [Scope::LogsView, Scope::CompletionsWrite, Scope::LogsWrite];
        if !scopes.iter().any(|scope| self.0.actor().holds_somewhere(*scope)) {
            return Err(ControlError::ScopeMissing(Scope::LogsView));
        }
        let mut reader = self.0.parts.logs.read().await?;
        let mut tenant = reader.tenant(organisation);
        let log = tenant.logs().find(id).await?;
        let log = log.filter(|log| scopes.iter().any(|scope| self.sees(*scope, log)));
        let log = log.ok_or(ControlError::NotFound("log"))?;
        if !self.sees(Scope::LogsView, &log) {
            return Ok(LogDetail { log, content: Content::default() });
        }
        let content = tenant.logs().content(id).await?;
        drop(reader);
        self.0.note(read_content(&log)).await?;
        let content = match content {
            None => Content::default(),
            Some(sealed) => open(&self.0.parts.vault, &log, &sealed).await?,
        };
        Ok(LogDetail { log, content })
    }

    fn sees(&self, scope: Scope, log: &Log) -> bool {
        let actor = self.0.actor();
        let is_open = actor.scopes_at(self.0.within(log.workspace_id)).contains(scope);
        let is_own = log.user_id.is_some() && log.user_id == actor.user();
        is_open && (is_own || !actor.sees_own_data_only(log.workspace_id))
    }

    fn own_or_all(&self, reach: Reach) -> LogReach {
        let user = self.0.actor().user();
        match reach {
            Reach::Everywhere => LogReach { whole: Reach::Everywhere, own: Vec::new(), user },
            Reach::Only(workspaces) => {
                let (own, whole) = workspaces
                    .into_iter()
                    .partition(|workspace| self.0.actor().sees_own_data_only(*workspace));
                LogReach { whole: Reach::Only(whole), own, user }
            }
        }
    }
}

fn read_content(log: &Log) -> Note {
    Note {
        workspace: Some(log.workspace_id),
        resource_id: Some(log.id.to_string()),
        scope: Some(Scope::LogsView),
        ..Note::new(Some(log.organisation_id), AuditAction::Read, AuditResource::Log)
    }
}

async fn open(vault: &Vault, log: &Log, sealed: &Sealed) -> Result<Content> {
    let opened = vault.open(&log.content_place(), sealed).await?;
    let content = content::read(opened.danger_expose());
    content.map_err(|error| ControlError::Internal(error.to_string()))
}
