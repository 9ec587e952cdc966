//! `connectors test`: puts a component through the conformance kit.

mod shown;

use std::{
    fs,
    path::{Path, absolute},
    sync::Arc,
};

use super::{
    CliError, Exit,
    args::TestArgs,
    output::Output,
    setup::{self, FileError},
};
use crate::{
    config::{Case, ProcessLimits, suggest},
    kit::{self, Bench, Check, Driver, Ear, Statement},
    plugin::{Engine, Observer, Plugin, Role},
    runner::{endpoint_of, moment, now_s, open_grants},
};
use shown::{conclude, list, show};

/// A check that there is not.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("the kit has no check `{name}` for a {class}")]
#[diagnostic(code("unknown-check"), help("{help}; `connectors test FILE --list` shows all"))]
struct UnknownCheck {
    name: String,
    class: Role,
    help: String,
}

/// A case that was written for another component.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("the case is not for this component: it has {found}, and the component is {wanted}")]
#[diagnostic(
    code("kit-case"),
    help("write `{wanted}` into the case, or test the component that it is for")
)]
struct OtherComponent {
    found: String,
    wanted: String,
}

pub async fn run(args: TestArgs, output: Output) -> Result<Exit, CliError> {
    let progress = setup::start_quiet_logging(output)?;
    let ear = Arc::<Ear>::default();
    let observer: Arc<dyn Observer> = Arc::clone(&ear) as _;
    let engine = &setup::engine(None, &ProcessLimits::default(), Some(observer), &progress)?;
    let Some(file) = &args.config else {
        let plugin = Plugin::load(engine, &args.component, None).await;
        let plugin = plugin.map_err(CliError::unusable)?;
        list(&plugin, output);
        return Ok(Exit::Done);
    };
    let environment = std::env::vars_os();
    let environment =
        environment.filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
    let case = Case::load(file, &environment.collect()).map_err(CliError::unusable)?;
    let plugin = load(engine, &args.component, &case).await?;
    let checks = chosen(plugin.info.role, &args.only)?;
    let mut bench = bench(&plugin, case, &args.component, ear).await?;
    let verdicts = kit::run(&mut bench, &checks, |verdict| show(verdict, output)).await;
    let verdicts = verdicts.map_err(CliError::unusable)?;
    let statement = Statement::new(&bench, &verdicts, moment(now_s()), args.only.is_empty());
    conclude(&statement, output);
    if let Some(path) = &args.junit {
        let suite = format!("{} {}", statement.component, statement.version);
        let written = fs::write(path, kit::junit(&suite, &verdicts));
        let failed = |cause| FileError { doing: "can't write", path: path.clone(), cause };
        written.map_err(|cause| CliError::failed(failed(cause)))?;
    }
    Ok(if statement.failed == 0 { Exit::Done } else { Exit::Failed })
}

async fn load(engine: &Engine, file: &Path, case: &Case) -> Result<Arc<Plugin>, CliError> {
    let (source, destination) = (&case.kit.source, &case.kit.destination);
    let pin = match (source, destination) {
        (Some(source), _) => source.sha256.as_deref(),
        (None, destination) => destination.as_ref().and_then(|it| it.sha256.as_deref()),
    };
    let plugin = Plugin::load(engine, file, pin).await.map_err(CliError::unusable)?;
    let word = |role: Role, name: &str| format!("{}.type: {name}", role.word());
    let found = match (source, destination) {
        (Some(source), _) => word(Role::Source, &source.r#type),
        (None, Some(destination)) => word(Role::Destination, &destination.r#type),
        (None, None) => String::new(),
    };
    let wanted = word(plugin.info.role, &plugin.info.name);
    match found == wanted {
        true => Ok(plugin),
        false => Err(CliError::unusable(OtherComponent { found, wanted })),
    }
}

fn chosen(role: Role, only: &[String]) -> Result<Vec<&'static Check>, CliError> {
    let all = kit::checks_of(role);
    for name in only {
        let names: Vec<&str> = all.iter().map(|check| check.name).collect();
        if !names.contains(&name.as_str()) {
            let help = suggest(name, names);
            let error = UnknownCheck { name: name.clone(), class: role, help };
            return Err(CliError::unusable(error));
        }
    }
    let is_asked = |check: &&Check| only.is_empty() || only.iter().any(|name| name == check.name);
    Ok(all.into_iter().filter(is_asked).collect())
}

/// The component with what the case grants it, and the driver beside it.
async fn bench(
    plugin: &Arc<Plugin>,
    case: Case,
    component: &Path,
    ear: Arc<Ear>,
) -> Result<Bench, CliError> {
    let Case { kit, mut config } = case;
    // The component is named by its path, so the directory around it is no plugin directory.
    let component = absolute(component).ok();
    match plugin.info.role {
        Role::Source => config.source.plugin = component,
        Role::Destination => config.destination.plugin = component,
    }
    let endpoint = endpoint_of(&config, plugin).map_err(CliError::unusable)?;
    let driver = Driver::start(&kit, &config.base_dir).map_err(CliError::unusable)?;
    open_grants(&[&endpoint], &[]).map_err(CliError::unusable)?;
    let settings = endpoint.connect_settings().await.map_err(CliError::unusable)?;
    Ok(Bench::new(Arc::clone(plugin), settings, kit, driver, ear))
}
