//! Dashboards as Grafana reads them: panels, what they ask, and the variables in that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// What variables stand for, by their names.
pub type Values = BTreeMap<String, String>;

/// A dashboard.
#[derive(Debug)]
pub struct Dashboard {
    /// Its address, and the name of its file.
    pub uid: String,
    /// In the order in which Grafana fills them in.
    pub variables: Vec<Variable>,
    /// Those in rows that are closed, too.
    pub panels: Vec<Panel>,
    /// What its annotations ask.
    pub annotations: Vec<String>,
}

/// What a user may choose.
#[derive(Debug)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// `query`, `datasource`..
    pub kind: String,
    /// The query of one that is asked for.
    pub query: String,
    /// What is taken of the answer, as `/../`.
    pub regex: String,
    /// What `All` stands for, where that can be chosen.
    pub all: Option<String>,
}

/// A panel.
#[derive(Debug)]
pub struct Panel {
    /// What stands above it.
    pub title: String,
    /// Its queries.
    pub queries: Vec<String>,
}

impl Dashboard {
    /// All in a directory, in the order of their names.
    pub fn all_in(directory: &Path) -> Result<Vec<Self>> {
        let mut files = fs::read_dir(directory)
            .with_context(|| format!("cannot read {}", directory.display()))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<Vec<_>>>()?;
        files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
        files.sort();
        ensure!(!files.is_empty(), "no dashboards in {}", directory.display());
        files
            .iter()
            .map(|file| Self::parse(&fs::read_to_string(file)?).with_context(|| file.display().to_string()))
            .collect()
    }

    fn parse(text: &str) -> Result<Self> {
        let model: Value = serde_json::from_str(text)?;
        let mut panels = Vec::new();
        for panel in list(&model["panels"]) {
            if panel["type"] != "row" {
                panels.push(Panel::of(panel)?);
            }
            for inner in list(&panel["panels"]) {
                panels.push(Panel::of(inner)?);
            }
        }
        let annotations = list(&model["annotations"]["list"]).filter_map(|it| it["target"]["expr"].as_str());
        Ok(Self {
            uid: string(&model["uid"])?,
            variables: list(&model["templating"]["list"])
                .map(Variable::of)
                .collect::<Result<_>>()?,
            panels,
            annotations: annotations.map(str::to_owned).collect(),
        })
    }
}

impl Variable {
    fn of(model: &Value) -> Result<Self> {
        let query = &model["query"];
        let query = if query.is_object() { &query["query"] } else { query };
        let all = (model["includeAll"] == true).then(|| string(&model["allValue"]));
        Ok(Self {
            name: string(&model["name"])?,
            kind: string(&model["type"])?,
            query: query.as_str().unwrap_or_default().to_owned(),
            regex: model["regex"].as_str().unwrap_or_default().to_owned(),
            all: all.transpose()?,
        })
    }

    /// Of `label_values(SELECTOR, LABEL)` the two.
    pub fn label_values(&self) -> Option<(&str, &str)> {
        let inner = self.query.strip_prefix("label_values(")?.strip_suffix(')')?;
        let (selector, label) = inner.rsplit_once(',')?;
        Some((selector.trim(), label.trim()))
    }

    /// Of `query_result(EXPRESSION)` the expression.
    pub fn query_result(&self) -> Option<&str> {
        self.query.strip_prefix("query_result(")?.strip_suffix(')')
    }
}

impl Panel {
    fn of(model: &Value) -> Result<Self> {
        let title = string(&model["title"])?;
        let queries = list(&model["targets"]).map(|target| string(&target["expr"]));
        let queries = queries.collect::<Result<_>>().with_context(|| title.clone())?;
        Ok(Self { title, queries })
    }
}

/// A query with its variables, `$name` or `${name}`, filled in; one that is unknown is an error. What
/// `$1` stands for is the affair of `label_replace`.
pub fn filled(query: &str, values: &Values) -> Result<String> {
    let mut text = String::new();
    let mut rest = query;
    while let Some((before, after)) = rest.split_once('$') {
        text.push_str(before);
        let in_braces = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let (name, left) = in_braces.unwrap_or_else(|| {
            let end = after.find(|it: char| !it.is_ascii_alphanumeric() && it != '_');
            after.split_at(end.unwrap_or(after.len()))
        });
        match values.get(name) {
            Some(value) => text.push_str(value),
            None if name.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.push('$');
                text.push_str(name);
            }
            None => bail!("nobody knows what ${name} is in {query}"),
        }
        rest = left;
    }
    Ok(text + rest)
}

/// The exporter's metrics that a query asks for, by itself or by a record of theirs.
pub fn metrics_of(query: &str) -> BTreeSet<&str> {
    query
        .split(|it: char| !it.is_ascii_alphanumeric() && it != '_')
        .filter(|word| word.starts_with("kubeskoop_"))
        .collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn string(value: &Value) -> Result<String> {
    let text = value.as_str().with_context(|| format!("{value} is no text"))?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const MODEL: &str = r#"{
        "uid": "one", "annotations": {"list": [{"target": {"expr": "ALERTS"}}, {"builtIn": 1}]},
        "templating": {"list": [
            {"name": "node", "type": "query", "includeAll": true, "allValue": ".*",
             "query": {"query": "label_values(a{b=\"c,d\"}, k8s_node)"}},
            {"name": "netns", "type": "query", "query": "query_result(a)", "regex": "/x/"}
        ]},
        "panels": [
            {"type": "row", "title": "Closed", "panels": [
                {"type": "stat", "title": "Inner", "targets": [{"expr": "b"}]}
            ]},
            {"type": "table", "title": "Outer", "targets": [{"expr": "c"}, {"expr": "d"}]}
        ]
    }"#;

    #[test]
    fn panels_of_closed_rows_are_read_too() {
        let dashboard = Dashboard::parse(MODEL).unwrap();
        let titles: Vec<&str> = dashboard
            .panels
            .iter()
            .map(|panel| panel.title.as_str())
            .collect();
        assert_eq!(titles, ["Inner", "Outer"]);
        assert_eq!(dashboard.panels[1].queries, ["c", "d"]);
        assert_eq!(dashboard.annotations, ["ALERTS"]);
    }

    #[test]
    fn queries_of_variables_are_told_apart() {
        let variables = Dashboard::parse(MODEL).unwrap().variables;
        assert_eq!(variables[0].label_values(), Some(("a{b=\"c,d\"}", "k8s_node")));
        assert_eq!(variables[0].all.as_deref(), Some(".*"));
        assert_eq!(
            (variables[0].query_result(), variables[1].all.as_deref()),
            (None, None)
        );
        assert_eq!(
            (variables[1].query_result(), variables[1].label_values()),
            (Some("a"), None)
        );
    }

    #[test]
    fn variables_are_filled_in_and_none_is_left() {
        let values = Values::from([
            ("a".to_owned(), "1".to_owned()),
            ("a_b".to_owned(), "2".to_owned()),
        ]);
        let text = filled("x{y=~\"$a|$a_b\",z=\"${a}b\"}[$a] \"$1\" $", &values).unwrap();
        assert_eq!(text, "x{y=~\"1|2\",z=\"1b\"}[1] \"$1\" $");
        assert!(filled("$missing", &values).is_err());
    }

    #[test]
    fn a_record_is_of_its_metric() {
        let names = metrics_of("topk(3, pod:kubeskoop_a:rate5m) / kubeskoop_b_total{c=\"d\"}");
        assert_eq!(names, BTreeSet::from(["kubeskoop_a", "kubeskoop_b_total"]));
    }
}
