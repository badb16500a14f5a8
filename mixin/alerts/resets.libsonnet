// That connections are reset, and why. One alert a cause.
local where = import '../lib/where.libsonnet';

// Counts events of some metrics, if they are many among the connections opened.
local cause(config, alert, metrics, severity, summary, what) = {
  local settings = config {
    events: std.join('\n  +\n  ', [
      'increase(%s{%s}[%s])' % [metric, config.kubeskoopExporterSelector, config.rateInterval]
      for metric in metrics
    ]),
  },
  alert: alert,
  expr: |||
    round(
      %(events)s
    ) >= %(resetCauseCount)s
    and
    (
      %(events)s
    )
    >
    %(resetCauseRatio)s * (
      increase(kubeskoop_tcp_activeopens{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
      +
      increase(kubeskoop_tcp_passiveopens{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
    )
  ||| % settings,
  'for': config.episodeFor,
  keep_firing_for: config.keepFiringFor,
  labels: { severity: severity },
  annotations: {
    summary: summary,
    description: '{{ $value | humanize }} ' + what + ' in ' + config.rateInterval + ' in ' + where(config).netns + '.',
  },
};

function(config) {
  name: 'kubeskoop-resets',
  rules: [
    cause(
      config { resetCauseCount: config.tcpResetsCount, resetCauseRatio: config.tcpResetsRatio },
      'KubeSkoopTCPResets',
      ['kubeskoop_tcp_estabresets', 'kubeskoop_tcp_outrsts'],
      config.kubeskoopInfoSeverity,
      'Many connections are reset.',
      'connections were cut off or segments with RST sent',
    ),
    cause(
      config,
      'KubeSkoopTCPAbortTimeout',
      ['kubeskoop_tcpext_tcpabortontimeout'],
      config.resetCauseSeverity,
      'Connections are given up, since the peer is gone.',
      'connections were given up after all retransmissions, window probes or keepalives',
    ),
    cause(
      config,
      'KubeSkoopTCPAbortLinger',
      ['kubeskoop_tcpext_tcpabortonlinger', 'kubeskoop_tcpext_tcpabortondata'],
      config.resetCauseSeverity,
      'An application closes connections by reset.',
      'connections were reset since the application closes with linger, or since data came for a closed socket',
    ),
    cause(
      config,
      'KubeSkoopTCPAbortUnread',
      ['kubeskoop_tcpext_tcpabortonclose'],
      config.resetCauseSeverity,
      'An application closes connections with data unread.',
      'connections were reset since the application closed them with data unread',
    ),
    {
      alert: 'KubeSkoopTCPAbortMemory',
      expr: |||
        round(increase(kubeskoop_tcpext_tcpabortonmemory{%(kubeskoopExporterSelector)s}[%(rateInterval)s])) >= 1
      ||| % config,
      'for': config.episodeFor,
      keep_firing_for: config.keepFiringFor,
      labels: { severity: config.kubeskoopWarningSeverity },
      annotations: {
        summary: 'Connections are reset for lack of TCP memory.',
        description:
          (
            '{{ $value | humanize }} connections in %(rateInterval)s were reset for lack of TCP memory, or since there '
            + 'were too many orphans, in '
          ) % config + where(config).netns + '.',
      },
    },
    {
      alert: 'KubeSkoopPAWSRejected',
      expr: |||
        round(
          increase(kubeskoop_tcpext_pawsestab{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
          +
          increase(kubeskoop_tcpext_tcpackskippedpaws{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
          +
          increase(kubeskoop_tcpext_tcpackskippedsynrecv{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
        ) >= %(pawsRejectedCount)s
        and
        increase(kubeskoop_tcpext_pawsestab{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
        +
        increase(kubeskoop_tcpext_tcpackskippedpaws{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
        +
        increase(kubeskoop_tcpext_tcpackskippedsynrecv{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
        >
        %(pawsRejectedRatio)s * increase(kubeskoop_tcp_insegs{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
      ||| % config,
      'for': config.episodeFor,
      keep_firing_for: config.keepFiringFor,
      labels: { severity: config.resetCauseSeverity },
      annotations: {
        summary: 'Segments are refused for their time stamps.',
        description:
          (
            '{{ $value | humanize }} segments in %(rateInterval)s were refused by PAWS, or their answers held back, in '
            % config
          ) + where(config).netns + ': several clients behind one address, or clocks that disagree.',
      },
    },
    cause(
      config,
      'KubeSkoopEmbryonicResets',
      ['kubeskoop_tcpext_embryonicrsts'],
      config.resetCauseSeverity,
      'Connections are reset before they are made.',
      'half-open connections were reset by the peer',
    ),
  ],
}
