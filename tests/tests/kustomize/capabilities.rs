//! What the container may do, and what it is told to leave.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use kubeskoop_exporter_tests::lab::files::text;
use kubeskoop_exporter_tests::lab::kustomize::{render, strings};
use serde_json::json;

use crate::renderings::{self, Rendering};

/// Of the base.
const CAPABILITIES: [&str; 6] = [
    "BPF",
    "PERFMON",
    "SYSLOG",
    "SYS_PTRACE",
    "DAC_READ_SEARCH",
    "SYS_ADMIN",
];

fn expected_capabilities(rendering: &Rendering) -> BTreeSet<&'static str> {
    let mut expected = BTreeSet::from(CAPABILITIES);
    if rendering.has("minimal-privilege") {
        expected.remove("SYS_ADMIN");
    }
    if rendering.has("no-bpf") {
        expected.retain(|name| !["BPF", "PERFMON", "SYSLOG"].contains(name));
    }
    expected
}

fn expected_arguments(rendering: &Rendering) -> BTreeSet<&'static str> {
    let mut expected = BTreeSet::from(["serve", "--config=/etc/config/config.yaml"]);
    if rendering.has("minimal-privilege") {
        expected.insert("--without-probe=qdisc");
    }
    if rendering.has("no-bpf") {
        expected.insert("--no-bpf");
    }
    // Without passes it takes setns, too.
    if rendering.has("minimal-privilege") && rendering.has("no-bpf") {
        expected.insert("--without-probe=tcpsummary");
    }
    expected
}

#[test]
fn capabilities_are_exactly_those_that_the_components_leave() -> Result<()> {
    for rendering in renderings::all()? {
        let capabilities = rendering.objects.capabilities()?;
        let set: BTreeSet<&str> = capabilities.iter().map(String::as_str).collect();
        let expected = expected_capabilities(rendering);
        ensure!(
            set == expected && set.len() == capabilities.len(),
            "{}: {capabilities:?} instead of {expected:?}",
            rendering.name()
        );
        let dropped = strings(&rendering.objects.security_context()?["capabilities"]["drop"])?;
        ensure!(dropped == ["ALL"], "{}: {dropped:?}", rendering.name());
    }
    Ok(())
}

#[test]
fn arguments_are_the_union_of_what_the_components_add() -> Result<()> {
    for rendering in renderings::all()? {
        let arguments = rendering.objects.arguments()?;
        let set: BTreeSet<&str> = arguments.iter().map(String::as_str).collect();
        let expected = expected_arguments(rendering);
        ensure!(
            set == expected && set.len() == arguments.len(),
            "{}: {arguments:?} instead of {expected:?}",
            rendering.name()
        );
        ensure!(arguments[0] == "serve", "{}: {arguments:?}", rendering.name());
    }
    Ok(())
}

#[test]
fn components_that_take_privileges_combine_in_both_orders() -> Result<()> {
    for components in [["minimal-privilege", "no-bpf"], ["no-bpf", "minimal-privilege"]] {
        let objects = render("base", &components)?;
        assert_eq!(
            objects.capabilities()?,
            ["SYS_PTRACE", "DAC_READ_SEARCH"],
            "{components:?}"
        );
        let arguments = objects.arguments()?;
        let added: BTreeSet<&str> = arguments[2..].iter().map(String::as_str).collect();
        let expected = ["--no-bpf", "--without-probe=qdisc", "--without-probe=tcpsummary"];
        assert_eq!(added, expected.into(), "{components:?}");
    }
    Ok(())
}

#[test]
fn the_container_has_no_privilege_beside_its_capabilities() -> Result<()> {
    for rendering in renderings::all()? {
        let mut context = rendering.objects.security_context()?.clone();
        let fields = context.as_object_mut().expect("an object");
        fields.remove("capabilities");
        let mut expected = json!({
            "runAsUser": 0,
            "runAsGroup": 0,
            "privileged": false,
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
        });
        if rendering.has("openshift") {
            expected["seLinuxOptions"] = json!({"type": "spc_t"});
        }
        if rendering.has("apparmor-field") {
            expected["appArmorProfile"] = json!({"type": "Unconfined"});
        }
        ensure!(context == expected, "{}: {context}", rendering.name());
        let pod = rendering.objects.pod_spec()?;
        let of_pod = json!({"seccompProfile": {"type": "RuntimeDefault"}});
        ensure!(pod["securityContext"] == of_pod, "{}: {pod}", rendering.name());
    }
    Ok(())
}

#[test]
fn apparmor_does_not_confine_the_container() -> Result<()> {
    for rendering in renderings::all()? {
        let name = rendering.objects.container()?["name"]
            .as_str()
            .unwrap_or_default();
        let annotations = &rendering.objects.one("DaemonSet")?["spec"]["template"]["metadata"]["annotations"];
        let profile = &annotations[format!("container.apparmor.security.beta.kubernetes.io/{name}")];
        ensure!(profile == "unconfined", "{}: {annotations}", rendering.name());
    }
    Ok(())
}

#[test]
fn each_capability_has_a_comment_that_says_what_needs_it() -> Result<()> {
    let manifest = text("deploy/kustomize/base/daemonset.yaml")?;
    let lines: Vec<&str> = manifest.lines().map(str::trim).collect();
    for name in CAPABILITIES {
        let line = lines.iter().position(|line| *line == format!("- {name}"));
        let before = line.and_then(|line| lines.get(line.wrapping_sub(1)));
        ensure!(
            before.is_some_and(|line| line.starts_with("# ")),
            "{name} stands after {before:?}"
        );
    }
    Ok(())
}
