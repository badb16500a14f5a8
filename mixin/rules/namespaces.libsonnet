// Sums over the pods of a Kubernetes namespace. On a plain host there is none, and no series.
local counters = import 'counters.libsonnet';

local names = [
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

  name: 'kubeskoop-namespace.rules',
  rules: [
    {
      record: 'namespace:kubeskoop_%s:sum_rate%s' % [name, config.rateInterval],
      expr: promql.sum(
        [config.namespaceLabel],
        promql.rate(counters[name], ',%(namespaceLabel)s!=""' % config),
      ),
    }
    for name in names
  ],
}
