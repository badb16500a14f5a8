//! The example for Alertmanager: one cause is one alert.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use kubeskoop_exporter_tests::lab::command::output;
use kubeskoop_exporter_tests::lab::tools::{self, workspace_root};
use serde_json::Value;

use scene::{Scene, alert};

#[path = "inhibition_scene.rs"]
mod scene;

const EXAMPLE: &str = "mixin/alertmanager/inhibit.yaml";
const RULES: &str = "rules/kubeskoop-alerts.yaml";

/// How far a cause reaches.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Reach {
    Pod,
    Node,
    Cluster,
}

/// Causes, and what keeps quiet beside them, without the prefix of their names.
const PAIRS: [(&[&str], &[&str], Reach); 9] = [
    (
        &[
            "TCPAbortTimeout",
            "TCPAbortLinger",
            "TCPAbortUnread",
            "TCPAbortMemory",
            "PAWSRejected",
            "EmbryonicResets",
            "ListenQueueOverflow",
            "ConnectFailures",
            "ConntrackDrops",
        ],
        &["TCPResets"],
        Reach::Pod,
    ),
    (&["ConnectFailures"], &["TCPAbortTimeout"], Reach::Pod),
    (&["ListenQueueOverflow"], &["EmbryonicResets"], Reach::Pod),
    (
        &["ProcessStalled"],
        &["ListenQueueOverflow", "TCPResets", "Retransmissions"],
        Reach::Pod,
    ),
    (
        &["ConntrackNearlyFull", "ConntrackInsertFailed"],
        &["ConntrackDrops"],
        Reach::Pod,
    ),
    (
        &["BacklogDrops"],
        &["DeviceDrops", "Retransmissions"],
        Reach::Node,
    ),
    (&["SoftirqSlow"], &["BacklogDrops"], Reach::Node),
    (
        &["VirtioCommandSlow"],
        &["SoftirqSlow", "BacklogDrops"],
        Reach::Node,
    ),
    (&["ExporterDown"], &["ExporterUnreachable"], Reach::Cluster),
];

type Pair = (String, String, Reach);

fn pairs() -> BTreeSet<Pair> {
    let mut pairs = BTreeSet::new();
    for (causes, symptoms, reach) in PAIRS {
        for cause in causes {
            for symptom in symptoms {
                pairs.insert((format!("KubeSkoop{cause}"), format!("KubeSkoop{symptom}"), reach));
            }
        }
    }
    pairs
}

fn text(path: &str) -> Result<String> {
    fs::read_to_string(workspace_root()?.join(path)).with_context(|| path.to_owned())
}

fn yaml(path: &str) -> Result<Value> {
    serde_yaml::from_str(&text(path)?).with_context(|| path.to_owned())
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>> {
    value[key]
        .as_array()
        .with_context(|| format!("no {key} in {value}"))
}

/// The alerts of the rules with their severities.
fn severities() -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for group in list(&yaml(RULES)?, "groups")? {
        for rule in list(group, "rules")? {
            let name = rule["alert"].as_str().context("no name")?;
            let severity = rule["labels"]["severity"].as_str().context("no severity")?;
            found.insert(name.to_owned(), severity.to_owned());
        }
    }
    ensure!(!found.is_empty(), "no alerts");
    Ok(found)
}

/// The names that a list of matchers is about: `alertname = A` or `alertname =~ "KubeSkoop(A|B)"`.
fn names(matchers: &[Value]) -> Result<Vec<String>> {
    let [matcher] = matchers else {
        bail!("not one matcher: {matchers:?}");
    };
    let matcher = matcher.as_str().context("no text")?;
    if let Some(name) = matcher.strip_prefix("alertname = ") {
        return Ok(vec![name.to_owned()]);
    }
    let group = matcher
        .strip_prefix("alertname =~ \"KubeSkoop(")
        .and_then(|rest| rest.strip_suffix(")\""))
        .with_context(|| format!("another form: {matcher}"))?;
    Ok(group.split('|').map(|name| format!("KubeSkoop{name}")).collect())
}

