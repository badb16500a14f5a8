//! What a user chooses on a dashboard to see a pod.

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::dashboard::{Dashboard, Values, Variable, filled};
use kubeskoop_exporter_tests::lab::prometheus::Prometheus;

use crate::site::{NODE, PLAIN, RATE_INTERVAL, Watched};

/// How Grafana tells the text from the value of a network namespace.
const TEXT_AND_VALUE: &str = "/text=\"(?<text>[^\"]+)\".*value=\"(?<value>[^\"]+)\"/";

/// The place to look at.
pub struct Chosen<'a> {
    node: &'static str,
    namespace: &'static str,
    pod: &'static str,
    /// What the choice of network namespaces shows.
    pub name: &'a str,
}

impl<'a> Chosen<'a> {
    pub fn in_cluster(pod: &'a Watched) -> Self {
        Self {
            node: NODE,
            namespace: pod.fault.namespace,
            pod: pod.fault.pod,
            name: pod.fault.pod,
        }
    }

    /// On a plain host, where there are no pods to choose from.
    pub fn on_host(pod: &'a Watched) -> Self {
        Self {
            node: PLAIN,
            namespace: "",
            pod: "",
            name: &pod.netns,
        }
    }

    fn of_label(&self, label: &str) -> Option<&str> {
        match label {
            "k8s_node" => Some(self.node),
            "k8s_namespace" => Some(self.namespace),
            "k8s_pod" => Some(self.pod),
            _ => None,
        }
    }
}

/// What all variables of a dashboard stand for; what is to be chosen has to be on offer.
pub fn values(prometheus: &Prometheus, dashboard: &Dashboard, chosen: &Chosen<'_>) -> Result<Values> {
    let built_in = [("__rate_interval", RATE_INTERVAL), ("__range", "1h")];
    let mut values: Values = built_in
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    for variable in &dashboard.variables {
        if variable.kind != "datasource" {
            let value = value(prometheus, variable, &values, chosen);
            let value = value.with_context(|| format!("${} of {}", variable.name, dashboard.uid))?;
            values.insert(variable.name.clone(), value);
        }
    }
    Ok(values)
}

fn value(
    prometheus: &Prometheus,
    variable: &Variable,
    values: &Values,
    chosen: &Chosen<'_>,
) -> Result<String> {
    if let Some((selector, label)) = variable.label_values() {
        let offered = prometheus.label_values(label, &filled(selector, values)?)?;
        return match (chosen.of_label(label), &variable.all) {
            (Some(""), None) => {
                ensure!(offered.is_empty(), "on offer: {offered:?}");
                Ok(String::new())
            }
            (Some(value), _) => {
                ensure!(offered.iter().any(|it| it == value), "on offer: {offered:?}");
                Ok(value.to_owned())
            }
            (None, all) => all.clone().context("nothing to choose"),
        };
    }
    let expression = variable.query_result().context(variable.query.clone())?;
    ensure!(variable.regex == TEXT_AND_VALUE, "{}", variable.regex);
    let offered = prometheus.query(&filled(expression, values)?)?;
    let one = offered.iter().find(|it| it.labels["text"] == chosen.name);
    let one = one.with_context(|| format!("on offer: {offered:?}"))?;
    let value = one.labels["value"].as_str().filter(|value| !value.is_empty());
    Ok(value.context("no value")?.to_owned())
}
