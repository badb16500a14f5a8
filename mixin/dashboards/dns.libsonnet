// The guide to DNS time-outs.
local panel = import '../lib/panel.libsonnet';
local alertsOf = import 'alerts-of.libsonnet';
local guide = import 'guide.libsonnet';

{
  grafanaDashboards+:: {
    local queries = $._queries,
    local parts(scope) = {
      udp: (import 'panels/udp.libsonnet')(scope),
      packets: (import 'panels/packets.libsonnet')(scope),
      conntrack: (import 'panels/conntrack.libsonnet')(scope),
    },
    local pod = parts(queries.scopes.pod),
    local server = parts(queries.scopes.dnsPods),
    local host = parts(queries.scopes.host),

    'kubeskoop-dns.json': guide(
      $,
      'kubeskoop-dns.json',
      'DNS time-outs',
      'Names time out: the reply is late, the query does not leave, or the reply arrives and is dropped. From top to bottom: who, the DNS server, and the three causes for the chosen pod.',
      alertsOf.dns,
      [queries.rate('udp_noports'), queries.rate('udp_errors'), queries.rate('packetloss_abnormal')],
      [
        panel.top(
          'Pods with datagrams without a socket',
          'The pods for which most datagrams came without a socket. The client pods of a slow DNS server are here with a few each, all at the same moments; one pod alone with many is scanned or has a sender with a wrong port. Next: choose a pod, and see whether the panels of the late reply below agree.',
          'epm',
          [queries.top('60 * ' + queries.podRecord(queries.rate('udp_noports'), queries.selectors.nodeRecords))],
        ),
        panel.top(
          'Nodes with conntrack races lost',
          'Over all network namespaces of a node. Each lost race is a dropped packet, mostly one of two DNS queries, and a wait of 5 s. Next: see the alert ConntrackInsertFailed, and the row of the query that does not leave.',
          'epm',
          [queries.top(
            '60 * ' + queries.nodeRecord(queries.sum('conntrack_insertfailed'), queries.selectors.nodeRecords),
            queries.node,
          )],
        ),
      ],
      [
        {
          row: panel.row('The DNS server (dnsPodSelector): if it is in trouble, look no further'),
          panels: [
            it { title: 'DNS server: ' + super.title }
            for it in [server.udp.datagrams, server.udp.receiveErrors, server.udp.sendErrors]
                      + [server.udp.noPorts, server.packets.loss, server.packets.noSocket]
          ],
        },
        {
          row: panel.row('The reply comes too late'),
          panels: [pod.udp.noPorts, pod.udp.noPortsPart, pod.packets.noSocket],
        },
        {
          row: panel.row('The query does not leave'),
          panels: [
            pod.udp.sendErrors,
            pod.conntrack.insertFailed,
            host.conntrack.insertFailed { title: 'Conntrack races lost, node' },
            host.conntrack.refused { title: 'Packets conntrack refused, node' },
            pod.packets.qdiscDrops,
            pod.udp.datagrams,
          ],
        },
        {
          row: panel.row('The reply arrives and is dropped'),
          panels: [pod.udp.receiveErrors, pod.packets.loss, pod.packets.deviceDrops, pod.packets.reasons { w:: 24 }],
        },
      ],
    ),
  },
}
