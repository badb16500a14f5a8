//! Which alerts arrive at Alertmanager.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::alertmanager::Alert;
use kubeskoop_exporter_tests::lab::wait::eventually;

use crate::site::{Labels, NODE, PLAIN, Site, Watched};

/// That connections are reset is no cause: it may be told beside one.
const SYMPTOM: &str = "KubeSkoopTCPResets";

/// How long all alerts have been there before others are looked for: a window of rates.
const LATER: Duration = Duration::from_secs(20);

/// How long a rule may take to have been evaluated.
const EVALUATION: Duration = Duration::from_secs(20);

pub fn of_each_fault_arrive_with_the_names_of_its_pod(site: &Site) -> Result<()> {
    let alerts = site.alerts_of_all_faults(NODE, Watched::names)?;
    for pod in &site.pods {
        let place = format!("pod {}/{} on {NODE}", pod.fault.namespace, pod.fault.pod);
        is_told(&alerts, pod, &pod.names(), &place)?;
    }
    Ok(())
}

pub fn on_a_plain_host_name_the_network_namespace(site: &Site) -> Result<()> {
    let alerts = site.alerts_of_all_faults(PLAIN, Watched::netns)?;
    for pod in &site.pods {
        let place = format!("network namespace {} on {PLAIN}", pod.netns);
        is_told(&alerts, pod, &pod.netns(), &place)?;
    }
    Ok(())
}

/// Whether the alert of a fault says where and what it is.
fn is_told(alerts: &[Alert], pod: &Watched, labels: &Labels, place: &str) -> Result<()> {
    let Some(name) = pod.fault.alert else {
        return Ok(());
    };
    let alert = alerts
        .iter()
        .find(|alert| alert.name() == name && labels.are_of(alert))
        .context(name)?;
    let says = |annotation: &str, text: &str| {
        let said = alert.annotations.get(annotation);
        said.is_some_and(|said| said.contains(text))
    };
    ensure!(
        says("description", place)
            && says("summary", ".")
            && says("runbook_url", name)
            && !alert.label("severity").is_empty(),
        "{place}: {alert:#?}"
    );
    Ok(())
}

pub fn are_of_the_cause_alone(site: &Site) -> Result<()> {
    site.wait_for_all_alerts()?;
    sleep(LATER);
    let in_cluster = site.alerts_of_all_faults(NODE, Watched::names)?;
    let on_host = site.alerts_of_all_faults(PLAIN, Watched::netns)?;
    for pod in &site.pods {
        for (alerts, labels) in [(&in_cluster, pod.names()), (&on_host, pod.netns())] {
            let of_pod = alerts.iter().filter(|alert| labels.are_of(alert));
            let others: BTreeSet<&str> = of_pod
                .map(Alert::name)
                .filter(|&name| {
                    pod.fault
                        .alert
                        .is_none_or(|cause| ![cause, SYMPTOM].contains(&name))
                })
                .collect();
            ensure!(
                others.is_empty(),
                "{labels:?}: not only {:?} but {others:?}",
                pod.fault.alert
            );
        }
    }
    Ok(())
}

pub fn of_resets_keep_quiet_beside_their_cause(site: &Site) -> Result<()> {
    site.wait_for_all_alerts()?;
    for pod in &site.pods {
        let is_reset = pod.fault.alert == Some("KubeSkoopTCPAbortUnread");
        for labels in [pod.names(), pod.netns()] {
            let mut symptom = None;
            let find = || {
                let mut alerts = site.alertmanager.alerts()?.into_iter();
                symptom = alerts.find(|alert| alert.name() == SYMPTOM && labels.are_of(alert));
                Ok(symptom.is_some() || !is_reset)
            };
            eventually(EVALUATION, find).with_context(|| format!("no {SYMPTOM} of {labels:?}"))?;
            let is_quiet = symptom
                .iter()
                .all(|alert| alert.status.state == "suppressed" && !alert.status.inhibited_by.is_empty());
            ensure!(is_quiet, "{symptom:#?}");
        }
    }
    Ok(())
}

pub fn and_records_are_evaluated_without_an_error(site: &Site) -> Result<()> {
    let mut bad = Vec::new();
    eventually(EVALUATION, || {
        let rules = site.prometheus.get("/api/v1/rules")?;
        let groups = rules["groups"].as_array().context("no groups")?;
        bad = groups
            .iter()
            .filter_map(|group| group["rules"].as_array())
            .flatten()
            .filter(|rule| rule["health"] != "ok")
            .cloned()
            .collect();
        Ok(!groups.is_empty() && bad.is_empty())
    })
    .with_context(|| format!("{bad:#?}"))?;
    let log = site.prometheus.log();
    ensure!(!log.contains("valuating rule failed"), "{log}");
    Ok(())
}
