// Nodes, and the clusters that they make up.
local counters = import 'counters.libsonnet';

// Of the node's own network namespace; bytes are those of its hardware devices.
local own = [
  'netdev_rxbytes',
  'netdev_txbytes',
  'softnet_dropped',
  'softnet_timesqueeze',
];

// Over all network namespaces of the node.
local summed = [
  'conntrack_insertfailed',
  'packetloss_abnormal',
  'tcp_outsegs',
  'tcp_resets',
  'tcp_retranssegs',
  'tcpext_listendrops',
  'udp_noports',
];

local ofCluster = [
  'netdev_rxbytes',
  'netdev_txbytes',
  'packetloss_abnormal',
  'tcp_outsegs',
  'tcp_resets',
  'tcp_retranssegs',
  'tcpext_listendrops',
];

function(config) {
  local promql = (import '../lib/promql.libsonnet')(config),

  name: 'kubeskoop-node.rules',
  rules: [
    {
      record: 'node:kubeskoop_%s:rate%s' % [name, config.rateInterval],
      expr: promql.sum([config.nodeLabel], promql.rate(counters[name], ',' + config.hostSelector)),
    }
    for name in own
  ] + [
    {
      record: 'node:kubeskoop_%s:sum_rate%s' % [name, config.rateInterval],
      expr: promql.sum([config.nodeLabel], promql.rate(counters[name])),
    }
    for name in summed
  ] + [
    {
      // How full the conntrack table of the node's own network namespace is. The limit is 0 where the kernel does
      // not say it.
      record: 'node:kubeskoop_conntrack_entries:ratio',
      expr: |||
        sum by (%(clusterLabel)s, %(nodeLabel)s) (
          kubeskoop_conntrack_entries{%(kubeskoopExporterSelector)s,%(hostSelector)s}
        )
        /
        sum by (%(clusterLabel)s, %(nodeLabel)s) (
          kubeskoop_conntrack_maxentries{%(kubeskoopExporterSelector)s,%(hostSelector)s} > 0
        )
      ||| % config,
    },
  ] + [
    {
      record: 'cluster:kubeskoop_%s:sum_rate%s' % [name, config.rateInterval],
      expr: 'sum by (%s) (node:kubeskoop_%s:%srate%s)\n' % [
        config.clusterLabel,
        name,
        if std.member(own, name) then '' else 'sum_',
        config.rateInterval,
      ],
    }
    for name in ofCluster
  ],
}
