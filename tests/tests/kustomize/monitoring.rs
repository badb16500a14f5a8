//! How Prometheus finds the exporter, and what labels the series have then.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::command::output;
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::files::{below, text};
use kubeskoop_exporter_tests::lab::kustomize::strings;
use kubeskoop_exporter_tests::lab::prometheus::{Prometheus, Series, Setup};
use kubeskoop_exporter_tests::lab::tools;
use kubeskoop_exporter_tests::lab::wait::eventually;
use serde_json::{Value, json};

use crate::renderings;

/// How long a series may take to become visible; it is scraped every second.
const VISIBLE: std::time::Duration = std::time::Duration::from_secs(30);

fn endpoint() -> Result<Value> {
    let objects = renderings::of("base", &["prometheus-operator"])?;
    let endpoints = &objects.one("ServiceMonitor")?["spec"]["endpoints"];
    ensure!(
        endpoints.as_array().is_some_and(|all| all.len() == 1),
        "{endpoints}"
    );
    Ok(endpoints[0].clone())
}

#[test]
fn the_service_monitor_finds_the_service_and_the_service_the_pods() -> Result<()> {
    let objects = renderings::of("base", &["prometheus-operator"])?;
    let (service, monitor) = (objects.one("Service")?, objects.one("ServiceMonitor")?);
    let pod_labels = &objects.one("DaemonSet")?["spec"]["template"]["metadata"]["labels"];
    let is_in = |selector: &Value, labels: &Value| -> bool {
        let mut wanted = selector.as_object().into_iter().flatten();
        wanted.all(|(key, value)| labels[key] == *value)
    };
    let selector = &monitor["spec"]["selector"]["matchLabels"];
    ensure!(
        selector.is_object() && is_in(selector, &service["metadata"]["labels"]),
        "{selector}"
    );
    let selector = &service["spec"]["selector"];
    ensure!(selector.is_object() && is_in(selector, pod_labels), "{selector}");
    assert_eq!(service["spec"]["clusterIP"], "None");
    assert_eq!(service["spec"]["publishNotReadyAddresses"], true);
    let port = &service["spec"]["ports"][0];
    assert_eq!(port["name"], endpoint()?["port"]);
    assert_eq!(port["targetPort"], objects.container()?["ports"][0]["name"]);
    Ok(())
}

/// Rules select by it.
#[test]
fn the_job_is_the_name_of_the_exporter() -> Result<()> {
    let objects = renderings::of("base", &["prometheus-operator"])?;
    let label = objects.one("ServiceMonitor")?["spec"]["jobLabel"]
        .as_str()
        .context("no jobLabel")?;
    let job = &objects.one("Service")?["metadata"]["labels"][label];
    assert_eq!(job, "kubeskoop-exporter");
    Ok(())
}

#[test]
fn a_scrape_is_given_up_before_the_next_one_begins() -> Result<()> {
    let endpoint = endpoint()?;
    let seconds = |field: &str| -> Result<u64> {
        let text = endpoint[field].as_str().and_then(|text| text.strip_suffix('s'));
        Ok(text.with_context(|| field.to_owned())?.parse()?)
    };
    assert_eq!(seconds("interval")?, 30);
    ensure!(seconds("scrapeTimeout")? < seconds("interval")?, "{endpoint}");
    assert_eq!(endpoint["honorLabels"], true);
    Ok(())
}

/// The operator adds labels of the target first, then come the relabelings of the monitor.
#[test]
fn the_own_pod_s_labels_never_shadow_those_of_the_series() -> Result<()> {
    let mut configs = vec![json!({
        "target_label": "__meta_kubernetes_pod_node_name", "replacement": "node-a"
    })];
    for label in ["namespace", "pod", "service", "endpoint", "container"] {
        configs.push(json!({"target_label": label, "replacement": format!("the-{label}")}));
    }
    for relabeling in endpoint()?["relabelings"].as_array().context("no relabelings")? {
        configs.push(json!({
            "action": relabeling["action"],
            "source_labels": relabeling["sourceLabels"].as_array().cloned().unwrap_or_default(),
            "target_label": relabeling["targetLabel"].as_str().unwrap_or_default(),
            "regex": relabeling["regex"].as_str().unwrap_or("(.*)"),
        }));
    }
    for config in &mut configs {
        let fields = config.as_object_mut().context("no object")?;
        fields.retain(|_, value| value != "" && *value != json!([]));
    }
    let job = json!({"honor_labels": true, "relabel_configs": configs});
    let series = scraped(&job.to_string())?;
    for one in &series {
        let labels = one.labels.as_object().context("no labels")?;
        let names: Vec<&str> = labels.keys().map(String::as_str).collect();
        for name in ["namespace", "pod", "service", "endpoint", "container", "node"] {
            ensure!(!names.contains(&name), "{name} in {labels:?}");
            ensure!(
                !names.contains(&format!("exported_{name}").as_str()),
                "{labels:?}"
            );
        }
        ensure!(one.value.parse::<f64>()? >= 0.0, "{one:?}");
        ensure!(labels["instance"] == "node-a", "{labels:?}");
        for name in ["k8s_node", "k8s_namespace", "k8s_pod"] {
            // An empty label is none in Prometheus.
            ensure!(
                !names.contains(&format!("exported_{name}").as_str()),
                "{labels:?}"
            );
        }
        ensure!(labels["k8s_node"] == "node-b", "{labels:?}");
    }
    Ok(())
}

