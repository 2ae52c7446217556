//! Conditions of a search, put together from pieces of the source; values are always bound.

use portcullis_domain::Reach;

use crate::value::Value;

/// What follows `WHERE`, and the values it names.
pub(crate) struct Conditions {
    pub(crate) text: String,
    pub(crate) values: Vec<Value>,
}

impl Conditions {
    /// Begins with one condition that is always there: whose rows they are.
    pub(crate) fn of(column: &str, owner: impl Into<Value>) -> Self {
        Self { text: format!("{column} = $1"), values: vec![owner.into()] }
    }

    /// Binds a value and says how the text names it.
    pub(crate) fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// Adds a condition of the source's own.
    pub(crate) fn and(&mut self, condition: &str) {
        self.text.push_str(" AND ");
        self.text.push_str(condition);
    }

    /// Nothing when there is nothing to compare with.
    pub(crate) fn compare(&mut self, left: &str, right: Option<impl Into<Value>>) {
        if let Some(right) = right {
            let right = self.bind(right);
            self.and(&format!("{left} {right}"));
        }
    }

    /// A condition that any of several holds; none of none does.
    pub(crate) fn any(&mut self, conditions: &[String]) {
        if conditions.is_empty() {
            self.and("1 = 0");
        } else {
            self.and(&format!("({})", conditions.join(" OR ")));
        }
    }

    /// The condition that a column's workspace is within a reach, to be put in its place.
    pub(crate) fn reach(&mut self, column: &str, reach: &Reach) -> String {
        let Reach::Only(workspaces) = reach else { return "1 = 1".to_owned() };
        if workspaces.is_empty() {
            return "1 = 0".to_owned();
        }
        let places: Vec<String> = workspaces.iter().map(|id| self.bind(*id)).collect();
        format!("{column} IN ({})", places.join(", "))
    }

    /// Nothing when the list is empty.
    pub(crate) fn within(&mut self, column: &str, list: impl Iterator<Item = Value>) {
        let places: Vec<String> = list.map(|value| self.bind(value)).collect();
        if !places.is_empty() {
            self.and(&format!("{column} IN ({})", places.join(", ")));
        }
    }
}
