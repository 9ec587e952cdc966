//! `mcp`: what agents may ask of a pipeline, over pipes as they do.

#![allow(clippy::panic)] // Helpers of tests are tests, too.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use cartridge_warp_tests::{Pipeline, Running, wait_until};
use serde_json::{Value, json};

/// Somebody who speaks the protocol.
struct Agent {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    asked: u64,
}

impl Agent {
    fn start(pipeline: &Pipeline, arguments: &[&str]) -> Self {
        let mut command = pipeline.command(&[&["mcp"], arguments].concat());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output, asked: 0 }
    }

    fn say(&mut self, line: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(line).unwrap();
        input.write_all(b"\n").unwrap();
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// The whole answer to a request.
    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.say(request.to_string().as_bytes());
        let answer = self.hear();
        assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!(id)), "{answer}");
        answer
    }

    /// What a tool tells, and whether that is an error.
    fn call(&mut self, tool: &str, arguments: Value) -> (Value, bool) {
        let answer = self.ask("tools/call", json!({"name": tool, "arguments": arguments}));
        let result = &answer["result"];
        let is_error = result["isError"].as_bool().unwrap_or_else(|| panic!("{answer}"));
        let text = result["content"][0]["text"].as_str().unwrap();
        let told: Value = serde_json::from_str(text).unwrap();
        assert!(is_error || result["structuredContent"] == told, "{answer}");
        (told, is_error)
    }

    /// Ends it as a client does.
    fn end(mut self) {
        drop(self.input.take());
        assert!(self.child.wait().unwrap().success());
    }
}

fn pipeline() -> Pipeline {
    let mut pipeline = Pipeline::new();
    pipeline.write("orders.ndjson", "{\"id\":1}\n{\"id\":2}\n");
    pipeline.write("items.ndjson", "{\"id\":1}\n");
    pipeline.set("control", json!({"socket": "./socket"}));
    pipeline
}

fn following(pipeline: &Pipeline) -> Running {
    let mut running = pipeline.start();
    running.wait_for("following changes");
    running.wait_for("taking orders");
    running
}

fn names(list: &Value) -> Vec<&str> {
    list["result"]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect()
}

const LOOKS: [&str; 7] =
    ["status", "tables", "letters", "approvals", "verify_report", "explain", "validate"];

