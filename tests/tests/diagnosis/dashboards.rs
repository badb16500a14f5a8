//! What the shipped dashboards show.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Write as _, stderr};

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::dashboard::{Dashboard, Panel, Values, filled, metrics_of};
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::tools::workspace_root;
use serde_json::Value;

use crate::chosen::{Chosen, values};
use crate::faults::HEALTHY;
use crate::site::{Site, Watched, listed};

/// Panels that have nothing to show.
struct Empty {
    dashboard: &'static str,
    /// What their titles begin with.
    title: &'static str,
    whose: Whose,
    why: &'static str,
}

enum Whose {
    Pods(&'static [&'static str]),
    PlainHost,
}

const EMPTY: [Empty; 6] = [
    Empty {
        dashboard: "kubeskoop-dns",
        title: "DNS server: ",
        whose: Whose::PlainHost,
        why: "the DNS server is known by the name of its pod",
    },
    Empty {
        dashboard: "kubeskoop-ingress",
        title: "Handshakes that failed, of those tried",
        whose: Whose::Pods(&["guarded", "tomcat"]),
        why: "the pod connects to nobody",
    },
    Empty {
        dashboard: "kubeskoop-ingress",
        title: "Segments sent again, of segments sent",
        whose: Whose::Pods(&["guarded"]),
        why: "the pod sends no segments",
    },
    Empty {
        dashboard: "kubeskoop-pod",
        title: "Handshakes that failed, of those tried",
        whose: Whose::Pods(&[HEALTHY]),
        why: "the pod connects to nobody",
    },
    Empty {
        dashboard: "kubeskoop-pod",
        title: "Alerts that fire",
        whose: Whose::Pods(&[HEALTHY]),
        why: "the pod is well",
    },
    Empty {
        dashboard: "kubeskoop-pod",
        title: "The pod",
        whose: Whose::PlainHost,
        why: "there are no pods",
    },
];

impl Empty {
    /// Whether it says so of a panel of a dashboard for a pod.
    fn is_of(&self, dashboard: &Dashboard, panel: &Panel, pod: &Watched, chosen: &Chosen<'_>) -> bool {
        self.dashboard == dashboard.uid
            && panel.title.starts_with(self.title)
            && match self.whose {
                Whose::Pods(pods) => pods.contains(&pod.fault.pod),
                Whose::PlainHost => chosen.name == pod.netns,
            }
    }
}

fn dashboards() -> Result<Vec<Dashboard>> {
    Dashboard::all_in(&workspace_root()?.join("dashboards"))
}

pub fn all_queries_are_answered(site: &Site) -> Result<()> {
    site.wait_for_all_alerts()?;
    let pod = site.pods.first().context("no pods")?;
    for dashboard in dashboards()? {
        for chosen in [Chosen::in_cluster(pod), Chosen::on_host(pod)] {
            let values = values(&site.prometheus, &dashboard, &chosen)?;
            let queries = dashboard.panels.iter().flat_map(|panel| &panel.queries);
            for query in queries.chain(&dashboard.annotations) {
                let query = filled(query, &values)?;
                let answer = site.prometheus.query(&query);
                answer.with_context(|| format!("{} asks {query}", dashboard.uid))?;
            }
        }
    }
    Ok(())
}

pub fn no_panel_of_a_guide_is_empty(site: &Site) -> Result<()> {
    site.wait_for_all_alerts()?;
    let dashboards = dashboards()?;
    let (in_cluster, on_host) = (Probes::of(&site.exporter)?, Probes::of(&site.plain)?);
    let mut wrong = Vec::new();
    for pod in &site.pods {
        let guide = dashboards
            .iter()
            .find(|dashboard| dashboard.uid == pod.fault.guide);
        let guide = guide.context(pod.fault.guide)?;
        for (chosen, probes) in [
            (Chosen::in_cluster(pod), &in_cluster),
            (Chosen::on_host(pod), &on_host),
        ] {
            let values = values(&site.prometheus, guide, &chosen)?;
            for panel in guide.panels.iter().filter(|panel| probes.serve(panel)) {
                let excuse = EMPTY.iter().find(|it| it.is_of(guide, panel, pod, &chosen));
                let excuse = excuse.map(|it| it.why);
                if is_empty(site, panel, &values)? != excuse.is_some() {
                    let name = chosen.name;
                    wrong.push(format!("{} of {name}: {}: {excuse:?}", guide.uid, panel.title));
                }
            }
        }
    }
    ensure!(
        wrong.is_empty(),
        "not empty, or empty without a reason: {wrong:#?}"
    );
    Ok(())
}

fn is_empty(site: &Site, panel: &Panel, values: &Values) -> Result<bool> {
    for query in &panel.queries {
        if !site.prometheus.query(&filled(query, values)?)?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Which probes work, and which metrics are of those that do not.
struct Probes {
    missing: BTreeMap<String, String>,
}

impl Probes {
    fn of(exporter: &Exporter) -> Result<Self> {
        let status = exporter.status()?;
        let up = status["probes"].as_array().context("a list of probes")?.iter();
        let up: BTreeSet<&str> = up
            .filter(|probe| probe["state"] == "up")
            .filter_map(|probe| probe["name"].as_str())
            .collect();
        writeln!(
            stderr(),
            "panels may be empty unless they are of the probes {up:?}"
        )?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut missing: BTreeMap<String, String> = listed("metrics")?
            .iter()
            .map(|row| (text(&row["name"]), text(&row["probe"])))
            .collect();
        missing.retain(|_, probe| !probe.starts_with('(') && !up.contains(probe.as_str()));
        Ok(Self { missing })
    }

    /// Whether one of the queries asks for nothing that is missing.
    fn serve(&self, panel: &Panel) -> bool {
        let is_missing = |metric: &str| {
            let histogram = ["_bucket", "_count", "_sum"]
                .iter()
                .find_map(|suffix| metric.strip_suffix(suffix));
            [Some(metric), histogram]
                .into_iter()
                .flatten()
                .any(|name| self.missing.contains_key(name))
        };
        panel
            .queries
            .iter()
            .any(|query| !metrics_of(query).into_iter().any(is_missing))
    }
}
