//! The command line: what it prints, how it ends, and whether a person can act on what it says.

#[path = "cli/check_config.rs"]
mod check_config;
#[path = "cli/failures.rs"]
mod failures;
#[path = "cli/generations.rs"]
mod generations;
#[path = "cli/list.rs"]
mod list;
#[path = "cli/nobody.rs"]
mod nobody;
#[path = "cli/run.rs"]
mod run;