fn scraped(job: &str) -> Result<Vec<Series>> {
    let config = "interval: 0\nkubernetes: {enabled: false, nodeName: node-b}\n";
    let exporter = Exporter::builder().config(config).start()?;
    let setup = Setup {
        job: Some(job),
        ..Setup::default()
    };
    let prometheus = Prometheus::start(&tools::prometheus("2.42")?, setup, &[exporter.addr()?])?;
    let mut series = Vec::new();
    let found = eventually(VISIBLE, || {
        series = prometheus.query("kubeskoop_tcp_outsegs")?;
        Ok(!series.is_empty())
    });
    found.with_context(|| prometheus.log())?;
    Ok(series)
}

#[test]
fn annotations_of_the_plain_overlay_name_port_and_path() -> Result<()> {
    let objects = renderings::of("overlays/plain", &[])?;
    let annotations = &objects.one("DaemonSet")?["spec"]["template"]["metadata"]["annotations"];
    let port = &objects.container()?["ports"][0]["containerPort"];
    assert_eq!(annotations["prometheus.io/scrape"], "true");
    assert_eq!(annotations["prometheus.io/port"], port.to_string());
    assert_eq!(annotations["prometheus.io/path"], "/metrics");
    assert_eq!(annotations["prometheus.io/scheme"], "http");
    Ok(())
}

#[test]
fn prometheus_takes_the_configuration_that_the_readme_shows() -> Result<()> {
    let readme = text("README.md")?;
    let (_, after) = readme
        .split_once("```yaml\n# prometheus.yml\n")
        .context("the README shows none")?;
    let (shown, _) = after.split_once("```").context("no end")?;
    let directory = tempfile::tempdir()?;
    std::fs::create_dir(directory.path().join("rules"))?;
    for rules in ["rules/kubeskoop-alerts.yaml", "rules/kubeskoop-rules.yaml"] {
        std::fs::write(directory.path().join(rules), text(rules)?)?;
    }
    let file = directory.path().join("prometheus.yml");
    // Debian builds Prometheus without this discovery.
    let discovery = "kubernetes_sd_configs: [{role: pod}]";
    ensure!(shown.contains(discovery), "{shown}");
    std::fs::write(
        &file,
        shown.replace(discovery, "static_configs: [{targets: [node-a]}]"),
    )?;
    let said = output(
        Command::new(tools::promtool("2.42")?)
            .args(["check", "config"])
            .arg(&file),
    )?;
    assert_eq!(said.matches("rules found").count(), 2, "{said}");
    let config: Value = serde_yaml::from_str(shown)?;
    let job = &config["scrape_configs"][0];
    assert_eq!(job["job_name"], "kubeskoop-exporter");
    let endpoint = endpoint()?;
    assert_eq!(job["scrape_interval"], endpoint["interval"]);
    assert_eq!(job["scrape_timeout"], endpoint["scrapeTimeout"]);
    Ok(())
}

#[test]
fn the_release_is_set_in_one_place_and_labels_what_the_chart_selects() -> Result<()> {
    let objects = renderings::of("overlays/kube-prometheus-stack", &[])?;
    for kind in ["ServiceMonitor", "PrometheusRule"] {
        let labels = &objects.one(kind)?["metadata"]["labels"];
        assert_eq!(labels["release"], "kube-prometheus-stack", "{kind}");
    }
    // A selector cannot be changed once it is applied.
    let selector = &objects.one("DaemonSet")?["spec"]["selector"]["matchLabels"];
    assert_eq!(
        strings(&json!(
            selector.as_object().map(|all| all.keys().collect::<Vec<_>>())
        ))?,
        ["app.kubernetes.io/name"]
    );
    let mut places = 0;
    for file in below("deploy/kustomize")? {
        let text = std::fs::read_to_string(file)?;
        places += text
            .lines()
            .filter(|line| line.trim().starts_with("release:"))
            .count();
    }
    assert_eq!(places, 1);
    Ok(())
}

#[test]
fn what_takes_the_operator_is_not_in_the_base() -> Result<()> {
    let base = renderings::of("base", &[])?;
    assert_eq!(base.all("ServiceMonitor"), Vec::<&Value>::new());
    assert_eq!(base.all("PrometheusRule"), Vec::<&Value>::new());
    let plain = text("deploy/kustomize/overlays/plain/kustomization.yaml")?;
    ensure!(!plain.contains("components"), "{plain}");
    Ok(())
}
