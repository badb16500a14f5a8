// TCP: connections, segments, listeners, memory. Of one scope; texts hold for a pod as for a node.
local panel = import '../../lib/panel.libsonnet';

function(scope) {
  listen: panel.timeseries(
    'Connections a listener dropped',
    'Overflow: the accept queue was full, so the server does not accept fast enough (a garbage collection, a stopped or throttled process, too few workers). Dropped holds overflows and all else that kept a listener from making a connection; clients see a time-out or a reset and try again after a second. Next: see whether the process stalls (receive queue, below or on the Pod dashboard); enlarge the backlog of listen() and net.core.somaxconn, or add workers (ss -lnt shows the queue).',
    'epm',
    [
      scope.perMinute('kubeskoop_tcpext_listenoverflows', 'accept queue full'),
      scope.perMinute('kubeskoop_tcpext_listendrops', 'dropped'),
    ],
  ),

  opened: panel.timeseries(
    'Connections opened',
    'Tried from here, and accepted here. Accepted falls to nothing while clients still come: the listener drops them, or they do not arrive. Tried jumps: connections are not kept, or are tried again since they fail. Next: look at failed connects and at dropped connections at the same moment.',
    'cps',
    [
      scope.perSecond('kubeskoop_tcp_activeopens', 'tried'),
      scope.perSecond('kubeskoop_tcp_passiveopens', 'accepted'),
    ],
  ),

  attemptFails: panel.timeseries(
    'Handshakes that failed',
    'Connections refused, timed out or reset before they were established, from here and to here. Behind a 502 it is mostly a connect to an upstream that is down. Next: name the upstream by its log (connect() failed), check the endpoints of its Service, and whether the SYN is answered at all (SYN sent again, packets dropped).',
    'epm',
    [scope.perMinute('kubeskoop_tcp_attemptfails', 'failed')],
  ),

  attemptFailsPart: panel.timeseries(
    'Handshakes that failed, of those tried',
    'Failed handshakes as a part of the connections tried from here; above 100 % where connections to here fail, too. A few per cent all the time: one of several upstreams is down. All of a sudden all: the upstream, its Service or a network policy. Next: get the address from the log of the client and try it from within the pod.',
    'percentunit',
    [scope.part('kubeskoop_tcp_attemptfails', ['kubeskoop_tcp_activeopens'], 'failed')],
  ),

  retransmissions: panel.timeseries(
    'Segments sent again, of segments sent',
    'Loss, or long delay, on the way to the peers or back. Under 1 % is common over the internet; within a data center it should be next to nothing. Next: only this pod, look at its drops and its peers; all pods of the node, look at the devices, backlogs and queueing disciplines on the Node dashboard; all nodes, the network.',
    'percentunit',
    [scope.part('kubeskoop_tcp_retranssegs', ['kubeskoop_tcp_outsegs'], 'sent again')],
  ),

  retransmissionKinds: panel.timeseries(
    'Segments sent again, by kind',
    'Handshake: SYN or SYN-ACK without an answer, the peer or the way to it is down. Fast: single losses, noticed at once. The rest, up to all, were sent by the timer after 200 ms and more, and is what users feel. Failed: the kernel could not send it again (no route, no memory). Next: handshake, try to reach the peer; failed, check routes and memory of the node.',
    'epm',
    [
      scope.perMinute('kubeskoop_tcp_retranssegs', 'all'),
      scope.perMinute('kubeskoop_tcpext_tcpsynretrans', 'handshake'),
      scope.perMinute('kubeskoop_tcpext_tcpfastretrans', 'fast'),
      scope.perMinute('kubeskoop_tcpext_tcpretransfail', 'failed'),
      scope.perMinute('kubeskoop_tcpretrans_total', 'all, as the BPF probe tcpretrans sees them'),
    ],
  ),

  retransFail: panel.timeseries(
    'Retransmissions that failed',
    'The kernel wanted to send a segment again and could not: no route any more, no memory, or the device refused it. The connection is about to time out. Next: check routes and the device (ip route get, ip -s link), then the memory of TCP on the Node dashboard.',
    'epm',
    [scope.perMinute('kubeskoop_tcpext_tcpretransfail', 'failed')],
  ),

  timeouts: panel.timeseries(
    'Retransmission timers that ran out',
    'No acknowledgement came in time, so the connection stood still for 200 ms and more. With the queues growing at once: the process here, or at the peer, does not run. Without: packets are lost. Next: if established connections go up and TIME_WAIT goes down at the same time, check CPU throttling of the cgroup (nr_throttled in cpu.stat); else look at packets dropped.',
    'epm',
    [scope.perMinute('kubeskoop_tcpext_tcptimeouts', 'timed out')],
  ),

  segments: panel.timeseries(
    'Segments',
    'Received and sent. It tells how much traffic the ratios of the other panels are made of, and whether the place serves at all. Next: if it falls while connections stay, look at the queues.',
    'pps',
    [
      scope.perSecond('kubeskoop_tcp_insegs', 'received'),
      scope.perSecond('kubeskoop_tcp_outsegs', 'sent'),
    ],
  ),

  segmentErrors: panel.timeseries(
    'Segments received in error',
    'Bad checksums or headers: damage on the way, or by a faulty offload of the device. Next: compare with receive errors of the devices; switch off offloads to see whether they are to blame (ethtool -K).',
    'epm',
    [scope.perMinute('kubeskoop_tcp_inerrs', 'in error')],
  ),

  drops: panel.timeseries(
    'Segments dropped at sockets',
    'Receive queue or backlog full, window closed: the application does not read. Memory: the kernel is short of it for TCP. Write queue too big: sends are refused since the peer does not acknowledge. Next: see whether the process runs (queues, CPU throttling); memory, see TCP memory on the Node dashboard and net.ipv4.tcp_mem.',
    'epm',
    [
      scope.perMinute('kubeskoop_tcpext_tcprcvqdrop', 'receive queue'),
      scope.perMinute('kubeskoop_tcpext_tcpbacklogdrop', 'backlog'),
      scope.perMinute('kubeskoop_tcpext_tcpzerowindowdrop', 'window closed'),
      scope.perMinute('kubeskoop_tcpext_pfmemallocdrop', 'memory'),
      scope.perMinute('kubeskoop_tcpext_tcpwqueuetoobig', 'write queue too big'),
    ],
  ),

  memoryPressure: panel.timeseries(
    'TCP memory pressure',
    'How often TCP ran short of memory, and how much of the time it was. Windows shrink, and connections may be reset (aborted for memory). Next: see TCP memory and orphans on the Node dashboard, compare with net.ipv4.tcp_mem (sysctl), and find who holds it by the queues of the pods.',
    'short',
    [
      scope.perMinute('kubeskoop_tcpext_tcpmemorypressures', 'times a minute'),
      scope.perSecond('kubeskoop_tcpext_tcpmemorypressureschrono', 'milliseconds a second'),
    ],
  ),

  probes: panel.timeseries(
    'Keepalives and window probes',
    'Keepalive: idle connections are checked. Window probe: the peer has closed its window, its application does not read. Next: many window probes, look at the peer; many keepalives followed by resets, connections are idle for longer than a NAT or load balancer on the way remembers them.',
    'epm',
    [
      scope.perMinute('kubeskoop_tcpext_tcpkeepalive', 'keepalive'),
      scope.perMinute('kubeskoop_tcpext_tcpwinprobe', 'window probe'),
    ],
  ),

  mtuProbes: panel.timeseries(
    'Path MTU probes',
    'Only where net.ipv4.tcp_mtu_probing is on. Failed ones mean that the path takes smaller packets than the device. Next: compare the MTU of pod, node and tunnel (ip link).',
    'epm',
    [
      scope.perMinute('kubeskoop_tcpext_tcpmtupsuccess', 'worked'),
      scope.perMinute('kubeskoop_tcpext_tcpmtupfail', 'failed'),
    ],
  ),
}
