//! Decides what to do about a change of shape, by the operator's policy.
//!
//! A refused change stops the schema (I5): rows of the new shape are neither cut nor skipped.

use arrow_schema::Field;

use super::{TypeStep, is_first_value, type_step};
use crate::model::{ChangeKind, SchemaChange, TableShape};

/// How much may change without a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Nothing may change.
    Strict,
    /// Only what can lose nothing.
    Conservative,
    /// Also what changes how a value reads, e.g. a number that becomes text.
    Permissive,
    /// Also what removes columns or tables.
    Aggressive,
}

/// The operator's rules for one table.
#[derive(Clone, Debug)]
pub struct Policy {
    pub enabled: bool,
    pub strategy: Strategy,
    pub type_widening: bool,
    pub object_to_json: bool,
    pub fallback_to_text: bool,
    pub approve_risky: bool,
    pub approve_dangerous: bool,
}

/// What to do about a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Apply,
    /// The destination keeps what it has, which holds everything that may still come.
    Keep,
    /// The schema stops; the text says why and what to do.
    Refuse(String),
}

enum Risk {
    /// There is nothing to do.
    None,
    Safe,
    Risky,
    Dangerous,
    Impossible(&'static str),
}

/// Decides about one change of `before`.
pub fn decide(change: &SchemaChange, before: &TableShape, policy: &Policy) -> Verdict {
    if let ChangeKind::ModifyColumn { column } = &change.kind
        && columns(change, before, column).is_some_and(|(have, new)| is_first_value(have, new))
    {
        // The type was never known, so it does not change.
        return Verdict::Apply;
    }
    if let Some(reason) = frozen(policy) {
        return Verdict::Refuse(reason.into());
    }
    match risk(change, before, policy) {
        Risk::None => Verdict::Keep,
        Risk::Safe => Verdict::Apply,
        Risk::Impossible(reason) => Verdict::Refuse(reason.into()),
        Risk::Risky if policy.strategy == Strategy::Conservative => Verdict::Refuse(
            "it changes how values read: choose `schema_evolution.strategy: permissive`".into(),
        ),
        Risk::Risky if policy.approve_risky => Verdict::Refuse(
            "it is risky and needs approval: set \
             `schema_evolution.require_approval_for_risky_changes: false` to give it"
                .into(),
        ),
        Risk::Risky => Verdict::Apply,
        // What the source drops, the destination may keep: nothing is lost and nothing can fail.
        Risk::Dangerous if policy.strategy != Strategy::Aggressive => Verdict::Keep,
        Risk::Dangerous if policy.approve_dangerous => Verdict::Refuse(
            "it removes data and needs approval: set \
             `schema_evolution.require_approval_for_dangerous_changes: false` to give it, or \
             choose `schema_evolution.strategy: permissive` to keep what the destination has"
                .into(),
        ),
        Risk::Dangerous => Verdict::Apply,
    }
}

/// Why the table's shape may not change at all, where it may not.
pub fn frozen(policy: &Policy) -> Option<&'static str> {
    if !policy.enabled {
        return Some(
            "schema evolution is off for this table: set `enable_schema_evolution: true` (and \
             `schema_evolution.enabled`) to let it through",
        );
    }
    (policy.strategy == Strategy::Strict).then_some(
        "`schema_evolution.strategy: strict` allows no change: choose `conservative` to let \
         additions and wider types through",
    )
}

/// Whether whatever could be read of the table before can still be read after the change.
pub fn is_compatible(change: &SchemaChange, before: &TableShape, policy: &Policy) -> bool {
    matches!(risk(change, before, policy), Risk::None | Risk::Safe)
}

fn risk(change: &SchemaChange, before: &TableShape, policy: &Policy) -> Risk {
    match &change.kind {
        ChangeKind::AddTable | ChangeKind::AddColumn { .. } => Risk::Safe,
        ChangeKind::RenameColumn { .. } => Risk::Risky,
        ChangeKind::DropColumn { .. } | ChangeKind::DropTable => Risk::Dangerous,
        ChangeKind::ModifyColumn { column } => match columns(change, before, column) {
            Some((have, new)) => type_risk(have, new, policy),
            None => Risk::Impossible("the source names a column that it does not describe"),
        },
    }
}

