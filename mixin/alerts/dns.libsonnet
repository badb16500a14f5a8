// Why a DNS query times out. One alert a cause.
local where = import '../lib/where.libsonnet';

function(config) {
  name: 'kubeskoop-dns',
  rules: [
    {
      // Where packetloss runs, the drops have to be there, too; kernels before 5.17 give no reason, and theirs are
      // OTHER. A series of drops by reason begins with the first drop, which increase() does not see: a series that
      // is new counts with its value, which increase() of the other side may exceed for its extrapolation.
      alert: 'KubeSkoopDNSReplyTooLate',
      expr: |||
        round(increase(kubeskoop_udp_noports{%(kubeskoopExporterSelector)s}[%(rateInterval)s])) >= %(dnsReplyTooLateCount)s
        and
        increase(kubeskoop_udp_noports{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
        <
        %(dnsReplyTooLateMaxRatio)s * increase(kubeskoop_udp_indatagrams{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
        unless
        round(increase(kubeskoop_udp_noports{%(kubeskoopExporterSelector)s}[%(rateInterval)s]))
        >
        2 * (
          sum without (reason) (
            last_over_time(kubeskoop_packetloss_drops_total{%(kubeskoopExporterSelector)s,reason=~"NO_SOCKET|OTHER"}[%(rateInterval)s])
            unless
            last_over_time(kubeskoop_packetloss_drops_total{%(kubeskoopExporterSelector)s,reason=~"NO_SOCKET|OTHER"}[%(rateInterval)s] offset %(rateInterval)s)
            or
            round(increase(kubeskoop_packetloss_drops_total{%(kubeskoopExporterSelector)s,reason=~"NO_SOCKET|OTHER"}[%(rateInterval)s]))
          )
          or
          0 * kubeskoop_packetloss_total{%(kubeskoopExporterSelector)s}
        )
      ||| % config,
      'for': config.episodeFor,
      keep_firing_for: config.keepFiringFor,
      labels: { severity: config.kubeskoopInfoSeverity },
      annotations: {
        summary: 'DNS replies come after the client has given up.',
        description:
          (
            '{{ $value | humanize }} datagrams in %(rateInterval)s found no socket any more in ' % config
          ) + where(config).netns + ', and they are few among all that came in: the server answers too late.',
      },
    },
    {
      alert: 'KubeSkoopConntrackInsertFailed',
      expr: |||
        round(increase(kubeskoop_conntrack_insertfailed{%(kubeskoopExporterSelector)s}[%(rateInterval)s]))
        >= %(conntrackInsertFailedCount)s
      ||| % config,
      'for': config.episodeFor,
      keep_firing_for: config.keepFiringFor,
      labels: { severity: config.kubeskoopWarningSeverity },
      annotations: {
        summary: 'Packets are lost to races in conntrack.',
        description:
          (
            'conntrack dropped {{ $value | humanize }} packets in %(rateInterval)s in ' % config
          ) + where(config).netns
          + ', since another packet of the same connection came first. Two DNS queries from one socket do that, '
          + 'and the client waits 5 s for the lost one.',
      },
    },
    {
      alert: 'KubeSkoopUDPReceiveBufferFull',
      expr: |||
        round(increase(kubeskoop_udp_rcvbuferrors{%(kubeskoopExporterSelector)s}[%(rateInterval)s])) >= %(udpErrorsCount)s
        and
        increase(kubeskoop_udp_rcvbuferrors{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
        >
        %(udpErrorsRatio)s * (
          increase(kubeskoop_udp_indatagrams{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
          +
          increase(kubeskoop_udp_rcvbuferrors{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
        )
      ||| % config,
      'for': config.episodeFor,
      keep_firing_for: config.keepFiringFor,
      labels: { severity: config.kubeskoopWarningSeverity },
      annotations: {
        summary: 'An application reads datagrams too slowly.',
        description:
          (
            '{{ $value | humanize }} datagrams in %(rateInterval)s were dropped at a full receive buffer in ' % config
          ) + where(config).netns + '.',
      },
    },
    {
      alert: 'KubeSkoopUDPSendBufferFull',
      expr: |||
        round(increase(kubeskoop_udp_sndbuferrors{%(kubeskoopExporterSelector)s}[%(rateInterval)s])) >= %(udpErrorsCount)s
        and
        increase(kubeskoop_udp_sndbuferrors{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
        >
        %(udpErrorsRatio)s * (
          increase(kubeskoop_udp_outdatagrams{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
          +
          increase(kubeskoop_udp_sndbuferrors{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
        )
      ||| % config,
      'for': config.episodeFor,
      keep_firing_for: config.keepFiringFor,
      labels: { severity: config.kubeskoopWarningSeverity },
      annotations: {
        summary: 'Datagrams cannot be sent for lack of buffer.',
        description:
          (
            '{{ $value | humanize }} datagrams in %(rateInterval)s could not be sent, since the send buffer or the '
            + 'queue of the device was full, in '
          ) % config + where(config).netns + '.',
      },
    },
    {
      // inerrors holds rcvbuferrors, which has an alert of its own, and incsumerrors. increase() reaches back no
      // further than to zero, so that of one burst it may see much more of the one than of the other.
      alert: 'KubeSkoopUDPErrors',
      expr: |||
        round(
          increase(kubeskoop_udp_inerrors{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
          -
          increase(kubeskoop_udp_rcvbuferrors{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
        ) >= %(udpErrorsCount)s
        and
        increase(kubeskoop_udp_inerrors{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
        -
        increase(kubeskoop_udp_rcvbuferrors{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
        >
        %(udpErrorsRatio)s * (
          increase(kubeskoop_udp_indatagrams{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
          +
          increase(kubeskoop_udp_inerrors{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
        )
        and
        increase(kubeskoop_udp_inerrors{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
        >
        2 * increase(kubeskoop_udp_rcvbuferrors{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
      ||| % config,
      'for': config.episodeFor,
      keep_firing_for: config.keepFiringFor,
      labels: { severity: config.kubeskoopWarningSeverity },
      annotations: {
        summary: 'Datagrams arrive damaged.',
        description:
          (
            '{{ $value | humanize }} datagrams in %(rateInterval)s had a bad checksum or were refused for another '
            + 'fault in '
          ) % config + where(config).netns + '.',
      },
    },
  ],
}
