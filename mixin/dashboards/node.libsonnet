// One node: its own network namespace, the machine, its pods in trouble, and its exporter.
local dashboard = import '../lib/dashboard.libsonnet';
local panel = import '../lib/panel.libsonnet';
local alertsOf = import 'alerts-of.libsonnet';

{
  grafanaDashboards+:: {
    local config = $._config,
    local queries = $._queries,
    local tables = $._tables,
    local selectors = queries.selectors,
    local scope = queries.scopes.host,
    local udp = (import 'panels/udp.libsonnet')(scope),
    local tcp = (import 'panels/tcp.libsonnet')(scope),
    local resets = (import 'panels/resets.libsonnet')(scope),
    local sockets = (import 'panels/sockets.libsonnet')(scope),
    local packets = (import 'panels/packets.libsonnet')(scope),
    local conntrack = (import 'panels/conntrack.libsonnet')(scope),
    local machine = (import 'panels/machine.libsonnet')(scope),
    local exporter = (import 'panels/exporter.libsonnet')($),

    local quantiles(title, description, histograms) = panel.timeseries(
      title,
      description,
      's',
      [
        queries.quantileOfNode(histogram[0], quantile, '%s, %g %%' % [histogram[1], 100 * std.parseJson(quantile)])
        for histogram in histograms
        for quantile in ['0.99', '0.5']
      ],
    ),

    'kubeskoop-node.json': dashboard(
      config,
      'kubeskoop-node.json',
      'Node',
      'One node: its own network namespace (what pods with hostNetwork and the node itself do), the machine, its pods in trouble, and its exporter. With all nodes chosen each panel shows the ones with the highest values.',
      $._variables.ofNode,
      [$._annotations.alerts(alertsOf.all, selectors.nodeAlerts)],
      [
        {
          row: panel.row('Alerts, pods in trouble'),
          panels: [
            tables.alerts(alertsOf.all, selectors.nodeAlerts, [tables.toPod()]),
            tables.pods(std.objectFields(tables.troubles), selectors.nodeRecords, [tables.toPod()]),
          ],
        },
        {
          row: panel.row('Traffic'),
          panels: [packets.bits, packets.packets, tcp.segments, tcp.opened, udp.datagrams, sockets.states],
        },
        {
          row: panel.row('CPU backlogs, drops'),
          panels: [machine.backlogDrops, machine.backlogPackets, packets.deviceDrops]
                  + [packets.deviceDropsPart, packets.loss, packets.qdiscDrops]
                  + [packets.qdiscBacklog, packets.qdiscLength, packets.qdiscTraffic]
                  + [packets.reasons, machine.unattributed],
        },
        {
          row: panel.row('Connection tracking'),
          panels: [conntrack.fill, conntrack.refused, conntrack.insertFailed]
                  + [conntrack.entries { w:: 12 }, conntrack.lookups { w:: 12 }],
        },
        {
          row: panel.row('Virtio, softirqs'),
          panels: [machine.virtio { w:: 12 }, machine.virtioBuckets]
                  + [machine.softirqBuckets, machine.softirqRuns, machine.softirqSlow { w:: 24 }],
        },
        {
          row: panel.row('Latencies of the node, over all its network namespaces'),
          panels: [
            quantiles(
              'Virtio commands',
              'Nothing below 10 ms is felt. Next: from 20 ms up see slow virtio commands.',
              [['virtcmdlatency', 'command']],
            ),
            quantiles(
              'Softirqs (probe softirq, off by default)',
              'Waited: from the request to the start, ran: from the start to the end. Next: from 10 ms up see slow softirqs.',
              [['softirq_sched', '{{softirq_type}} waited'], ['softirq_exec', '{{softirq_type}} ran']],
            ),
            quantiles(
              'Network layer of the kernel (probe kernellatency, off by default)',
              'Routing and netfilter, and on send the wait for a neighbour. Next: received grows, look for thousands of firewall rules; sent grows, look for a next hop that answers ARP late.',
              [['kernellatency_rx', 'received'], ['kernellatency_tx', 'sent']],
            ),
            quantiles(
              'Queue and driver (probe netiftxlat, off by default)',
              'Queue: wait in queueing disciplines. Driver: until it accepts a packet. Next: queue, see the bytes waiting; driver, see virtio commands and ask the provider.',
              [['netiftxlat_qdisc', 'queue'], ['netiftxlat_netdev', 'driver']],
            ) { w:: 12 },
            quantiles(
              'Applications: read and write (probe socketlatency, off by default)',
              'Read: data waits for the application. Write: data waits to be sent. If it grows for all pods of the node at once, the CPUs of the node are the bottleneck. Next: find the pods by the guide Latency jitter.',
              [['socketlatency_read', 'read'], ['socketlatency_write', 'write']],
            ) { w:: 12 },
          ],
        },
        {
          row: panel.row('TCP and UDP of the node itself'),
          panels: [tcp.listen, tcp.attemptFails, tcp.retransmissions]
                  + [tcp.retransmissionKinds, tcp.timeouts, sockets.queues]
                  + [resets.resets, resets.kinds, tcp.drops]
                  + [udp.noPorts, udp.receiveErrors, udp.sendErrors],
        },
        {
          row: panel.row('Memory of sockets, storage'),
          panels: [machine.memory, machine.orphans, tcp.memoryPressure, machine.slab, machine.slabSize, sockets.sockets]
                  + [sockets.ioCalls, sockets.ioBytes, sockets.files],
        },
        {
          row: panel.row('IP, virtual servers (probes that are off by default)'),
          panels: [packets.ip, packets.ipLoss, packets.ipFragments]
                  + [machine.ipvs { w:: 12 }, machine.ipvsBits { w:: 12 }],
        },
        {
          row: panel.row('The exporter'),
          panels: [exporter.states, exporter.up]
                  + [exporter.durations, exporter.errors, exporter.series]
                  + [exporter.cpu, exporter.memory, exporter.files]
                  + [exporter.namespaces, exporter.health, exporter.ages]
                  + [exporter.builds],
        },
      ],
    ),
  },
}
