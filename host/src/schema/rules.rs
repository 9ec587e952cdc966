//! Decides what to do about a change of shape, by the operator's policy.
//!
//! A change that is refused, or that waits for a person, parks the table or stops the schema (I5): rows of
//! the new shape are neither cut nor skipped. The table of all decisions is in `docs/schema-evolution.md`.

use arrow_schema::Field;

use super::{TypeStep, is_first_value, type_step};
use crate::model::{ChangeKind, SchemaChange, TableShape};

/// How much may change without a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Nothing changes without a person.
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
    /// Whether a column may get another type at all.
    pub type_changes: bool,
    /// Whether the destination drops columns that the source drops; without a word, as `strategy` says.
    pub column_removals: Option<bool>,
    pub approve_risky: bool,
    pub approve_dangerous: bool,
    pub approve_all: bool,
}

/// What to do about a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Apply,
    /// The destination keeps what it has, which holds everything that may still come.
    Keep,
    /// A person has to decide; the text says why.
    Ask(&'static str),
    /// Nobody's approval lets it through; the text says why and what to do.
    Refuse(&'static str),
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
    let fields = match &change.kind {
        ChangeKind::ModifyColumn { column } => columns(change, before, column),
        // Which tables are copied the lists say, and a new one changes nothing of what is there.
        ChangeKind::AddTable => return Verdict::Apply,
        _ => None,
    };
    if fields.is_some_and(|(have, new)| is_first_value(have, new)) {
        // The type was never known, so it does not change.
        return Verdict::Apply;
    }
    if !policy.enabled {
        return Verdict::Refuse(OFF);
    }
    match risk(change, before, policy) {
        Risk::None => Verdict::Keep,
        Risk::Impossible(reason) => Verdict::Refuse(reason),
        // What the source drops, the destination may keep: nothing is lost and nothing can fail.
        Risk::Dangerous if !follows_removal(&change.kind, policy) => Verdict::Keep,
        // No row will come that waits for it, so neither the table nor the others wait for a person.
        risk if change.kind == ChangeKind::DropTable && asks(&risk, policy).is_some() => {
            Verdict::Keep
        }
        risk => asks(&risk, policy).map_or(Verdict::Apply, Verdict::Ask),
    }
}

/// Whether a table may be copied again whose columns cannot be told apart from those that were known.
pub fn decide_about_copy(policy: &Policy) -> Verdict {
    if !policy.enabled {
        return Verdict::Refuse(OFF);
    }
    asks(&Risk::Safe, policy).map_or(Verdict::Apply, Verdict::Ask)
}

const OFF: &str = "schema evolution is off for this table: set `enable_schema_evolution: true` (and \
                   `schema_evolution.enabled`, and `enabled` in its `table_configs`) to let it through";

/// Why a person has to be asked, if one has.
fn asks(risk: &Risk, policy: &Policy) -> Option<&'static str> {
    let is_risky = matches!(risk, Risk::Risky);
    let is_dangerous = matches!(risk, Risk::Dangerous);
    match policy.strategy {
        Strategy::Strict => Some(
            "`schema_evolution.strategy: strict` lets no change through by itself; `conservative` does \
             so with additions and wider types",
        ),
        Strategy::Conservative if is_risky => {
            Some("it changes how values read, which `schema_evolution.strategy: permissive` allows")
        }
        _ if is_risky && policy.approve_risky => Some(
            "it changes how values read, and \
             `schema_evolution.require_approval_for_risky_changes` is on",
        ),
        _ if is_dangerous && policy.approve_dangerous => Some(
            "it removes data, and `schema_evolution.require_approval_for_dangerous_changes` is on \
             (`strategy: permissive` keeps what the destination has)",
        ),
        _ if policy.approve_all => {
            Some("`require_approval` of the table in `schema_evolution.table_configs` is on")
        }
        _ => None,
    }
}

