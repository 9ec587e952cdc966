//! The name somebody may have meant.

/// Below this a likeness is chance.
const LIKENESS_MIN: f64 = 0.75;

/// The candidate most like the name, if any is like it at all.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let name = name.to_lowercase();
    let scored = candidates.into_iter().map(|candidate| {
        let likeness = strsim::normalized_damerau_levenshtein(&name, &candidate.to_lowercase());
        let start = strsim::jaro_winkler(&name, &candidate.to_lowercase());
        (likeness.max(start - 0.1), candidate)
    });
    let best = scored.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (best.0 >= LIKENESS_MIN).then_some(best.1)
}

/// What to tell somebody whose name does not exist: the nearest one, or all of them.
pub(crate) fn suggest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    match nearest(name, candidates.clone()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => {
            let all: Vec<&str> = candidates.into_iter().collect();
            format!("valid here: {}", all.join(", "))
        }
    }
}
