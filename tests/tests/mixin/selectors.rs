//! Which series a query asks for.

use anyhow::Result;

use crate::findings::{finds, nothing};
use crate::model::Mixin;
use crate::queries::Home;

const JOB: &str = "kubeskoop-exporter";

#[test]
fn every_query_of_the_exporter_names_its_job() -> Result<()> {
    nothing(jobs)
}

/// A record has gone through a query of the exporter, and need not say it again.
pub fn jobs(mixin: &Mixin) -> Vec<String> {
    let mut found = Vec::new();
    for query in &mixin.queries {
        for selector in query.selectors() {
            let is_scraped = selector.name == "up" || mixin.labels.catalogue().find(selector.name).is_some();
            let chosen = query.home.is_of_dashboard() && selector.has_pattern("job", "$job");
            if is_scraped && !chosen && !selector.has("job", JOB) {
                found.push(query.finding(&format!("{} without job={JOB:?}", selector.name)));
            }
        }
    }
    found
}

#[test]
fn a_query_of_any_job_is_found() -> Result<()> {
    let good = "up{job=\"kubeskoop-exporter\"} + kubeskoop_tcp_outsegs{job=\"kubeskoop-exporter\"}";
    for bad in [
        "up",
        "kubeskoop_tcp_outsegs{job=~\".*\"}",
        "process_open_fds{job!=\"kubeskoop-exporter\"}",
    ] {
        finds(jobs, &Home::Alert, "without job=", bad, good)?;
    }
    Ok(())
}
