//! What can be done to a table's columns, keys and types. `$t` stands for the table.

mod types;

use crate::document::code;
use types::{OWN_TYPES, TYPES};

/// A table and what is done to it.
#[derive(Clone, Copy)]
pub struct Form {
    pub name: &'static str,
    /// What the table needs, such as types of its own.
    pub before: &'static str,
    /// The columns beside `id int`, and constraints.
    pub columns: &'static str,
    /// Columns and values of the row `n`.
    pub values: &'static str,
    /// What follows on the columns, as `PARTITION BY`.
    pub kind: &'static str,
    /// What is made before the rows are, such as partitions.
    pub after: &'static str,
    pub change: &'static str,
    /// The server's version that has it.
    pub since: u32,
    /// Its table has a schema of its own, since it may end it.
    pub alone: bool,
}

/// Forms of one kind, under a heading.
pub struct Group {
    pub title: &'static str,
    pub forms: &'static [Form],
}

const fn form(
    name: &'static str,
    columns: &'static str,
    values: &'static str,
    change: &'static str,
) -> Form {
    Form { name, before: "", columns, values, kind: "", after: "", change, since: 12, alone: false }
}

/// A form of a table with the columns `a int, b text`.
const fn plain(name: &'static str, change: &'static str) -> Form {
    form(name, "a int, b text", "n, 'b' || n", change)
}

const fn since(version: u32, form: Form) -> Form {
    Form { since: version, ..form }
}

const fn alone(form: Form) -> Form {
    Form { alone: true, ..form }
}

const fn with_type(before: &'static str, form: Form) -> Form {
    Form { before, ..form }
}

const MOOD: &str = "CREATE TYPE $t_mood AS ENUM ('good', 'bad')";

/// A form of a partitioned table, whose rows are in `$t_low`; `$t_high` has none.
const fn parted(name: &'static str, change: &'static str) -> Form {
    Form {
        kind: "PARTITION BY RANGE (id)",
        after: "CREATE TABLE $t_low PARTITION OF $t FOR VALUES FROM (-1000000) TO (1000000); \
                CREATE TABLE $t_high PARTITION OF $t FOR VALUES FROM (1000000) TO (2000000)",
        since: 13,
        ..plain(name, change)
    }
}

pub const GROUPS: &[Group] = &[
    Group { title: "Names and columns", forms: COLUMNS },
    Group { title: "Types", forms: TYPES },
    Group { title: "Enums, composites and domains", forms: OWN_TYPES },
    Group { title: "Properties of columns", forms: PROPERTIES },
    Group { title: "Keys and constraints", forms: KEYS },
    Group { title: "The table itself", forms: TABLES },
    Group { title: "Partitions", forms: PARTITIONS },
];

