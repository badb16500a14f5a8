// The cluster: is there trouble, which nodes, which pods, and are the exporters well.
local dashboard = import '../lib/dashboard.libsonnet';
local panel = import '../lib/panel.libsonnet';
local target = import '../lib/target.libsonnet';
local alertsOf = import 'alerts-of.libsonnet';

{
  grafanaDashboards+:: {
    local config = $._config,
    local queries = $._queries,
    local tables = $._tables,
    local selector = queries.selectors.clusterRecords,
    local exporters = queries.selectors.exporter,

    local stat(title, description, expr, bad=null) = panel.stat(
      title,
      description,
      'short',
      [target.range(expr + ' or vector(0)', title)],
      bad,
    ),
    local count(condition) = 'count(%s)' % condition,

    local ofCluster(record) = 'cluster:kubeskoop_%s{%s}' % [queries.sum(record), selector],
    local worstNamespaces(title, description, unit, record, factor) = panel.top(
      title,
      description,
      unit,
      [queries.top(
        '%d * namespace:kubeskoop_%s{%s}' % [factor, queries.sum(record), selector],
        '{{%s}} {{%s}}' % [config.clusterLabel, config.namespaceLabel],
      )],
    ) { w:: 8 },
    local cluster = ' {{%s}}' % config.clusterLabel,

    // The nodes with the highest values of each column; with fewer nodes than that, all nodes.
    local nodes = 100,
    local columns = [
      ['Received', 'bps', '8 * ' + queries.nodeRecord(queries.rate('netdev_rxbytes'), selector)],
      ['Sent', 'bps', '8 * ' + queries.nodeRecord(queries.rate('netdev_txbytes'), selector)],
      ['Conntrack in use', 'percentunit', queries.nodeRecord('conntrack_entries:ratio', selector)],
      ['Backlog drops a minute', 'short', '60 * ' + queries.nodeRecord(queries.rate('softnet_dropped'), selector)],
      ['Backlogs cut short a minute', 'short', '60 * ' + queries.nodeRecord(queries.rate('softnet_timesqueeze'), selector)],
      ['Packets dropped a minute', 'short', '60 * ' + queries.nodeRecord(queries.sum('packetloss_abnormal'), selector)],
      [
        'Segments sent again',
        'percentunit',
        '%s / (%s > 0)' % [
          queries.nodeRecord(queries.sum('tcp_retranssegs'), selector),
          queries.nodeRecord(queries.sum('tcp_outsegs'), selector),
        ],
      ],
      ['Resets a minute', 'short', '60 * ' + queries.nodeRecord(queries.sum('tcp_resets'), selector)],
      ['Listener drops a minute', 'short', '60 * ' + queries.nodeRecord(queries.sum('tcpext_listendrops'), selector)],
      ['Without a socket a minute', 'short', '60 * ' + queries.nodeRecord(queries.sum('udp_noports'), selector)],
      ['Conntrack races a minute', 'short', '60 * ' + queries.nodeRecord(queries.sum('conntrack_insertfailed'), selector)],
    ],
    local letter(i) = std.char(std.codepoint('A') + i),
    local nodeTable = panel.table(
      'Nodes',
      'The nodes with the highest values of each column (up to %d of each), at the end of the time shown, over the last %s. Drops, resets and the like are sums over all pods of the node. Look for the node that differs from the others. Next: the node leads to its page.' % [nodes, config.rateInterval],
      [
        target.rows('topk(%d, max by (%s, %s) (%s))' % [nodes, config.clusterLabel, config.nodeLabel, column[2]])
        for column in columns
      ],
      [{ field: config.nodeLabel, title: 'Node', links: [tables.toNode] }]
      + (if config.showMultiCluster then [{ field: config.clusterLabel, title: 'Cluster' }] else [])
      + std.mapWithIndex(
        function(i, column) { field: 'Value #' + letter(i), title: column[0], unit: column[1] },
        columns,
      ),
      [{ displayName: 'Packets dropped a minute', desc: true }],
    ) { h:: 10 },

    local guides = [
      tables.toPod('DNS time-outs', 'kubeskoop-dns.json'),
      tables.toPod('Ingress and connections', 'kubeskoop-ingress.json'),
      tables.toPod('TCP resets', 'kubeskoop-resets.json'),
      tables.toPod('Latency jitter', 'kubeskoop-jitter.json'),
    ],
    local worstPods(title, description, unit, record, factor) = panel.top(
      title,
      description,
      unit,
      [queries.top('%d * %s' % [factor, queries.podRecord(record, selector)])],
    ) { w:: 8 },

    local exporterStats = [
      stat(
        'Exporters that answer',
        'Nodes whose exporter answers scrapes. It falls: nodes have gone, or their exporter has. Next: kubectl get pods -o wide of the DaemonSet.',
        'sum(up{%s})' % exporters,
      ),
      stat(
        'Exporters that do not',
        'Exporters that Prometheus knows and that do not answer: their nodes are missing everywhere else. Next: the targets page of Prometheus says why, kubectl describe pod the rest.',
        count('up{%s} == 0' % exporters),
        1,
      ),
      stat(
        'Probes failing',
        'Probes that are to run and do not work, over all nodes; those that do not apply to a node are not among them. Next: find the node by the alert ProbeFailing; /status of its exporter says why.',
        count('kubeskoop_exporter_probe_up{%s} == 0' % exporters),
        1,
      ),
      stat(
        'Pod watches lost',
        'Exporters that do not see changes of pods: pods started since have no series. Next: the log of the exporter; the API server, or the rights of the ServiceAccount.',
        count('kubeskoop_exporter_kube_watch_up{%s} == 0' % exporters),
        1,
      ),
      stat(
        'Configurations refused',
        'Exporters whose newest configuration file is not the one in force. Next: kubeskoop-exporter check-config says what is wrong with the file.',
        count('kubeskoop_exporter_config_last_reload_successful{%s} == 0' % exporters),
        1,
      ),
      stat(
        'Series',
        'Series that all exporters give out about nodes and pods: what they cost Prometheus. Next: if it is too many, leave out probes (docs/config.md).',
        'sum(kubeskoop_exporter_series{%s})' % exporters,
      ),
    ],

    'kubeskoop-overview.json': dashboard(
      config,
      'kubeskoop-overview.json',
      'Overview',
      'The cluster: alerts, traffic and trouble, nodes, the worst pods, and the exporters themselves.',
      $._variables.ofCluster,
      [$._annotations.alertsByName(alertsOf.all, selector)],
      [
        {
          row: panel.row('Alerts, exporters'),
          panels: exporterStats + [tables.alerts(alertsOf.all, selector, [tables.toPod()] + guides)],
        },
        {
          row: panel.row('The cluster'),
          panels: [
            panel.timeseries(
              'Traffic of the nodes',
              'Bits a second through the hardware devices of all nodes. A sudden fall of both: clients are gone, or cannot get here. Next: see the alerts, then the nodes.',
              'bps',
              [
                target.range('8 * ' + ofCluster('netdev_rxbytes'), 'received' + cluster),
                target.range('8 * ' + ofCluster('netdev_txbytes'), 'sent' + cluster),
              ],
            ),
            panel.timeseries(
              'Segments sent again',
              'Of all segments sent in the cluster. It moves for the whole cluster only if the network between nodes does, or one pod sends most of the traffic. Next: see which nodes, then which pods.',
              'percentunit',
              [target.range('%s / (%s > 0)' % [ofCluster('tcp_retranssegs'), ofCluster('tcp_outsegs')], 'sent again' + cluster)],
            ),
            panel.timeseries(
              'Trouble',
              'Packets the kernel dropped and that somebody may miss, resets, and connections that listeners dropped, of all pods and nodes. The usual level of the cluster is the measure. Next: see which namespace and which pods, then their guide.',
              'epm',
              [
                target.range('60 * ' + ofCluster('packetloss_abnormal'), 'packets dropped' + cluster),
                target.range('60 * ' + ofCluster('tcp_resets'), 'resets' + cluster),
                target.range('60 * ' + ofCluster('tcpext_listendrops'), 'connections dropped' + cluster),
              ],
            ),
          ],
        },
        { row: panel.row('Nodes'), panels: [nodeTable] },
        {
          row: panel.row('The worst pods, by trouble'),
          panels: [
            tables.pods(std.objectFields(tables.troubles), selector, [tables.toPod()], guides),
            worstPods(
              'Connections dropped by listeners',
              'Servers that do not accept fast enough. Next: guide Ingress and connections, with the pod from the table.',
              'epm',
              queries.rate('tcpext_listendrops'),
              60,
            ),
            worstPods(
              'Handshakes that failed',
              'Clients whose connects are refused or not answered. Next: guide Ingress and connections.',
              'epm',
              queries.rate('tcp_attemptfails'),
              60,
            ),
            worstPods(
              'Resets',
              'Connections cut off and resets sent. Next: guide TCP resets.',
              'epm',
              queries.rate('tcp_resets'),
              60,
            ),
            worstPods(
              'Segments sent again, of segments sent',
              'Loss or long delay between these pods and their peers; pods with little traffic are left out. Next: one node, its page; one pod, guide Latency jitter.',
              'percentunit',
              'tcp_retranssegs:ratio_rate' + config.rateInterval,
              1,
            ),
            worstPods(
              'Datagrams without a socket',
              'A few at many pods at the same moments: a slow DNS server. Next: guide DNS time-outs.',
              'epm',
              queries.rate('udp_noports'),
              60,
            ),
            worstPods(
              'Datagrams lost',
              'Not delivered, or not sent: full buffers and damaged datagrams. Next: guide DNS time-outs.',
              'epm',
              queries.rate('udp_errors'),
              60,
            ),
            worstPods(
              'Packets dropped',
              'Dropped by the kernel and not malformed. Next: page of the pod, packets dropped by reason.',
              'epm',
              queries.rate('packetloss_abnormal'),
              60,
            ) { w:: 24 },
          ],
        },
        {
          row: panel.row('The worst namespaces'),
          panels: [
            worstNamespaces(
              'Received, by namespace',
              'Which namespaces the traffic is for. One jumps: a batch job, a backup, a client that tries again and again. Next: page of its pods.',
              'bps',
              'netdev_rxbytes',
              8,
            ),
            worstNamespaces(
              'Sent, by namespace',
              'Which namespaces the traffic is from. Next: page of its pods.',
              'bps',
              'netdev_txbytes',
              8,
            ),
            worstNamespaces(
              'Packets dropped, by namespace',
              'Dropped by the kernel and not malformed. All namespaces at once: the nodes; one: its application or its network policies. Next: the worst pods above.',
              'epm',
              'packetloss_abnormal',
              60,
            ),
            worstNamespaces('Resets, by namespace', 'Connections cut off and resets sent. Next: guide TCP resets.', 'epm', 'tcp_resets', 60),
            worstNamespaces(
              'Connections dropped by listeners, by namespace',
              'Servers that do not accept fast enough. Next: guide Ingress and connections.',
              'epm',
              'tcpext_listendrops',
              60,
            ),
            panel.top(
              'Segments sent again, of segments sent, by namespace',
              'Which namespaces have loss or long delay. All at once: the network between the nodes. Next: the worst pods above.',
              'percentunit',
              [queries.top(
                'namespace:kubeskoop_%s{%s} / (namespace:kubeskoop_%s{%s} > 0)' % [
                  queries.sum('tcp_retranssegs'),
                  selector,
                  queries.sum('tcp_outsegs'),
                  selector,
                ],
                '{{%s}} {{%s}}' % [config.clusterLabel, config.namespaceLabel],
              )],
            ) { w:: 8 },
          ],
        },
        {
          row: panel.row('Exporters'),
          panels: [
            panel.top(
              'Time of a collection',
              'How long the last collection took, the longest ones. Near the scrape time-out scrapes begin to fail. Next: page of the node, time by probe.',
              's',
              [queries.top('kubeskoop_exporter_scrape_duration_seconds{%s}' % exporters, '{{instance}}')],
            ) { w:: 8 },
            panel.top(
              'Resident memory',
              'Resident memory of the exporters, the largest ones. Kernel memory of BPF maps is not in it. Next: a node with many pods or series has more; page of the node.',
              'bytes',
              [queries.top('process_resident_memory_bytes{%s}' % exporters, '{{instance}}')],
            ) { w:: 8 },
            panel.timeseries(
              'Pods by state',
              'Pods as the exporters see them: exported, waiting for their name, or without a process. Waiting for long: the pod watch is behind. Next: the panels of the exporter on the page of the node.',
              'short',
              [target.range('sum by (state) (kubeskoop_exporter_pods{%s})' % exporters, '{{state}}')],
            ),
          ],
        },
      ],
    ),
  },
}
