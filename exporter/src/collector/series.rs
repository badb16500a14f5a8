//! What may leave the exporter: labels of entities, no series twice, no more series than allowed.

use rustc_hash::FxHashSet;

use super::ProbeResult;
use crate::config::Config;
use crate::metrics::POD_INFO;
use crate::metrics::labels::LabelSet;
use crate::node::{Entities, Entity, EntityKind, Naming, Pod};

/// The labels of every exported entity.
pub fn labels(entities: &Entities, config: &Config, naming: &Naming) -> Vec<LabelSet> {
    entities
        .exported
        .iter()
        .map(|entity| labels_of(entity, config, naming))
        .collect()
}

/// The labels of what is the machine's and in no network namespace. Those that a user adds are of
/// pods.
pub fn labels_of_machine(config: &Config) -> LabelSet {
    LabelSet::new().with("k8s_node", &config.node_name)
}

/// The labels of the metric [`POD_INFO`].
pub fn labels_of_pods(entities: &Entities, config: &Config) -> Vec<LabelSet> {
    let named = entities.exported.iter();
    let named = named.filter_map(|entity| Some((entity, entity.pod.as_deref()?)));
    let labels = named.map(|(entity, pod)| {
        let is_host_network = pod.is_host_network.to_string();
        let mut labels = owner(Some(pod), config);
        let own = [&pod.uid, &pod.ip, &entity.netns, &is_host_network];
        let further = POD_INFO.extra_labels.iter().zip(own);
        further.for_each(|(name, value)| labels.push(name, value));
        add(&mut labels, Some(pod), config);
        labels
    });
    labels.collect()
}

fn owner(pod: Option<&Pod>, config: &Config) -> LabelSet {
    LabelSet::new()
        .with("k8s_node", &config.node_name)
        .with("k8s_namespace", pod.map_or("", |pod| &pod.namespace))
        .with("k8s_pod", pod.map_or("", |pod| &pod.name))
}

/// Adds what the user wants to have with every series.
fn add(labels: &mut LabelSet, pod: Option<&Pod>, config: &Config) {
    for label in &config.additional_labels {
        labels.push(&label.name, &label.value(pod.map(|pod| &pod.labels)));
    }
}

fn labels_of(entity: &Entity, config: &Config, naming: &Naming) -> LabelSet {
    let pod = entity.pod.as_deref();
    let mut labels = owner(pod, config);
    if config.verbose || matches!(naming, Naming::Plain) {
        labels.push("netns", &entity.netns);
    }
    if config.verbose {
        labels.push("pod_ip", pod.map_or("", |pod| &pod.ip));
    }
    add(&mut labels, pod, config);
    labels
}

/// Of entities with the same labels keeps the first; the series of the others are dropped and
/// counted, since a series that is there twice would cost the whole scrape.
pub fn drop_duplicates(entities: &Entities, labels: &[LabelSet], probes: &mut [ProbeResult]) {
    let mut seen = FxHashSet::default();
    for (index, set) in labels.iter().enumerate() {
        if seen.insert(set) {
            continue;
        }
        let entity = &entities.exported[index];
        debug_assert_ne!(entity.kind, EntityKind::Host, "the host comes first");
        tracing::warn!(
            labels = set.as_str(),
            inode = entity.inode,
            "a second namespace with these labels is left out"
        );
        for probe in probes.iter_mut() {
            let before = probe.samples.series();
            probe.samples.clear_row(index);
            let dropped = before - probe.samples.series();
            probe.status.series_dropped_total += dropped as u64;
        }
    }
}

/// Leaves out whole probes, the last of the catalogue first, until `most` series remain.
pub fn limit(most: usize, probes: &mut [ProbeResult]) {
    let mut total: usize = probes.iter().map(|probe| probe.samples.series()).sum();
    for probe in probes.iter_mut().rev() {
        let series = probe.samples.series();
        if total <= most {
            break;
        }
        if series == 0 {
            continue;
        }
        total -= series;
        probe.samples.clear();
        probe.status.series_dropped_total += series as u64;
        probe.status.reason = Some(format!("{series} series left out: metrics.maxSeries is {most}"));
    }
}
