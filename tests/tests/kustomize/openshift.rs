//! The component openshift.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use kubeskoop_exporter_tests::lab::kustomize::strings;
use serde_json::json;

use crate::renderings::{self, COMPONENTS};

#[test]
fn the_constraints_allow_what_the_daemonset_asks_for_and_no_more() -> Result<()> {
    let objects = renderings::of("base", &["openshift"])?;
    let constraints = objects.one("SecurityContextConstraints")?;
    let allowed: BTreeSet<String> = strings(&constraints["allowedCapabilities"])?
        .into_iter()
        .collect();
    assert_eq!(allowed, objects.capabilities()?.into_iter().collect());
    for (field, expected) in [
        ("allowHostPID", true),
        ("allowHostNetwork", true),
        ("allowHostPorts", true),
        ("allowHostIPC", false),
        ("allowPrivilegedContainer", false),
        ("allowPrivilegeEscalation", false),
        ("readOnlyRootFilesystem", true),
    ] {
        ensure!(constraints[field] == expected, "{field}: {}", constraints[field]);
    }
    assert_eq!(constraints["runAsUser"], json!({"type": "MustRunAs", "uid": 0}));
    assert_eq!(constraints["requiredDropCapabilities"], json!(["ALL"]));
    assert_eq!(constraints["seccompProfiles"], json!(["runtime/default"]));
    Ok(())
}

#[test]
fn the_constraints_allow_the_volumes_of_all_components() -> Result<()> {
    let objects = renderings::of("base", &COMPONENTS)?;
    let allowed = strings(&objects.one("SecurityContextConstraints")?["volumes"])?;
    for volume in objects.pod_spec()?["volumes"].as_array().into_iter().flatten() {
        let mut keys = volume.as_object().into_iter().flatten().map(|(key, _)| key);
        ensure!(
            keys.any(|key| allowed.contains(key)),
            "{volume} is not in {allowed:?}"
        );
    }
    // What holds the token of the ServiceAccount.
    ensure!(allowed.contains(&"projected".to_owned()), "{allowed:?}");
    Ok(())
}

#[test]
fn only_its_service_account_may_use_them_and_the_pod_asks_for_them() -> Result<()> {
    let objects = renderings::of("base", &["openshift"])?;
    let name = &objects.one("SecurityContextConstraints")?["metadata"]["name"];
    let rule = json!([{
        "apiGroups": ["security.openshift.io"],
        "resources": ["securitycontextconstraints"],
        "resourceNames": [name],
        "verbs": ["use"],
    }]);
    assert_eq!(objects.one("Role")?["rules"], rule);
    let binding = objects.one("RoleBinding")?;
    assert_eq!(
        binding["roleRef"]["name"],
        objects.one("Role")?["metadata"]["name"]
    );
    assert_eq!(
        binding["subjects"][0]["name"],
        objects.one("ServiceAccount")?["metadata"]["name"]
    );
    let annotations = &objects.one("DaemonSet")?["spec"]["template"]["metadata"]["annotations"];
    assert_eq!(annotations["openshift.io/required-scc"], *name);
    Ok(())
}
