//! What happens to a table: each operation with a weight, as SQL that may be refused, which changes nothing.

use fastrand::Rng;

use super::table::{TYPES, Table, value};

/// An operation's name, how often it comes, and its SQL; the table is changed as if it were not refused.
pub struct Operation {
    pub name: &'static str,
    weight: u32,
    sql: fn(&mut Table, &mut Rng) -> String,
}

pub const OPERATIONS: &[Operation] = &[
    Operation { name: "insert", weight: 12, sql: |table, random| table.insert(random) },
    Operation { name: "update", weight: 12, sql: update },
    Operation {
        name: "update a key",
        weight: 4,
        sql: |table, random| {
            let some = table.some(random);
            format!("UPDATE {} SET id = id + 100 WHERE {some} AND id < 100", table.name)
        },
    },
    Operation {
        name: "update a key back",
        weight: 2,
        sql: |table, _| format!("UPDATE {} SET id = id - 100 WHERE id >= 100", table.name),
    },
    Operation {
        name: "delete",
        weight: 6,
        sql: |table, random| format!("DELETE FROM {} WHERE {}", table.name, table.some(random)),
    },
    Operation { name: "truncate", weight: 1, sql: |table, _| format!("TRUNCATE {}", table.name) },
    Operation { name: "add a column", weight: 3, sql: |table, random| add(table, random, "") },
    Operation {
        name: "add a column with a default",
        weight: 3,
        sql: |table, random| {
            let sql = add(table, random, "");
            let (_, kind) = table.columns.last().cloned().unwrap_or_default();
            format!("{sql} DEFAULT {}", value(random, &kind))
        },
    },
    Operation {
        name: "add a column with a value of each row",
        weight: 1,
        sql: |table, _| {
            let name = table.new_name();
            table.columns.push((name.clone(), "float8".to_owned()));
            format!("ALTER TABLE {} ADD {name} float8 DEFAULT random()", table.name)
        },
    },
    Operation { name: "drop a column", weight: 3, sql: drop },
    Operation { name: "rename a column", weight: 3, sql: rename },
    Operation { name: "exchange two names", weight: 2, sql: exchange },
    Operation {
        name: "drop and add under one name",
        weight: 2,
        sql: |table, random| {
            let (name, _) = table.column(random);
            let kind = *random.choice(TYPES).unwrap_or(&"int");
            table.columns.retain(|(known, _)| *known != name);
            table.columns.push((name.clone(), kind.to_owned()));
            format!("ALTER TABLE {0} DROP {name}; ALTER TABLE {0} ADD {name} {kind}", table.name)
        },
    },
    Operation { name: "another type", weight: 4, sql: retype },
    Operation { name: "a wider key", weight: 1, sql: |table, _| key(table, "id, part") },
    Operation { name: "the first key again", weight: 1, sql: |table, _| key(table, "id") },
    Operation { name: "replica identity full", weight: 1, sql: |table, _| identity(table, "FULL") },
    Operation {
        name: "replica identity default",
        weight: 1,
        sql: |table, _| identity(table, "DEFAULT"),
    },
    Operation {
        name: "make the table anew",
        weight: 1,
        sql: |table, random| {
            *table = Table::new(table.name.clone(), table.partitioned);
            format!("DROP TABLE {}; {}", table.name, table.create(random))
        },
    },
    Operation {
        name: "another name and back",
        weight: 1,
        sql: |table, random| {
            let (name, some) = (&table.name, table.some(random));
            format!(
                "ALTER TABLE {name} RENAME TO {name}_away; DELETE FROM {name}_away WHERE {some}; \
                 ALTER TABLE {name}_away RENAME TO {name}"
            )
        },
    },
    Operation {
        // Each row gets another place.
        name: "cluster",
        weight: 1,
        sql: |table, _| format!("CLUSTER {0} USING {0}_pkey", table.name),
    },
    Operation {
        name: "move a partition",
        weight: 4,
        sql: |table, _| {
            let name = &table.name;
            format!(
                "ALTER TABLE {name} DETACH PARTITION {name}_high; \
                 DELETE FROM {name}_high WHERE id % 2 = 0; \
                 ALTER TABLE {name} ATTACH PARTITION {name}_high FOR VALUES FROM (15) TO (MAXVALUE)"
            )
        },
    },
];

