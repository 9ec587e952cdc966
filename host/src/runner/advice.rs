//! How advice names a table, so that a person can take it to the letter.
//!
//! A table's name alone means the tables of that name in all schemas, so its schema stands before it, which every
//! command takes in single mode, too. Names are a source's, so what a shell would read is quoted, and what would
//! be taken for a list of names goes by the flag that takes one as it is.

/// A table as an argument of `resume`, `schema approve` and their like.
pub fn argument(schema: &str, table: &str) -> String {
    let name = format!("{schema}.{table}");
    let is_plain = !is_list(&name) && !name.starts_with('-');
    let flag = if is_plain { "" } else { "--table=" };
    format!("{flag}{}", quoted(&name))
}

/// The flag by which `run` copies a table anew.
pub fn full_resync(schema: &str, table: &str) -> String {
    let name = format!("{schema}.{table}");
    let flag = if is_list(&name) { "--full-resync-table" } else { "--full-resync" };
    format!("{flag}={}", quoted(&name))
}

/// How a person decides about what has become of a table.
pub fn decision(schema: &str, table: &str) -> String {
    let table = argument(schema, table);
    format!(
        "look at it with `cartridge-warp schema list`, then `schema approve {table}` or `schema reject {table}`"
    )
}

/// The flags by which `dlq` and `verify` are about a table.
pub fn flags(schema: &str, table: &str) -> String {
    format!("--schema={} --table={}", quoted(schema), quoted(table))
}

/// Whether a name is not one where a list of names is taken: those lose the spaces around them.
fn is_list(name: &str) -> bool {
    name.contains(',') || name.trim() != name
}

/// A word of a shell.
fn quoted(name: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "_-./:@%+".contains(letter);
    match name.chars().all(is_plain) {
        true => name.to_owned(),
        false => format!("'{}'", name.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_of_a_shell() {
        for (schema, table, as_argument, as_flag) in [
            ("shop", "orders", "shop.orders", "--full-resync=shop.orders"),
            ("shop", "bücher", "shop.bücher", "--full-resync=shop.bücher"),
            ("shop", "my orders", "'shop.my orders'", "--full-resync='shop.my orders'"),
            ("shop", "a,b", "--table='shop.a,b'", "--full-resync-table='shop.a,b'"),
            ("shop", "a ", "--table='shop.a '", "--full-resync-table='shop.a '"),
            ("-x", "t", "--table=-x.t", "--full-resync=-x.t"),
            ("shop", "it's", r"'shop.it'\''s'", r"--full-resync='shop.it'\''s'"),
            ("shop", "$(x)", "'shop.$(x)'", "--full-resync='shop.$(x)'"),
            ("shop", "a*", "'shop.a*'", "--full-resync='shop.a*'"),
        ] {
            assert_eq!(argument(schema, table), as_argument);
            assert_eq!(full_resync(schema, table), as_flag);
        }
        assert_eq!(flags("shop", "a b"), "--schema=shop --table='a b'");
    }
}