const COLUMNS: &[Form] = &[
    form("rename", "a text, b text", "'a' || n, 'b' || n", "ALTER TABLE $t RENAME a TO aa"),
    form("rename_key", "a text", "'a' || n", "ALTER TABLE $t RENAME id TO key"),
    form(
        "exchange",
        "a text, b text",
        "'a' || n, 'b' || n",
        "ALTER TABLE $t RENAME a TO x; ALTER TABLE $t RENAME b TO a; ALTER TABLE $t RENAME x TO b",
    ),
    form(
        "chain",
        "a text, b text",
        "'a' || n, 'b' || n",
        "ALTER TABLE $t RENAME b TO c; ALTER TABLE $t RENAME a TO b",
    ),
    plain("add", "ALTER TABLE $t ADD c int"),
    plain("add_default", "ALTER TABLE $t ADD c int DEFAULT 7"),
    plain("add_volatile", "ALTER TABLE $t ADD c uuid DEFAULT gen_random_uuid()"),
    plain("add_demanded", "ALTER TABLE $t ADD c int NOT NULL DEFAULT 7"),
    plain("add_identity", "ALTER TABLE $t ADD c int GENERATED ALWAYS AS IDENTITY"),
    plain("add_serial", "ALTER TABLE $t ADD c serial"),
    plain("add_unique", "ALTER TABLE $t ADD c int UNIQUE"),
    plain("add_generated", "ALTER TABLE $t ADD c int GENERATED ALWAYS AS (a * 2) STORED"),
    since(18, plain("add_virtual", "ALTER TABLE $t ADD c int GENERATED ALWAYS AS (a * 2) VIRTUAL")),
    plain("drop", "ALTER TABLE $t DROP b"),
    form("drop_add", "a int, b text", "n, 'b'", "ALTER TABLE $t DROP a; ALTER TABLE $t ADD a int"),
    form(
        "drop_rename",
        "a text, b text",
        "'a' || n, 'b' || n",
        "ALTER TABLE $t DROP a; ALTER TABLE $t RENAME b TO a",
    ),
    form(
        "add_fill_drop_rename",
        "a text",
        "'1' || n",
        "ALTER TABLE $t ADD n int; UPDATE $t SET n = a::int; ALTER TABLE $t DROP a; \
         ALTER TABLE $t RENAME n TO a",
    ),
    alone(plain(
        "with_rows",
        "BEGIN; UPDATE $t SET b = 'before' WHERE id % 3 = 0; ALTER TABLE $t RENAME b TO c; \
         UPDATE $t SET c = 'after' WHERE id % 3 = 1; ALTER TABLE $t ADD d int; \
         UPDATE $t SET d = id WHERE id % 3 = 2; COMMIT",
    )),
];

const PROPERTIES: &[Form] = &[
    plain("set_default", "ALTER TABLE $t ALTER a SET DEFAULT 7"),
    form("drop_default", "a int DEFAULT 7", "n", "ALTER TABLE $t ALTER a DROP DEFAULT"),
    plain("set_not_null", "ALTER TABLE $t ALTER a SET NOT NULL"),
    form("drop_not_null", "a int NOT NULL", "n", "ALTER TABLE $t ALTER a DROP NOT NULL"),
    form(
        "identity",
        "a int NOT NULL",
        "n",
        "ALTER TABLE $t ALTER a ADD GENERATED BY DEFAULT AS IDENTITY (START 1000)",
    ),
    form(
        "identity_kind",
        "a int GENERATED BY DEFAULT AS IDENTITY",
        "n",
        "ALTER TABLE $t ALTER a SET GENERATED ALWAYS",
    ),
    form(
        "drop_identity",
        "a int GENERATED BY DEFAULT AS IDENTITY",
        "n",
        "ALTER TABLE $t ALTER a DROP IDENTITY",
    ),
    form(
        "drop_expression",
        "a int, g int GENERATED ALWAYS AS (a * 2) STORED",
        "n",
        "ALTER TABLE $t ALTER g DROP EXPRESSION",
    ),
    since(
        17,
        form(
            "set_expression",
            "a int, g int GENERATED ALWAYS AS (a * 2) STORED",
            "n",
            "ALTER TABLE $t ALTER g SET EXPRESSION AS (a * 3)",
        ),
    ),
    plain("statistics", "ALTER TABLE $t ALTER a SET STATISTICS 500"),
    plain("column_option", "ALTER TABLE $t ALTER a SET (n_distinct = 5)"),
    plain("storage", "ALTER TABLE $t ALTER b SET STORAGE EXTERNAL"),
    since(14, plain("compression", "ALTER TABLE $t ALTER b SET COMPRESSION pglz")),
];

