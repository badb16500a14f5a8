//! TCP connections by state and what waits in their queues: by the passes over all tasks and all
//! open files, else by `sock_diag` in each namespace.

use super::{NodeProbe, NodeView, Pass, Probe, ProbeError, ProbeSpec, Rows, Seen};
use crate::kernel::bpf::Place;
use crate::kernel::procfs::pairs::Pairs;
use crate::kernel::procfs::{NetFile, NetnsFiles, NetnsReader, ParseError, ProcFs};
use crate::kernel::sock_diag::TcpDump;
use crate::kernel::tcp::TcpSummary;
use crate::kernel::visit::Visitor;
use crate::metrics::{Metric, Source};
use crate::node::Entity;

pub static PROBE: ProbeSpec = ProbeSpec {
    name: "tcpsummary",
    older_names: &[],
    default: true,
    about: "TCP connections by state, and the bytes that wait in the queues of the established ones",
    args: &[],
    metrics: METRICS,
    build: |_| Ok(Probe::node(TcpSummaries::default())),
};

const NOT_HERE: &str = "this kernel has no tcp_diag, which shows the connections of a namespace";

const STATES: &str = "sk_state of the sockets that descriptors lead to and of those in accept queues (BPF); \
                      sock_diag TCPDIAG_GETSOCK, idiag_state";
const TIME_WAIT: &str = "tcp_death_row.tw_refcount (BPF); sock_diag TCPDIAG_GETSOCK, idiag_timer 3";
const SYN_RECV: &str = "icsk_accept_queue.qlen (BPF); sock_diag TCPDIAG_GETSOCK, idiag_state";
const TX_QUEUE: &str = "write_seq - snd_una (BPF); sock_diag TCPDIAG_GETSOCK, idiag_wqueue";
const RX_QUEUE: &str = "rcv_nxt - copied_seq (BPF); sock_diag TCPDIAG_GETSOCK, idiag_rqueue";

const METRICS: &[Metric] = &[
    Metric::gauge(
        "kubeskoop_tcpsummary_tcpestablishedconn",
        "connections",
        "TCP sockets in ESTABLISHED",
        Source::Other(STATES),
    ),
    Metric::gauge(
        "kubeskoop_tcpsummary_tcptimewaitconn",
        "connections",
        "TCP sockets in TIME_WAIT, also those closed ones whose peer is still to close (FIN_WAIT_2)",
        Source::Other(TIME_WAIT),
    ),
    Metric::gauge(
        "kubeskoop_tcpsummary_tcpclosewaitconn",
        "connections",
        "TCP sockets in CLOSE_WAIT",
        Source::Other(STATES),
    ),
    Metric::gauge(
        "kubeskoop_tcpsummary_tcpsynsentconn",
        "connections",
        "TCP sockets in SYN_SENT",
        Source::Other(STATES),
    ),
    Metric::gauge(
        "kubeskoop_tcpsummary_tcpsynrecvconn",
        "connections",
        "TCP sockets in SYN_RECV",
        Source::Other(SYN_RECV),
    ),
    Metric::gauge(
        "kubeskoop_tcpsummary_tcptxqueue",
        "bytes",
        "Bytes written but not yet acknowledged, summed over ESTABLISHED sockets",
        Source::Other(TX_QUEUE),
    ),
    Metric::gauge(
        "kubeskoop_tcpsummary_tcprxqueue",
        "bytes",
        "Bytes received but not yet read by the application, summed over ESTABLISHED sockets",
        Source::Other(RX_QUEUE),
    ),
];

fn row_of(summary: &TcpSummary) -> [u64; METRICS.len()] {
    [
        summary.established,
        summary.time_wait,
        summary.close_wait,
        summary.syn_sent,
        summary.syn_recv,
        summary.tx_queue,
        summary.rx_queue,
    ]
}

#[derive(Debug, Default)]
struct TcpSummaries {
    netlink: ByNetlink,
    is_by_pass: bool,
}

impl NodeProbe for TcpSummaries {
    fn source(&self) -> &'static str {
        if self.is_by_pass { "bpf" } else { "netlink" }
    }

    fn pass(&self) -> Option<Pass> {
        Some(Pass::Files)
    }

    fn collect(&mut self, node: &NodeView<'_>, rows: &mut Rows) -> Result<(), ProbeError> {
        self.is_by_pass = node.seen.files.is_some();
        rows.without_room = node.seen.files.as_ref().map_or(0, |files| files.without_room);
        let visitor = Visitor::new(node.procfs).map_err(|error| ProbeError::Netlink {
            question: "the own network namespace",
            reason: error.to_string(),
        })?;
        for (index, entity) in node.entities.with_netns() {
            let by_pass = by_pass(node.seen, entity);
            let summary = match by_pass.map_or_else(
                || self.netlink.summary(node.procfs, &visitor, entity),
                |summary| Ok(Some(summary)),
            ) {
                Ok(Some(summary)) => Ok(summary),
                // The namespace has gone since the scan.
                Ok(None) => continue,
                Err(error @ ProbeError::NotApplicable(_)) => {
                    // Zeros of namespaces that were not asked would look as if it did apply.
                    *rows = Rows::new(rows.spec, node.entities.exported.len());
                    return Err(error);
                }
                Err(error) => Err(error),
            };
            // What went wrong is noted with the entity; the next one is asked all the same.
            let _ = rows.fill(index, entity, |row| {
                row.copy_from_slice(&row_of(&summary?).map(Some));
                Ok(())
            });
        }
        Ok(())
    }
}

