//! Checks of what comes before any row: options, and the first connection.

use serde_json::Value;

use super::{
    bench::Bench,
    check::{Check, always},
    finding::{Broken, Checked},
};
use crate::{
    model::Action,
    plugin::{PluginError, Role},
};

/// For components of both roles.
pub const CHECKS: &[Check] = &[
    Check {
        name: "opens",
        meaning: "it connects with the case's options, and says that the far side can be used",
        spared: always,
        run: |bench| Box::pin(opens(bench)),
    },
    Check {
        name: "unknown-option",
        meaning: "an option that it does not know is refused, not ignored",
        spared: always,
        run: |bench| Box::pin(unknown_option(bench)),
    },
    Check {
        name: "refused-options",
        meaning: "options that the case says are wrong are a failure `config`, and no crash",
        spared: |bench| {
            let none = bench.case.refused_options.is_empty();
            none.then(|| "the case has no `refused_options`".to_owned())
        },
        run: |bench| Box::pin(refused_options(bench)),
    },
];

/// No connector has an option of this name.
const NO_OPTION: &str = "no_such_option_of_the_kit";

pub async fn opens(bench: &mut Bench) -> Checked {
    bench.reset().await?;
    Ok(connect(bench, bench.settings.options.clone()).await?)
}

async fn unknown_option(bench: &mut Bench) -> Checked {
    bench.reset().await?;
    let options = with(&bench.settings.options, NO_OPTION, Value::Bool(true));
    must_be_refused(bench, options, "add `additionalProperties: false` to the options' schema")
        .await
}

async fn refused_options(bench: &mut Bench) -> Checked {
    for more in bench.case.refused_options.clone() {
        bench.reset().await?;
        let mut options = bench.settings.options.clone();
        for (name, value) in more {
            options = with(&options, &name, value);
        }
        let advice = "let the options' schema say what is right, or `connect` answer with a failure `config`";
        must_be_refused(bench, options, advice).await?;
    }
    Ok(())
}

/// By the schema of the options, or by the connector's own words.
async fn must_be_refused(bench: &Bench, options: Value, advice: &str) -> Checked {
    if !bench.plugin.check_options(&options).is_empty() {
        return Ok(());
    }
    let expected = format!("the options {options} are refused");
    match connect(bench, options).await {
        Err(error) if error.action() == Action::Config => Ok(()),
        Err(error) => Err(Broken::new(&expected, &error.cause.to_string(), advice)),
        Ok(()) => Err(Broken::new(&expected, "it connects with them", advice)),
    }
}

async fn connect(bench: &Bench, options: Value) -> Result<(), PluginError> {
    let mut settings = bench.settings.clone();
    settings.options = options;
    match bench.plugin.info.role {
        Role::Source => {
            let connection = bench.source(settings).await?;
            connection.test_connection().await?;
            connection.close().await;
        }
        Role::Destination => {
            let connection = bench.destination(settings).await?;
            connection.test_connection().await?;
            connection.close().await;
        }
    }
    Ok(())
}

fn with(options: &Value, name: &str, value: Value) -> Value {
    let mut options = options.clone();
    if let Value::Object(entries) = &mut options {
        entries.insert(name.to_owned(), value);
    }
    options
}