fn pairs_of_example() -> Result<BTreeSet<Pair>> {
    let mut pairs = BTreeSet::new();
    for rule in list(&yaml(EXAMPLE)?, "inhibit_rules")? {
        let equal: Vec<&str> = list(rule, "equal")?.iter().filter_map(Value::as_str).collect();
        let reach = match equal[..] {
            ["cluster", "k8s_node", "k8s_namespace", "k8s_pod", "netns"] => Reach::Pod,
            ["cluster", "k8s_node"] => Reach::Node,
            ["cluster"] => Reach::Cluster,
            _ => bail!("equal: {equal:?}"),
        };
        for cause in names(list(rule, "source_matchers")?)? {
            for symptom in names(list(rule, "target_matchers")?)? {
                pairs.insert((cause.clone(), symptom, reach));
            }
        }
    }
    Ok(pairs)
}

fn amtool(arguments: &[&str]) -> Result<String> {
    let example = workspace_root()?.join(EXAMPLE);
    let example = example.to_str().context("path")?;
    let arguments = arguments
        .iter()
        .map(|it| if *it == EXAMPLE { example } else { it });
    output(Command::new(tools::amtool()?).args(arguments))
}

#[test]
fn amtool_accepts_the_example_of_inhibition() -> Result<()> {
    let said = amtool(&["check-config", EXAMPLE])?;
    let rules = list(&yaml(EXAMPLE)?, "inhibit_rules")?.len();
    ensure!(said.contains(&format!("{rules} inhibit rules")), "{said}");
    Ok(())
}

#[test]
fn every_alert_that_the_example_of_inhibition_names_exists() -> Result<()> {
    let known = severities()?;
    for (cause, symptom, _) in pairs_of_example()? {
        for name in [cause, symptom] {
            ensure!(known.contains_key(&name), "there is no alert {name}");
        }
    }
    Ok(())
}

#[test]
fn no_alert_is_silenced_by_one_that_fewer_are_told_of() -> Result<()> {
    let severities = severities()?;
    let rank = |name: &str| {
        let severity = severities.get(name).map_or("", String::as_str);
        ["info", "warning", "critical"]
            .into_iter()
            .position(|it| it == severity)
            .with_context(|| format!("{name}: {severity:?}"))
    };
    for (cause, symptom, _) in pairs_of_example()? {
        ensure!(rank(&cause)? >= rank(&symptom)?, "{cause} silences {symptom}");
    }
    Ok(())
}

#[test]
fn alerts_for_information_are_routed_to_nobody_and_the_others_to_somebody() -> Result<()> {
    let mut seen = BTreeSet::new();
    for (name, severity) in severities()? {
        if !seen.insert(severity.clone()) {
            continue;
        }
        let labels = [format!("alertname={name}"), format!("severity={severity}")];
        let routed = amtool(&[
            "config",
            "routes",
            "test",
            "--config.file",
            EXAMPLE,
            &labels[0],
            &labels[1],
        ])?;
        let expected = match severity.as_str() {
            "critical" => "pager",
            "warning" => "platform",
            _ => "nobody",
        };
        ensure!(routed.trim() == expected, "{severity}: {routed}");
    }
    ensure!(seen.len() == 3, "{seen:?}");
    for receiver in list(&yaml(EXAMPLE)?, "receivers")? {
        let keys = receiver.as_object().context("no receiver")?.len();
        ensure!(keys == 1, "the example sends to somebody: {receiver}");
    }
    Ok(())
}

#[test]
fn a_symptom_is_suppressed_beside_its_cause_and_nowhere_else() -> Result<()> {
    let mut scene = Scene::default();
    for (number, pair) in pairs().iter().enumerate() {
        scene.add(number, pair);
    }
    scene.add_without_cluster("KubeSkoopProcessStalled", "KubeSkoopListenQueueOverflow");
    scene.holds()
}

#[test]
fn the_example_of_inhibition_has_no_other_pairs_of_cause_and_symptom() -> Result<()> {
    let (found, expected) = (pairs_of_example()?, pairs());
    ensure!(
        found == expected,
        "more: {:?}, missing: {:?}",
        found.difference(&expected),
        expected.difference(&found)
    );
    Ok(())
}

#[test]
fn a_process_that_stands_still_is_told_of_whatever_the_hypervisor_does() -> Result<()> {
    // A command takes milliseconds, a stall minutes.
    let scene = Scene {
        expected: vec![
            (alert("KubeSkoopVirtioCommandSlow", "k8s_node=a"), "active"),
            (
                alert("KubeSkoopProcessStalled", "k8s_node=a k8s_namespace=s k8s_pod=x"),
                "active",
            ),
            (
                alert("KubeSkoopSoftirqSlow", "k8s_node=a softirq_type=net_rx"),
                "suppressed",
            ),
        ],
    };
    scene.holds()
}