fn columns<'a>(
    change: &'a SchemaChange,
    before: &'a TableShape,
    column: &str,
) -> Option<(&'a Field, &'a Field)> {
    let after = change.after.as_ref()?;
    Some((before.schema.field_with_name(column).ok()?, after.schema.field_with_name(column).ok()?))
}

fn type_risk(have: &Field, new: &Field, policy: &Policy) -> Risk {
    match type_step(have, new) {
        // The origin's name of the type may be another.
        TypeStep::Same => Risk::Safe,
        // The column is wide enough, and rows are fitted to it.
        TypeStep::Narrower => Risk::None,
        TypeStep::Wider if policy.type_widening => Risk::Safe,
        TypeStep::Wider => {
            Risk::Impossible("the type grew: `schema_evolution.enable_type_widening` is off")
        }
        TypeStep::ToJson if policy.object_to_json => Risk::Risky,
        TypeStep::ToJson => Risk::Impossible(
            "values became nested: `schema_evolution.enable_object_to_json` is off",
        ),
        TypeStep::ToText | TypeStep::Other if policy.fallback_to_text => Risk::Risky,
        TypeStep::ToText | TypeStep::Other => Risk::Impossible(
            "only text holds both types: `schema_evolution.enable_fallback_to_varchar` is off",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_schema::{DataType, Schema};

    use super::*;

    fn shape(data_type: DataType) -> TableShape {
        TableShape {
            name: "t".into(),
            schema: Arc::new(Schema::new(vec![Field::new("c", data_type, true)])),
            key: vec![],
            estimated_rows: None,
        }
    }

    fn policy(strategy: Strategy) -> Policy {
        Policy {
            enabled: true,
            strategy,
            type_widening: true,
            object_to_json: true,
            fallback_to_text: true,
            approve_risky: true,
            approve_dangerous: true,
        }
    }

    fn verdict_word(verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Apply => "apply",
            Verdict::Keep => "keep",
            Verdict::Refuse(_) => "refuse",
        }
    }

    #[test]
    fn the_policy_decides_what_passes() {
        use Strategy::{Aggressive, Conservative, Permissive, Strict};
        let add = ChangeKind::AddColumn { column: "c".into() };
        let modify = ChangeKind::ModifyColumn { column: "c".into() };
        let drop = ChangeKind::DropColumn { column: "c".into() };
        let int = || shape(DataType::Int32);
        let unapproved = |strategy| Policy {
            approve_risky: false,
            approve_dangerous: false,
            ..policy(strategy)
        };
        let cases = [
            ("additions pass", &add, int(), policy(Conservative), "apply"),
            ("strict lets nothing through", &add, int(), policy(Strict), "refuse"),
            (
                "evolution switched off lets nothing through",
                &add,
                int(),
                Policy { enabled: false, ..policy(Aggressive) },
                "refuse",
            ),
            ("wider types pass", &modify, shape(DataType::Int64), policy(Conservative), "apply"),
            (
                "wider types stop when widening is off",
                &modify,
                shape(DataType::Int64),
                Policy { type_widening: false, ..policy(Aggressive) },
                "refuse",
            ),
            ("text is risky", &modify, shape(DataType::Utf8), policy(Conservative), "refuse"),
            ("risky wants approval", &modify, shape(DataType::Utf8), policy(Permissive), "refuse"),
            (
                "approved risks pass",
                &modify,
                shape(DataType::Utf8),
                unapproved(Permissive),
                "apply",
            ),
            (
                "text stops when the fallback is off",
                &modify,
                shape(DataType::Utf8),
                Policy { fallback_to_text: false, ..unapproved(Permissive) },
                "refuse",
            ),
            ("dropped columns are kept", &drop, int(), policy(Conservative), "keep"),
            ("dropping wants approval", &drop, int(), policy(Aggressive), "refuse"),
            ("approved drops pass", &drop, int(), unapproved(Aggressive), "apply"),
        ];
        for (name, kind, after, policy, expected) in cases {
            let change = SchemaChange { table: "t".into(), kind: kind.clone(), after: Some(after) };
            let verdict = decide(&change, &int(), &policy);
            assert_eq!(verdict_word(&verdict), expected, "{name}: {verdict:?}");
        }
    }
}