fn follows_removal(change: &ChangeKind, policy: &Policy) -> bool {
    let by_strategy = matches!(policy.strategy, Strategy::Strict | Strategy::Aggressive);
    match (change, policy.column_removals) {
        (ChangeKind::DropColumn { .. }, Some(follows)) => follows,
        _ => by_strategy,
    }
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
        _ if !policy.type_changes => Risk::Impossible(
            "`allow_type_changes` of the table in `schema_evolution.table_configs` is off",
        ),
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
            type_changes: true,
            column_removals: None,
            approve_risky: true,
            approve_dangerous: true,
            approve_all: false,
        }
    }

    fn word(verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Apply => "apply",
            Verdict::Keep => "keep",
            Verdict::Ask(_) => "ask",
            Verdict::Refuse(_) => "refuse",
        }
    }

    fn json() -> TableShape {
        let field = Field::new("c", DataType::Utf8, true);
        let json = [("ARROW:extension:name".to_owned(), "arrow.json".to_owned())];
        let schema = Schema::new(vec![field.with_metadata(std::collections::HashMap::from(json))]);
        TableShape { schema: Arc::new(schema), ..shape(DataType::Utf8) }
    }

    /// Each change of a column that was an integer, in words.
    fn changes() -> Vec<(&'static str, ChangeKind, TableShape)> {
        let column = || "c".to_owned();
        let modify = || ChangeKind::ModifyColumn { column: column() };
        let renamed = TableShape {
            schema: Arc::new(Schema::new(vec![Field::new("d", DataType::Int32, true)])),
            ..shape(DataType::Int32)
        };
        let rename = ChangeKind::RenameColumn { column: column(), new_name: "d".into() };
        vec![
            ("a new table", ChangeKind::AddTable, shape(DataType::Int32)),
            ("a new column", ChangeKind::AddColumn { column: column() }, shape(DataType::Int32)),
            ("a wider type (`integer` to `bigint`)", modify(), shape(DataType::Int64)),
            ("a narrower type (`integer` to `smallint`)", modify(), shape(DataType::Int16)),
            ("a type that only text holds (`integer` to `text`)", modify(), shape(DataType::Utf8)),
            ("values become nested (`integer` to JSON)", modify(), json()),
            ("another type (`integer` to `boolean`)", modify(), shape(DataType::Boolean)),
            ("another name", rename, renamed),
            (
                "a dropped column",
                ChangeKind::DropColumn { column: column() },
                shape(DataType::Int8),
            ),
            ("a dropped table", ChangeKind::DropTable, shape(DataType::Int8)),
        ]
    }

    /// What each change comes to under each strategy, as the rows of a table.
    fn rows() -> Vec<String> {
        use Strategy::{Aggressive, Conservative, Permissive, Strict};
        let approved = |strategy| Policy {
            approve_risky: false,
            approve_dangerous: false,
            ..policy(strategy)
        };
        let before = shape(DataType::Int32);
        let row = |(name, kind, after): (&str, ChangeKind, TableShape)| {
            let change = SchemaChange { table: "t".into(), kind, after: Some(after) };
            let verdict = |policy: Policy| word(&decide(&change, &before, &policy));
            let cells = [Strict, Conservative, Permissive, Aggressive].map(|strategy| {
                match (verdict(policy(strategy)), verdict(approved(strategy))) {
                    (word, same) if word == same => word.to_owned(),
                    (word, without) => format!("{word} ({without})"),
                }
            });
            format!("| {name} | {} |", cells.join(" | "))
        };
        changes().into_iter().map(row).collect()
    }

    #[test]
    fn the_documented_table_is_what_is_decided() {
        let page = include_str!("../../../docs/schema-evolution.md");
        let table = page.lines().skip_while(|line| !line.starts_with("| change |")).skip(2);
        let documented: Vec<&str> = table.take_while(|line| line.starts_with('|')).collect();
        let rows = rows();
        assert_eq!(documented, rows, "docs/schema-evolution.md:\n{}", rows.join("\n"));
    }

    #[test]
    fn switches_decide_before_strategies() {
        use Strategy::{Aggressive, Conservative};
        let off = |change: fn(&mut Policy)| {
            let mut policy = policy(Aggressive);
            (policy.approve_risky, policy.approve_dangerous) = (false, false);
            change(&mut policy);
            policy
        };
        let add = || ("a new column", "apply");
        let cases = [
            (add().0, off(|policy| policy.enabled = false), "refuse"),
            (add().0, off(|policy| policy.approve_all = true), "ask"),
            (add().0, off(|policy| policy.type_changes = false), add().1),
            ("a wider type (`integer` to `bigint`)", off(|it| it.type_widening = false), "refuse"),
            ("a wider type (`integer` to `bigint`)", off(|it| it.type_changes = false), "refuse"),
            (
                "a narrower type (`integer` to `smallint`)",
                off(|it| it.type_changes = false),
                "keep",
            ),
            ("a narrower type (`integer` to `smallint`)", off(|it| it.approve_all = true), "keep"),
            (
                "values become nested (`integer` to JSON)",
                off(|it| it.object_to_json = false),
                "refuse",
            ),
            (
                "another type (`integer` to `boolean`)",
                off(|it| it.fallback_to_text = false),
                "refuse",
            ),
            ("a dropped column", off(|it| it.column_removals = Some(false)), "keep"),
            (
                "a dropped column",
                Policy { column_removals: Some(true), ..policy(Conservative) },
                "ask",
            ),
            (
                "a dropped column",
                Policy {
                    column_removals: Some(true),
                    approve_dangerous: false,
                    ..policy(Conservative)
                },
                "apply",
            ),
        ];
        for (name, policy, expected) in cases {
            let (_, kind, after) =
                changes().into_iter().find(|(known, ..)| *known == name).expect("listed");
            let change = SchemaChange { table: "t".into(), kind, after: Some(after) };
            let verdict = decide(&change, &shape(DataType::Int32), &policy);
            assert_eq!(word(&verdict), expected, "{name}: {policy:?}");
        }
        assert_eq!(word(&decide_about_copy(&policy(Conservative))), "apply");
        assert_eq!(word(&decide_about_copy(&policy(Strategy::Strict))), "ask");
        assert_eq!(word(&decide_about_copy(&off(|policy| policy.enabled = false))), "refuse");
    }
}
