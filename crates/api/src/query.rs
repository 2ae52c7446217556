//! Parameters of a query: declared once, read by that declaration, and documented from it.

use http::Uri;
use portcullis_control::Page;
use portcullis_domain::Timestamp;
use schemars::{Schema, json_schema};

use crate::error::ApiError;

/// A parameter that a route takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Param {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it holds.
    pub(crate) kind: Kind,
    /// What it is for.
    pub(crate) about: &'static str,
}

/// What a parameter holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// A whole number that is not negative.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Flag,
    /// An instant (RFC 3339).
    Instant,
    /// One of these words.
    OneOf(&'static [&'static str]),
}

/// The query of a request, read leniently: parameters that nobody declared and a bare `?` are fine
/// (admin reference §0.3).
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
    params: &'static [Param],
}

pub(crate) const WORKSPACE_ID: Param =
    Param::new("workspace_id", Kind::Text, "A workspace, by id or slug.");

const PAGE_ABOUT: &str = "How many to answer with at most; 100 by default.";
const CURRENT_ABOUT: &str = "Which page, counted from 0.";

/// Both spellings of the clients (admin reference §0.2).
pub(crate) const PAGE_SIZE: Param = Param::new("page_size", Kind::Integer, PAGE_ABOUT);
pub(crate) const PAGE_SIZE_CAMEL: Param = Param::new("pageSize", Kind::Integer, PAGE_ABOUT);
pub(crate) const CURRENT_PAGE: Param = Param::new("current_page", Kind::Integer, CURRENT_ABOUT);
pub(crate) const CURRENT_PAGE_CAMEL: Param =
    Param::new("currentPage", Kind::Integer, CURRENT_ABOUT);

const DEFAULT_SIZE: u32 = 100;
const MAX_SIZE: u32 = 1000;

impl Param {
    pub(crate) const fn new(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, about }
    }

    /// Its schema.
    pub(crate) fn schema(&self) -> Schema {
        match self.kind {
            Kind::Text => json_schema!({"type": "string"}),
            Kind::Integer => json_schema!({"type": "integer", "minimum": 0}),
            Kind::Number => json_schema!({"type": "number"}),
            Kind::Flag => json_schema!({"type": "boolean"}),
            Kind::Instant => json_schema!({"type": "string", "format": "date-time"}),
            Kind::OneOf(words) => json_schema!({"type": "string", "enum": words}),
        }
    }
}

impl Query {
    /// Reads the query of a request for the parameters that its route declares.
    pub(crate) fn read(uri: &Uri, params: &'static [Param]) -> Result<Self, ApiError> {
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri);
        let pairs =
            pairs.map_err(|_| ApiError::Malformed("the query cannot be read".to_owned()))?;
        if pairs.0.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
            return Err(ApiError::Malformed("the query holds a NUL character".to_owned()));
        }
        Ok(Self { pairs: pairs.0, params })
    }

    /// A parameter that is there and not empty.
    ///
    /// # Panics
    /// In a debug build when the route does not declare it: what is not documented is not read.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        debug_assert!(
            self.params.iter().any(|param| param.name == name),
            "the route does not declare the parameter {name}"
        );
        let mut values = self.pairs.iter().filter(|(known, _)| known == name);
        values.next_back().map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Every parameter that is not empty, whether the route declares it or not: for routes whose
    /// parameters depend on one another.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        pairs.filter(|(_, value)| !value.is_empty())
    }

    /// A parameter parsed as `T`.
    pub(crate) fn parse<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, ApiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let parsed = text.parse().map(Some);
        parsed.map_err(|_| ApiError::Malformed(format!("{name}: the value cannot be read")))
    }

    /// An instant.
    pub(crate) fn instant(&self, name: &str) -> Result<Option<Timestamp>, ApiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let parsed = Timestamp::parse(text).map(Some);
        parsed.map_err(|error| ApiError::Malformed(format!("{name}: {error}")))
    }

    /// One of several words.
    pub(crate) fn one_of<T>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let words = self.params.iter().find_map(|param| match param.kind {
            Kind::OneOf(words) if param.name == name => Some(words.join(", ")),
            _ => None,
        });
        let words = words.unwrap_or_default();
        let wrong = || ApiError::Malformed(format!("{name}: must be one of {words}"));
        read(text).map(Some).ok_or_else(wrong)
    }

    /// The page asked for; `current_page` counts from 0.
    pub(crate) fn page(&self) -> Result<Page, ApiError> {
        let size = self.parse("page_size")?.or(self.parse("pageSize")?).unwrap_or(DEFAULT_SIZE);
        let current: u32 = self.parse("current_page")?.or(self.parse("currentPage")?).unwrap_or(0);
        let limit = if size == 0 { DEFAULT_SIZE } else { size.min(MAX_SIZE) };
        Ok(Page { skip: current.saturating_mul(limit), limit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMS: &[Param] = &[PAGE_SIZE, PAGE_SIZE_CAMEL, CURRENT_PAGE, CURRENT_PAGE_CAMEL];

    fn page(query: &str) -> Option<(u32, u32)> {
        let uri = format!("/v1/things{query}").parse().unwrap();
        let query = Query::read(&uri, PARAMS).ok()?;
        query.page().ok().map(|page| (page.skip, page.limit))
    }

    #[test]
    fn both_spellings_page_from_zero_and_a_bare_question_mark_is_fine() {
        assert_eq!(page("?"), Some((0, 100)));
        assert_eq!(page("?page_size=10&current_page=2"), Some((20, 10)));
        assert_eq!(page("?pageSize=10&currentPage=2&unknown=x"), Some((20, 10)));
        assert_eq!(page("?page_size=100000"), Some((0, 1000)));
        assert_eq!(page("?page_size=0"), Some((0, 100)));
        assert_eq!(page("?page_size=-1"), None);
        assert_eq!(page("?page_size=a"), None);
        assert_eq!(page("?x=%00"), None);
    }
}
