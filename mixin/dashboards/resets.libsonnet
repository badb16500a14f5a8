// The guide to TCP resets.
local panel = import '../lib/panel.libsonnet';
local alertsOf = import 'alerts-of.libsonnet';
local guide = import 'guide.libsonnet';

{
  grafanaDashboards+:: {
    local queries = $._queries,
    local pod = queries.scopes.pod,
    local resets = (import 'panels/resets.libsonnet')(pod),
    local tcp = (import 'panels/tcp.libsonnet')(pod),
    local conntrack(scope) = (import 'panels/conntrack.libsonnet')(scope),
    local machine = (import 'panels/machine.libsonnet')(queries.scopes.host),

    'kubeskoop-resets.json': guide(
      $,
      'kubeskoop-resets.json',
      'TCP resets',
      '"Connection reset by peer", "broken pipe". Know first who talks to whom and what is in between (Service, NAT, load balancer). From top to bottom: that it happens, of which kind, and then the causes one by one for the chosen pod; look at both ends.',
      alertsOf.resets,
      [queries.rate('tcp_resets'), queries.rate('tcp_attemptfails')],
      [
        panel.top(
          'Pods with resets',
          'Connections cut off and resets sent, the most of all pods. Two pods that move together are the two ends of the same connections. Next: choose first the one that sends them (kind nosock, process or active), since the cause is there.',
          'epm',
          [queries.top('60 * ' + queries.podRecord(queries.rate('tcp_resets'), queries.selectors.nodeRecords))],
        ) { w:: 24 },
      ],
      [
        { row: panel.row('It happens, and of which kind'), panels: [resets.resets, resets.kinds, tcp.opened] },
        {
          row: panel.row('The peer is gone, or the application does it'),
          panels: [resets.timeout, resets.linger, resets.unread, tcp.probes],
        },
        {
          row: panel.row('Memory'),
          panels: [resets.memory, tcp.memoryPressure, machine.memory, machine.orphans],
        },
        {
          row: panel.row('NAT, time stamps, connections that are not here'),
          panels: [resets.paws, resets.skipped, resets.embryonic]
                  + [conntrack(pod).refused, conntrack(queries.scopes.host).refused { title: 'Packets conntrack refused, node' }],
        },
      ],
    ),
  },
}
