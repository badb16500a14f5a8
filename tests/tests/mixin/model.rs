//! A mixin as Prometheus and Grafana are given it.

use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::files::{below, text};
use serde_json::{Map, Value};

use crate::catalogue::Catalogue;
use crate::labels::Labels;
use crate::queries::{Home, Query};

/// An alert of a rule file.
#[derive(Debug)]
pub struct Alert {
    /// The file, and the alert's name.
    pub place: String,
    pub name: String,
    pub model: Value,
}

/// A dashboard, as it is imported.
#[derive(Debug)]
pub struct Dashboard {
    pub file: String,
    pub model: Value,
}

impl Dashboard {
    pub fn uid(&self) -> &str {
        self.model["uid"].as_str().unwrap_or_default()
    }

    /// Every panel, those in collapsed rows too, and the rows themselves.
    pub fn panels(&self) -> Vec<&Value> {
        let mut panels = Vec::new();
        for panel in list(&self.model["panels"]) {
            panels.push(panel);
            panels.extend(list(&panel["panels"]));
        }
        panels
    }

    /// Every panel that is no row, with its place.
    pub fn graphs(&self) -> Vec<(String, &Value)> {
        let panels = self.panels().into_iter();
        let graphs = panels.filter(|panel| panel["type"] != "row");
        graphs
            .map(|panel| (format!("{}: {}", self.file, panel["title"]), panel))
            .collect()
    }

    pub fn variables(&self) -> &[Value] {
        list(&self.model["templating"]["list"])
    }
}

/// The items of a list; none if it is not there.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// All of it, every expression parsed.
#[derive(Debug)]
pub struct Mixin {
    pub labels: Labels,
    pub queries: Vec<Query>,
    pub alerts: Vec<Alert>,
    pub dashboards: Vec<Dashboard>,
}

impl Mixin {
    /// [`Mixin::read`], once for all tests.
    pub fn committed() -> Result<&'static Self> {
        static COMMITTED: OnceLock<Mixin> = OnceLock::new();
        if let Some(mixin) = COMMITTED.get() {
            return Ok(mixin);
        }
        let mixin = Self::read()?;
        Ok(COMMITTED.get_or_init(|| mixin))
    }

    /// As it is committed: `rules/`, `dashboards/` and the runbooks.
    ///
    /// # Errors
    /// An expression does not parse; all such are named.
    pub fn read() -> Result<Self> {
        let mut rules = Vec::new();
        let mut dashboards = Vec::new();
        let files = below("rules")?.into_iter().chain(below("dashboards")?);
        for path in files {
            let file = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if file.starts_with("kubeskoop-") {
                let text = std::fs::read_to_string(&path)?;
                let model: Value = serde_yaml::from_str(&text).with_context(|| file.clone())?;
                if model["groups"].is_array() {
                    rules.push((file, model));
                } else {
                    dashboards.push(Dashboard { file, model });
                }
            }
        }
        Self::new(&rules, dashboards, &runbooks()?, false)
    }

    pub fn new(
        rules: &[(String, Value)],
        dashboards: Vec<Dashboard>,
        runbooks: &[(String, Home, String)],
        native: bool,
    ) -> Result<Self> {
        ensure!(
            !rules.is_empty() && !dashboards.is_empty(),
            "no rules or no dashboards"
        );
        let mut parsed = runbooks
            .iter()
            .map(|(place, home, text)| Query::parse(place, home.clone(), text))
            .collect::<Vec<_>>();
        let mut alerts = Vec::new();
        for (file, model) in rules {
            for group in list(&model["groups"]) {
                for rule in list(&group["rules"]) {
                    parsed.push(rule_query(file, rule));
                    if let Some(name) = rule["alert"].as_str() {
                        alerts.push(Alert {
                            place: format!("{file}: {name}"),
                            name: name.to_owned(),
                            model: rule.clone(),
                        });
                    }
                }
            }
        }
        for dashboard in &dashboards {
            parsed.extend(crate::dashboards::queries(dashboard));
        }
        let failed: Vec<&String> = parsed.iter().filter_map(|it| it.as_ref().err()).collect();
        ensure!(failed.is_empty(), "do not parse: {failed:#?}");
        let queries: Vec<Query> = parsed.into_iter().flatten().collect();
        Ok(Self {
            labels: Labels::new(Catalogue::read()?, &queries, native),
            queries,
            alerts,
            dashboards,
        })
    }

    /// The expression of this record, of which there may be several by label.
    pub fn record<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Query> {
        self.queries
            .iter()
            .filter(move |it| matches!(&it.home, Home::Record(record) if record == name))
    }
}

