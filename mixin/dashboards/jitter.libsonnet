// The guide to latency that jitters.
local panel = import '../lib/panel.libsonnet';
local alertsOf = import 'alerts-of.libsonnet';
local guide = import 'guide.libsonnet';

{
  grafanaDashboards+:: {
    local queries = $._queries,
    local pod = queries.scopes.pod,
    local host = queries.scopes.host,
    local sockets = (import 'panels/sockets.libsonnet')(pod),
    local tcp = (import 'panels/tcp.libsonnet')(pod),
    local latencies = (import 'panels/latencies.libsonnet')(pod),
    local packets = (import 'panels/packets.libsonnet')(pod),
    local machine = (import 'panels/machine.libsonnet')(host),
    local conntrack = (import 'panels/conntrack.libsonnet')(host),

    'kubeskoop-jitter.json': guide(
      $,
      'kubeskoop-jitter.json',
      'Latency jitter',
      'Requests take long now and then. It looks like the network and is mostly the machine: the process does not run, the hypervisor or softirqs hold the CPU, or storage is slow. From top to bottom: who, does the process run, then the node, then storage and state of the kernel.',
      alertsOf.jitter,
      ['tcp_retranssegs:ratio_rate' + $._config.rateInterval, queries.rate('packetloss_abnormal')],
      [
        panel.top(
          'Virtio commands, 99 % of them shorter than',
          'By node. Single values from 20 ms up: the hypervisor held a CPU for so long, and everything on it stood still. Next: choose that node, and see the row of the node below.',
          's',
          [queries.quantileOfNode('virtcmdlatency', '0.99', '')],
        ),
        panel.top(
          'Wait of softirqs, 99 % of them shorter than (probe softirq, off by default)',
          'By node. Beyond 10 ms packets wait for a CPU that does something else. Empty: the probe is off. Next: choose that node, and see the row of the node below.',
          's',
          [queries.quantileOfNode('softirq_sched', '0.99', '{{softirq_type}}')],
        ),
      ],
      [
        {
          row: panel.row('Does the process run? Queues and timers up, TIME_WAIT down, established up: it is throttled'),
          panels: [sockets.queues, sockets.established, tcp.timeouts]
                  + [latencies.socket, latencies.socketSlow, tcp.retransmissions],
        },
        {
          row: panel.row('The node: the hypervisor holds the CPU'),
          panels: [machine.virtio { w:: 12 }, machine.virtioBuckets],
        },
        {
          row: panel.row('The node: softirqs wait or hold the CPU, backlogs overflow'),
          panels: [
            machine.softirqSlow,
            machine.backlogDrops,
            machine.backlogPackets,
            machine.softirqBuckets,
            machine.softirqRuns,
          ],
        },
        {
          row: panel.row('Storage'),
          panels: [sockets.ioCalls { w:: 12 }, sockets.ioBytes { w:: 12 }],
        },
        {
          row: panel.row('State of the kernel, and the way of packets through it'),
          panels: [machine.orphans, conntrack.fill, conntrack.lookups]
                  + [latencies.kernel, latencies.device, packets.qdiscBacklog]
                  + [latencies.kernelSlow { w:: 12 }, latencies.deviceSlow { w:: 12 }],
        },
      ],
    ),
  },
}
