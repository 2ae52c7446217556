//! Searching the logs of calls and reading their content.

use portcullis_domain::{
    ApiKeyId, CallId, Log, LogState, NanoDollars, OrganisationId, Reach, Sealed, Timestamp, UserId,
    WorkspaceId,
};

use crate::{
    Error, Reader, Result,
    conditions::Conditions,
    value::{Row, values},
};

/// One organisation's logs.
pub struct LogsOf<'r> {
    pub(crate) reader: &'r mut Reader,
    pub(crate) organisation: OrganisationId,
}

/// Which logs are wanted; what is `None` or empty does not matter.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    /// From this instant on.
    pub from: Option<Timestamp>,
    /// Before this instant.
    pub until: Option<Timestamp>,
    /// Of these workspaces; of all when not given.
    pub reach: Option<LogReach>,
    /// Of environments of this slug.
    pub environment: Option<String>,
    /// Answered with one of these statuses.
    pub statuses: Vec<u16>,
    /// Answered with at least this status.
    pub min_status: Option<u16>,
    /// Answered with at most this status.
    pub max_status: Option<u16>,
    /// Whether the client got a whole, successful answer.
    pub is_success: Option<bool>,
    /// In this state.
    pub state: Option<LogState>,
    /// Sent to this provider.
    pub provider: Option<String>,
    /// Sent with one of these virtual keys, by slug.
    pub virtual_keys: Vec<String>,
    /// For this model, as asked or as served.
    pub model: Option<String>,
    /// Sent to one of these providers for that model, as asked or as served.
    pub provider_models: Vec<(String, String)>,
    /// Made with one of these API keys.
    pub api_keys: Vec<ApiKeyId>,
    /// Made by this person.
    pub user_id: Option<UserId>,
    /// Made for this end user of the application.
    pub user: Option<String>,
    /// Of this trace.
    pub trace_id: Option<String>,
    /// Costing at least this.
    pub min_cost: Option<NanoDollars>,
    /// Costing at most this.
    pub max_cost: Option<NanoDollars>,
    /// Of at least so many input and output tokens.
    pub min_tokens: Option<u64>,
    /// Of at most so many input and output tokens.
    pub max_tokens: Option<u64>,
    /// Of at least so many input tokens.
    pub min_input_tokens: Option<u64>,
    /// Of at most so many input tokens.
    pub max_input_tokens: Option<u64>,
    /// Of at least so many output tokens.
    pub min_output_tokens: Option<u64>,
    /// Of at most so many output tokens.
    pub max_output_tokens: Option<u64>,
    /// With each of these names and values in its metadata. Looks into every log that the other
    /// conditions leave.
    pub metadata: Vec<(String, String)>,
}

/// Whose logs somebody sees.
#[derive(Clone, Debug)]
pub struct LogReach {
    /// Workspaces of which they see everybody's.
    pub whole: Reach,
    /// Workspaces of which they see only those of their own keys.
    pub own: Vec<WorkspaceId>,
    /// Who they are.
    pub user: Option<UserId>,
}

/// Where a page of logs ended. The next one begins after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogCursor {
    /// The last log's instant.
    pub created_at: Timestamp,
    /// The last log's id.
    pub id: CallId,
}

