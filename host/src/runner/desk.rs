//! The way from outside to the schemas that a process runs.
//!
//! An order becomes work for the time between two attempts (`interludes`) and is carried out by the very function
//! that serves the command while nobody runs the schema. What waits outlives the runner of an edited
//! configuration: the next one finds it. Who asked and went away before it began has asked for nothing.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use miette::Diagnostic;
use thiserror::Error;
use tokio::{sync::oneshot, time::timeout_at};

use super::{
    context::SchemaContext,
    error::RunError,
    interludes::{Interludes, Work},
    processor::{Choice, Dropped, Order, Ordered, Waits, decide, drop_tables, order},
};
use crate::config::{Resync, WarpConfig};

/// How long an order may wait for the attempt in flight to end.
pub const ORDER_WAIT_MAX: Duration = Duration::from_secs(300);

/// Where orders come in. Clones are one desk.
#[derive(Clone, Default)]
pub struct Desk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// What is run now; none before the first schema is, and after the last.
    config: Option<Arc<WarpConfig>>,
    schemas: BTreeMap<String, Arc<Interludes<SchemaContext>>>,
}

/// What comes of each schema that is concerned.
pub type Answers<T> = BTreeMap<String, Result<T, DeskError>>;

/// Why an order was not carried out.
#[derive(Debug, Error, Diagnostic)]
pub enum DeskError {
    #[error(transparent)]
    #[diagnostic(transparent)]
    Run(#[from] RunError),

    #[error("the run has not begun yet, or is ending")]
    #[diagnostic(
        code("run-ending"),
        help(
            "nothing was changed; give the order again: with no run left, the command does it itself"
        )
    )]
    Closed,

    #[error("too many orders wait for schema `{schema}`")]
    #[diagnostic(
        code("orders-waiting"),
        help("this one changed nothing; give it again when those before it are done")
    )]
    Full { schema: String },

    #[error("schema `{schema}` came to no end of what it is doing within {} seconds", ORDER_WAIT_MAX.as_secs())]
    #[diagnostic(
        code("order-late"),
        help(
            "the order is withdrawn, unless it was just begun: `cartridge-warp status` shows the tables"
        )
    )]
    Late { schema: String },
}

impl Desk {
    /// Where work for a schema waits.
    pub fn of(&self, schema: &str) -> Arc<Interludes<SchemaContext>> {
        Arc::clone(self.lock().schemas.entry(schema.to_owned()).or_default())
    }

    /// This configuration is run from now on. What waits for schemas that it does not have is given up.
    pub fn open(&self, config: &Arc<WarpConfig>) {
        let mut state = self.lock();
        state.config = Some(Arc::clone(config));
        state.schemas.retain(|name, _| config.active_schemas().any(|schema| schema.name == *name));
    }

    /// Nothing is run any more: what waits is given up.
    pub fn close(&self) {
        *self.lock() = State::default();
    }

    /// Changes the states of these tables, named as for `full_resync`, in each schema that has some of them.
    pub async fn order(
        &self,
        what: Order,
        tables: Resync,
        take_over: bool,
    ) -> Result<Answers<Vec<Ordered>>, DeskError> {
        let carry_out = move |context: Arc<SchemaContext>| async move {
            let ordered = order(&context, what, take_over || is_to_take_over(&context)).await?;
            for Ordered { table, is, .. } in &ordered {
                context.health.set_table(context.name(), table, is.clone());
            }
            Ok(ordered)
        };
        self.of_each(tables, carry_out).await
    }

    /// Forgets these tables in each schema that has some of them, and removes them at the destination unless
    /// `keep_rows`.
    pub async fn drop_tables(
        &self,
        tables: Resync,
        keep_rows: bool,
        take_over: bool,
    ) -> Result<Answers<Vec<Dropped>>, DeskError> {
        let carry_out = move |context: Arc<SchemaContext>| async move {
            let take_over = take_over || is_to_take_over(&context);
            let dropped = drop_tables(&context, keep_rows, take_over).await?;
            for Dropped { table, .. } in &dropped {
                context.health.forget_table(context.name(), table);
            }
            Ok(dropped)
        };
        self.of_each(tables, carry_out).await
    }

    /// Decides about what waits in these tables, in each schema that has some of them.
    pub async fn decide(
        &self,
        tables: Resync,
        choice: Choice,
        take_over: bool,
    ) -> Result<Answers<Waits>, DeskError> {
        let carry_out = move |context: Arc<SchemaContext>| {
            let choice = choice.clone();
            async move { decide(&context, &choice, take_over || is_to_take_over(&context)).await }
        };
        self.of_each(tables, carry_out).await
    }

    /// What comes of the work in each schema that has some of these tables, all of them side by side.
    async fn of_each<T: Send + 'static, F>(
        &self,
        tables: Resync,
        work: impl Fn(Arc<SchemaContext>) -> F + Clone + Send + 'static,
    ) -> Result<Answers<T>, DeskError>
    where
        F: Future<Output = Result<T, RunError>>,
    {
        let asked = self.ask(&tables, &work)?;
        let until = tokio::time::Instant::now() + ORDER_WAIT_MAX;
        let mut answers = Answers::new();
        for (schema, answer) in asked {
            let answer = match answer {
                None => Err(DeskError::Full { schema: schema.clone() }),
                Some(answer) => match timeout_at(until, answer).await {
                    Ok(Ok(answer)) => answer.map_err(DeskError::Run),
                    Ok(Err(_)) => Err(DeskError::Closed),
                    Err(_) => Err(DeskError::Late { schema: schema.clone() }),
                },
            };
            answers.insert(schema, answer);
        }
        Ok(answers)
    }

    /// Leaves the work with each schema that has some of the tables; where what comes of it is told.
    fn ask<T: Send + 'static, F>(
        &self,
        tables: &Resync,
        work: &(impl Fn(Arc<SchemaContext>) -> F + Clone + Send + 'static),
    ) -> Result<Asked<T>, DeskError>
    where
        F: Future<Output = Result<T, RunError>>,
    {
        let state = self.lock();
        let config = state.config.as_ref().ok_or(DeskError::Closed)?;
        if let Some((what, help)) = config.unqualified(tables).into_iter().next() {
            return Err(RunError::Unusable { what: format!("the order {what}"), help }.into());
        }
        let mut named = WarpConfig::clone(config);
        named.full_resync = tables.clone();
        let mut asked = Asked::new();
        for (schema, interludes) in &state.schemas {
            let of_schema = named.full_resync_of(schema);
            if of_schema == Resync::None {
                continue;
            }
            let (tell, answer) = oneshot::channel();
            let (work, tables) = (work.clone(), tables.clone());
            let work: Work<SchemaContext> = Box::new(move |context| {
                Box::pin(async move {
                    if !tell.is_closed() {
                        // Who is gone by now does not hear of it.
                        let _ = tell.send(work(Arc::new(context.about(tables))).await);
                    }
                })
            });
            asked.push((schema.clone(), interludes.add(work).then_some(answer)));
        }
        Ok(asked)
    }

    // A configuration and queues are whole in any state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the run has not claimed the schema yet: its first claim takes over whoever holds it, a run that was killed
/// mostly, so what is ordered of it before does the same.
fn is_to_take_over(context: &SchemaContext) -> bool {
    !context.has_claimed()
}

/// The schemas that were asked, and where each answers; none where too much waits.
type Asked<T> = Vec<(String, Option<oneshot::Receiver<Result<T, RunError>>>)>;
