//! Paging parameters, in both spellings of the clients (admin reference §0.2).

use axum::extract::FromRequestParts;
use http::request::Parts;
use portcullis_control::Page;

use crate::error::ApiError;

/// The query of a list, read leniently: unknown parameters and a bare `?` are fine.
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
}

const DEFAULT_SIZE: u32 = 100;
const MAX_SIZE: u32 = 1000;

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let pairs =
            pairs.map_err(|_| ApiError::Malformed("the query cannot be read".to_owned()))?;
        Ok(Self { pairs: pairs.0 })
    }
}

impl Query {
    /// A parameter that is there and not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let mut values = self.pairs.iter().filter(|(known, _)| known == name);
        values.next_back().map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Every parameter, in order.
    pub(crate) fn into_pairs(self) -> Vec<(String, String)> {
        self.pairs
    }

    /// A parameter parsed as `T`.
    pub(crate) fn parse<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, ApiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let parsed = text.parse().map(Some);
        parsed.map_err(|_| ApiError::Malformed(format!("{name}: the value cannot be read")))
    }

    /// The page asked for; `current_page` counts from 0.
    pub(crate) fn page(&self) -> Result<Page, ApiError> {
        let size = self.parse("page_size")?.or(self.parse("pageSize")?).unwrap_or(DEFAULT_SIZE);
        let current: u32 = self.parse("current_page")?.or(self.parse("currentPage")?).unwrap_or(0);
        let limit = if size == 0 { DEFAULT_SIZE } else { size.min(MAX_SIZE) };
        Ok(Page { skip: current.saturating_mul(limit), limit })
    }
}
