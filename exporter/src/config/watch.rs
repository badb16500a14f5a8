//! Noticing that the configuration file has changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// Writers that write twice are read once.
const SETTLE: Duration = Duration::from_millis(100);
/// What inotify cannot see (a directory that appears, a network file system) is looked for this often.
const POLL: Duration = Duration::from_secs(1);

/// Watches one file. The watch is on the directories that lead to it: kubelet swaps a symbolic
/// link beside the file, and editors replace the file.
#[derive(Debug)]
pub struct FileWatch {
    path: PathBuf,
    watcher: Option<notify::RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
    events: mpsc::Receiver<()>,
    last: Option<Vec<u8>>,
}

impl FileWatch {
    /// Watches `path`, whose present contents are no change.
    pub fn new(path: &Path) -> Self {
        let (sender, events) = mpsc::channel(1);
        let notify = move |event: notify::Result<notify::Event>| {
            // Reading the file is an event too, and must not cause another reading.
            if event.map_or(true, |event| !event.kind.is_access()) {
                let _ = sender.try_send(());
            }
        };
        let watcher = notify::recommended_watcher(notify)
            .inspect_err(|error| tracing::warn!(%error, "the configuration file is polled: no inotify"))
            .ok();
        let mut watch = Self {
            path: path.to_owned(),
            watcher,
            watched: BTreeSet::new(),
            events,
            last: contents(path),
        };
        watch.follow();
        watch
    }

    /// Waits until the contents of the file have changed, or it has appeared or gone.
    pub async fn changed(&mut self) {
        loop {
            match tokio::time::timeout(POLL, self.events.recv()).await {
                Ok(Some(())) => tokio::time::sleep(SETTLE).await,
                // Without a watcher the channel is closed, and only polling is left.
                Ok(None) => tokio::time::sleep(POLL).await,
                Err(_) => {}
            }
            self.follow();
            let now = contents(&self.path);
            if now != self.last {
                self.last = now;
                return;
            }
        }
    }

    /// Watches the directories the path leads through now.
    fn follow(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        let real = self.path.canonicalize().ok();
        let wanted: BTreeSet<PathBuf> = [Some(self.path.clone()), real]
            .into_iter()
            .flatten()
            .filter_map(|path| Some(path.parent()?.to_owned()))
            .map(|parent| {
                if parent.as_os_str().is_empty() {
                    PathBuf::from(".")
                } else {
                    parent
                }
            })
            .filter(|parent| parent.is_dir())
            .collect();
        for gone in self.watched.difference(&wanted) {
            let _ = watcher.unwatch(gone);
        }
        for new in wanted.difference(&self.watched) {
            let _ = watcher.watch(new, RecursiveMode::NonRecursive);
        }
        self.watched = wanted;
    }
}

/// The contents of a file. Not of a pipe, which would be emptied, or waited for without end.
fn contents(path: &Path) -> Option<Vec<u8>> {
    let is_file = std::fs::metadata(path).is_ok_and(|it| it.is_file());
    is_file.then(|| std::fs::read(path).ok()).flatten()
}
