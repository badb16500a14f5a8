// Devices, queueing disciplines, drops, IP. Of one scope.
local panel = import '../../lib/panel.libsonnet';

function(scope) {
  bits: panel.timeseries(
    'Traffic',
    'Bits a second of the network devices without loopback; of a node, of its hardware devices. Flat at the top: the limit of the device, of the instance type, or of a bandwidth annotation of the pod. Next: if it is a limit, look at drops and backlog of queueing disciplines.',
    'bps',
    [
      scope.perSecond('kubeskoop_netdev_rxbytes', 'received', 8),
      scope.perSecond('kubeskoop_netdev_txbytes', 'sent', 8),
    ],
  ),

  packets: panel.timeseries(
    'Packets',
    'Packets a second of the network devices. Many packets with few bits: small packets, which cost as much CPU as large ones, and instance types have limits for them, too. Next: compare with the limit of the instance type and with CPU backlogs.',
    'pps',
    [
      scope.perSecond('kubeskoop_netdev_rxpackets', 'received'),
      scope.perSecond('kubeskoop_netdev_txpackets', 'sent'),
    ],
  ),

  deviceDrops: panel.timeseries(
    'Packets the devices dropped',
    'Received and dropped: the ring or the CPU does not keep up, or a frame nobody wants (unknown protocols count here on some devices). Sent and dropped: the queue is full, or the other end of a veth pair is down. Errors: the driver or the cable. Next: ethtool -S tells which counter of the driver it is; enlarge the ring (ethtool -G) if it overflows.',
    'epm',
    [
      scope.perMinute('kubeskoop_netdev_rxdropped', 'received and dropped'),
      scope.perMinute('kubeskoop_netdev_txdropped', 'sent and dropped'),
      scope.perMinute('kubeskoop_netdev_rxerrors', 'receive errors'),
      scope.perMinute('kubeskoop_netdev_txerrors', 'transmit errors'),
    ],
  ),

  deviceDropsPart: panel.timeseries(
    'Dropped by devices, of packets',
    'Below 0.1 % users hardly notice; above, TCP slows down and UDP loses. Next: see which direction it is. Received: CPU backlogs and the ring. Sent: the queueing discipline and bandwidth limits.',
    'percentunit',
    [
      scope.part('kubeskoop_netdev_rxdropped', ['kubeskoop_netdev_rxpackets', 'kubeskoop_netdev_rxdropped'], 'received'),
      scope.part('kubeskoop_netdev_txdropped', ['kubeskoop_netdev_txpackets', 'kubeskoop_netdev_txdropped'], 'sent'),
    ],
  ),

  loss: panel.timeseries(
    'Packets the kernel dropped',
    'All; those dropped for a reason other than being malformed (abnormal); and those that rules of a firewall or a network policy dropped. A few all the time are common. Next: see the reasons beside; if it is the firewall, list the rules with counters (nft list ruleset, iptables-save -c) and the network policies of the namespace.',
    'epm',
    [
      scope.perMinute('kubeskoop_packetloss_total', 'all'),
      scope.perMinute('kubeskoop_packetloss_abnormal', 'abnormal'),
      scope.perMinute('kubeskoop_packetloss_netfilter', 'firewall'),
    ],
  ),

  reasons: panel.top(
    'Packets dropped, by reason',
    'The reasons of the kernel, the most frequent ones. NO_SOCKET: nobody listens, or the reply came too late. NETFILTER_DROP: a firewall or network policy. SOCKET_RCVBUFF, TCP_LISTEN_OVERFLOW, SOCKET_BACKLOG: the application does not keep up. QDISC_DROP: a queue is full. CPU_BACKLOG: the node does not keep up. NEIGH_FAILED: the next hop does not answer. Some are routine and no loss. Next: docs/metrics.md says what each means and which are routine.',
    'epm',
    [scope.perMinuteBy('reason', 'kubeskoop_packetloss_drops_total')],
  ),

  noSocket: panel.timeseries(
    'No socket, of all drops',
    'Packets dropped since nobody listens (reason NO_SOCKET) beside all packets dropped. Both step up by the same small number whenever a name times out: the late reply. NO_SOCKET counts TCP segments, too. All steps up alone: the reply was dropped for another reason. Next: in the first case look at the DNS server; in the second at the drops by reason.',
    'epm',
    [
      scope.perMinute('kubeskoop_packetloss_total', 'all'),
      scope.perMinute('kubeskoop_packetloss_drops_total', 'no socket', ',reason="NO_SOCKET"'),
    ],
  ),

  qdiscDrops: panel.timeseries(
    'Queueing disciplines: dropped, held back',
    'Dropped: the queue of a device was full. Held back: a shaper delays packets, mostly a bandwidth limit of the pod or the instance. Next: tc -s qdisc shows which device; raise the limit, or find who sends so much.',
    'epm',
    [
      scope.perMinute('kubeskoop_qdisc_drops', 'dropped'),
      scope.perMinute('kubeskoop_qdisc_overlimits', 'held back'),
    ],
  ),

  qdiscBacklog: panel.timeseries(
    'Queueing disciplines: bytes waiting',
    'Bytes in the queues of the devices. It should be about nothing; what stays adds to the latency of every packet behind it. Next: divide it by the bandwidth to have the delay; find who sends, or give latency-sensitive traffic a queue of its own (fq, fq_codel).',
    'bytes',
    [scope.now('kubeskoop_qdisc_backlog', 'waiting')],
  ),

  qdiscLength: panel.timeseries(
    'Queueing disciplines: packets waiting',
    'Packets in the queues of the devices, the same as the bytes waiting. Close to the length of the queue (1000 unless set otherwise) the next step is drops. Next: see the drops.',
    'short',
    [scope.now('kubeskoop_qdisc_qlen', 'waiting')],
  ),

  qdiscTraffic: panel.timeseries(
    'Queueing disciplines: passed',
    'Packets that went through the queues. Zero with traffic on the device: it has no queue (noqueue, common for veth). Next: nothing, it is what drops are to be compared with.',
    'pps',
    [scope.perSecond('kubeskoop_qdisc_packets', 'passed')],
  ),

  qdiscBits: panel.timeseries(
    'Queueing disciplines: bits passed',
    'Bits that went through the queues: what the devices were given to send. Less than it used to be while bytes wait: a limit holds them back. Next: tc -s qdisc.',
    'bps',
    [scope.perSecond('kubeskoop_qdisc_bytes', 'passed', 8)],
  ),

  ip: panel.timeseries(
    'IP packets (probe ip, off by default)',
    'Received, delivered to sockets, forwarded, and sent. Received without delivered or forwarded: they are lost in between. Next: see the panel beside.',
    'pps',
    [
      scope.perSecond('kubeskoop_ip_inreceives', 'received'),
      scope.perSecond('kubeskoop_ip_indelivers', 'delivered'),
      scope.perSecond('kubeskoop_ip_forwdatagrams', 'forwarded'),
      scope.perSecond('kubeskoop_ip_outrequests', 'sent'),
    ],
  ),

  ipLoss: panel.timeseries(
    'IP packets lost (probe ip, off by default)',
    'No route: a route is missing. Address: not for this host, and not to be forwarded. Header: damaged, or the time to live ran out, as in a routing loop. Discarded: no resources. Protocol: one that nobody here speaks. Next: no route and address, check routes of the node and of the network plug-in (ip route).',
    'epm',
    [
      scope.perMinute('kubeskoop_ip_outnoroutes', 'no route'),
      scope.perMinute('kubeskoop_ip_inaddrerrors', 'address'),
      scope.perMinute('kubeskoop_ip_inhdrerrors', 'header'),
      scope.perMinute('kubeskoop_ip_indiscards', 'discarded on receive'),
      scope.perMinute('kubeskoop_ip_outdiscards', 'discarded on send'),
      scope.perMinute('kubeskoop_ip_inunknownprotos', 'protocol'),
    ],
  ),

  ipFragments: panel.timeseries(
    'Fragments (probe ip, off by default)',
    'Packets split and put together. Failed: too large and not to be split, or pieces are missing; large UDP replies (DNS) get lost so. Next: compare the MTU of pod, node and tunnel (ip link); lower the EDNS buffer size of DNS to 1232.',
    'epm',
    [
      scope.perMinute('kubeskoop_ip_fragoks', 'split'),
      scope.perMinute('kubeskoop_ip_fragcreates', 'pieces made'),
      scope.perMinute('kubeskoop_ip_fragfails', 'could not be split'),
      scope.perMinute('kubeskoop_ip_reasmreqds', 'pieces received'),
      scope.perMinute('kubeskoop_ip_reasmoks', 'put together'),
      scope.perMinute('kubeskoop_ip_reasmfails', 'could not be put together'),
      scope.perMinute('kubeskoop_ip_reasmtimeout', 'pieces missing'),
    ],
  ),

  ipSettings: panel.timeseries(
    'IP settings (probe ip, off by default)',
    'Forwarding of IPv4: 1 is on, 2 is off; a node that has it off cannot carry the traffic of its pods. And the time to live of what is sent. Next: if forwarding went off, set net.ipv4.ip_forward to 1 and find who changed it.',
    'short',
    [
      scope.now('kubeskoop_ip_forwarding', 'forwarding'),
      scope.now('kubeskoop_ip_defaultttl', 'time to live'),
    ],
  ),
}
