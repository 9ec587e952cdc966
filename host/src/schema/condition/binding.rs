//! A condition with the types of a table's columns.

use arrow_schema::FieldRef;
use regex::Regex;

use super::{
    cells::{Column, Kind},
    constant::Constant,
    misfit::{Misfit, misread, said},
    pattern::expression,
};
use crate::model::{Comparison, Expr, Literal, Operand};

/// What is asked of a row; columns are numbers.
#[derive(Clone, Debug)]
pub enum Test {
    Constant(bool),
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    IsNull(usize),
    /// A column that has no value yet, so that nothing is known of it.
    Valueless(usize),
    Compare(usize, Comparison, Constant),
    Columns(usize, Comparison, usize),
    OneOf(usize, Vec<Constant>),
    Like(usize, Regex),
}

/// Gives a condition the types of columns.
pub struct Binder<'a> {
    /// A column as the table has it.
    pub field: &'a dyn Fn(&str) -> Option<FieldRef>,
    /// A column that nobody has seen yet has no value.
    pub may_lack: bool,
    pub columns: Vec<Column>,
}

impl Binder<'_> {
    pub fn bind(&mut self, expr: &Expr) -> Result<Test, Misfit> {
        let parts = |binder: &mut Self, parts: &[Expr]| {
            parts.iter().map(|part| binder.bind(part)).collect::<Result<Vec<_>, _>>()
        };
        Ok(match expr {
            Expr::Constant(value) => Test::Constant(*value),
            Expr::All(all) => Test::All(parts(self, all)?),
            Expr::Any(any) => Test::Any(parts(self, any)?),
            Expr::Not(part) => Test::Not(Box::new(self.bind(part)?)),
            Expr::IsNull(column) => Test::IsNull(self.column(column)?),
            Expr::Column(column) => {
                let (equal, is_true) = (Comparison::Equal, Literal::Boolean(true));
                self.compare(column, equal, &is_true)?
            }
            Expr::Compare { column, comparison, with: Operand::Literal(literal) } => {
                self.compare(column, *comparison, literal)?
            }
            Expr::Compare { column, comparison, with: Operand::Column(other) } => {
                self.columns(column, *comparison, other)?
            }
            Expr::OneOf { column, list } => self.one_of(column, list)?,
            Expr::Like { column, pattern } => self.like(column, pattern)?,
        })
    }

    fn column(&mut self, name: &str) -> Result<usize, Misfit> {
        if let Some(known) = self.columns.iter().position(|column| column.name == name) {
            return Ok(known);
        }
        let field = (self.field)(name);
        if field.is_none() && !self.may_lack {
            return Err(Misfit::Lacks(name.to_owned()));
        }
        let kind = field.as_ref().map_or(Kind::Unseen, |field| Kind::of(field));
        self.columns.push(Column { name: name.to_owned(), field, kind });
        Ok(self.columns.len() - 1)
    }

    /// The constant that a literal is to a column; none where the column has no value yet.
    fn constant(&self, column: usize, literal: &Literal) -> Result<Option<Constant>, Misfit> {
        let column = &self.columns[column];
        if column.kind == Kind::Unseen {
            return Ok(None);
        }
        let constant = Constant::of(literal, column.kind);
        constant.map(Some).ok_or_else(|| misread(column, literal))
    }

    fn compare(
        &mut self,
        name: &str,
        comparison: Comparison,
        literal: &Literal,
    ) -> Result<Test, Misfit> {
        let column = self.column(name)?;
        let Some(constant) = self.constant(column, literal)? else {
            return Ok(Test::Valueless(column));
        };
        self.check_order(column, comparison)?;
        Ok(Test::Compare(column, comparison, constant))
    }

    fn columns(&mut self, one: &str, how: Comparison, other: &str) -> Result<Test, Misfit> {
        let (one, other) = (self.column(one)?, self.column(other)?);
        let (left, right) = (&self.columns[one], &self.columns[other]);
        for column in [one, other] {
            if self.columns[column].kind == Kind::Unseen {
                return Ok(Test::Valueless(column));
            }
        }
        let do_compare = match (left.kind, right.kind) {
            (Kind::Opaque, _) | (_, Kind::Opaque) => false,
            (Kind::Exact { .. }, Kind::Exact { .. })
            | (Kind::Float { .. }, Kind::Float { .. })
            | (Kind::Text | Kind::Foreign, Kind::Text | Kind::Foreign) => true,
            (left, right) => left == right,
        };
        if !do_compare {
            let what = format!("compares {} with {}", said(left), said(right));
            let help = "compare columns of one type, or a column with a value".to_owned();
            return Err(Misfit::Type { what, help });
        }
        self.check_order(one, how)?;
        self.check_order(other, how)?;
        Ok(Test::Columns(one, how, other))
    }

    fn check_order(&self, column: usize, comparison: Comparison) -> Result<(), Misfit> {
        let column = &self.columns[column];
        if !comparison.asks_for_order() || !matches!(column.kind, Kind::Foreign | Kind::Boolean) {
            return Ok(());
        }
        let what = format!("asks for the order of {}", said(column));
        let help = match column.kind {
            Kind::Boolean => "write the column alone, or NOT in front of it",
            _ => {
                "its values travel as texts, whose order is another one; `=`, `<>`, IN, LIKE and IS \
                 NULL go by these texts"
            }
        };
        Err(Misfit::Type { what, help: help.to_owned() })
    }

    fn one_of(&mut self, name: &str, list: &[Literal]) -> Result<Test, Misfit> {
        let column = self.column(name)?;
        let mut constants = Vec::with_capacity(list.len());
        for literal in list {
            match self.constant(column, literal)? {
                Some(constant) => constants.push(constant),
                None => return Ok(Test::Valueless(column)),
            }
        }
        Ok(Test::OneOf(column, constants))
    }

    fn like(&mut self, name: &str, pattern: &str) -> Result<Test, Misfit> {
        let at = self.column(name)?;
        let column = &self.columns[at];
        match column.kind {
            Kind::Unseen => return Ok(Test::Valueless(at)),
            Kind::Text | Kind::Foreign => {}
            _ => {
                let what = format!("has LIKE behind {}", said(column));
                let help = "LIKE is for columns of text".to_owned();
                return Err(Misfit::Type { what, help });
            }
        }
        let regex = Regex::new(&expression(pattern)).map_err(|_| Misfit::Type {
            what: format!("has a pattern for `{name}` that is too large"),
            help: "write a shorter one".to_owned(),
        })?;
        Ok(Test::Like(at, regex))
    }
}
