//! Reads a source as a pipeline would, and keeps what it was told at each step.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    config::{KitCase, KitTable},
    kit::{
        bench::Bench,
        finding::{Broken, Checked},
        state::{Rows, State, apply, changes, difference},
    },
    model::{ChangeKind, Chunk, DeadLetter, Position},
    plugin::{ChangeBatch, ReadLimits, SourceConnection},
};

/// Rows of an answer: few, so that there are many places to go on from.
const ROWS_MAX: u32 = 4;
const BYTES_MAX: u64 = 16 << 20;
/// How long an answer may wait for changes.
pub const WAIT: Duration = Duration::from_millis(200);
/// How long a source may take to notice what was written before it was asked.
const NOTICE: Duration = Duration::from_secs(5);
/// Answers without an end in sight.
const ANSWERS_MAX: usize = 10_000;
/// Into how many chunks a table is cut, about.
const CHUNKS: u32 = 3;

pub const LIMITS: ReadLimits = ReadLimits { rows_max: ROWS_MAX, bytes_max: BYTES_MAX, wait: WAIT };

/// An instance of the source.
pub struct Reader {
    pub connection: SourceConnection,
    case: Arc<KitCase>,
}

/// A chunk as it was read.
pub struct Part {
    pub table: String,
    pub chunk: Chunk,
    pub rows: Rows,
    /// Each cursor, and the rows that came before it.
    pub cuts: Vec<(Vec<u8>, Rows)>,
}

/// Where a stream stood, and what the tables came to there.
pub struct Stop {
    pub position: Position,
    pub state: State,
    /// Whether it was said to be within a transaction.
    pub is_within: bool,
}

impl Reader {
    /// A new instance that knows which tables are wanted.
    pub async fn open(bench: &Bench) -> Checked<Self> {
        let connection = bench.source(bench.settings.clone()).await?;
        connection.get_schema(&bench.case.schema).await?;
        connection.select_tables(&bench.case.schema, &bench.names()).await?;
        Ok(Self { connection, case: Arc::clone(&bench.case) })
    }

    pub async fn position(&self) -> Checked<Position> {
        Ok(self.connection.current_position(&self.case.schema).await?)
    }

    pub async fn plan(&self, table: &str, start: &Position) -> Checked<Vec<Chunk>> {
        Ok(self.connection.plan_snapshot(&self.case.schema, table, start, CHUNKS).await?)
    }

    /// Copies all tables.
    pub async fn copy(&self, start: &Position) -> Checked<Vec<Part>> {
        let mut parts = Vec::new();
        for table in self.case.tables.keys() {
            for chunk in self.plan(table, start).await? {
                parts.push(self.read(table, chunk, None).await?);
            }
        }
        Ok(parts)
    }

    /// Reads a chunk to its end, from its beginning or behind a cursor.
    pub async fn read(&self, table: &str, chunk: Chunk, from: Option<Vec<u8>>) -> Checked<Part> {
        let shape = self.shape(table);
        let (mut rows, mut cuts, mut cursor) = (Rows::new(), Vec::new(), from);
        for _ in 0..ANSWERS_MAX {
            let schema = &self.case.schema;
            let answer = self
                .connection
                .get_full_snapshot(schema, table, &chunk, cursor.clone(), LIMITS)
                .await?;
            refuse_letters(&answer.rejected)?;
            if let (Some(batch), Some(shape)) = (&answer.rows, shape) {
                for change in changes(shape, batch)? {
                    apply(shape, &mut rows, change)?;
                }
            }
            let Some(next) = answer.next_cursor else {
                return Ok(Part { table: table.to_owned(), chunk, rows, cuts });
            };
            cuts.push((next.clone(), rows.clone()));
            cursor = Some(next);
        }
        let seen = format!("{ANSWERS_MAX} answers about chunk `{}` of `{table}`", chunk.id);
        Err(Broken::new("a chunk ends", &seen, "leave the cursor out of the last answer"))
    }

    /// Follows the stream until the tables have come to `wanted`, or the source has had its time.
    pub async fn follow(
        &self,
        after: &Position,
        state: &mut State,
        wanted: &State,
        confirms: bool,
    ) -> Checked<Vec<Stop>> {
        let mut stops = Vec::new();
        let (mut position, mut last_news) = (after.clone(), Instant::now());
        for _ in 0..ANSWERS_MAX {
            let schema = &self.case.schema;
            let batch = self.connection.get_changes(schema, &position, LIMITS).await?;
            position.clone_from(&batch.position);
            let is_news = batch.row_count() > 0;
            self.take(&batch, state)?;
            if confirms {
                self.connection.confirm(schema, &position).await?;
            }
            let is_within = batch.within_transaction;
            stops.push(Stop { position: position.clone(), state: state.clone(), is_within });
            if is_news {
                last_news = Instant::now();
            }
            let is_late = last_news.elapsed() > NOTICE;
            if batch.caught_up && (is_late || difference(wanted, state).is_none()) {
                return Ok(stops);
            }
            if is_late {
                let advice = "say `caught-up` where there was nothing further to read";
                let seen = format!("no change and no `caught-up` for {} seconds", NOTICE.as_secs());
                return Err(Broken::new("a stream that has no more says so", &seen, advice));
            }
        }
        let seen = format!("{ANSWERS_MAX} answers without an end");
        Err(Broken::new("a stream comes to its end", &seen, "move the position with each answer"))
    }

    /// Knows of the columns that were added by now.
    pub fn learn(&mut self, bench: &Bench) {
        self.case = Arc::clone(&bench.case);
    }

    /// Makes the changes of an answer.
    pub fn take(&self, batch: &ChangeBatch, state: &mut State) -> Checked {
        refuse_letters(&batch.rejected)?;
        for change in batch.schema_changes.iter().filter(|it| it.kind == ChangeKind::DropTable) {
            state.remove(&change.table);
        }
        for batch in &batch.tables {
            let Some(shape) = self.shape(&batch.table) else { continue };
            let rows = state.entry(batch.table.clone()).or_default();
            for change in changes(shape, batch)? {
                apply(shape, rows, change)?;
            }
        }
        Ok(())
    }

    pub async fn close(self) {
        self.connection.close().await;
    }

    fn shape(&self, table: &str) -> Option<&KitTable> {
        self.case.tables.get(table)
    }
}

/// The tables of a copy.
pub fn state_of(parts: &[Part]) -> State {
    let mut state = State::new();
    for part in parts {
        state.entry(part.table.clone()).or_default().extend(part.rows.clone());
    }
    state
}

/// The kit's rows are ordinary ones, so each can travel.
fn refuse_letters(letters: &[DeadLetter]) -> Checked {
    match letters.first() {
        None => Ok(()),
        Some(letter) => {
            let seen = format!("`{}`: {}", letter.table, letter.message);
            Err(Broken::new("every row of the case travels", &seen, "look at the row's values"))
        }
    }
}
