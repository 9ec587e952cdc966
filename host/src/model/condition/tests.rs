//! What is a condition, what is none, and what is said then.

use super::{Comparison, Condition, Expr, Literal, Operand};

fn parsed(text: &str) -> Expr {
    text.parse::<Condition>().unwrap_or_else(|error| panic!("{text}: {error}")).expr().clone()
}

fn compare(column: &str, comparison: Comparison, literal: Literal) -> Expr {
    Expr::Compare { column: column.into(), comparison, with: Operand::Literal(literal) }
}

#[test]
fn and_binds_before_or_and_not_before_both() {
    let column = |name: &str| Expr::Column(name.into());
    let not = |expr| Expr::Not(Box::new(expr));
    assert_eq!(
        parsed("a OR NOT b AND c"),
        Expr::Any(vec![column("a"), Expr::All(vec![not(column("b")), column("c")])])
    );
    assert_eq!(
        parsed("(a or b) and not (c)"),
        Expr::All(vec![Expr::Any(vec![column("a"), column("b")]), not(column("c"))])
    );
}

#[test]
fn names_values_and_signs_are_read_as_in_sql() {
    use Comparison::{Greater, LessOrEqual, NotEqual};
    let number = |digits: &str| Literal::Number(digits.into());
    let text = |text: &str| Literal::Text(text.into());
    for (written, meant) in [
        ("a<>-1.50", compare("a", NotEqual, number("-1.50"))),
        ("+7 < \"Order\"", compare("Order", Greater, number("7"))),
        ("a != 'it''s'", compare("a", NotEqual, text("it's"))),
        ("\"say \"\"no\"\"\" <= ''", compare("say \"no\"", LessOrEqual, text(""))),
        ("größe <= 3", compare("größe", LessOrEqual, number("3"))),
        ("\"null\" IS NULL", Expr::IsNull("null".into())),
        ("a is not null", Expr::Not(Box::new(Expr::IsNull("a".into())))),
        ("true", Expr::Constant(true)),
    ] {
        assert_eq!(parsed(written), meant, "{written}");
    }
    let list = vec![number("1"), text("b"), Literal::Boolean(true)];
    let one_of = Expr::OneOf { column: "a".into(), list };
    assert_eq!(parsed("a IN (1, 'b', TRUE)"), one_of);
    assert_eq!(parsed("a NOT IN (1,'b',true)"), Expr::Not(Box::new(one_of)));
    let like = Expr::Like { column: "a".into(), pattern: "x%".into() };
    assert_eq!(parsed("a NOT LIKE 'x%'"), Expr::Not(Box::new(like)));
}

#[test]
fn what_is_no_condition_says_where_and_what_was_expected() {
    for (written, at, what) in [
        ("", 1, "the end stands where a column or a value was expected"),
        ("a =", 4, "the end stands where a column or a value was expected"),
        ("a = 1 b", 7, "`b` stands where AND, OR or the end was expected"),
        ("a = NULL", 5, "write `column IS NULL`"),
        ("(a = 1", 7, "the end stands where AND, OR or `)` was expected"),
        ("a IN ()", 7, "`)` stands where a value was expected"),
        ("a IN (b)", 7, "`b` stands where a value was expected"),
        ("a IN (1 2)", 9, "the number 2 stands where `,` or `)` was expected"),
        ("a LIKE 5", 8, "LIKE needs a text"),
        ("a LIKE", 7, "LIKE needs a text"),
        ("a IS 5", 6, "the number 5 stands where NULL or NOT NULL was expected"),
        ("a NOT 5", 7, "where IN or LIKE was expected"),
        ("1 = 2", 5, "the number 2 stands where a column"),
        ("'x'", 4, "where a comparison with a column was expected"),
        ("a = 'x", 5, "a quote begins that never ends"),
        ("a = 1.", 5, "a number ends with its point"),
        ("a = 1e5", 5, "a number goes on"),
        ("a = 1; b", 6, "`;` is none of its signs"),
        ("a == 1", 4, "`=` stands where a column or a value was expected"),
    ] {
        let error = written.parse::<Condition>().expect_err(written);
        assert_eq!(error.at, at, "{written}: {error}");
        assert!(error.what.contains(what), "{written}: {error}");
    }
}

#[test]
fn length_depth_and_digits_are_bounded() {
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(nested(31).parse::<Condition>().is_ok());
    assert!(nested(32).parse::<Condition>().unwrap_err().what.contains("nested more than 32"));
    assert!("NOT ".repeat(500).parse::<Condition>().unwrap_err().what.contains("nested"));
    let digits = |count: usize| format!("a = 0.{}", "1".repeat(count));
    assert!(digits(75).parse::<Condition>().is_ok());
    assert!(digits(76).parse::<Condition>().unwrap_err().what.contains("more than 76 digits"));
    let long = format!("a{}", " OR a".repeat(800));
    assert!(long.parse::<Condition>().unwrap_err().what.contains("longer than 4000 bytes"));
}
