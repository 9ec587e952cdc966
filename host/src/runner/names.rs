//! Lists of names for a person: a source may have thousands of tables and columns (I7).

use crate::config::nearest;

/// Names shown of a list.
const SHOWN_MAX: usize = 20;

/// The names, or the first of them and how many more there are.
pub fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let shown: Vec<&str> = names.iter().take(SHOWN_MAX).map(AsRef::as_ref).collect();
    let shown = shown.join(", ");
    match names.len().checked_sub(SHOWN_MAX) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}

/// Asks whether the most similar of the known names was meant, if one is similar.
pub fn likely(name: &str, known: &[&str]) -> Option<String> {
    nearest(name, known.iter().copied()).map(|nearest| format!("did you mean `{nearest}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(listed(&["a", "b"]), "a, b");
        assert_eq!(listed::<&str>(&[]), "");
        let many = vec!["t".to_owned(); 25];
        assert!(listed(&many).ends_with("t, t and 5 more"), "{}", listed(&many));
    }
}
