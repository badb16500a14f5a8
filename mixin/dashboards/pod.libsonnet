// All about one pod or, on a plain host, one network namespace.
local dashboard = import '../lib/dashboard.libsonnet';
local panel = import '../lib/panel.libsonnet';
local target = import '../lib/target.libsonnet';
local alertsOf = import 'alerts-of.libsonnet';

{
  grafanaDashboards+:: {
    local config = $._config,
    local tables = $._tables,
    local selectors = $._queries.selectors,
    local scope = $._queries.scopes.pod,
    local udp = (import 'panels/udp.libsonnet')(scope),
    local tcp = (import 'panels/tcp.libsonnet')(scope),
    local resets = (import 'panels/resets.libsonnet')(scope),
    local sockets = (import 'panels/sockets.libsonnet')(scope),
    local packets = (import 'panels/packets.libsonnet')(scope),
    local conntrack = (import 'panels/conntrack.libsonnet')(scope),
    local latencies = (import 'panels/latencies.libsonnet')(scope),

    local guides = [
      tables.toPod('DNS time-outs', 'kubeskoop-dns.json'),
      tables.toPod('Ingress and connections', 'kubeskoop-ingress.json'),
      tables.toPod('TCP resets', 'kubeskoop-resets.json'),
      tables.toPod('Latency jitter', 'kubeskoop-jitter.json'),
    ],
    local info = panel.table(
      'The pod',
      'The chosen pod, at the end of the time shown; empty on a plain host. A pod with hostNetwork has no network of its own: its packets and connections are those of the node. Next: the node leads to its page.',
      [target.rows('max by (%s) (kubeskoop_pod_info{%s,%s=~"$namespace",%s=~"$pod"})' % [
        std.join(', ', [
          config.clusterLabel,
          config.nodeLabel,
          config.namespaceLabel,
          config.podLabel,
          'pod_ip',
          'netns',
          'host_network',
          'pod_uid',
        ]),
        selectors.node,
        config.namespaceLabel,
        config.podLabel,
      ])],
      [
        { field: config.namespaceLabel, title: 'Namespace' },
        { field: config.podLabel, title: 'Pod' },
        { field: config.nodeLabel, title: 'Node', links: [tables.toNode] },
        { field: 'pod_ip', title: 'Address' },
        { field: 'host_network', title: 'hostNetwork' },
        { field: 'netns', title: 'Network namespace' },
        { field: 'pod_uid', title: 'UID' },
      ],
    ) { h:: 4 },

    'kubeskoop-pod.json': dashboard(
      config,
      'kubeskoop-pod.json',
      'Pod',
      'All about one pod. On a plain host Namespace and Pod are empty, and Network namespace chooses; host is the host itself.',
      $._variables.ofPod,
      [$._annotations.alerts(alertsOf.all, selectors.podAlerts)],
      [
        {
          row: panel.row('What it is, and its alerts'),
          panels: [info, tables.alerts(alertsOf.all, selectors.podAlerts, guides)],
        },
        {
          row: panel.row('Traffic'),
          panels: [packets.bits, packets.packets, tcp.segments, tcp.opened, udp.datagrams, packets.qdiscTraffic],
        },
        {
          row: panel.row('Does the process run?'),
          panels: [sockets.queues, sockets.states, sockets.sockets, sockets.ioCalls, sockets.ioBytes, sockets.files],
        },
        {
          row: panel.row('Connections that fail, are slow, or end badly'),
          panels: [tcp.listen, tcp.attemptFails, tcp.attemptFailsPart]
                  + [tcp.retransmissions, tcp.retransmissionKinds, tcp.timeouts]
                  + [resets.resets, resets.kinds, tcp.drops],
        },
        {
          row: panel.row('Causes of resets'),
          panels: [resets.timeout, resets.linger, resets.unread, resets.memory, resets.paws, resets.skipped]
                  + [resets.embryonic, tcp.probes, tcp.memoryPressure],
        },
        {
          row: panel.row('Datagrams'),
          panels: [udp.noPorts, udp.receiveErrors, udp.sendErrors]
                  + [udp.noPortsPart, udp.ignoredMulticast, packets.noSocket],
        },
        {
          row: panel.row('Packets lost'),
          panels: [packets.loss, packets.deviceDrops, packets.deviceDropsPart]
                  + [packets.reasons { w:: 24 }, packets.qdiscDrops, packets.qdiscBacklog, packets.qdiscLength],
        },
        {
          row: panel.row('Latency (probes that are off by default)'),
          panels: [latencies.socket, latencies.kernel, latencies.device]
                  + [latencies.socketSlow, latencies.kernelSlow, latencies.deviceSlow],
        },
        {
          row: panel.row('Connection tracking'),
          panels: [conntrack.refused, conntrack.insertFailed, conntrack.entries, conntrack.lookups { w:: 24 }],
        },
        {
          row: panel.row('Rarely needed'),
          panels: [packets.ip, packets.ipLoss, packets.ipFragments, packets.ipSettings]
                  + [tcp.segmentErrors, tcp.mtuProbes, packets.qdiscBits],
        },
      ],
    ),
  },
}
