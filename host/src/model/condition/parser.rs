//! The grammar of conditions, which is a part of SQL's.
//!
//! ```text
//! any    = all { OR all }
//! all    = one { AND one }
//! one    = NOT one | ( any ) | TRUE | FALSE | column | column IS [NOT] NULL
//!        | column [NOT] IN ( literal { , literal } ) | column [NOT] LIKE text
//!        | side ( = | <> | != | < | <= | > | >= ) side
//! side   = column | literal
//! ```

use super::{
    expr::{Comparison, Expr, Literal, Operand},
    fault::NotCondition,
    tokens::{Placed, Token, tokens},
};

/// How deep parentheses and `NOT` may stand in each other (I7).
const DEPTH_MAX: usize = 32;

/// Words that are no columns, unless they are quoted.
const WORDS: [&str; 9] = ["AND", "OR", "NOT", "IS", "NULL", "IN", "LIKE", "TRUE", "FALSE"];

const COMPARISONS: [(&str, Comparison); 7] = [
    ("=", Comparison::Equal),
    ("<>", Comparison::NotEqual),
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

/// Parses the whole of a text.
pub fn parse(text: &str) -> Result<Expr, NotCondition> {
    let mut parser = Parser { tokens: tokens(text)?, next: 0, depth: 0 };
    let expr = parser.any()?;
    match parser.peek() {
        Token::End => Ok(expr),
        _ => Err(parser.expected("AND, OR or the end")),
    }
}

struct Parser {
    tokens: Vec<Placed>,
    next: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::End, |placed| &placed.token)
    }

    /// A fault at the next token.
    fn fault(&self, what: impl Into<String>) -> NotCondition {
        let placed = self.tokens.get(self.next).or(self.tokens.last());
        NotCondition::new(placed.map_or(1, |placed| placed.at), what)
    }

    fn expected(&self, what: &str) -> NotCondition {
        self.fault(format!("{} stands where {what} was expected", self.peek().words()))
    }

    /// The word of the language that is next.
    fn word(&self) -> Option<&'static str> {
        let Token::Word(word) = self.peek() else { return None };
        WORDS.into_iter().find(|known| known.eq_ignore_ascii_case(word))
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is_next = self.word() == Some(word);
        self.next += usize::from(is_next);
        is_next
    }

    fn takes_symbol(&mut self, symbol: &str) -> bool {
        let is_next = matches!(self.peek(), Token::Symbol(next) if *next == symbol);
        self.next += usize::from(is_next);
        is_next
    }

    fn any(&mut self) -> Result<Expr, NotCondition> {
        let mut parts = vec![self.all()?];
        while self.takes_word("OR") {
            parts.push(self.all()?);
        }
        Ok(only(parts, Expr::Any))
    }

    fn all(&mut self) -> Result<Expr, NotCondition> {
        let mut parts = vec![self.one()?];
        while self.takes_word("AND") {
            parts.push(self.one()?);
        }
        Ok(only(parts, Expr::All))
    }

    fn one(&mut self) -> Result<Expr, NotCondition> {
        if self.depth >= DEPTH_MAX {
            return Err(self.fault(format!("it is nested more than {DEPTH_MAX} deep")));
        }
        self.depth += 1;
        let one = self.one_within();
        self.depth -= 1;
        one
    }

    fn one_within(&mut self) -> Result<Expr, NotCondition> {
        if self.takes_word("NOT") {
            return Ok(Expr::Not(Box::new(self.one()?)));
        }
        if self.takes_symbol("(") {
            let within = self.any()?;
            if !self.takes_symbol(")") {
                return Err(self.expected("AND, OR or `)`"));
            }
            return Ok(within);
        }
        match self.side()? {
            Operand::Column(column) => self.of_column(column),
            Operand::Literal(literal) => self.of_literal(literal),
        }
    }

    fn side(&mut self) -> Result<Operand, NotCondition> {
        if let Some(literal) = self.literal() {
            return Ok(Operand::Literal(literal));
        }
        let column = match (self.word(), self.peek()) {
            (None, Token::Word(name)) | (_, Token::Name(name)) => name.clone(),
            (Some("NULL"), _) => {
                let what = "nothing is equal to NULL or compares with it; write `column IS NULL` or \
                            `column IS NOT NULL`";
                return Err(self.fault(what));
            }
            _ => return Err(self.expected("a column or a value")),
        };
        self.next += 1;
        Ok(Operand::Column(column))
    }

    fn literal(&mut self) -> Option<Literal> {
        let literal = match (self.word(), self.peek()) {
            (Some("TRUE"), _) => Literal::Boolean(true),
            (Some("FALSE"), _) => Literal::Boolean(false),
            (_, Token::Text(text)) => Literal::Text(text.clone()),
            (_, Token::Number(digits)) => Literal::Number(digits.clone()),
            _ => return None,
        };
        self.next += 1;
        Some(literal)
    }

    fn comparison(&mut self) -> Option<Comparison> {
        let Token::Symbol(symbol) = self.peek() else { return None };
        let (_, comparison) = COMPARISONS.into_iter().find(|(known, _)| known == symbol)?;
        self.next += 1;
        Some(comparison)
    }

    /// What is said of a column.
    fn of_column(&mut self, column: String) -> Result<Expr, NotCondition> {
        if let Some(comparison) = self.comparison() {
            let with = self.side()?;
            return Ok(Expr::Compare { column, comparison, with });
        }
        if self.takes_word("IS") {
            let is_not = self.takes_word("NOT");
            if !self.takes_word("NULL") {
                return Err(self.expected(if is_not { "NULL" } else { "NULL or NOT NULL" }));
            }
            return Ok(maybe_not(is_not, Expr::IsNull(column)));
        }
        let is_not = self.takes_word("NOT");
        if self.takes_word("IN") {
            let list = self.list()?;
            return Ok(maybe_not(is_not, Expr::OneOf { column, list }));
        }
        if self.takes_word("LIKE") {
            let Token::Text(pattern) = self.peek() else {
                return Err(self.fault("LIKE needs a text in single quotes behind it"));
            };
            let pattern = pattern.clone();
            self.next += 1;
            return Ok(maybe_not(is_not, Expr::Like { column, pattern }));
        }
        if is_not {
            return Err(self.expected("IN or LIKE"));
        }
        Ok(Expr::Column(column))
    }

    fn list(&mut self) -> Result<Vec<Literal>, NotCondition> {
        if !self.takes_symbol("(") {
            return Err(self.expected("`(` and a list of values"));
        }
        let mut list = Vec::new();
        loop {
            match self.literal() {
                Some(literal) => list.push(literal),
                None => return Err(self.expected("a value")),
            }
            if self.takes_symbol(")") {
                return Ok(list);
            }
            if !self.takes_symbol(",") {
                return Err(self.expected("`,` or `)`"));
            }
        }
    }

    /// A value that stands in front of a comparison, or alone.
    fn of_literal(&mut self, literal: Literal) -> Result<Expr, NotCondition> {
        let Some(comparison) = self.comparison() else {
            return match literal {
                Literal::Boolean(value) => Ok(Expr::Constant(value)),
                _ => Err(self.expected("a comparison with a column")),
            };
        };
        match self.side()? {
            Operand::Column(column) => {
                let (comparison, with) = (comparison.turned(), Operand::Literal(literal));
                Ok(Expr::Compare { column, comparison, with })
            }
            Operand::Literal(_) => {
                self.next -= 1;
                Err(self.expected("a column, since the other side is a value"))
            }
        }
    }
}

fn only(mut parts: Vec<Expr>, several: fn(Vec<Expr>) -> Expr) -> Expr {
    match parts.len() {
        1 => parts.remove(0),
        _ => several(parts),
    }
}

fn maybe_not(is_not: bool, expr: Expr) -> Expr {
    if is_not { Expr::Not(Box::new(expr)) } else { expr }
}
