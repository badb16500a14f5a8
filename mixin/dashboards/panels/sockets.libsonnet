// Connections by state, queues, sockets, and the processes behind them. Of one scope.
local panel = import '../../lib/panel.libsonnet';

function(scope) {
  queues: panel.timeseries(
    'Bytes waiting in queues',
    'Receive: what came and the application has not read. Send: what is written and not yet acknowledged by the peers. Receive grows: the process does not run, or does not read. Both grow together with timers running out: the process stalls, mostly throttled by its cgroup. Only send grows: the peer, or the way to it. Next: check nr_throttled in cpu.stat of the container, raise the CPU limit or allow CPU burst.',
    'bytes',
    [
      scope.now('kubeskoop_tcpsummary_tcprxqueue', 'receive'),
      scope.now('kubeskoop_tcpsummary_tcptxqueue', 'send'),
    ],
  ),

  states: panel.timeseries(
    'Connections by state',
    'Established up and TIME_WAIT down: connections are made and not finished, the process stalls. CLOSE_WAIT grows: the application does not close what the peer has closed, a leak. SYN_SENT: connects wait for an answer. SYN_RECV: handshakes wait for the client. TIME_WAIT high: many short connections are closed from here, so use keepalive. Next: ss -tan state in the network namespace tells the peers.',
    'short',
    [
      scope.now('kubeskoop_tcpsummary_tcpestablishedconn', 'established'),
      scope.now('kubeskoop_tcpsummary_tcptimewaitconn', 'TIME_WAIT'),
      scope.now('kubeskoop_tcpsummary_tcpclosewaitconn', 'CLOSE_WAIT'),
      scope.now('kubeskoop_tcpsummary_tcpsynsentconn', 'SYN_SENT'),
      scope.now('kubeskoop_tcpsummary_tcpsynrecvconn', 'SYN_RECV'),
    ],
  ),

  established: panel.timeseries(
    'Established, and in TIME_WAIT',
    'Established goes up while TIME_WAIT goes down: connections are made by the kernel and not worked off, so the process does not run. Both go up: more traffic. Established falls at once to little: the process was restarted, or an upstream is gone. Next: in the first case check CPU throttling (nr_throttled in cpu.stat); in the last the restarts of the pod.',
    'short',
    [
      scope.now('kubeskoop_tcpsummary_tcpestablishedconn', 'established'),
      scope.now('kubeskoop_tcpsummary_tcptimewaitconn', 'TIME_WAIT'),
    ],
  ),

  sockets: panel.timeseries(
    'TCP sockets',
    'In use: all that are not closed, listeners included. It grows without more traffic: the application leaks connections. Next: compare with CLOSE_WAIT, and count by peer (ss -tan).',
    'short',
    [
      scope.now('kubeskoop_sock_inuse', 'in use'),
      scope.now('kubeskoop_sock_tw', 'TIME_WAIT'),
      scope.now('kubeskoop_tcp_currestab', 'established or CLOSE_WAIT'),
    ],
  ),

  ioCalls: panel.timeseries(
    'Read and write calls',
    'Calls of the read and write family, of files and sockets alike. They stop while requests wait: the processes do not run or wait for something outside. They jump: more work, or smaller pieces. Next: if they stop, look at the queues and at CPU throttling; if bytes go on, the storage is slow.',
    'ops',
    [
      scope.perSecond('kubeskoop_io_readsyscall', 'read'),
      scope.perSecond('kubeskoop_io_writesyscall', 'write'),
    ],
  ),

  ioBytes: panel.timeseries(
    'Bytes of storage',
    'Bytes fetched from and sent to block devices. A burst just before the latency: the application waits for storage, not for the network. Next: look at the latency of the disk (iostat -x, the metrics of the cloud disk) and at throttling of its throughput.',
    'Bps',
    [
      scope.perSecond('kubeskoop_io_readbytes', 'read'),
      scope.perSecond('kubeskoop_io_writebytes', 'written'),
    ],
  ),

  files: panel.timeseries(
    'Open file descriptors (probe fd, off by default)',
    'All descriptors of the processes, and those that are sockets. A steady climb is a leak and ends in "too many open files", seen as refused connections. Next: compare with the limit (ulimit -n, /proc/PID/limits), restart the process, and find what it does not close (ls -l /proc/PID/fd).',
    'short',
    [
      scope.now('kubeskoop_fd_openfd', 'open'),
      scope.now('kubeskoop_fd_opensocket', 'sockets'),
    ],
  ),
}