impl LogsOf<'_> {
    /// The log of that id.
    pub async fn find(&mut self, id: CallId) -> Result<Option<Log>> {
        let sql = "SELECT fields FROM logs WHERE organisation_id = $1 AND id = $2";
        let row = self.reader.optional(sql, values![self.organisation, id]).await?;
        row.as_ref().map(read).transpose()
    }

    /// Up to `limit` logs, newest first, after `after`. If as many came, the last one's
    /// [`LogCursor`] asks for more.
    pub async fn list(
        &mut self,
        filter: &LogFilter,
        after: Option<LogCursor>,
        limit: u32,
    ) -> Result<Vec<Log>> {
        let mut conditions = self.conditions(filter);
        if let Some(after) = after {
            let at = conditions.bind(after.created_at);
            let id = conditions.bind(after.id);
            // The first of the two is implied; it lets PostgreSQL leave out later partitions.
            conditions
                .text
                .push_str(&format!(" AND created_at <= {at} AND (created_at, id) < ({at}, {id})"));
        }
        let limit = conditions.bind(i64::from(limit));
        let sql = format!(
            "SELECT fields FROM logs WHERE {} ORDER BY created_at DESC, id DESC LIMIT {limit}",
            conditions.text
        );
        self.reader.all(sql, conditions.values, read).await
    }

    /// How many logs there are, counted up to `most`: a full count of a year would take long.
    pub async fn count(&mut self, filter: &LogFilter, most: u32) -> Result<u64> {
        let mut conditions = self.conditions(filter);
        let most = conditions.bind(i64::from(most));
        let sql = format!(
            "SELECT COUNT(*) AS total FROM (SELECT 1 FROM logs WHERE {} LIMIT {most}) AS counted",
            conditions.text
        );
        let total = self.reader.one(sql, conditions.values).await?.int("total")?;
        u64::try_from(total).map_err(|_| Error::Corrupt("total"))
    }

    /// What was kept of a call's content.
    pub async fn content(&mut self, id: CallId) -> Result<Option<Sealed>> {
        let sql = "SELECT sealed FROM log_contents WHERE organisation_id = $1 AND log_id = $2";
        let row = self.reader.optional(sql, values![self.organisation, id]).await?;
        row.map(|row| row.sealed("sealed")).transpose()
    }

    fn conditions(&self, filter: &LogFilter) -> Conditions {
        let mut all = Conditions::of("organisation_id", self.organisation);
        all.compare("created_at >=", filter.from);
        all.compare("created_at <", filter.until);
        if let Some(reach) = &filter.reach {
            let whole = all.reach("workspace_id", &reach.whole);
            let own = all.reach("workspace_id", &Reach::Only(reach.own.clone()));
            let user = all.bind(reach.user);
            all.and(&format!("({whole} OR ({own} AND user_id = {user}))"));
        }
        all.compare("environment =", filter.environment.as_deref());
        all.within("status", filter.statuses.iter().map(|status| (*status).into()));
        all.compare("status >=", filter.min_status);
        all.compare("status <=", filter.max_status);
        all.compare("is_success =", filter.is_success);
        all.compare("state =", filter.state.map(LogState::name));
        all.compare("provider =", filter.provider.as_deref());
        all.within("virtual_key", filter.virtual_keys.iter().map(|slug| slug.as_str().into()));
        if let Some(model) = filter.model.as_deref() {
            let model = all.bind(model);
            all.text.push_str(&format!(" AND (model_asked = {model} OR model_served = {model})"));
        }
        let mut pairs = Vec::new();
        for (provider, model) in &filter.provider_models {
            let (provider, model) = (all.bind(provider.as_str()), all.bind(model.as_str()));
            pairs.push(format!(
                "(provider = {provider} AND (model_asked = {model} OR model_served = {model}))"
            ));
        }
        if !pairs.is_empty() {
            all.text.push_str(&format!(" AND ({})", pairs.join(" OR ")));
        }
        all.within("api_key_id", filter.api_keys.iter().map(|id| (*id).into()));
        all.compare("user_id =", filter.user_id);
        all.compare("end_user =", filter.user.as_deref());
        all.compare("trace_id =", filter.trace_id.as_deref());
        all.compare("cost_nano >=", filter.min_cost);
        all.compare("cost_nano <=", filter.max_cost);
        let tokens = "COALESCE(input_tokens, 0) + COALESCE(output_tokens, 0)";
        all.compare(&format!("{tokens} >="), filter.min_tokens);
        all.compare(&format!("{tokens} <="), filter.max_tokens);
        all.compare("input_tokens >=", filter.min_input_tokens);
        all.compare("input_tokens <=", filter.max_input_tokens);
        all.compare("output_tokens >=", filter.min_output_tokens);
        all.compare("output_tokens <=", filter.max_output_tokens);
        for (name, value) in &filter.metadata {
            let (name, value) = (all.bind(name.as_str()), all.bind(value.as_str()));
            let condition = self.reader.engine().has_metadata(&name, &value);
            all.text.push_str(&format!(" AND {condition}"));
        }
        all
    }
}

impl LogCursor {
    /// The cursor that asks for what comes after `log`.
    pub const fn after(log: &Log) -> Self {
        Self { created_at: log.created_at, id: log.id }
    }
}

fn read(row: &Row) -> Result<Log> {
    row.json("fields")
}
