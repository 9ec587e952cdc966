//! What is refused of the rules for columns.

use super::{MINIMAL, assert_says, refusal};

/// What follows a valid beginning, and the words that tell of it.
const CASES: &[(&str, &str, &[&str])] = &[
    (
        "a hash without a key is refused with both ways out",
        "    tables: [{name: a, columns: {mask: {x: hash}}}]",
        &[
            "config.yaml:10:",
            "mask.x` is `hash`, and there is no `hash_key`",
            "as `${HASH_KEY}`",
            "hash-unkeyed",
        ],
    ),
    (
        "a key that can be tried out is refused, and not shown",
        "hash_key: 'short one'",
        &["config.yaml:10:", "`hash_key` is shorter than 16 bytes", "openssl rand"],
    ),
    (
        "the file of a key has to be there",
        "hash_key_file: ./no-such-file",
        &["config.yaml:10:", "`hash_key_file` names a file that can't be read"],
    ),
    (
        "one place of the key is enough",
        "hash_key: sixteen bytes are enough\nhash_key_file: ./no-such-file",
        &["config.yaml:11:", "can't stand beside `hash_key`"],
    ),
    (
        "a mask that does not exist is refused with those that do",
        "    tables: [{name: a, columns: {mask: {x: hashed}}}]",
        &["config.yaml:10:", "did you mean `hash`?", "hash-unkeyed"],
    ),
    (
        "a mask that keeps nothing is `redact`",
        "    tables: [{name: a, columns: {mask: {x: {keep_last: 0}}}}]",
        &["config.yaml:10:", "nothing would be kept"],
    ),
    (
        "a misspelt part of a mask is found",
        "    tables: [{name: a, columns: {mask: {x: {keep_las: 4}}}}]",
        &["config.yaml:10:", "did you mean `keep_last`?"],
    ),
    (
        "a type that does not exist is refused with those that do",
        "    tables: [{name: a, columns: {types: {x: varchar}}}]",
        &["config.yaml:10:", "`varchar` is none of the types", "timestamptz or uuid"],
    ),
    (
        "a masked column has no type of its own",
        "    tables: [{name: a, columns: {mask: [x], types: {x: text}}}]",
        &["config.yaml:10:", "columns.types.x` is a masked column"],
    ),
    (
        "nor has one that is not moved",
        "    tables: [{name: a, columns: {exclude: [x], types: {x: text}}}]",
        &["config.yaml:10:", "columns.types` names `x`, which is not moved"],
    ),
    (
        "an added column has a name",
        "    tables: [{name: a, columns: {add: {_op: x}}}]",
        &["config.yaml:10:", "columns.add._op` is no name of a column"],
    ),
    (
        "a renamed column has a name",
        "    tables: [{name: a, columns: {rename: {a: \"b\\0\"}}}]",
        &["config.yaml:10:", "columns.rename.a` is no name of a column"],
    ),
    (
        "a column of soft deletes has a name",
        "    tables: [{name: a, deletion_strategy: soft, soft_delete_column: _ts}]",
        &["config.yaml:10:", "soft_delete_column` is no name of a column"],
    ),
    (
        "both columns of soft deletes have one",
        "    tables: [{name: a, deletion_strategy: soft, deleted_at_column: ''}]",
        &["config.yaml:10:", "deleted_at_column` is no name of a column"],
    ),
    (
        "an added column and a renamed one have two names",
        "    tables: [{name: a, columns: {rename: {a: b}, add: {b: x}}}]",
        &["config.yaml:10:", "columns.add.b` is the name of a renamed column"],
    ),
    (
        "the pipeline's name as a value needs a pipeline with a name",
        "    tables: [{name: a, columns: {add: {b: {from: pipeline}}}}]",
        &["config.yaml:10:", "takes the pipeline's name, and it has none", "`name`"],
    ),
    (
        "a fact that nobody knows of a row is refused with those that are known",
        "    tables: [{name: a, columns: {add: {b: {from: commit}}}}]",
        &["config.yaml:10:", "did you mean `commit_time`?"],
    ),
    (
        "an added column is no part of the key yet",
        "    tables: [{name: a, columns: {add: {b: {value: x, key: true}}}}]",
        &["config.yaml:10:", "unknown key", "columns.add.b.key"],
    ),
];

#[test]
fn rules_that_cannot_hold_are_refused() {
    for (case, tail, words) in CASES {
        let found = refusal(case, &format!("{MINIMAL}{tail}\n"), &[]);
        assert_says(case, &found, words);
        assert!(!found.contains("short one"), "{case}: shows the key");
    }
}
