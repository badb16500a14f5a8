//! The manifests, as `kubectl apply -k` would send them.

#[path = "kustomize/capabilities.rs"]
mod capabilities;
#[path = "kustomize/configuration.rs"]
mod configuration;
#[path = "kustomize/daemonset.rs"]
mod daemonset;
#[path = "kustomize/dashboards.rs"]
mod dashboards;
#[path = "kustomize/monitoring.rs"]
mod monitoring;
#[path = "kustomize/namespaces.rs"]
mod namespaces;
#[path = "kustomize/openshift.rs"]
mod openshift;
#[path = "kustomize/renderings.rs"]
mod renderings;
#[path = "kustomize/rules.rs"]
mod rules;
#[path = "kustomize/schemas.rs"]
mod schemas;
