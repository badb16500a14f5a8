// Quantiles of latencies by node, over all its network namespaces, in seconds. A histogram of a probe that is off
// gives none.
local histograms = {
  kubeskoop_kernellatency_rx_latency_seconds: [],
  kubeskoop_kernellatency_tx_latency_seconds: [],
  kubeskoop_netiftxlat_netdev_latency_seconds: [],
  kubeskoop_netiftxlat_qdisc_latency_seconds: [],
  kubeskoop_socketlatency_read_latency_seconds: [],
  kubeskoop_socketlatency_write_latency_seconds: [],
  kubeskoop_softirq_exec_latency_seconds: ['softirq_type'],
  kubeskoop_softirq_sched_latency_seconds: ['softirq_type'],
  kubeskoop_virtcmdlatency_latency_seconds: [],
};

local quantiles = ['0.5', '0.99'];

function(config) {
  local promql = (import '../lib/promql.libsonnet')(config),

  name: 'kubeskoop-latency.rules',
  rules: [
    {
      record: 'node_quantile:%s:histogram_quantile_rate%s' % [histogram, config.rateInterval],
      labels: { quantile: quantile },
      expr: promql.quantile(quantile, histogram, [config.nodeLabel] + histograms[histogram]),
    }
    for histogram in std.objectFields(histograms)
    for quantile in quantiles
  ],
}
