//! `top`: the running pipeline on one screen, again and again. Without a terminal it is shown once.

mod frame;
mod keys;
mod screen;

use std::{path::PathBuf, time::Duration};

use tokio::{sync::mpsc::Receiver, time::sleep};

use self::{
    frame::{Shown, View, frame},
    keys::Key,
    screen::Screen,
};
use super::{CliError, Exit, args::TopArgs, live, output::Output};
use crate::control::{AskError, Client, Overview, TablePage};

/// What a file or a pipe is given.
const WIDTH: usize = 120;
const HEIGHT: usize = 60;
/// Tables of one look (the API's own bound).
const TABLES_MAX: usize = 200;

pub async fn run(
    args: TopArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    let TopArgs { config, sort, every } = args;
    let run = live::required(&config, plugin_dir, output).await?;
    let mut view = View { sort, offset: 0 };
    let screen = if output.is_json() { None } else { Screen::open().map_err(CliError::failed)? };
    let Some(mut screen) = screen else {
        let (overview, tables) = look(&run, &view, HEIGHT).await.map_err(CliError::failed)?;
        match output.is_json() {
            true => output.json(&serde_json::json!({"overview": overview, "tables": tables})),
            false => frame(&Ok((overview, tables)), &view, (WIDTH, HEIGHT))
                .iter()
                .for_each(|line| output.line(line)),
        }
        return Ok(Exit::Done);
    };
    let mut keys = keys::listen().map_err(CliError::failed)?;
    loop {
        let (width, height) = screen.size();
        let seen = look(&run, &view, height).await;
        if let Ok((_, tables)) = &seen {
            // Tables may have gone, or somebody went behind the last.
            view.offset = view.offset.min(tables.found.saturating_sub(1));
        }
        screen.show(&frame(&seen.map_err(|error| error.to_string()), &view, (width, height)));
        if !heed(&mut keys, &mut view, every.duration()).await {
            return Ok(Exit::Done);
        }
    }
}

/// The run, and as many of its tables as there is room for.
async fn look(run: &Client, view: &View, height: usize) -> Result<Shown, AskError> {
    let limit = height.clamp(1, TABLES_MAX);
    let tables: TablePage = run.tables(view.sort.word(), view.offset, limit).await?;
    let overview: Overview = run.overview().await?;
    Ok((overview, tables))
}

/// Waits for a key, or for so long; false when the person wants to leave.
async fn heed(keys: &mut Receiver<Key>, view: &mut View, pause: Duration) -> bool {
    let key = tokio::select! {
        () = sleep(pause) => return true,
        key = keys.recv() => key,
    };
    match key {
        None | Some(Key::Quit) => return false,
        Some(Key::Sort) => *view = View { sort: view.sort.next(), offset: 0 },
        Some(Key::Down(tables)) => view.offset = view.offset.saturating_add(tables),
        Some(Key::Up(tables)) => view.offset = view.offset.saturating_sub(tables),
        Some(Key::Start) => view.offset = 0,
    }
    true
}
