//! Conditions of a search, put together from pieces of the source; values are always bound.

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

    /// Nothing when the list is empty.
    pub(crate) fn within(&mut self, column: &str, list: impl Iterator<Item = Value>) {
        let places: Vec<String> = list.map(|value| self.bind(value)).collect();
        if !places.is_empty() {
            self.and(&format!("{column} IN ({})", places.join(", ")));
        }
    }
}