const KEYS: &[Form] = &[
    alone(plain(
        "drop_key",
        "ALTER TABLE $t DROP CONSTRAINT $t_pkey; INSERT INTO $t VALUES (1000, 1, 'b')",
    )),
    alone(plain("other_key", "ALTER TABLE $t DROP CONSTRAINT $t_pkey, ADD PRIMARY KEY (id, b)")),
    plain(
        "key_by_index",
        "CREATE UNIQUE INDEX $t_other ON $t (id); \
         ALTER TABLE $t DROP CONSTRAINT $t_pkey, ADD CONSTRAINT $t_pkey PRIMARY KEY USING INDEX $t_other",
    ),
    plain("wider_key", "ALTER TABLE $t ALTER id TYPE bigint"),
    plain("key_to_text", "ALTER TABLE $t ALTER id TYPE text"),
    plain("key_values", "ALTER TABLE $t ALTER id TYPE int USING -id"),
    plain("full", "ALTER TABLE $t REPLICA IDENTITY FULL"),
    alone(form(
        "by_index",
        "a int NOT NULL, b text",
        "n, 'b'",
        "CREATE UNIQUE INDEX $t_a ON $t (a); ALTER TABLE $t REPLICA IDENTITY USING INDEX $t_a",
    )),
    form(
        "by_same_index",
        "b text",
        "'b'",
        "CREATE UNIQUE INDEX $t_id ON $t (id); ALTER TABLE $t REPLICA IDENTITY USING INDEX $t_id",
    ),
    alone(plain(
        "nothing",
        "ALTER TABLE $t REPLICA IDENTITY NOTHING; INSERT INTO $t VALUES (1000, 1, 'b')",
    )),
    plain("unique", "ALTER TABLE $t ADD UNIQUE (a)"),
    plain("check", "ALTER TABLE $t ADD CONSTRAINT c CHECK (a <> 0) NOT VALID"),
    form(
        "validate",
        "a int, CONSTRAINT c CHECK (a <> 0) NOT VALID",
        "n",
        "ALTER TABLE $t VALIDATE CONSTRAINT c",
    ),
    form(
        "constraint",
        "a int, CONSTRAINT c CHECK (a <> 0)",
        "n",
        "ALTER TABLE $t DROP CONSTRAINT c",
    ),
    form(
        "constraint_name",
        "a int, CONSTRAINT c CHECK (a <> 0)",
        "n",
        "ALTER TABLE $t RENAME CONSTRAINT c TO d",
    ),
    form(
        "reference",
        "a int",
        "n",
        "ALTER TABLE $t ADD FOREIGN KEY (a) REFERENCES $t ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED",
    ),
];

const TABLES: &[Form] = &[
    alone(plain("name", "ALTER TABLE $t RENAME TO $t_new")),
    alone(plain("schema", "CREATE SCHEMA other; ALTER TABLE $t SET SCHEMA other")),
    plain("owner", "CREATE ROLE $t_role; ALTER TABLE $t OWNER TO $t_role"),
    plain("option", "ALTER TABLE $t SET (fillfactor = 50)"),
    since(15, plain("access", "ALTER TABLE $t SET ACCESS METHOD heap")),
    plain("cluster_on", "ALTER TABLE $t CLUSTER ON $t_pkey"),
    plain("cluster", "CLUSTER $t USING $t_pkey"),
    plain("vacuum", "VACUUM FULL $t"),
    plain("security", "ALTER TABLE $t ENABLE ROW LEVEL SECURITY"),
    plain("triggers", "ALTER TABLE $t DISABLE TRIGGER ALL"),
    with_type(
        "CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.$t_parent (id int PRIMARY KEY, a int)",
        plain("inherit", "ALTER TABLE $t INHERIT elsewhere.$t_parent"),
    ),
    with_type(
        "CREATE TYPE $t_pair AS (id int, a int, b text)",
        plain("of", "ALTER TABLE $t OF $t_pair"),
    ),
    plain("truncate", "TRUNCATE $t"),
    plain("refill", "TRUNCATE $t; INSERT INTO $t SELECT n, n, 'new' FROM generate_series(1, 5) n"),
    alone(plain("drop_table", "DROP TABLE $t")),
    alone(plain(
        "create_again",
        "DROP TABLE $t; CREATE TABLE $t (id int PRIMARY KEY, b text, c int); \
         INSERT INTO $t SELECT n, 'new', n FROM generate_series(1, 5) n",
    )),
    alone(plain(
        "swap",
        "CREATE TABLE $t_new (LIKE $t INCLUDING ALL); \
         INSERT INTO $t_new SELECT id, -a, 'new' FROM $t; \
         BEGIN; ALTER TABLE $t RENAME TO $t_old; ALTER TABLE $t_new RENAME TO $t; COMMIT",
    )),
];