#[test]
fn an_agent_looks_at_a_run_and_changes_nothing() {
    let pipeline = pipeline();
    let _running = following(&pipeline);
    let mut agent = Agent::start(&pipeline, &[]);
    let about = json!({"name": "test", "version": "1"});
    let params = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": about});
    let begun = agent.ask("initialize", params);
    assert_eq!(begun["result"]["protocolVersion"], "2025-06-18", "{begun}");
    assert!(begun["result"]["capabilities"]["tools"].is_object(), "{begun}");
    agent.say(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    assert_eq!(agent.ask("ping", json!({}))["result"], json!({}));
    assert_eq!(names(&agent.ask("tools/list", json!({}))), LOOKS);

    let (status, _) = agent.call("status", json!({}));
    assert_eq!(status["total"]["tables"]["streaming"], 2, "{status}");
    let (tables, _) = agent.call("tables", json!({"search": "ORD", "limit": 5, "reverse": false}));
    assert_eq!((&tables["found"], &tables["tables"][0]["table"]), (&json!(1), &json!("orders")));
    let (proofs, _) = agent.call("verify_report", json!({"schema": "shop"}));
    assert_eq!(proofs["schemas"], json!({}), "{proofs}");
    let (letters, is_error) = agent.call("letters", json!({}));
    assert!(!is_error && letters["letters"] == json!([]), "{letters}");
    let (page, _) = agent.call("explain", json!({"code": "no-run"}));
    assert!(page["page"].as_str().unwrap().contains("# no-run"), "{page}");
    let (config, _) = agent.call("validate", json!({}));
    assert_eq!(config["usable"], true, "{config}");
    // What the run or the program refuses is told to the agent with its code.
    for (tool, arguments, code) in [
        ("tables", json!({"sort": "size"}), "bad-request"),
        ("letters", json!({"schema": "nope"}), "unusable-configuration"),
        ("explain", json!({"code": "nope"}), "unknown-code"),
    ] {
        let (told, is_error) = agent.call(tool, arguments);
        assert!(is_error && told["code"] == code && told["help"].is_string(), "{told}");
    }
    // What is no call of a tool that is there is told to the client.
    for (name, arguments, words) in [
        ("pause", json!({"tables": ["orders"]}), "--allow-changes"),
        ("drop", json!({}), "no tool `drop`"),
        ("tables", json!({"sort_by": "lag"}), "no argument `sort_by`"),
        ("tables", json!([1]), "no JSON object"),
    ] {
        let answer = agent.ask("tools/call", json!({"name": name, "arguments": arguments}));
        assert_eq!(answer["error"]["code"], -32_602, "{answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(words), "{answer}");
    }
    agent.end();
}

#[test]
fn an_agent_that_may_pauses_and_resumes() {
    let pipeline = pipeline();
    let _running = following(&pipeline);
    let mut agent = Agent::start(&pipeline, &["--allow-changes"]);
    let all = agent.ask("tools/list", json!({}));
    assert_eq!(names(&all)[LOOKS.len()..], ["pause", "resume", "resync", "retry_letters"]);
    let (done, _) = agent.call("pause", json!({"tables": ["orders"]}));
    assert_eq!(done["done"]["shop"][0]["is"], "paused", "{done}");
    let mut states =
        |state: &str| agent.call("status", json!({})).0["total"]["tables"][state].clone();
    assert_eq!(states("paused"), 1);
    assert_eq!(agent.call("resume", json!({})).0["done"]["shop"][0]["was"], "paused");
    wait_until("it is copied again", || {
        agent.call("status", json!({})).0["total"]["tables"]["streaming"] == 2
    });
    let (done, is_error) = agent.call("resync", json!({"tables": ["items"]}));
    assert!(!is_error && done["done"]["shop"][0]["is"] == "again", "{done}");
    let (told, is_error) = agent.call("pause", json!({"tables": ["nope"]}));
    assert!(!is_error && told["refused"]["shop"]["code"].is_string(), "{told}");
    let (told, is_error) = agent.call("retry_letters", json!({}));
    assert!(is_error && told["code"] == "bad-request", "{told}");
    let (told, is_error) = agent.call("retry_letters", json!({"all": true}));
    assert!(!is_error && told["resolved"] == 0, "{told}");
    let answer =
        agent.ask("tools/call", json!({"name": "pause", "arguments": {"take_over": true}}));
    assert_eq!(answer["error"]["code"], -32_602, "a person says that: {answer}");
    agent.end();
}

#[test]
fn whatever_an_agent_says_is_answered_and_the_next_request_too() {
    let pipeline = pipeline();
    let mut agent = Agent::start(&pipeline, &[]);
    let long = vec![b'x'; 3 << 20];
    let cases: [(&[u8], i32); 5] = [
        (b"{\"jsonrpc\":", -32_700),
        (b"\xff\xfe\x00", -32_700),
        (b"[]", -32_600),
        (&long, -32_600),
        (br#"{"jsonrpc":"2.0","id":[1],"method":"ping"}"#, -32_600),
    ];
    for (line, code) in cases {
        agent.say(line);
        let answer = agent.hear();
        assert_eq!(
            (&answer["error"]["code"], &answer["id"]),
            (&json!(code), &Value::Null),
            "{answer}"
        );
        assert_eq!(agent.ask("ping", json!({}))["result"], json!({}));
    }
    assert_eq!(agent.ask("resources/list", json!({}))["error"]["code"], -32_601);
    // Nobody runs it; who begins later is found.
    let (told, is_error) = agent.call("status", json!({}));
    assert!(is_error && told["code"] == "no-run", "{told}");
    let running = following(&pipeline);
    assert!(!agent.call("status", json!({})).1);
    drop(running);
    assert!(agent.call("status", json!({})).1);
    std::fs::write(pipeline.path("config.yaml"), "soruce: {}\n").unwrap();
    let (told, is_error) = agent.call("validate", json!({}));
    assert!(is_error && told.to_string().contains("soruce"), "{told}");
    agent.end();
}
