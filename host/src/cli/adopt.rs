//! `adopt`: the state of another pipeline becomes this one's.

use std::path::PathBuf;

use super::{CliError, Exit, args::ConfigArgs, output::Output, setup};
use crate::runner::Adopted;

pub async fn run(
    args: ConfigArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    let runner = setup::opened_runner(&args, vec![], plugin_dir, output).await?;
    let (pipeline, adopted) = (runner.pipeline(), runner.adopt().await);
    Ok(setup::tell_each(adopted, output, |schema, adopted| tell(schema, pipeline, adopted, output)))
}

fn tell(schema: &str, pipeline: &str, adopted: &Adopted, output: Output) {
    if output.is_json() {
        let (adopted, from) = match adopted {
            Adopted::Nothing | Adopted::Own => (false, None),
            Adopted::From(owner) => (true, owner.clone()),
        };
        let line = serde_json::json!({
            "schema": schema, "pipeline": pipeline, "adopted": adopted, "from": from,
        });
        output.json(&line);
        return;
    }
    let became = match adopted {
        Adopted::Nothing => "has no state at the destination yet".to_owned(),
        Adopted::Own => format!("is that of pipeline `{pipeline}` already"),
        Adopted::From(None) => format!("goes on as pipeline `{pipeline}`"),
        Adopted::From(Some(owner)) => {
            format!("goes on as pipeline `{pipeline}`, no longer as `{owner}`")
        }
    };
    output.line(&format!("schema `{schema}` {became}"));
}