const PARTITIONS: &[Form] = &[
    parted("parted_rename", "ALTER TABLE $t RENAME a TO aa"),
    parted("parted_type", "ALTER TABLE $t ALTER a TYPE bigint USING -a"),
    parted(
        "attach",
        "CREATE TABLE $t_more (LIKE $t); INSERT INTO $t_more VALUES (2000001, 1, 'more'); \
         ALTER TABLE $t ATTACH PARTITION $t_more FOR VALUES FROM (2000000) TO (3000000)",
    ),
    parted(
        "attach_empty",
        "CREATE TABLE $t_more PARTITION OF $t FOR VALUES FROM (2000000) TO (3000000); \
         INSERT INTO $t VALUES (2000001, 1, 'more')",
    ),
    parted("detach", "ALTER TABLE $t DETACH PARTITION $t_low"),
    parted("detach_empty", "ALTER TABLE $t DETACH PARTITION $t_high"),
    since(14, parted("detach_concurrently", "ALTER TABLE $t DETACH PARTITION $t_low CONCURRENTLY")),
    parted("drop_partition", "DROP TABLE $t_low"),
    parted("truncate_partition", "TRUNCATE $t_low"),
    parted("truncate_root", "TRUNCATE $t"),
    parted("move", "UPDATE $t SET id = id + 1000000 WHERE id % 2 = 0"),
];

/// All of them that a server of this version has.
pub fn all(version: u32) -> impl Iterator<Item = &'static Form> {
    let forms = GROUPS.iter().flat_map(|group| group.forms);
    forms.filter(move |form| form.since * 10_000 <= version)
}

impl Form {
    /// The schema that its table is in.
    pub fn schema(&self) -> String {
        if self.alone { format!("s_{}", self.name) } else { "public".to_owned() }
    }

    pub fn table(&self) -> String {
        format!("t_{}", self.name)
    }

    /// The change, as the document shows it, and since which version it is there.
    pub fn described(&self) -> String {
        let since = match self.since {
            12 => String::new(),
            since => format!(" ({since} and newer)"),
        };
        code(&self.change.replace("$t", "t")) + &since
    }

    /// What the table has beside `id`, as the document shows it.
    pub fn columns(&self) -> String {
        let Self { before, columns, kind, .. } = self;
        let parts = [*before, *columns, *kind].into_iter().filter(|part| !part.is_empty());
        parts.map(|part| code(&part.replace("$t", "t"))).collect::<Vec<_>>().join("; ")
    }

    /// SQL with the form's own names.
    pub fn of(&self, sql: &str) -> String {
        format!("SET search_path = {}; {}", self.schema(), sql.replace("$t", &self.table()))
    }

    /// Makes the table with rows.
    pub fn make(&self, rows: u32) -> String {
        let Self { before, columns, values, kind, after, .. } = self;
        let schema = self.schema();
        // Generated columns have no values.
        let names: Vec<&str> = columns
            .split(", ")
            .filter(|column| !column.contains(" AS (") && !column.starts_with("CONSTRAINT"))
            .map(|column| column.split(' ').next().unwrap_or_default())
            .collect();
        let names = names.join(", ");
        let made = format!(
            "{before}; CREATE TABLE $t (id int PRIMARY KEY, {columns}) {kind}; {after}; \
             INSERT INTO $t (id, {names}) SELECT n, {values} FROM generate_series(1, {rows}) n"
        );
        let beside = if self.alone { "; CREATE TABLE beside (id int PRIMARY KEY)" } else { "" };
        format!("CREATE SCHEMA IF NOT EXISTS {schema}; {}{beside}", self.of(&made))
    }
}
