//! `mcp`: a pipeline for agents, by the Model Context Protocol over standard input and output.
//!
//! It is a client of the run's socket, as other commands are, and knows no more than they do. What changes something
//! is there only where the operator allows it. Requests are answered one after the other.
//! Invariant I7: lines, answers, and what waits are bounded.

mod lines;
mod pipeline;
mod rpc;
mod tools;

use std::path::PathBuf;

use serde_json::{Value, json};

use self::{
    lines::Line,
    pipeline::Pipeline,
    rpc::{INVALID_PARAMS, METHOD_NOT_FOUND, Said},
    tools::{TOOLS, Tool},
};
use super::{CliError, Exit, args::McpArgs, output::Output, setup};

/// Versions of the protocol that are spoken, the latest first; what is used of them is the same.
const VERSIONS: [&str; 2] = ["2025-11-25", "2025-06-18"];
/// The most that one answer may say.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// For the agent, beside what each tool says of itself.
const INSTRUCTIONS: &str = "A pipeline that keeps a destination equal to a source. Begin with `status`: its totals \
    and events say whether something is wrong. Errors have a code, which `explain` explains.";

pub async fn run(
    args: McpArgs,
    plugin_dir: Option<PathBuf>,
    output: Output,
) -> Result<Exit, CliError> {
    let McpArgs { config, allow_changes } = args;
    let progress = setup::start_quiet_logging(output)?;
    let server = Server { pipeline: Pipeline::new(config, plugin_dir, progress), allow_changes };
    let mut lines = lines::read();
    while let Some(line) = lines.recv().await {
        let answer = match line {
            Line::Whole(line) => server.answer(&line).await,
            Line::TooLong => Some(rpc::too_long()),
        };
        answer.iter().for_each(|answer| output.json(answer));
    }
    Ok(Exit::Done)
}

struct Server {
    pipeline: Pipeline,
    allow_changes: bool,
}

impl Server {
    /// What is answered to a line; nothing to what wants no answer.
    async fn answer(&self, line: &[u8]) -> Option<Value> {
        let (id, method, params) = match rpc::read(line) {
            Said::Request { id, method, params } => (id, method, params),
            Said::Nothing => return None,
            Said::Wrong(answer) => return Some(answer),
        };
        Some(match method.as_str() {
            "initialize" => rpc::result(id, initialized(&params)),
            "ping" => rpc::result(id, json!({})),
            "tools/list" => {
                let tools: Vec<Value> = self.tools().map(Tool::described).collect();
                rpc::result(id, json!({ "tools": tools }))
            }
            "tools/call" => self.call(id, &params).await,
            _ => rpc::error(id, METHOD_NOT_FOUND, &format!("there is no method `{method}`")),
        })
    }

    fn tools(&self) -> impl Iterator<Item = &'static Tool> {
        TOOLS.iter().filter(|tool| self.allow_changes || !tool.changes)
    }

    async fn call(&self, id: Value, params: &Value) -> Value {
        let name = params["name"].as_str().unwrap_or_default();
        let Some(tool) = self.tools().find(|tool| tool.name == name) else {
            let locked = TOOLS.iter().any(|tool| tool.name == name);
            let why = if locked { ", since `--allow-changes` was not given" } else { "" };
            return rpc::error(id, INVALID_PARAMS, &format!("there is no tool `{name}`{why}"));
        };
        let arguments = match tool.read(&params["arguments"]) {
            Ok(arguments) => arguments,
            Err(problem) => return rpc::error(id, INVALID_PARAMS, &problem),
        };
        let came = self.pipeline.call(tool, arguments).await;
        rpc::result(id, told(came))
    }
}

fn initialized(params: &Value) -> Value {
    let wanted = params["protocolVersion"].as_str().unwrap_or_default();
    let version = VERSIONS.iter().find(|version| **version == wanted).unwrap_or(&VERSIONS[0]);
    json!({
        "protocolVersion": version,
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "cartridge-warp", "version": env!("CARGO_PKG_VERSION")},
        "instructions": INSTRUCTIONS,
    })
}

/// What came of a call: a failure of the tool is an answer, too, which the agent reads.
fn told(came: Result<Value, Value>) -> Value {
    let (value, is_error) = match came {
        Ok(value) => (value, false),
        Err(error) => (error, true),
    };
    let text = value.to_string();
    if text.len() > ANSWER_BYTES_MAX {
        let text = format!(
            "the answer has {} bytes, and {ANSWER_BYTES_MAX} at most are told: ask for less",
            text.len()
        );
        return json!({"content": [{"type": "text", "text": text}], "isError": true});
    }
    let mut told = json!({"content": [{"type": "text", "text": text}], "isError": is_error});
    if !is_error {
        told["structuredContent"] = value;
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_is_not_known_is_answered_by_one_that_is() {
        for (wanted, answered) in [
            (json!({"protocolVersion": "2025-06-18"}), "2025-06-18"),
            (json!({"protocolVersion": "2025-11-25"}), "2025-11-25"),
            (json!({"protocolVersion": "1999-01-01"}), "2025-11-25"),
            (json!(7), "2025-11-25"),
        ] {
            assert_eq!(initialized(&wanted)["protocolVersion"], answered, "{wanted}");
        }
    }

    #[test]
    fn answers_are_bounded() {
        let large = told(Ok(json!({"text": "x".repeat(ANSWER_BYTES_MAX)})));
        assert_eq!(large["isError"], true);
        assert!(large.to_string().len() < 1000);
        let small = told(Ok(json!({"a": 1})));
        assert_eq!(
            (&small["structuredContent"]["a"], &small["isError"]),
            (&json!(1), &json!(false))
        );
        let failed = told(Err(json!({"code": "no-run"})));
        assert!(failed.get("structuredContent").is_none() && failed["isError"] == true);
    }
}
