//! The words and signs of a condition.

use super::fault::NotCondition;

/// Signs, of which the longer ones come first.
const SYMBOLS: [&str; 10] = ["<=", ">=", "<>", "!=", "=", "<", ">", "(", ")", ","];
/// Digits that a number may have, as many as a decimal number of the batch format.
const DIGITS_MAX: usize = 76;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A column, or a word of the language.
    Word(String),
    /// A column whose name is in double quotes.
    Name(String),
    Text(String),
    Number(String),
    Symbol(&'static str),
    End,
}

impl Token {
    /// As an error shows it.
    pub fn words(&self) -> String {
        match self {
            Self::Word(word) => format!("`{word}`"),
            Self::Name(name) => format!("the column \"{name}\""),
            Self::Text(text) => format!("the text '{text}'"),
            Self::Number(digits) => format!("the number {digits}"),
            Self::Symbol(symbol) => format!("`{symbol}`"),
            Self::End => "the end".to_owned(),
        }
    }
}

/// A token, and the character at which it begins, counted from 1.
#[derive(Clone, Debug)]
pub struct Placed {
    pub token: Token,
    pub at: usize,
}

/// Takes a text apart; the last token is the end.
pub fn tokens(text: &str) -> Result<Vec<Placed>, NotCondition> {
    let mut reader = Reader { chars: text.chars().collect(), next: 0 };
    let mut tokens = Vec::new();
    loop {
        reader.take_while(char::is_whitespace);
        let at = reader.next + 1;
        let token = reader.token(at)?;
        let is_last = token == Token::End;
        tokens.push(Placed { token, at });
        if is_last {
            return Ok(tokens);
        }
    }
}

struct Reader {
    chars: Vec<char>,
    next: usize,
}

impl Reader {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.next + ahead).copied()
    }

    fn take_while(&mut self, is_part: impl Fn(char) -> bool) -> String {
        let start = self.next;
        while self.peek(0).is_some_and(&is_part) {
            self.next += 1;
        }
        self.chars[start..self.next].iter().collect()
    }

    fn token(&mut self, at: usize) -> Result<Token, NotCondition> {
        let Some(first) = self.peek(0) else { return Ok(Token::End) };
        let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        match first {
            '\'' => self.quoted(at, '\'').map(Token::Text),
            '"' => self.quoted(at, '"').map(Token::Name),
            '-' | '+' if is_digit(self.peek(1)) => self.number(at),
            _ if first.is_ascii_digit() => self.number(at),
            _ if is_word(first) => Ok(Token::Word(self.take_while(is_word))),
            _ => self.symbol(at, first),
        }
    }

    fn symbol(&mut self, at: usize, first: char) -> Result<Token, NotCondition> {
        let is_next = |symbol: &&str| {
            symbol.chars().enumerate().all(|(ahead, c)| self.peek(ahead) == Some(c))
        };
        let Some(symbol) = SYMBOLS.into_iter().find(is_next) else {
            let what = format!(
                "`{first}` is none of its signs, which are {}; a column with another name stands in \
                 double quotes, a text in single ones",
                SYMBOLS.join(" ")
            );
            return Err(NotCondition::new(at, what));
        };
        self.next += symbol.len();
        Ok(Token::Symbol(symbol))
    }

    /// What stands between two quotes; a quote that is written twice is one of it.
    fn quoted(&mut self, at: usize, quote: char) -> Result<String, NotCondition> {
        self.next += 1;
        let mut text = String::new();
        loop {
            match (self.peek(0), self.peek(1)) {
                (None, _) => return Err(NotCondition::new(at, "a quote begins that never ends")),
                (Some(c), Some(next)) if c == quote && next == quote => {
                    text.push(quote);
                    self.next += 2;
                }
                (Some(c), _) if c == quote => {
                    self.next += 1;
                    return Ok(text);
                }
                (Some(c), _) => {
                    text.push(c);
                    self.next += 1;
                }
            }
        }
    }

    fn number(&mut self, at: usize) -> Result<Token, NotCondition> {
        let sign = if self.peek(0) == Some('-') { "-" } else { "" };
        self.next += usize::from(matches!(self.peek(0), Some('-' | '+')));
        let whole = self.take_while(|c| c.is_ascii_digit());
        let mut fraction = String::new();
        if self.peek(0) == Some('.') {
            self.next += 1;
            fraction = self.take_while(|c| c.is_ascii_digit());
            if fraction.is_empty() {
                return Err(NotCondition::new(
                    at,
                    "a number ends with its point; write digits behind it",
                ));
            }
        }
        if self.peek(0).is_some_and(|c| is_word(c) || c == '.') {
            return Err(NotCondition::new(
                at,
                "a number goes on with what is no digit; write it as digits",
            ));
        }
        if whole.len() + fraction.len() > DIGITS_MAX {
            let what = format!("a number has more than {DIGITS_MAX} digits");
            return Err(NotCondition::new(at, what));
        }
        let point = if fraction.is_empty() { "" } else { "." };
        Ok(Token::Number(format!("{sign}{whole}{point}{fraction}")))
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
