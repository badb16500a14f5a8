//! The `ConfigMap`, and what the exporter makes of it.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use kubeskoop_exporter_tests::lab::exporter::binary;
use kubeskoop_exporter_tests::lab::files::text;
use kubeskoop_exporter_tests::lab::kustomize::{Objects, build, render_with};
use kubeskoop_exporter_tests::lab::tools::workspace_root;
use serde_json::Value;

use crate::renderings::{self, COMPONENTS};

#[test]
fn its_name_stays_the_same_and_its_content_the_base_s_in_every_rendering() -> Result<()> {
    let base = renderings::of("base", &[])?.config()?.to_owned();
    for rendering in renderings::all()? {
        let config = rendering.objects.config().with_context(|| rendering.name())?;
        ensure!(config == base, "{}: {config}", rendering.name());
    }
    Ok(())
}

#[test]
fn an_overlay_can_bring_a_file_of_its_own() -> Result<()> {
    let own = "configMapGenerator:\n- name: kubeskoop-config\n  behavior: replace\n  literals: ['config.yaml=port: 9102']\n";
    for resource in ["base", "overlays/plain", "overlays/kube-prometheus-stack"] {
        // A generator looks for what it replaces in the namespace it is in.
        let namespace = match resource {
            "base" => "",
            "overlays/plain" => "  namespace: kubeskoop\n",
            _ => "  namespace: monitoring\n",
        };
        let objects = render_with(resource, &[], &format!("{own}{namespace}"))?;
        assert_eq!(objects.config()?, "port: 9102", "{resource}");
        let mounted = &objects.pod_spec()?["volumes"][0]["configMap"]["name"];
        assert_eq!(mounted, "kubeskoop-config", "{resource}");
    }
    Ok(())
}

#[test]
fn the_kustomization_that_the_readme_shows_does_what_it_says() -> Result<()> {
    let readme = text("README.md")?;
    let (_, after) = readme
        .split_once("```yaml\n# kustomization.yaml")
        .context("the README shows none")?;
    let (shown, _) = after.split_once("```").context("no end")?;
    let directory = tempfile::Builder::new().tempdir_in(workspace_root()?.join("target"))?;
    let file = |name: &str| directory.path().join(name);
    let own = format!("#{}", shown.replace("../kubeskoop-exporter/", "../../"));
    std::fs::write(file("kustomization.yaml"), own)?;
    std::fs::write(file("config.yaml"), "interval: 10s\n")?;
    let objects = Objects::parse(&build(directory.path())?)?;
    let image = format!(
        "registry.example/kubeskoop-exporter:{}",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(objects.container()?["image"], image);
    assert_eq!(objects.config()?, "interval: 10s\n");
    assert_eq!(objects.pod_spec()?["priorityClassName"], "system-node-critical");
    for kind in ["ServiceMonitor", "PrometheusRule"] {
        assert_eq!(
            objects.one(kind)?["metadata"]["labels"]["release"],
            "my-release",
            "{kind}"
        );
    }
    Ok(())
}

#[test]
fn the_readme_tells_what_each_component_does() -> Result<()> {
    let readme = text("README.md")?;
    for component in COMPONENTS {
        ensure!(
            readme.contains(&format!("\n| `{component}` | ")),
            "nothing of {component}"
        );
    }
    Ok(())
}

#[test]
fn the_exporter_takes_it_without_a_word() -> Result<()> {
    let objects = renderings::of("base", &[])?;
    let in_force = check(objects.config()?, &[])?;
    assert_eq!(in_force["address"], ":9102");
    assert_eq!(in_force["kubernetes"]["enabled"], "true");
    Ok(())
}

#[test]
fn the_exporter_knows_every_argument() -> Result<()> {
    let mut all = BTreeSet::new();
    for rendering in renderings::all()? {
        let mut flags = rendering.objects.arguments()?.split_off(1);
        flags.retain(|flag| !flag.starts_with("--config="));
        all.insert(flags);
    }
    ensure!(all.len() > 3, "{all:?}");
    let objects = renderings::of("base", &[])?;
    for flags in all {
        let in_force = check(objects.config()?, &flags)?;
        let probes = in_force["metrics"]["probes"].as_array().context("no probes")?;
        for flag in flags {
            if let Some(probe) = flag.strip_prefix("--without-probe=") {
                ensure!(probes.iter().all(|it| it["name"] != probe), "{flag}: {probes:?}");
            }
        }
    }
    Ok(())
}

/// The configuration in force, if the exporter has nothing to say about the file and the flags.
fn check(config: &str, flags: &[String]) -> Result<Value> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), config)?;
    let mut command = Command::new(binary()?);
    command.args(flags).arg("check-config").arg(file.path());
    let ended = command.output().with_context(|| format!("{command:?}"))?;
    let said = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.success() && said.is_empty(), "{command:?}: {said}");
    Ok(serde_yaml::from_slice(&ended.stdout)?)
}