fn rule_query(file: &str, rule: &Value) -> Result<Query, String> {
    let name = rule["alert"]
        .as_str()
        .or(rule["record"].as_str())
        .unwrap_or_default();
    let home = match rule["record"].as_str() {
        Some(record) => Home::Record(record.to_owned()),
        None => Home::Alert,
    };
    let mut query = Query::parse(
        &format!("{file}: {name}"),
        home,
        rule["expr"].as_str().unwrap_or_default(),
    )?;
    query.added = rule["labels"]
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .cloned()
        .collect();
    let annotations = rule["annotations"].as_object().into_iter().flat_map(Map::values);
    for text in annotations.filter_map(Value::as_str) {
        query.shown.extend(words_after(text, "$labels."));
    }
    Ok(query)
}

/// The names that stand directly behind `mark`.
pub fn words_after(text: &str, mark: &str) -> Vec<String> {
    let is_of_name = |it: char| it.is_ascii_alphanumeric() || it == '_';
    let mut words = text.split(mark);
    words.next();
    words
        .map(|rest| rest.chars().take_while(|it| is_of_name(*it)).collect())
        .collect()
}

/// The blocks of `PromQL` in the runbooks.
fn runbooks() -> Result<Vec<(String, Home, String)>> {
    let mut blocks = Vec::new();
    let files = below("mixin")?;
    for path in files
        .iter()
        .filter(|it| it.parent().is_some_and(|it| it.ends_with("runbooks")))
    {
        let file = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let page = std::fs::read_to_string(path)?;
        let mut pieces = page.split("```promql\n");
        pieces.next();
        for piece in pieces {
            let (block, _) = piece
                .split_once("```")
                .with_context(|| format!("{file}: an open block"))?;
            blocks.push((format!("runbooks/{file}"), Home::Runbook, block.to_owned()));
        }
    }
    Ok(blocks)
}

#[test]
fn every_expression_of_rules_dashboards_and_runbooks_parses() -> Result<()> {
    let mixin = Mixin::committed()?;
    let count = |home: fn(&Home) -> bool| mixin.queries.iter().filter(|it| home(&it.home)).count();
    for (kind, least, found) in [
        ("alerts", 20, count(|it| *it == Home::Alert)),
        ("records", 20, count(|it| matches!(it, Home::Record(_)))),
        ("panels", 50, count(|it| matches!(it, Home::Panel(_)))),
        ("variables", 5, count(|it| *it == Home::Variable)),
        ("runbooks", 20, count(|it| *it == Home::Runbook)),
    ] {
        ensure!(found >= least, "only {found} expressions of {kind}");
    }
    Ok(())
}

#[test]
fn an_expression_that_does_not_parse_is_named_with_its_place() -> Result<()> {
    let rules = serde_json::json!({"groups": [{"rules": [{"alert": "Broken", "expr": "up{"}]}]});
    let dashboard = Dashboard {
        file: "a.json".to_owned(),
        model: Value::Null,
    };
    let Err(error) = Mixin::new(&[("a.yaml".to_owned(), rules)], vec![dashboard], &[], false) else {
        anyhow::bail!("it parses");
    };
    ensure!(error.to_string().contains("a.yaml: Broken"), "{error:#}");
    Ok(())
}

#[test]
fn the_operator_is_given_the_same_rules() -> Result<()> {
    let mut groups = Vec::new();
    for file in ["kubeskoop-alerts.yaml", "kubeskoop-rules.yaml"] {
        let model: Value = serde_yaml::from_str(&text(&format!("rules/{file}"))?)?;
        groups.extend_from_slice(list(&model["groups"]));
    }
    let object: Value = serde_yaml::from_str(&text("rules/prometheusrule.yaml")?)?;
    assert_eq!(object["kind"], "PrometheusRule");
    assert_eq!(object["spec"]["groups"], Value::Array(groups));
    Ok(())
}