/// Any operation, by its weight.
pub fn any(random: &mut Rng) -> &'static Operation {
    let total = OPERATIONS.iter().map(|operation| operation.weight).sum();
    let mut at = random.u32(0..total);
    for operation in OPERATIONS {
        if at < operation.weight {
            return operation;
        }
        at -= operation.weight;
    }
    &OPERATIONS[0]
}

impl Operation {
    pub fn sql(&self, table: &mut Table, random: &mut Rng) -> String {
        (self.sql)(table, random)
    }
}

fn update(table: &mut Table, random: &mut Rng) -> String {
    let (name, kind) = table.column(random);
    let (value, some) = (value(random, &kind), table.some(random));
    format!("UPDATE {} SET {name} = {value} WHERE {some}", table.name)
}

fn add(table: &mut Table, random: &mut Rng, more: &str) -> String {
    let (name, kind) = (table.new_name(), *random.choice(TYPES).unwrap_or(&"int"));
    table.columns.push((name.clone(), kind.to_owned()));
    format!("ALTER TABLE {} ADD {name} {kind}{more}", table.name)
}

fn drop(table: &mut Table, random: &mut Rng) -> String {
    let (name, _) = table.column(random);
    table.columns.retain(|(known, _)| *known != name);
    format!("ALTER TABLE {} DROP {name}", table.name)
}

fn rename(table: &mut Table, random: &mut Rng) -> String {
    let ((name, _), to) = (table.column(random), table.new_name());
    table
        .columns
        .iter_mut()
        .filter(|(known, _)| *known == name)
        .for_each(|it| it.0.clone_from(&to));
    format!("ALTER TABLE {} RENAME {name} TO {to}", table.name)
}

fn exchange(table: &mut Table, random: &mut Rng) -> String {
    let (one, _) = table.column(random);
    let others: Vec<_> = table.columns.iter().filter(|(name, _)| *name != one).collect();
    let other = random.choice(&others).map_or("absent", |(name, _)| name).to_owned();
    for (name, _) in &mut table.columns {
        if *name == one {
            name.clone_from(&other);
        } else if *name == other {
            name.clone_from(&one);
        }
    }
    format!(
        "ALTER TABLE {0} RENAME {one} TO aside; ALTER TABLE {0} RENAME {other} TO {one}; \
         ALTER TABLE {0} RENAME aside TO {other}",
        table.name
    )
}

fn retype(table: &mut Table, random: &mut Rng) -> String {
    let ((name, _), kind) = (table.column(random), *random.choice(TYPES).unwrap_or(&"text"));
    let change = format!("ALTER TABLE {} ALTER {name} TYPE {kind}", table.name);
    table
        .columns
        .iter_mut()
        .filter(|(known, _)| *known == name)
        .for_each(|it| it.1 = kind.to_owned());
    match (kind, random.bool()) {
        ("int" | "bigint" | "numeric" | "float8", true) => {
            format!("{change} USING length({name}::text)")
        }
        ("text" | "numeric(12,3)", _) => change,
        _ => format!("{change} USING {name}::text::{kind}"),
    }
}

fn key(table: &Table, columns: &str) -> String {
    format!(
        "ALTER TABLE {0} DROP CONSTRAINT {0}_pkey; ALTER TABLE {0} ADD PRIMARY KEY ({columns})",
        table.name
    )
}

fn identity(table: &Table, kind: &str) -> String {
    let name = &table.name;
    let of = |table: String| format!("ALTER TABLE {table} REPLICA IDENTITY {kind}");
    match table.partitioned {
        true => {
            [of(name.clone()), of(format!("{name}_low")), of(format!("{name}_high"))].join("; ")
        }
        false => of(name.clone()),
    }
}
