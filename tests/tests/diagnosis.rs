//! The mixin from end to end: faults of pods, an exporter, a Prometheus with the shipped rules and an
//! Alertmanager, all of them real. One site serves all tests, since the faults take their time.

use std::env;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use anyhow::Result;
use libtest_mimic::{Arguments, Trial};
use site::Site;

#[path = "diagnosis/alerts.rs"]
mod alerts;
#[path = "diagnosis/chosen.rs"]
mod chosen;
#[path = "diagnosis/dashboards.rs"]
mod dashboards;
#[path = "diagnosis/faults.rs"]
mod faults;
#[path = "diagnosis/pictures.rs"]
mod pictures;
#[path = "diagnosis/place.rs"]
mod place;
#[path = "diagnosis/site.rs"]
mod site;

type Test = fn(&Site) -> Result<()>;
type Shared = Arc<OnceLock<Result<Site, String>>>;

const TESTS: &[(&str, Test)] = &[
    (
        "the_alert_of_each_fault_arrives_with_the_names_of_its_pod",
        alerts::of_each_fault_arrive_with_the_names_of_its_pod,
    ),
    (
        "on_a_plain_host_the_alert_of_each_fault_names_its_network_namespace",
        alerts::on_a_plain_host_name_the_network_namespace,
    ),
    (
        "of_a_pod_with_a_fault_no_other_cause_is_told_and_of_a_healthy_pod_none",
        alerts::are_of_the_cause_alone,
    ),
    (
        "that_connections_are_reset_is_inhibited_beside_the_cause",
        alerts::of_resets_keep_quiet_beside_their_cause,
    ),
    (
        "each_rule_is_evaluated_without_an_error",
        alerts::and_records_are_evaluated_without_an_error,
    ),
    (
        "each_query_of_each_dashboard_is_answered",
        dashboards::all_queries_are_answered,
    ),
    (
        "no_panel_of_the_guide_of_a_fault_is_empty",
        dashboards::no_panel_of_a_guide_is_empty,
    ),
];

fn main() -> ExitCode {
    let site: Shared = Arc::default();
    let trial = |(name, test): (&str, Test)| {
        let site = Arc::clone(&site);
        Trial::test(name, move || {
            let started = site.get_or_init(|| Site::start().map_err(|error| format!("{error:?}")));
            let site = started.as_ref()?;
            Ok(test(site).map_err(|error| format!("{error:?}"))?)
        })
    };
    // No test, but `make screenshots`, which needs the same site.
    let asked_for = env::var_os("KSK_PICTURES").is_some();
    let pictures = asked_for.then(|| trial(("pictures", pictures::are_drawn)));
    let trials = TESTS.iter().copied().map(trial).chain(pictures);
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials.collect());
    // The site ends with its last owner, which is this function.
    conclusion.exit_code()
}
