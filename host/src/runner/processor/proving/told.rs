//! What came of a comparison, in words and counts.

use crate::{
    monitor::{DRIFT, LastProof, REMARKS_MAX, TableProof},
    runner::{
        advice::flags,
        parking::{moment, now_s},
        processor::verify::{Compared, Proof, Verified},
    },
};

/// As it is kept for whoever looks.
pub fn last_proof(schema: &str, verified: &Verified, seconds: u64) -> LastProof {
    let mut proof = LastProof { at: moment(now_s()), seconds, ..LastProof::default() };
    let mut remarks = Vec::new();
    for (name, table) in &verified.0 {
        proof.rows += table.compared().map_or(0, |compared| compared.source_rows);
        let remark = match table {
            Proof::NotCompared(why) => Some(remark("not_compared", why.clone())),
            Proof::Compared(compared) => found(schema, name, compared),
        };
        let verdict = remark.as_ref().map_or("equal", |remark| remark.verdict.as_str());
        *proof.tables.entry(verdict.to_owned()).or_default() += 1;
        remarks.extend(remark.map(|remark| (name.clone(), remark)));
    }
    // What needs a person first.
    remarks.sort_by_key(|(_, remark)| (remark.drifted == 0, remark.verdict != "undecided"));
    proof.remarks = remarks.into_iter().take(REMARKS_MAX).collect();
    proof
}

fn remark(verdict: &str, message: String) -> TableProof {
    TableProof { verdict: verdict.to_owned(), message, ..TableProof::default() }
}

/// What is to be said of a table that was compared.
fn found(schema: &str, table: &str, compared: &Compared) -> Option<TableProof> {
    let Compared { missing, extra, different, undecided, not_looked_into, .. } = compared;
    let counts = [
        (missing, "missing"),
        (extra, "that the source does not have"),
        (different, "different"),
        (undecided, "undecided"),
        (not_looked_into, "in groups that differ and were not looked into"),
    ];
    let counts = counts.iter().filter(|(rows, _)| **rows > 0);
    let counts: Vec<String> = counts.map(|(rows, what)| format!("{rows} {what}")).collect();
    let mut message = format!("of {} rows {}", compared.source_rows, counts.join(", "));
    if compared.has_drift() {
        message
            .extend(columns(compared).map(|columns| format!("; columns that differ: {columns}")));
        let flags = flags(schema, table);
        let help = Some(format!(
            "`cartridge-warp verify {flags}` names the rows; with `--repair` they are written again"
        ));
        let drifted = compared.drifted();
        return Some(TableProof { drifted, help, ..remark(DRIFT, message) });
    }
    if !compared.is_open() {
        return None;
    }
    message.extend(compared.why_undecided.iter().map(|why| format!(": {why}")));
    Some(remark("undecided", message))
}

/// The columns in which the first rows that drifted differ.
fn columns(compared: &Compared) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in compared.samples.iter().flat_map(|sample| &sample.columns) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    (!names.is_empty()).then(|| names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drifted_is_shown_first_and_not_without_bound() {
        let mut verified = Verified::default();
        for number in 0..2 * REMARKS_MAX {
            let proof = Proof::NotCompared("it has no key".to_owned());
            verified.0.insert(format!("a{number}"), proof);
        }
        let drift = Compared { source_rows: 9, missing: 2, ..Compared::default() };
        let open = Compared { source_rows: 5, undecided: 1, unequal: 1, ..Compared::default() };
        let equal = Compared { source_rows: 4, in_flight: 1, unequal: 1, ..Compared::default() };
        for (name, compared) in [("zdrift", drift), ("zopen", open), ("zequal", equal)] {
            verified.0.insert(name.to_owned(), Proof::Compared(Box::new(compared)));
        }
        let proof = last_proof("shop", &verified, 3);
        assert_eq!((proof.remarks.len(), proof.rows, proof.seconds), (REMARKS_MAX, 18, 3));
        let counts = ["drift", "undecided", "equal", "not_compared"].map(|it| proof.tables[it]);
        assert_eq!(counts, [1, 1, 1, 2 * REMARKS_MAX as u64]);
        let found = &proof.remarks["zdrift"];
        assert_eq!((found.drifted, found.message.as_str()), (2, "of 9 rows 2 missing"));
        assert!(found.help.as_ref().unwrap().contains("--schema=shop --table=zdrift"));
        assert_eq!(proof.remarks["zopen"].message, "of 5 rows 1 undecided");
        assert!(!proof.remarks.contains_key("zequal"));
    }
}
