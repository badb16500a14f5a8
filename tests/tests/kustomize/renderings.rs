//! Everything there is to render: the base, each component on it, each pair of them, all together
//! in both directions, and the overlays.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::thread;

use anyhow::{Context, Result, anyhow, bail, ensure};
use kubeskoop_exporter_tests::lab::kustomize::{MANIFESTS, Objects, render};
use kubeskoop_exporter_tests::lab::tools::workspace_root;
use serde_json::Value;

pub const COMPONENTS: [&str; 8] = [
    "apparmor-field",
    "boot-btf",
    "grafana-dashboards",
    "minimal-privilege",
    "no-bpf",
    "openshift",
    "priority",
    "prometheus-operator",
];

pub const OVERLAYS: [&str; 3] = [
    "overlays/kube-prometheus",
    "overlays/kube-prometheus-stack",
    "overlays/plain",
];

/// Renderings at once: there may be no more than two cores.
const WORKERS: usize = 2;

#[derive(Debug, Clone)]
pub struct Rendering {
    pub resource: &'static str,
    pub components: Vec<&'static str>,
    pub objects: Objects,
}

impl Rendering {
    pub fn name(&self) -> String {
        format!("{} with {:?}", self.resource, self.components)
    }

    pub fn has(&self, component: &str) -> bool {
        self.components.contains(&component)
    }
}

/// All renderings, made once.
pub fn all() -> Result<&'static [Rendering]> {
    static ALL: LazyLock<Result<Vec<Rendering>, String>> =
        LazyLock::new(|| render_all().map_err(|error| format!("{error:#}")));
    ALL.as_deref().map_err(|error| anyhow!(error.clone()))
}

/// The objects of one of them.
pub fn of(resource: &str, components: &[&str]) -> Result<&'static Objects> {
    let found = all()?
        .iter()
        .find(|it| it.resource == resource && it.components == components);
    found
        .map(|it| &it.objects)
        .with_context(|| format!("{resource} with {components:?} is not rendered"))
}

fn plan() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut plan = vec![("base", vec![])];
    plan.extend(OVERLAYS.map(|overlay| (overlay, vec![])));
    for (index, first) in COMPONENTS.into_iter().enumerate() {
        plan.push(("base", vec![first]));
        for second in COMPONENTS.into_iter().skip(index + 1) {
            plan.push(("base", vec![first, second]));
        }
    }
    plan.push(("base", COMPONENTS.to_vec()));
    plan.push(("base", COMPONENTS.into_iter().rev().collect()));
    plan
}

fn render_all() -> Result<Vec<Rendering>> {
    let plan = plan();
    let share = plan.len().div_ceil(WORKERS);
    let rendered: Vec<Result<Vec<Rendering>>> = thread::scope(|scope| {
        let workers: Vec<_> = plan
            .chunks(share)
            .map(|part| scope.spawn(|| part.iter().map(render_one).collect()))
            .collect();
        workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|_| Err(anyhow!("a worker panicked")))
            })
            .collect()
    });
    Ok(rendered.into_iter().collect::<Result<Vec<_>>>()?.concat())
}

fn render_one((resource, components): &(&'static str, Vec<&'static str>)) -> Result<Rendering> {
    let objects = render(resource, components).with_context(|| format!("{resource} with {components:?}"))?;
    Ok(Rendering {
        resource,
        components: components.clone(),
        objects,
    })
}

#[test]
fn base_every_component_every_pair_all_together_and_every_overlay_render() -> Result<()> {
    let all = all()?;
    assert_eq!(all.len(), 1 + 3 + 8 + 28 + 2);
    for rendering in all {
        rendering.objects.container().with_context(|| rendering.name())?;
    }
    Ok(())
}

#[test]
fn no_component_and_no_overlay_is_left_out() -> Result<()> {
    let manifests = workspace_root()?.join(MANIFESTS);
    let there = |directory: &str| -> Result<BTreeSet<String>> {
        let entries = manifests.join(directory).read_dir()?;
        entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    };
    assert_eq!(there("components")?, COMPONENTS.map(str::to_owned).into());
    let overlays = there("overlays")?
        .iter()
        .map(|name| format!("overlays/{name}"))
        .collect();
    assert_eq!(BTreeSet::from(OVERLAYS.map(str::to_owned)), overlays);
    Ok(())
}

#[test]
fn the_order_of_components_changes_nothing_but_the_order() -> Result<()> {
    let together: Vec<&Rendering> = all()?
        .iter()
        .filter(|rendering| rendering.components.len() == COMPONENTS.len())
        .collect();
    let [forth, back] = together[..] else {
        bail!("{} renderings of all components", together.len());
    };
    assert_ne!(forth.components, back.components);
    let sorted =
        |rendering: &Rendering| -> BTreeSet<String> { rendering.objects.0.iter().map(sorted_text).collect() };
    ensure!(sorted(forth) == sorted(back), "{forth:#?}\n{back:#?}");
    Ok(())
}

/// An object in which neither the order of keys nor that of array elements matters.
fn sorted_text(value: &Value) -> String {
    match value {
        Value::Array(values) => {
            let mut texts: Vec<String> = values.iter().map(sorted_text).collect();
            texts.sort_unstable();
            format!("[{}]", texts.join(","))
        }
        Value::Object(fields) => {
            let mut texts: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("{key}:{}", sorted_text(value)))
                .collect();
            texts.sort_unstable();
            format!("{{{}}}", texts.join(","))
        }
        other => other.to_string(),
    }
}
