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

/// Panels that may have nothing to show.
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

const EMPTY: [Empty; 9] = [
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
        whose: Whose::Pods(&["guarded", "tomcat"]),
        why: "the pod sends no segments, or none any more",
    },
    Empty {
        dashboard: "kubeskoop-overview",
        title: "Datagrams lost",
        whose: Whose::Pods(&[HEALTHY]),
        why: "only pods that lose some have a series, and none does",
    },
    Empty {
        dashboard: "kubeskoop-node",
        title: "Dropped by devices, of packets",
        whose: Whose::Pods(&[HEALTHY]),
        why: "pods talk to each other: the devices of the node may have no packets",
    },
    Empty {
        dashboard: "kubeskoop-node",
        title: "Packets dropped that belong to nobody",
        whose: Whose::Pods(&[HEALTHY]),
        why: "there need not be one",
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
        why: "the pod is well; alerts of its node are listed, too",
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
    let mut excused = BTreeSet::new();
    let mut empty = Vec::new();
    for (pod, guide) in guides(site, &dashboards)? {
        for (chosen, probes) in [
            (Chosen::in_cluster(pod), &in_cluster),
            (Chosen::on_host(pod), &on_host),
        ] {
            let values = values(&site.prometheus, guide, &chosen)?;
            for panel in guide.panels.iter().filter(|panel| probes.serve(panel)) {
                if let Some(number) = EMPTY.iter().position(|it| it.is_of(guide, panel, pod, &chosen)) {
                    excused.insert(number);
                } else if is_empty(site, panel, &values)? {
                    empty.push(format!("{} of {}: {}", guide.uid, chosen.name, panel.title));
                }
            }
        }
    }
    ensure!(empty.is_empty(), "{empty:#?}");
    for (number, Empty { title, why, .. }) in EMPTY.iter().enumerate() {
        ensure!(
            excused.contains(&number),
            "no {title} that may be empty, since {why}"
        );
    }
    Ok(())
}

/// The dashboards to look at, and for which pods.
fn guides<'a>(site: &'a Site, dashboards: &'a [Dashboard]) -> Result<Vec<(&'a Watched, &'a Dashboard)>> {
    let mut guides = Vec::new();
    for pod in &site.pods {
        for uid in pod.fault.guides {
            let guide = dashboards.iter().find(|dashboard| dashboard.uid == *uid);
            guides.push((pod, guide.with_context(|| format!("no dashboard {uid}"))?));
        }
    }
    Ok(guides)
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
