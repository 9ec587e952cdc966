//! What a condition says.

use std::{cmp::Ordering, collections::BTreeSet, fmt};

/// How two values compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// Whether it holds between values in this order.
    #[must_use]
    pub fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }

    /// The same of the values exchanged.
    #[must_use]
    pub fn turned(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            same => same,
        }
    }

    /// Whether it asks which value comes first, and not only whether they are one.
    #[must_use]
    pub fn asks_for_order(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }
}

/// A value that is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    Text(String),
    /// Its digits, with a sign and a point maybe.
    Number(String),
    Boolean(bool),
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "the text '{text}'"),
            Self::Number(digits) => write!(f, "the number {digits}"),
            Self::Boolean(value) => write!(f, "{value}"),
        }
    }
}

/// What a column is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    Column(String),
    Literal(Literal),
}

/// A condition, or a part of one. `NOT IN` and the like are [`Expr::Not`], which means the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    Constant(bool),
    /// A boolean column.
    Column(String),
    Not(Box<Expr>),
    All(Vec<Expr>),
    Any(Vec<Expr>),
    Compare {
        column: String,
        comparison: Comparison,
        with: Operand,
    },
    IsNull(String),
    OneOf {
        column: String,
        list: Vec<Literal>,
    },
    /// `%` stands for any characters and `_` for one; a backslash makes them plain.
    Like {
        column: String,
        pattern: String,
    },
}

impl Expr {
    /// The columns that it names.
    #[must_use]
    pub fn columns(&self) -> BTreeSet<&str> {
        match self {
            Self::Constant(_) => BTreeSet::new(),
            Self::Not(part) => part.columns(),
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::columns).collect(),
            Self::Compare { column, with: Operand::Column(other), .. } => {
                [column.as_str(), other].into()
            }
            Self::Column(column)
            | Self::IsNull(column)
            | Self::Compare { column, .. }
            | Self::OneOf { column, .. }
            | Self::Like { column, .. } => [column.as_str()].into(),
        }
    }
}
