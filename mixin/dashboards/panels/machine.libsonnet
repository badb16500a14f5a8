// What belongs to the whole machine: CPU backlogs, softirqs, virtio, memory of sockets. Of the scope of nodes.
local panel = import '../../lib/panel.libsonnet';

function(scope) {
  backlogDrops: panel.timeseries(
    'CPU backlogs: dropped, cut short',
    'Dropped: the backlog of a CPU was full and packets were lost. Cut short: net_rx stopped with work left, since its budget or time was up; some are common under load, they cost latency. Next: see whether one CPU does all the work (/proc/softirqs, mpstat -P ALL), spread interrupts or switch on RPS; raise net.core.netdev_max_backlog and netdev_budget.',
    'epm',
    [
      scope.perMinute('kubeskoop_softnet_dropped', 'dropped'),
      scope.perMinute('kubeskoop_softnet_timesqueeze', 'cut short'),
    ],
  ),

  backlogPackets: panel.timeseries(
    'CPU backlogs: packets',
    'Packets that passed the backlogs of all CPUs: all the network traffic of the machine, each hop through a veth pair counted again. It jumps without more traffic of the devices: traffic between pods of the node. Next: Overview and Pod dashboards tell who sends.',
    'pps',
    [scope.perSecond('kubeskoop_softnet_processed', 'processed')],
  ),

  virtio: panel.timeseries(
    'Slow virtio commands',
    'Control commands to virtio network devices over 10, 20 and 100 ms. While one runs, a CPU waits for the hypervisor and does nothing else, so whatever runs there stands still. Often when pods are created or deleted in batches. Next: compare with the times at which pods start and stop, spread those; if there are none, ask the provider about the host.',
    'epm',
    [
      scope.perMinute('kubeskoop_virtcmdlatency_latency', 'over 10 ms'),
      scope.slower('0.02', 'kubeskoop_virtcmdlatency_latency_seconds', 'over 20 ms'),
      scope.perMinute('kubeskoop_virtcmdlatency_latency100ms', 'over 100 ms'),
    ],
  ),

  virtioBuckets: panel.heatmap(
    'Virtio commands by duration',
    'Each cell is a duration, its colour how many commands took so long. Cells from 20 ms up are the ones that applications notice. Next: as for slow virtio commands.',
    's',
    [scope.buckets('kubeskoop_virtcmdlatency_latency_seconds')],
  ),

  softirqSlow: panel.timeseries(
    'Slow softirqs (probe softirq, off by default)',
    'Softirqs that waited for their CPU, or ran, for more than 10 and 100 ms. Waited: a real-time task or another softirq held the CPU. Ran: one burst of packets took that long, or a driver did. Next: waited, look for real-time tasks (ps -eo cls,rtprio,comm, class FF or RR) and uneven interrupts (/proc/interrupts); ran, look for thousands of firewall rules and at CPU backlogs.',
    'epm',
    [
      scope.perMinute('kubeskoop_softirq_schedslow', '{{softirq_type}} waited over 10 ms'),
      scope.perMinute('kubeskoop_softirq_schedslow100ms', '{{softirq_type}} waited over 100 ms'),
      scope.perMinute('kubeskoop_softirq_excuteslow', '{{softirq_type}} ran over 10 ms'),
      scope.perMinute('kubeskoop_softirq_excuteslow100ms', '{{softirq_type}} ran over 100 ms'),
    ],
  ),

  softirqBuckets: panel.heatmap(
    'Wait of softirqs by duration (probe softirq, off by default)',
    'From the request of a softirq to its start. Each cell is a duration, its colour how many waited so long. A band that moves up: the CPUs are busy with something that comes first. Next: as for slow softirqs.',
    's',
    [scope.buckets('kubeskoop_softirq_sched_latency_seconds')],
  ),

  softirqRuns: panel.heatmap(
    'Run of softirqs by duration (probe softirq, off by default)',
    'From the start of a softirq to its end. A band that moves up: each run does more, or does it slower (firewall rules, a driver), and all other work of that CPU waits. Next: as for slow softirqs.',
    's',
    [scope.buckets('kubeskoop_softirq_exec_latency_seconds')],
  ),

  memory: panel.timeseries(
    'Memory of TCP buffers',
    'Memory that the buffers of all TCP sockets of the machine hold, in pages of (mostly) 4 KiB. Near the third number of net.ipv4.tcp_mem connections are killed, near the second windows shrink. Next: sysctl net.ipv4.tcp_mem; the pods with long queues hold it.',
    'short',
    [scope.now('kubeskoop_sock_mem', 'pages')],
  ),

  orphans: panel.timeseries(
    'TCP sockets of the machine',
    'Allocated: all, of all namespaces. Orphans: closed by their application and not yet finished; many of them slow down the kernel and end in resets (net.ipv4.tcp_max_orphans). Next: orphans grow, look for peers that do not answer any more, and for applications that close thousands at once.',
    'short',
    [
      scope.now('kubeskoop_sock_alloc', 'allocated'),
      scope.now('kubeskoop_sock_orphan', 'orphans'),
    ],
  ),

  slab: panel.timeseries(
    'Kernel objects of TCP sockets (probe slab, off by default)',
    'Objects in the cache of IPv4 TCP sockets. All stays far above active: memory that is not given back after a peak. Next: nothing, unless the node is short of memory (slabtop).',
    'short',
    [
      scope.now('kubeskoop_slab_tcpslabobjactive', 'active'),
      scope.now('kubeskoop_slab_tcpslabobjnum', 'all'),
      scope.now('kubeskoop_slab_tcpslabobjperslab', 'objects a slab'),
      scope.now('kubeskoop_slab_tcpslabpagesperslab', 'pages a slab'),
    ],
  ),

  slabSize: panel.timeseries(
    'Size of a TCP socket (probe slab, off by default)',
    'Bytes of one object in the cache of IPv4 TCP sockets. It is fixed by the kernel: times all objects it is the memory they take. Next: nothing.',
    'bytes',
    [scope.now('kubeskoop_slab_tcpslabobjsize', 'bytes')],
  ),

  ipvs: panel.timeseries(
    'IPVS (probe ipvs, off by default)',
    'Connections and packets of virtual servers, where kube-proxy uses IPVS. Connections go on and packets back fall: backends do not answer. Next: ipvsadm -Ln --stats tells which Service.',
    'short',
    [
      scope.perSecond('kubeskoop_ipvs_connections', 'connections a second'),
      scope.perSecond('kubeskoop_ipvs_incomingpackets', 'packets a second to backends'),
      scope.perSecond('kubeskoop_ipvs_outgoingpackets', 'packets a second back'),
    ],
  ),

  ipvsBits: panel.timeseries(
    'IPVS traffic (probe ipvs, off by default)',
    'Bits a second through virtual servers. With direct routing answers do not come back this way. Next: ipvsadm -Ln --stats tells which Service.',
    'bps',
    [
      scope.perSecond('kubeskoop_ipvs_incomingbytes', 'to backends', 8),
      scope.perSecond('kubeskoop_ipvs_outgoingbytes', 'back', 8),
    ],
  ),

  unattributed: panel.top(
    'Packets dropped that belong to nobody',
    'Packets that the kernel dropped before it knew, or without knowing, whose network namespace they were for. They are in no other panel of drops. Next: docs/metrics.md says what the reasons mean; MAC and address reasons come from switches that flood.',
    'epm',
    [scope.perMinuteBy('reason', 'kubeskoop_packetloss_unattributed_total')],
  ),
}
