//! A condition over the columns of a row, as an operator writes it: a small part of SQL.
//!
//! What it means for values of a type is the business of `schema::condition`, since a text alone does not
//! say which columns there are.

mod expr;
mod fault;
mod parser;
#[cfg(test)]
mod tests;
mod tokens;

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

pub use self::{
    expr::{Comparison, Expr, Literal, Operand},
    fault::NotCondition,
};

/// How long a condition may be, in bytes (I7).
const BYTES_MAX: usize = 4000;

/// A condition that was understood. Two that say the same in the same order are equal, whatever blanks and
/// letters they were written with.
///
/// ```
/// use cartridge_warp::model::Condition;
/// let one: Condition = "region = 'EU' AND amount >= 10".parse().unwrap();
/// assert_eq!(one, "region='EU' and 10 <= amount".parse().unwrap());
/// assert!("region = ".parse::<Condition>().is_err());
/// ```
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Condition {
    text: String,
    expr: Expr,
}

impl Condition {
    /// What it says.
    #[must_use]
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// Whether it says something of a column.
    #[must_use]
    pub fn names(&self, column: &str) -> bool {
        self.expr.columns().contains(column)
    }
}

impl FromStr for Condition {
    type Err = NotCondition;

    fn from_str(text: &str) -> Result<Self, NotCondition> {
        if text.len() > BYTES_MAX {
            return Err(NotCondition::new(
                BYTES_MAX,
                format!("it is longer than {BYTES_MAX} bytes"),
            ));
        }
        Ok(Self { expr: parser::parse(text)?, text: text.to_owned() })
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.expr == other.expr
    }
}

impl Eq for Condition {}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for Condition {
    type Error = NotCondition;

    fn try_from(text: String) -> Result<Self, NotCondition> {
        text.parse()
    }
}

impl From<Condition> for String {
    fn from(condition: Condition) -> Self {
        condition.text
    }
}

impl JsonSchema for Condition {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Condition".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "a condition like \"region = 'EU' AND amount >= 10\"",
        })
    }
}
