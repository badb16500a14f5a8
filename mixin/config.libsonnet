{
  _config+:: {
    // Which series are the exporter's. It is part of every query: change it if your scrape configuration names
    // the job otherwise, and nothing else has to change.
    kubeskoopExporterSelector: 'job="kubeskoop-exporter"',

    // Shows the variable of the cluster, and names the cluster in alerts. Set it where one Prometheus, Thanos or
    // Mimir holds several clusters; clusterLabel is the label that tells them apart there.
    showMultiCluster: false,
    clusterLabel: 'cluster',

    // The labels of the exporter. Change them only if your scrape configuration renames them.
    nodeLabel: 'k8s_node',
    namespaceLabel: 'k8s_namespace',
    podLabel: 'k8s_pod',
    netnsLabel: 'netns',

    // The network namespace of the node itself, on Kubernetes and on a plain host.
    hostSelector: 'k8s_pod="",netns=""',

    // The pods of the DNS server, for the row of their own on the DNS dashboard. Change it for another server, or
    // for NodeLocal DNSCache (hostNetwork: it is part of the node's own namespace).
    dnsPodSelector: 'k8s_namespace="kube-system",k8s_pod=~"coredns-.*"',

    // The window of rates and increases, in rules and, as part of their names, in records. At least four times
    // the scrape interval, so that a scrape that is missed does not make a gap.
    rateInterval: '5m',

    // Takes quantiles from native histograms instead of classic buckets. Set it together with
    // metrics.nativeHistograms of the exporter and scrape_native_histograms of Prometheus, where classic buckets
    // are not kept.
    nativeHistograms: false,

    // How long a condition has to hold before its alert fires. Counters are looked at over rateInterval, so one
    // burst holds for about that long: episodeFor has to stay below it.
    episodeFor: '1m',  // for what happens in bursts: overflows, refused connections, stalls
    steadyFor: '10m',  // for ratios that mean nothing unless they last
    exporterFor: '15m',  // for the exporters themselves: longer than a rollout of the DaemonSet takes on a node
    // How long an alert on episodes keeps firing after the last one, so that one trouble is one notification.
    keepFiringFor: '10m',

    // Severities. Only an exporter missing everywhere is critical by default, since then nobody is told anything;
    // set kubeskoopCriticalSeverity to 'warning' to have no page at all.
    kubeskoopCriticalSeverity: 'critical',
    kubeskoopWarningSeverity: 'warning',
    kubeskoopInfoSeverity: 'info',
    // Of the alerts that say why connections are reset. Raise it where resets are always an incident.
    resetCauseSeverity: 'info',

    // Late DNS replies: at least so many datagrams without a socket, and less than that part of the datagrams
    // received. Above that part it is no late reply but somebody who sends to a closed port.
    dnsReplyTooLateCount: 1,
    dnsReplyTooLateMaxRatio: 0.01,

    // Conntrack races lost. Raise it on nodes whose resolvers query over one socket and where the retries after
    // five seconds do not hurt.
    conntrackInsertFailedCount: 3,

    // Datagrams dropped since a buffer was full, or damaged: at least so many, and more than that part of the
    // traffic. Lower the ratio for syslog, metrics or media streams, where each one counts.
    udpErrorsCount: 10,
    udpErrorsRatio: 0.001,

    // Connections that a listener dropped. Raise it for a service that scanners reach from outside.
    listenDropsCount: 5,

    // Packets that devices dropped: the part of the packets, and how many packets there have to be at all. Virtual
    // devices of a node count frames of unknown protocols as dropped: raise the ratio where LLDP or the like is
    // most of what comes in.
    deviceDropsRatio: 0.001,
    deviceDropsMinPackets: 10000,

    // Connects that failed: the part of the attempts, and how many attempts there have to be. Raise the ratio for
    // pods that look for others by trying, such as crawlers or gossip.
    connectFailuresRatio: 0.05,
    connectFailuresMinConnects: 20,

    // Segments sent again: the part of the segments, and how many segments there have to be. Lower the ratio
    // within one data center, raise it for clients on mobile networks.
    retransmissionsRatio: 0.05,
    retransmissionsMinSegments: 1000,

    // Packets conntrack could not track (it drops none of them, but a rule for the state INVALID does): at least
    // so many, and more than that part of the packets received. Packets it dropped itself always count.
    conntrackInvalidCount: 100,
    conntrackInvalidRatio: 0.01,

    // How full the conntrack table may get. Lower it if nf_conntrack_max is raised by hand only.
    conntrackNearlyFullRatio: 0.8,

    // Packets that rules of nftables or iptables dropped: at least so many, and more than that part of the packets
    // received. Raise the ratio where network policies refuse traffic all the time and are meant to.
    netfilterDropsCount: 20,
    netfilterDropsRatio: 0.001,

    // Resets, as a symptom: at least so many, and more than that part of the connections opened. Raise the ratio
    // where a load balancer or health check ends each connection by a reset.
    tcpResetsCount: 20,
    tcpResetsRatio: 0.1,
    // Each cause of resets: the same.
    resetCauseCount: 10,
    resetCauseRatio: 0.01,
    // Segments that PAWS refused: at least so many, and more than that part of the segments received.
    pawsRejectedCount: 10,
    pawsRejectedRatio: 0.001,

    // A command to the virtio network device that takes longer than that many seconds. It has to be an edge of the
    // histogram, written as the exporter writes it (0.01, 0.02, 0.05, 0.1, ..). Raise it on hosts that are
    // oversubscribed on purpose.
    virtioCommandSlowEdge: '0.02',
    virtioCommandSlowCount: 1,

    // Softirqs that waited or ran for more than 10 ms. Raise it on nodes with real-time tasks that are meant to
    // come first.
    softirqSlowCount: 10,

    // Packets dropped since the backlog of a CPU was full.
    backlogDropsCount: 1,
    // Rounds of packet processing that ended with work left: at least so many, and more than that part of the
    // packets. A round is 300 packets (net.core.netdev_budget): 0.001 is a third of all rounds.
    timeSqueezeCount: 100,
    timeSqueezeRatio: 0.001,

    // A process that does not run: bytes unread at every scrape of the window; these, established connections and
    // TIME_WAIT compared with the baseline before the window. The window has to hold two scrapes.
    // Raise the bytes for pods that read in large batches.
    processStalledWindow: '2m',
    processStalledBaseline: '10m',
    processStalledQueueBytes: 10240,
    processStalledQueueGrowth: 2,
    processStalledEstablishedGrowth: 1.1,
    processStalledTimeoutsCount: 5,
    processStalledTimeWaitShrink: 0.7,

    // Seconds a collection may take: half of scrapeTimeout in the ServiceMonitor. Change both together.
    scrapeSlowSeconds: 7.5,
    // The scrape time-out itself, for the text of the alert only.
    scrapeTimeoutSeconds: 15,

    // Where runbooks are: %s is the name of the alert. Point it at your own copies to edit them.
    runbookURLPattern: 'https://github.com/kubeskoop-exporter/kubeskoop-exporter/blob/main/mixin/runbooks/%s.md',

    // Dashboards.
    dashboardNamePrefix: 'KubeSkoop / ',
    dashboardTags: ['kubeskoop'],
    dashboardRefresh: '30s',
    dashboardTimezone: 'utc',
    grafanaIntervalVar: '$__rate_interval',
    // Stable addresses: change one only if it collides with a dashboard you have.
    grafanaDashboardIDs: {
      'kubeskoop-overview.json': 'kubeskoop-overview',
      'kubeskoop-node.json': 'kubeskoop-node',
      'kubeskoop-pod.json': 'kubeskoop-pod',
      'kubeskoop-dns.json': 'kubeskoop-dns',
      'kubeskoop-ingress.json': 'kubeskoop-ingress',
      'kubeskoop-resets.json': 'kubeskoop-resets',
      'kubeskoop-jitter.json': 'kubeskoop-jitter',
    },
    // The data source that is chosen at first, and which ones are offered.
    datasourceName: 'default',
    datasourceFilterRegex: '',
    // How many pods or nodes the lists of the worst show.
    topPods: 10,
  },
}
