// The guide to 499, 502, 503 and 504 of an ingress, and to connections that fail.
local panel = import '../lib/panel.libsonnet';
local alertsOf = import 'alerts-of.libsonnet';
local guide = import 'guide.libsonnet';

{
  grafanaDashboards+:: {
    local queries = $._queries,
    local parts(scope) = {
      tcp: (import 'panels/tcp.libsonnet')(scope),
      resets: (import 'panels/resets.libsonnet')(scope),
      sockets: (import 'panels/sockets.libsonnet')(scope),
      packets: (import 'panels/packets.libsonnet')(scope),
      conntrack: (import 'panels/conntrack.libsonnet')(scope),
    },
    local pod = parts(queries.scopes.pod),
    local host = parts(queries.scopes.host),
    local records = queries.selectors.nodeRecords,

    'kubeskoop-ingress.json': guide(
      $,
      'kubeskoop-ingress.json',
      'Ingress and connections',
      'Choose the pod of the ingress first, then that of its upstream. 499: the client gave up first. 502: no connection to the upstream, or a broken one, or its name does not resolve (see DNS time-outs). 503: no upstream left, or throttled. 504: the answer of the upstream is late. Have request_time, upstream_connect_time and upstream_response_time of the access log at hand.',
      alertsOf.ingress,
      [
        queries.rate('tcpext_listendrops'),
        queries.rate('tcp_attemptfails'),
        'tcp_retranssegs:ratio_rate' + $._config.rateInterval,
        queries.rate('packetloss_abnormal'),
      ],
      [
        panel.top(
          'Pods whose listeners drop connections',
          'The servers that do not accept fast enough. Behind a 502 or 504 the upstream is here, behind a 499 mostly the ingress itself. Next: choose the pod, and compare the moments with its garbage collections and CPU throttling.',
          'epm',
          [queries.top('60 * ' + queries.podRecord(queries.rate('tcpext_listendrops'), records))],
        ),
        panel.top(
          'Pods whose handshakes fail',
          'The clients that cannot connect: behind a 502 the ingress is here. Next: choose it, take the upstream from its error log, and check the endpoints of that Service.',
          'epm',
          [queries.top('60 * ' + queries.podRecord(queries.rate('tcp_attemptfails'), records))],
        ),
      ],
      [
        {
          row: panel.row('Connections are not accepted, or cannot be made'),
          panels: [pod.tcp.listen, pod.tcp.opened, pod.tcp.attemptFails, pod.tcp.attemptFailsPart, pod.sockets.states]
                  + [pod.resets.resets],
        },
        {
          row: panel.row('Packets are lost'),
          panels: [
            pod.tcp.retransmissions,
            pod.packets.deviceDrops,
            pod.packets.deviceDropsPart,
            pod.packets.loss,
            pod.packets.reasons { w:: 16 },
          ],
        },
        {
          row: panel.row('Connection tracking refuses'),
          panels: [
            pod.conntrack.refused,
            host.conntrack.refused { title: 'Packets conntrack refused, node' },
            host.conntrack.fill,
          ],
        },
        {
          row: panel.row('Answers are slow though request_time is short'),
          panels: [
            pod.sockets.established,
            pod.sockets.queues,
            pod.tcp.timeouts,
            pod.tcp.retransFail,
            pod.tcp.retransmissionKinds,
            pod.tcp.segments,
          ],
        },
      ],
    ),
  },
}
