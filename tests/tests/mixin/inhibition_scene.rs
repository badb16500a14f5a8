//! Alerts at places, and what becomes of them in an Alertmanager with the example.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use kubeskoop_exporter_tests::lab::alertmanager::{Alert, Alertmanager};
use kubeskoop_exporter_tests::lab::wait::eventually;

use super::{EXAMPLE, Pair, Reach, text};

/// An alert at a place: labels as `name=value`, separated by spaces.
pub fn alert(name: &str, place: &str) -> BTreeMap<String, String> {
    let labels = format!("alertname={name} {place}");
    let pairs = labels.split_whitespace().filter_map(|it| it.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Where the cause is; where its symptom keeps quiet; where somebody is told of it.
fn places(
    reach: Reach,
) -> (
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
) {
    match reach {
        Reach::Pod => (
            &[
                "k8s_node=a k8s_namespace=s k8s_pod=x",
                "k8s_node=b netns=blue",
                "k8s_node=c",
            ],
            &[
                "k8s_node=a k8s_namespace=s k8s_pod=x",
                "k8s_node=b netns=blue",
                "k8s_node=c",
            ],
            &[
                "k8s_node=a k8s_namespace=s k8s_pod=y",
                "k8s_node=a k8s_namespace=t k8s_pod=x",
                "k8s_node=d k8s_namespace=s k8s_pod=x",
                "k8s_node=a",
                "k8s_node=b netns=red",
                "k8s_node=b",
                "k8s_node=c k8s_namespace=s k8s_pod=x",
                "k8s_node=c netns=blue",
            ],
        ),
        Reach::Node => (
            &["k8s_node=a"],
            &[
                "k8s_node=a",
                "k8s_node=a k8s_namespace=s k8s_pod=x",
                "k8s_node=a netns=blue",
            ],
            &["k8s_node=b", "k8s_node=b k8s_namespace=s k8s_pod=x"],
        ),
        Reach::Cluster => (&["severity=critical"], &["instance=a", "instance=b"], &[]),
    }
}

/// What is posted: the alerts, and which of them are to be suppressed.
#[derive(Debug, Default)]
pub struct Scene {
    pub expected: Vec<(BTreeMap<String, String>, &'static str)>,
}

impl Scene {
    /// A cause and its symptom in a cluster of their own, and the symptom in another cluster.
    pub fn add(&mut self, number: usize, (cause, symptom, reach): &Pair) {
        let (causes, quiet, told) = places(*reach);
        let mut put = |name: &str, place: &str, elsewhere: &str, state| {
            let labels = alert(name, &format!("cluster=c{number}{elsewhere} {place}"));
            self.expected.push((labels, state));
        };
        for place in causes {
            put(cause, place, "", "active");
        }
        for place in quiet {
            put(symptom, place, "", "suppressed");
            put(symptom, place, "-other", "active");
        }
        for place in told {
            put(symptom, place, "", "active");
        }
    }

    /// Where there is one cluster, alerts have no label of it.
    pub fn add_without_cluster(&mut self, cause: &str, symptom: &str) {
        let place = "k8s_node=only k8s_namespace=s k8s_pod=x";
        self.expected.push((alert(cause, place), "active"));
        self.expected.push((alert(symptom, place), "suppressed"));
        self.expected.push((alert(symptom, "k8s_node=only"), "active"));
    }

    /// Waits until an Alertmanager with the example has all of it as it has to be.
    pub fn holds(&self) -> Result<()> {
        let alertmanager = Alertmanager::start(&text(EXAMPLE)?)?;
        alertmanager.send(self.expected.iter().map(|(labels, _)| labels))?;
        let mut wrong = Vec::new();
        let settled = eventually(Duration::from_secs(10), || {
            wrong = self.wrong(&alertmanager.alerts()?);
            Ok(wrong.is_empty())
        });
        settled.with_context(|| wrong.join("\n"))
    }

    /// What is not as it has to be.
    fn wrong(&self, arrived: &[Alert]) -> Vec<String> {
        let states: BTreeMap<_, _> = arrived
            .iter()
            .map(|it| (&it.labels, it.status.state.as_str()))
            .collect();
        let state = |labels| states.get(labels).copied().unwrap_or("missing");
        self.expected
            .iter()
            .filter(|(labels, expected)| state(labels) != *expected)
            .map(|(labels, expected)| format!("{labels:?} is {}, not {expected}", state(labels)))
            .collect()
    }
}
