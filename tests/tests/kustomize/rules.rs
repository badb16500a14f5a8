//! The rules in `rules/`, for the Prometheus operator. What they are is tested in `tests/mixin.rs`.

use anyhow::Result;
use kubeskoop_exporter_tests::lab::files::text;
use serde_json::Value;

use crate::renderings;

#[test]
fn the_operator_is_given_the_rules() -> Result<()> {
    let objects = renderings::of("base", &["prometheus-operator"])?;
    let file: Value = serde_yaml::from_str(&text("rules/prometheusrule.yaml")?)?;
    assert_eq!(objects.one("PrometheusRule")?["spec"], file["spec"]);
    Ok(())
}
