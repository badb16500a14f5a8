// Why an ingress answers 499, 502, 503 or 504. One alert a cause.
local where = import '../lib/where.libsonnet';

function(config) {
  name: 'kubeskoop-connections',
  rules: [
    {
      // listendrops holds listenoverflows.
      alert: 'KubeSkoopListenQueueOverflow',
      expr: |||
        round(increase(kubeskoop_tcpext_listendrops{%(kubeskoopExporterSelector)s}[%(rateInterval)s])) >= %(listenDropsCount)s
      ||| % config,
      'for': config.episodeFor,
      keep_firing_for: config.keepFiringFor,
      labels: { severity: config.kubeskoopWarningSeverity },
      annotations: {
        summary: 'A server does not accept connections fast enough.',
        description:
          (
            '{{ $value | humanize }} connections in %(rateInterval)s were dropped at a LISTEN socket, mostly since its '
            + 'accept queue was full, in '
          ) % config + where(config).netns + '.',
      },
    },
    {
      alert: 'KubeSkoopDeviceDrops',
      expr: |||
        (
          increase(kubeskoop_netdev_rxdropped{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
          +
          increase(kubeskoop_netdev_txdropped{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
        )
        /
        (
          increase(kubeskoop_netdev_rxpackets{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
          +
          increase(kubeskoop_netdev_txpackets{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
          >= %(deviceDropsMinPackets)s
        )
        > %(deviceDropsRatio)s
      ||| % config,
      'for': config.steadyFor,
      keep_firing_for: config.keepFiringFor,
      labels: { severity: config.kubeskoopWarningSeverity },
      annotations: {
        summary: 'A network device drops packets.',
        description:
          'Of the packets of the devices of ' + where(config).netns
          + ' {{ $value | humanizePercentage }} are dropped by the devices.',
      },
    },
    {
      // May exceed 1: attempts of others that failed while being accepted count among the failures. Where these are
      // most of them, KubeSkoopEmbryonicResets tells.
      alert: 'KubeSkoopConnectFailures',
      expr: |||
        increase(kubeskoop_tcp_attemptfails{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
        /
        (
          increase(kubeskoop_tcp_activeopens{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
          >= %(connectFailuresMinConnects)s
        )
        > %(connectFailuresRatio)s
        unless
        increase(kubeskoop_tcpext_embryonicrsts{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
        >
        0.5 * increase(kubeskoop_tcp_attemptfails{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
      ||| % config,
      'for': config.episodeFor,
      keep_firing_for: config.keepFiringFor,
      labels: { severity: config.kubeskoopWarningSeverity },
      annotations: {
        summary: 'Connections cannot be made.',
        description:
          'Of the connects from ' + where(config).netns
          + ' {{ $value | humanizePercentage }} fail: refused, or not answered.',
      },
    },
    {
      alert: 'KubeSkoopRetransmissions',
      expr: |||
        increase(kubeskoop_tcp_retranssegs{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
        /
        (
          increase(kubeskoop_tcp_outsegs{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
          >= %(retransmissionsMinSegments)s
        )
        > %(retransmissionsRatio)s
      ||| % config,
      'for': config.steadyFor,
      keep_firing_for: config.keepFiringFor,
      labels: { severity: config.kubeskoopWarningSeverity },
      annotations: {
        summary: 'Packets are lost on the way.',
        description:
          'Of the TCP segments from ' + where(config).netns + ' {{ $value | humanizePercentage }} are sent again.',
      },
    },
    {
      // Since Linux 5.6 a lost race counts as a drop, too: where these are most of the drops,
      // KubeSkoopConntrackInsertFailed tells if they are many.
      alert: 'KubeSkoopConntrackDrops',
      expr: |||
        round(
          increase(kubeskoop_conntrack_drop{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
          +
          increase(kubeskoop_conntrack_earlydrop{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
        ) >= 1
        unless
        increase(kubeskoop_conntrack_insertfailed{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
        >
        0.5 * (
          increase(kubeskoop_conntrack_drop{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
          +
          increase(kubeskoop_conntrack_earlydrop{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
        )
        or
        (
          round(increase(kubeskoop_conntrack_invalid{%(kubeskoopExporterSelector)s}[%(rateInterval)s]))
          >= %(conntrackInvalidCount)s
          and
          increase(kubeskoop_conntrack_invalid{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
          >
          %(conntrackInvalidRatio)s * increase(kubeskoop_netdev_rxpackets{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
        )
      ||| % config,
      'for': config.episodeFor,
      keep_firing_for: config.keepFiringFor,
      labels: { severity: config.kubeskoopWarningSeverity },
      annotations: {
        summary: 'Conntrack refuses packets.',
        description:
          (
            'conntrack refused {{ $value | humanize }} packets or entries in %(rateInterval)s in ' % config
          ) + where(config).netns + ': it had no room for them, or could not tell which connection they are of.',
      },
    },
    {
      // The limit holds for each namespace by itself, and only the node's own has the series. It is 0 where the
      // kernel does not say it.
      alert: 'KubeSkoopConntrackNearlyFull',
      expr: |||
        last_over_time(kubeskoop_conntrack_entries{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
        / on (%(clusterLabel)s, job, instance, %(nodeLabel)s) group_left ()
        max by (%(clusterLabel)s, job, instance, %(nodeLabel)s) (
          last_over_time(kubeskoop_conntrack_maxentries{%(kubeskoopExporterSelector)s,%(hostSelector)s}[%(rateInterval)s]) > 0
        )
        > %(conntrackNearlyFullRatio)s
      ||| % config,
      'for': config.steadyFor,
      labels: { severity: config.kubeskoopWarningSeverity },
      annotations: {
        summary: 'The conntrack table is nearly full.',
        description:
          'The conntrack table of ' + where(config).netns
          + ' is {{ $value | humanizePercentage }} full. When it is full, new connections are dropped.',
      },
    },
    {
      alert: 'KubeSkoopNetfilterDrops',
      expr: |||
        round(increase(kubeskoop_packetloss_netfilter{%(kubeskoopExporterSelector)s}[%(rateInterval)s]))
        >= %(netfilterDropsCount)s
        and
        increase(kubeskoop_packetloss_netfilter{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
        >
        %(netfilterDropsRatio)s * increase(kubeskoop_netdev_rxpackets{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
      ||| % config,
      'for': config.episodeFor,
      keep_firing_for: config.keepFiringFor,
      labels: { severity: config.kubeskoopInfoSeverity },
      annotations: {
        summary: 'Firewall rules drop packets.',
        description:
          (
            'Rules of nftables or iptables dropped {{ $value | humanize }} packets in %(rateInterval)s in ' % config
          ) + where(config).netns + '. A network policy may mean to.',
      },
    },
  ],
}
