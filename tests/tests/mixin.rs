//! The mixin: its rules, dashboards and runbooks, as they are committed and as other settings render them.

#[path = "mixin/alerts.rs"]
mod alerts;
#[path = "mixin/catalogue.rs"]
mod catalogue;
#[path = "mixin/dashboards.rs"]
mod dashboards;
#[path = "mixin/findings.rs"]
mod findings;
#[path = "mixin/guides.rs"]
mod guides;
#[path = "mixin/host.rs"]
mod host;
#[path = "mixin/inhibition.rs"]
mod inhibition;
#[path = "mixin/labels.rs"]
mod labels;
#[path = "mixin/levels.rs"]
mod levels;
#[path = "mixin/links.rs"]
mod links;
#[path = "mixin/model.rs"]
mod model;
#[path = "mixin/names.rs"]
mod names;
#[path = "mixin/panels.rs"]
mod panels;
#[path = "mixin/promtool.rs"]
mod promtool;
#[path = "mixin/queries.rs"]
mod queries;
#[path = "mixin/readme.rs"]
mod readme;
#[path = "mixin/renderings.rs"]
mod renderings;
#[path = "mixin/schema.rs"]
mod schema;
#[path = "mixin/selectors.rs"]
mod selectors;
#[path = "mixin/series.rs"]
mod series;
