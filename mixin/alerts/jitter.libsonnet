// What makes latency jump on a node that loses nothing. One alert a cause.
local where = import '../lib/where.libsonnet';

// Commands that took longer than the edge. Classic buckets are inclusive, so what is over is all but the bucket.
local slowVirtioCommands(config) = (
  if config.nativeHistograms then |||
    round(
      histogram_count(increase(kubeskoop_virtcmdlatency_latency_seconds{%(kubeskoopExporterSelector)s}[%(rateInterval)s]))
      *
      histogram_fraction(
        %(virtioCommandSlowEdge)s, +Inf,
        increase(kubeskoop_virtcmdlatency_latency_seconds{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
      )
    ) >= %(virtioCommandSlowCount)s
  ||| else |||
    round(
      increase(kubeskoop_virtcmdlatency_latency_seconds_count{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
      - ignoring (le)
      increase(kubeskoop_virtcmdlatency_latency_seconds_bucket{%(kubeskoopExporterSelector)s,le="%(virtioCommandSlowEdge)s"}[%(rateInterval)s])
    ) >= %(virtioCommandSlowCount)s
  |||
) % config;

function(config) {
  name: 'kubeskoop-jitter',
  rules: [
    {
      local over100ms =
        (
          '{{ with printf `sum(round(increase(kubeskoop_virtcmdlatency_latency100ms{%(kubeskoopExporterSelector)s,'
          + '%(nodeLabel)s="%%s",%(clusterLabel)s="%%s"}[%(rateInterval)s])))` $labels.%(nodeLabel)s '
          + '$labels.%(clusterLabel)s | query }}{{ . | first | value | humanize }}{{ else }}none{{ end }}'
        ) % config,
      alert: 'KubeSkoopVirtioCommandSlow',
      expr: slowVirtioCommands(config),
      'for': config.episodeFor,
      keep_firing_for: config.keepFiringFor,
      labels: { severity: config.kubeskoopWarningSeverity },
      annotations: {
        summary: 'The hypervisor holds a CPU in commands of the virtio network device.',
        description:
          (
            '{{ $value | humanize }} commands of the virtio network device took over %(virtioCommandSlowEdge)s s in '
            + '%(rateInterval)s on '
          ) % config + where(config).node + ', ' + over100ms
          + ' of them over 0.1 s. The CPU does nothing else meanwhile. It often happens while pods are created or '
          + 'deleted in batches.',
      },
    },
    {
      // The probe softirq is off by default.
      alert: 'KubeSkoopSoftirqSlow',
      expr: |||
        label_replace(
          round(increase(kubeskoop_softirq_schedslow{%(kubeskoopExporterSelector)s}[%(rateInterval)s])) >= %(softirqSlowCount)s,
          'phase', 'wait', '', ''
        )
        or
        label_replace(
          round(increase(kubeskoop_softirq_excuteslow{%(kubeskoopExporterSelector)s}[%(rateInterval)s])) >= %(softirqSlowCount)s,
          'phase', 'run', '', ''
        )
      ||| % config,
      'for': config.episodeFor,
      keep_firing_for: config.keepFiringFor,
      labels: { severity: config.kubeskoopWarningSeverity },
      annotations: {
        summary: 'Softirqs wait for, or hold, a CPU for long.',
        description:
          (
            '{{ $value | humanize }} softirqs of type {{ $labels.softirq_type }} took over 10 ms to '
            + '{{ if eq $labels.phase "wait" }}get{{ else }}leave{{ end }} the CPU in %(rateInterval)s on '
          ) % config + where(config).node + ' (probe softirq).',
      },
    },
    {
      alert: 'KubeSkoopBacklogDrops',
      expr: |||
        round(increase(kubeskoop_softnet_dropped{%(kubeskoopExporterSelector)s,%(hostSelector)s}[%(rateInterval)s]))
        >= %(backlogDropsCount)s
        or
        (
          round(increase(kubeskoop_softnet_timesqueeze{%(kubeskoopExporterSelector)s,%(hostSelector)s}[%(rateInterval)s]))
          >= %(timeSqueezeCount)s
          and
          increase(kubeskoop_softnet_timesqueeze{%(kubeskoopExporterSelector)s,%(hostSelector)s}[%(rateInterval)s])
          >
          %(timeSqueezeRatio)s
          * increase(kubeskoop_softnet_processed{%(kubeskoopExporterSelector)s,%(hostSelector)s}[%(rateInterval)s])
        )
      ||| % config,
      'for': config.episodeFor,
      keep_firing_for: config.keepFiringFor,
      labels: { severity: config.kubeskoopWarningSeverity },
      annotations: {
        summary: 'The CPUs of a node do not keep up with received packets.',
        description:
          (
            'In %(rateInterval)s {{ $value | humanize }} packets were dropped at a full CPU backlog, or rounds of packet '
            + 'processing ended with work left, on '
          ) % config + where(config).node + '.',
      },
    },
    {
      // Connections come in and data is received, so the kernel is well; the process does not read. Queues are
      // never empty where much passes through, and one forgotten socket keeps what it has: they have to grow. The last
      // line has the alert end with the pod.
      alert: 'KubeSkoopProcessStalled',
      expr: |||
        min_over_time(kubeskoop_tcpsummary_tcprxqueue{%(kubeskoopExporterSelector)s}[%(processStalledWindow)s])
        >= %(processStalledQueueBytes)s
        and
        min_over_time(kubeskoop_tcpsummary_tcprxqueue{%(kubeskoopExporterSelector)s}[%(processStalledWindow)s])
        >
        %(processStalledQueueGrowth)s
        * avg_over_time(kubeskoop_tcpsummary_tcprxqueue{%(kubeskoopExporterSelector)s}[%(processStalledBaseline)s] offset %(processStalledWindow)s)
        and
        avg_over_time(kubeskoop_tcpsummary_tcpestablishedconn{%(kubeskoopExporterSelector)s}[%(processStalledWindow)s])
        >
        %(processStalledEstablishedGrowth)s
        * avg_over_time(kubeskoop_tcpsummary_tcpestablishedconn{%(kubeskoopExporterSelector)s}[%(processStalledBaseline)s] offset %(processStalledWindow)s)
        and
        (
          round(increase(kubeskoop_tcpext_tcptimeouts{%(kubeskoopExporterSelector)s}[%(rateInterval)s]))
          >= %(processStalledTimeoutsCount)s
          or
          min_over_time(kubeskoop_tcpsummary_tcptxqueue{%(kubeskoopExporterSelector)s}[%(processStalledWindow)s])
          >= %(processStalledQueueBytes)s
          or
          avg_over_time(kubeskoop_tcpsummary_tcptimewaitconn{%(kubeskoopExporterSelector)s}[%(processStalledWindow)s])
          <
          %(processStalledTimeWaitShrink)s
          * avg_over_time(kubeskoop_tcpsummary_tcptimewaitconn{%(kubeskoopExporterSelector)s}[%(processStalledBaseline)s] offset %(processStalledWindow)s)
        )
        and
        kubeskoop_tcpsummary_tcprxqueue{%(kubeskoopExporterSelector)s}
      ||| % config,
      'for': config.episodeFor,
      keep_firing_for: config.keepFiringFor,
      labels: { severity: config.kubeskoopWarningSeverity },
      annotations: {
        summary: 'A process does not run, while the kernel does its part.',
        description:
          '{{ $value | humanize1024 }}B received and more stay unread in ' + where(config).netns
          + ', while connections pile up and time out: its process is stopped, busy or throttled by its cgroup.',
      },
    },
  ],
}