/// What the passes saw of a namespace; none if no task is in it.
fn by_pass(seen: &Seen, entity: &Entity) -> Option<TcpSummary> {
    let (tasks, files) = (seen.tasks.as_ref()?, seen.files.as_ref()?);
    let cookie = entity.cookie?;
    let time_wait = tasks.netns.get(&cookie)?.number(Place::TimeWait)?;
    Some(TcpSummary {
        time_wait,
        ..files.tcp(cookie)?
    })
}

/// Asks in each namespace that has TCP sockets.
#[derive(Debug, Default)]
struct ByNetlink {
    dump: TcpDump,
    sockstat: Sockstat,
}

impl ByNetlink {
    /// The connections of a namespace; none if it has gone.
    fn summary(
        &mut self,
        procfs: &ProcFs,
        visitor: &Visitor<'_>,
        entity: &Entity,
    ) -> Result<Option<TcpSummary>, ProbeError> {
        let verdict = self.sockstat.verdict(procfs, &entity.readers, entity.inode);
        if verdict == Some(false) {
            return Ok(Some(TcpSummary::default()));
        }
        let within = || {
            let own = [NetnsReader::Task("thread-self".into())];
            // A namespace without a process shows its files only to those within.
            if verdict.is_none()
                && self.sockstat.verdict(&ProcFs::default(), &own, entity.inode) == Some(false)
            {
                return Ok(TcpSummary::default());
            }
            self.dump.summary().map_err(|error| asked(&error))
        };
        visitor.visit(&entity.readers, entity.inode, within)?.transpose()
    }
}

fn asked(error: &std::io::Error) -> ProbeError {
    if error.kind() == std::io::ErrorKind::NotFound {
        return ProbeError::NotApplicable(NOT_HERE.into());
    }
    ProbeError::Netlink {
        question: "TCPDIAG_GETSOCK",
        reason: error.to_string(),
    }
}

/// Tells by two cheap files which namespaces need not be asked: those without a single TCP socket.
/// One that only listens may have connections that nobody has accepted yet, or that are still
/// shaking hands, which no file counts.
#[derive(Debug)]
struct Sockstat {
    files: NetnsFiles,
    ipv4: Pairs,
    ipv6: Pairs,
}

impl Default for Sockstat {
    fn default() -> Self {
        Self {
            files: NetnsFiles::default(),
            // The kernel counts TIME_WAIT of both families together.
            ipv4: Pairs::new([("inuse", 0), ("tw", 0)]),
            ipv6: Pairs::new([("inuse", 0)]),
        }
    }
}

impl Sockstat {
    /// Whether the namespace has TCP sockets; none if no task that was there still is.
    fn verdict(&mut self, procfs: &ProcFs, readers: &[NetnsReader], inode: u64) -> Option<bool> {
        readers.iter().find_map(|reader| match reader {
            NetnsReader::Task(task) => self.verdict_by(procfs, reader, task, inode),
            NetnsReader::Mount(_) => None,
        })
    }

    fn verdict_by(&mut self, procfs: &ProcFs, reader: &NetnsReader, task: &str, inode: u64) -> Option<bool> {
        let has_tcp = self.sockets(procfs, reader, inode, NetFile::Sockstat)? > 0
            || self.sockets(procfs, reader, inode, NetFile::Sockstat6)? > 0;
        // The task may have moved on meanwhile, to where it is otherwise.
        let seen = procfs.namespace_inode(&format!("{task}/ns/net")).ok()?;
        (seen == inode).then_some(has_tcp)
    }

    fn sockets(&mut self, procfs: &ProcFs, reader: &NetnsReader, inode: u64, file: NetFile) -> Option<u64> {
        self.files.load(procfs, reader, inode, &[file]).ok()?;
        let text = match self.files.text(file) {
            Ok(text) => text,
            // A kernel without IPv6.
            Err(_) if file == NetFile::Sockstat6 => return Some(0),
            Err(_) => return None,
        };
        self.count(file, text).ok()
    }

    fn count(&self, file: NetFile, text: &[u8]) -> Result<u64, ParseError> {
        let mut sum = [Some(0)];
        match file {
            NetFile::Sockstat6 => self.ipv6.read_section("TCP6", text, &mut sum)?,
            _ => self.ipv4.read_section("TCP", text, &mut sum)?,
        }
        Ok(sum[0].unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(file: NetFile, text: &str) -> u64 {
        Sockstat::default()
            .count(file, text.as_bytes())
            .expect("readable")
    }

    #[test]
    fn sockets_in_use_and_in_time_wait_are_sockets() {
        let text = |inuse, tw| {
            format!("sockets: used 9\nTCP: inuse {inuse} orphan 5 tw {tw} alloc 7 mem 3\nUDP: inuse 4\n")
        };
        assert_eq!(count(NetFile::Sockstat, &text(0, 0)), 0);
        assert_eq!(count(NetFile::Sockstat, &text(1, 0)), 1);
        assert_eq!(count(NetFile::Sockstat, &text(0, 2)), 2);
        assert_eq!(count(NetFile::Sockstat6, "TCP6: inuse 3\nUDP6: inuse 1\n"), 3);
    }

    #[test]
    fn a_file_that_is_not_understood_does_not_keep_from_asking() {
        let sockstat = Sockstat::default();
        assert!(sockstat.count(NetFile::Sockstat, b"UDP: inuse 4\n").is_err());
    }
}
