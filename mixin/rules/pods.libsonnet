// Pods in trouble: a series exists only while there is some, so that a healthy pod costs nothing and the worst of
// thousands are found at once. Labels are those of the exporter's series.
local counters = import 'counters.libsonnet';

local troubles = [
  'packetloss_abnormal',
  'tcp_attemptfails',
  'tcp_resets',
  'tcpext_listendrops',
  'udp_errors',
  'udp_noports',
];

function(config) {
  local promql = (import '../lib/promql.libsonnet')(config),

  name: 'kubeskoop-pod.rules',
  rules: [
    {
      record: 'pod:kubeskoop_%s:rate%s' % [name, config.rateInterval],
      expr: '(\n%s\n) > 0\n' % promql.indented(promql.rate(counters[name])),
    }
    for name in troubles
  ] + [
    {
      // The part of the segments that is sent again, for as long as there are enough segments to say so. Exceeds 1
      // where segments are sent again several times.
      record: 'pod:kubeskoop_tcp_retranssegs:ratio_rate%(rateInterval)s' % config,
      expr: |||
        rate(kubeskoop_tcp_retranssegs{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
        /
        (
          rate(kubeskoop_tcp_outsegs{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
          and
          increase(kubeskoop_tcp_outsegs{%(kubeskoopExporterSelector)s}[%(rateInterval)s]) >= %(retransmissionsMinSegments)s
        )
        > 0
      ||| % config,
    },
  ],
}
