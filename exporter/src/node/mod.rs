//! Who is on this node: processes, their network namespaces, and whose they are.
//!
//! A scan gives one [`Entities`] snapshot, which is all that anything above knows of the node.

mod entities;
mod identity;
mod mounts;
mod pass;
mod pod_watch;
mod pods;
mod process;
mod processes;
mod scanner;

pub use entities::{Entities, Entity, EntityKind, EntityProcess, OtherProcess, PodCounts, ScanProblem};
pub use pass::is_in;
pub use pod_watch::{PodNames, PodWatch, WatchSettings, WatchStatus, is_in_cluster};
pub use pods::{Naming, Pod, Pods};
pub use scanner::Scanner;
