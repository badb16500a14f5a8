//! What an alert says beside its expression.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use kubeskoop_exporter_tests::lab::files::text;
use kubeskoop_exporter_tests::lab::tools::workspace_root;
use serde_json::json;

use crate::findings::nothing;
use crate::model::{Alert, Mixin};

/// The only alert that pages: nothing is known of any node.
const CRITICAL: &str = "KubeSkoopExporterDown";

#[test]
fn every_alert_waits_and_says_what_where_and_how_much() -> Result<()> {
    nothing(annotations)
}

#[test]
fn every_alert_has_a_runbook_of_its_own_and_every_runbook_an_alert() -> Result<()> {
    nothing(runbooks)?;
    let alerts: BTreeSet<&str> = Mixin::committed()?
        .alerts
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    for entry in workspace_root()?.join("mixin/runbooks").read_dir()? {
        let file = entry?.file_name().to_string_lossy().into_owned();
        let alert = file.strip_suffix(".md").unwrap_or(&file);
        ensure!(
            alert == "README" || alerts.contains(alert),
            "{file} is of no alert"
        );
    }
    Ok(())
}

#[test]
fn severities_are_three_and_only_a_missing_exporter_is_critical() -> Result<()> {
    nothing(severities)
}

fn of_each(mixin: &Mixin, wrong: impl Fn(&Alert) -> Vec<String>) -> Vec<String> {
    let mut names = BTreeSet::new();
    let mut found = Vec::new();
    for alert in &mixin.alerts {
        if !names.insert(&alert.name) {
            found.push(format!("{}: its name is taken", alert.place));
        }
        found.extend(
            wrong(alert)
                .into_iter()
                .map(|it| format!("{}: {it}", alert.place)),
        );
    }
    found
}

pub fn annotations(mixin: &Mixin) -> Vec<String> {
    of_each(mixin, |alert| {
        let mut wrong = Vec::new();
        if !alert.name.starts_with("KubeSkoop") {
            wrong.push("its name does not begin with KubeSkoop".to_owned());
        }
        if !alert.model["for"].is_string() {
            wrong.push("no for".to_owned());
        }
        let text = |name: &str| alert.model["annotations"][name].as_str().unwrap_or_default();
        for name in ["summary", "description"] {
            let text = text(name);
            if !text.ends_with('.') || text.len() < 15 {
                wrong.push(format!("{name} is no sentence: {text:?}"));
            }
        }
        if text("summary").contains("{{") {
            wrong.push("its summary is not the same for all".to_owned());
        }
        // Of series that are not there nothing can be told.
        if alert.name != CRITICAL && !text("description").contains("{{ $labels.") {
            wrong.push("its description does not say where".to_owned());
        }
        wrong
    })
}

pub fn runbooks(mixin: &Mixin) -> Vec<String> {
    of_each(mixin, |alert| {
        let url = alert.model["annotations"]["runbook_url"]
            .as_str()
            .unwrap_or_default();
        let file = format!("mixin/runbooks/{}.md", alert.name);
        let page = text(&file);
        let mut wrong = Vec::new();
        if !url.starts_with("https://") || !url.ends_with(&file) {
            wrong.push(format!("runbook_url {url:?} is not of {file}"));
        }
        match page {
            Err(error) => wrong.push(format!("{error:#}")),
            Ok(page) if !page.contains("```promql\n") => {
                wrong.push(format!("{file} has no query to confirm it by"));
            }
            Ok(_) => {}
        }
        wrong
    })
}

pub fn severities(mixin: &Mixin) -> Vec<String> {
    of_each(mixin, |alert| {
        let severity = alert.model["labels"]["severity"].as_str().unwrap_or_default();
        let allowed: &[&str] = match alert.name.as_str() {
            CRITICAL => &["critical"],
            _ => &["warning", "info"],
        };
        let wrong = Some(severity).filter(|it| !allowed.contains(it));
        wrong.map(|it| format!("severity {it:?}")).into_iter().collect()
    })
}

#[test]
fn an_alert_that_says_too_little_is_found() -> Result<()> {
    let mut mixin = Mixin::read()?;
    mixin.alerts = vec![Alert {
        place: "here".to_owned(),
        name: "KubeSkoopOther".to_owned(),
        model: json!({"labels": {"severity": "critical"}, "annotations": {
            "summary": "It is {{ $value }}.", "description": "Something is somewhere.", "runbook_url": "https://a/b.md"
        }}),
    }];
    for (check, count) in [
        (annotations as crate::findings::Check, 3),
        (runbooks, 2),
        (severities, 1),
    ] {
        let found = check(&mixin);
        ensure!(found.len() == count, "{found:?}");
    }
    Ok(())
}
