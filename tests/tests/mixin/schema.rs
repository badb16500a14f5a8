//! Dashboards against the types of Grafana itself, by the compiler of TypeScript.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use kubeskoop_exporter_tests::lab::files::text;
use kubeskoop_exporter_tests::lab::tools::tool;
use serde_json::{Value, json};

use crate::model::{Dashboard, Mixin};

/// The compiler, and the directory below which it finds Grafana's types. None, which is said on stderr, where npm's
/// packages could not be had.
fn compiler(test: &str) -> Result<Option<(Command, PathBuf)>> {
    let tools =
        tool("node/bin/node").and_then(|node| Ok((node, tool("grafana/node_modules/typescript/bin/tsc")?)));
    let (node, tsc) = match tools {
        Ok(tools) => tools,
        Err(error) => {
            writeln!(std::io::stderr(), "SKIP {test}: {error:#}")?;
            return Ok(None);
        }
    };
    let packages = tsc
        .ancestors()
        .nth(4)
        .context("no directory of packages")?
        .to_owned();
    let mut command = Command::new(node);
    command.arg(tsc);
    Ok(Some((command, packages)))
}

/// What the compiler says of each of these dashboards; empty of those that it accepts.
fn refusals(test: &str, dashboards: &[(String, &Value)]) -> Result<Option<Vec<String>>> {
    let Some((mut tsc, packages)) = compiler(test)? else {
        return Ok(None);
    };
    let directory = tempfile::Builder::new().prefix("check-").tempdir_in(packages)?;
    for file in ["types.ts", "tsconfig.json"] {
        std::fs::write(
            directory.path().join(file),
            text(&format!("tests/grafana/{file}"))?,
        )?;
    }
    let module = |number: usize| format!("dashboard-{number}.ts");
    for (number, (_, model)) in dashboards.iter().enumerate() {
        let model = serde_json::to_string_pretty(model)?;
        let program = format!(
            "import type {{ Dashboard }} from './types';\nexport const dashboard: Dashboard = {model};\n"
        );
        std::fs::write(directory.path().join(module(number)), program)?;
    }
    let output = tsc
        .args(["--pretty", "false", "--project"])
        .arg(directory.path())
        .current_dir(directory.path())
        .output()?;
    let said = String::from_utf8(output.stdout)?;
    ensure!(
        output.status.success() == said.is_empty(),
        "{}: {said}",
        output.status
    );
    let ours = |line: &&str| line.starts_with("dashboard-");
    if let Some(other) = said.lines().find(|line| !ours(line) && !line.starts_with(' ')) {
        bail!("{other}");
    }
    let of = |number: usize| {
        let place = format!("{}(", module(number));
        said.lines()
            .filter(|line| line.starts_with(&place))
            .collect::<Vec<_>>()
            .join("\n")
    };
    Ok(Some((0..dashboards.len()).map(of).collect()))
}

/// It is an error if Grafana's types refuse one of them.
pub fn nothing_refused(dashboards: &[Dashboard]) -> Result<()> {
    let models: Vec<_> = dashboards.iter().map(|it| (it.file.clone(), &it.model)).collect();
    let refusals = refusals("dashboards against Grafana's types", &models)?.unwrap_or_default();
    for (dashboard, refusal) in dashboards.iter().zip(refusals) {
        ensure!(refusal.is_empty(), "{}: {refusal}", dashboard.file);
    }
    Ok(())
}

#[test]
fn every_dashboard_is_one_by_the_types_of_grafana() -> Result<()> {
    nothing_refused(&Mixin::committed()?.dashboards)
}

/// A dashboard that is accepted, with a panel of each of two kinds.
fn good() -> Value {
    let datasource = json!({"type": "prometheus", "uid": "${datasource}"});
    let matcher = json!({"id": "byName", "options": "a"});
    let panel = |id: u64, kind: &str| {
        json!({
            "id": id, "type": kind, "title": "A", "datasource": datasource,
            "gridPos": {"x": 0, "y": 0, "w": 8, "h": 2}, "options": {},
            "targets": [{"refId": "A", "datasource": datasource, "expr": "up"}],
            "fieldConfig": {"defaults": {"unit": "s"}, "overrides": [
                {"matcher": matcher, "properties": [{"id": "unit", "value": "s"}]}
            ]},
        })
    };
    json!({
        "uid": "a", "title": "A", "schemaVersion": 39, "panels": [panel(1, "timeseries"), panel(2, "stat")],
        "templating": {"list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}]},
    })
}

/// Each is put into a dashboard that is accepted.
const WRONG: [(&str, &str); 16] = [
    ("/widgets", "[]"),
    ("/refresh", "30"),
    ("/schemaVersion", "null"),
    ("/templating/list/0/refresh", "7"),
    ("/templating/list/0/default", "\"a\""),
    ("/panels/0/colour", "\"red\""),
    ("/panels/0/type", "\"graph\""),
    ("/panels/0/gridPos/width", "8"),
    ("/panels/0/targets/0/query", "\"up\""),
    ("/panels/0/options/colorMode", "\"value\""),
    ("/panels/1/options/colorMode", "\"red\""),
    ("/panels/0/fieldConfig/defaults/unit", "3"),
    ("/panels/0/fieldConfig/defaults/custom", "{\"wide\": 1}"),
    ("/panels/1/fieldConfig/defaults/custom", "{\"lineWidth\": 1}"),
    (
        "/panels/0/fieldConfig/overrides/0/properties/0/id",
        "\"custom.fill\"",
    ),
    ("/panels/0/fieldConfig/overrides/0/properties/0/value", "1"),
];

#[test]
fn unknown_keys_and_wrong_types_in_dashboards_and_options_of_panels_are_refused() -> Result<()> {
    let mut dashboards = vec![("good".to_owned(), good())];
    for (path, value) in WRONG {
        let mut dashboard = good();
        let (parent, key) = path.rsplit_once('/').context("a path")?;
        let parent = dashboard.pointer_mut(parent).context(path)?;
        parent[key] = serde_json::from_str(value)?;
        dashboards.push((path.to_owned(), dashboard));
    }
    let models: Vec<_> = dashboards
        .iter()
        .map(|(path, model)| (path.clone(), model))
        .collect();
    let test = "unknown_keys_and_wrong_types_in_dashboards_and_options_of_panels_are_refused";
    let Some(refusals) = refusals(test, &models)? else {
        return Ok(());
    };
    for ((path, _), refusal) in dashboards.iter().zip(refusals) {
        ensure!((path == "good") == refusal.is_empty(), "{path}: {refusal}");
    }
    Ok(())
}
