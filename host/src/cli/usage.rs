//! The command line as it is read, and what is wrong with it.

use std::{
    ffi::{OsStr, OsString},
    process::ExitCode,
};

use clap::{Parser, error::ErrorKind};
use miette::Diagnostic;

use super::{
    Exit,
    args::{Cli, OutputFormat},
    output::Output,
};

/// The command line says something that no command understands.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
#[diagnostic(code("usage"), help("{help}"))]
struct Usage {
    message: String,
    help: String,
}

/// Reads the command line; else what was wanted or is wrong is said, and this is how the process ends.
pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, ExitCode> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    Cli::try_parse_from(&arguments).map_err(|error| {
        let is_wanted = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
        if is_wanted || !wants_json(&arguments) {
            // A reader that went away needs no answer.
            let _ = error.print();
        } else {
            Output::new(Some(OutputFormat::Json)).error(&usage(&error));
        }
        let exit = if is_wanted { Exit::Done } else { Exit::Unusable };
        ExitCode::from(exit as u8)
    })
}

/// Whether errors are to be JSON, as far as a command line that cannot be read says so.
fn wants_json(arguments: &[OsString]) -> bool {
    let is_flag = |word: &OsStr| word == "--output";
    let mut pairs = arguments.iter().zip(arguments.iter().skip(1));
    arguments.iter().any(|word| word == "--output=json")
        || pairs.any(|(flag, value)| is_flag(flag) && value == "json")
}

/// What is wrong first, and what helps behind it.
fn usage(error: &clap::Error) -> Usage {
    let text = error.render().to_string();
    let (message, help) = text.split_once("\n\n").unwrap_or((&text, ""));
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    Usage { message: one_line(message), help: one_line(help) }
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory};

    use super::*;
    use crate::cli::{dispatch, output::as_json};

    /// Commands without a configuration, and how each of them fails; those that cannot have nothing.
    const WITHOUT_CONFIGURATION: [(&str, &[&str]); 9] = [
        // Its failures are answers of its protocol: tests/product/mcp.rs.
        ("mcp", &[]),
        ("explain", &["no-such-code"]),
        ("env-help", &[]),
        ("completions", &[]),
        ("init", &["/no/such/folder/warp.yaml"]),
        ("connectors list", &["--plugin-dir", "/no/such/folder"]),
        ("connectors inspect", &["/no/such/folder/a.wasm"]),
        ("connectors new", &["a", "--source", "--sdk", SDK, "--dir", "/dev/null/a"]),
        ("connectors compile", &["-c", "/no/such/file.yaml"]),
    ];

    const SDK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../sdk");

    /// Each command that does something, by its words.
    fn leaves(command: &Command, words: &[&str], found: &mut Vec<(Vec<String>, Command)>) {
        let below: Vec<&Command> =
            command.get_subcommands().filter(|it| it.get_name() != "help").collect();
        if below.is_empty() {
            let words = words.iter().map(|word| (*word).to_owned()).collect();
            found.push((words, command.clone()));
        }
        for sub in below {
            leaves(sub, &[words, &[sub.get_name()]].concat(), found);
        }
    }

    /// What a command needs beside its configuration.
    fn required(command: &Command) -> Vec<String> {
        let mut words = Vec::new();
        for argument in command.get_arguments().filter(|it| it.is_required_set()) {
            words.extend(argument.get_long().map(|long| format!("--{long}")));
            let values = argument.get_possible_values();
            words.push(values.first().map_or("1".to_owned(), |it| it.get_name().to_owned()));
        }
        words
    }

    fn is_whole(value: &serde_json::Value) -> bool {
        let says = |key: &str| value[key].as_str().is_some_and(|text| !text.is_empty());
        says("code") && says("message") && says("help")
    }

    #[test]
    fn each_commands_wrong_words_are_an_error_with_code_and_help() {
        let (mut all, mut root) = (Vec::new(), Cli::command());
        root.build();
        leaves(&root, &[], &mut all);
        assert!(all.len() > 25, "{}", all.len());
        for (words, _) in all {
            let line = [&["cartridge-warp".to_owned()], &words[..], &["--no-such-flag".to_owned()]];
            let error = Cli::try_parse_from(line.concat()).err().unwrap();
            let told = as_json(&usage(&error));
            assert!(is_whole(&told) && told["code"] == "usage", "{words:?}: {told}");
            assert!(told["message"].as_str().unwrap().contains("--no-such-flag"), "{told}");
        }
    }

    #[tokio::test]
    async fn each_commands_own_failure_is_an_error_with_code_and_help() {
        let (mut all, mut root) = (Vec::new(), Cli::command());
        root.build();
        leaves(&root, &[], &mut all);
        for (words, command) in all {
            let name = words.join(" ");
            let fails = WITHOUT_CONFIGURATION.iter().find(|(command, _)| *command == name);
            let has_configuration = command.get_arguments().any(|it| it.get_id() == "config");
            let rest: Vec<String> = match fails {
                Some((_, rest)) => rest.iter().map(|word| (*word).to_owned()).collect(),
                None => {
                    assert!(has_configuration, "`{name}` is in no list of how commands fail");
                    let config = ["-c".to_owned(), "/no/such/file.yaml".to_owned()];
                    [config.to_vec(), required(&command)].concat()
                }
            };
            if fails.is_some() && rest.is_empty() {
                continue;
            }
            let output = ["--output".to_owned(), "json".to_owned()];
            let line = [&["cartridge-warp".to_owned()], &words[..], &output, &rest].concat();
            // Some want a word unless a flag is there.
            let more = [&line[..], &["1".to_owned()]].concat();
            let cli = Cli::try_parse_from(&line).or_else(|_| Cli::try_parse_from(&more));
            let cli = cli.unwrap_or_else(|error| panic!("{line:?}: {error}"));
            let ended = dispatch(cli, Output::new(Some(OutputFormat::Json))).await;
            let error = ended.err().unwrap_or_else(|| panic!("{line:?} did not fail"));
            let told = as_json(error.diagnostic.as_ref());
            assert!(is_whole(&told), "{line:?}: {told}");
        }
    }

    #[test]
    fn json_is_told_to_who_wants_it() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        for (line, expected) in [
            ("warp run --output json --nope", true),
            ("warp --output=json run", true),
            ("warp run --output human", false),
            ("warp run json", false),
        ] {
            assert_eq!(wants_json(&words(line)), expected, "{line}");
        }
    }
}
