// Tables whose cells lead on: alerts that fire, pods in trouble.
local link = import '../lib/link.libsonnet';
local panel = import '../lib/panel.libsonnet';
local target = import '../lib/target.libsonnet';

{
  _tables+:: {
    local tables = self,
    local config = $._config,
    local queries = $._queries,
    local uids = config.grafanaDashboardIDs,
    local ofPod = {
      node: config.nodeLabel,
      namespace: config.namespaceLabel,
      pod: config.podLabel,
      netns: config.netnsLabel,
    },
    local rows(labels, expr) = queries.linkable('max by (%s) (%s)' % [std.join(', ', labels), expr]),

    toNode: link.cell('Node', uids['kubeskoop-node.json'], { node: config.nodeLabel }),
    toPod(title='Pod', file='kubeskoop-pod.json'):: link.cell(title, uids[file], ofPod),

    // Where it is. What matches the empty label is shown as nothing.
    local nothing = { mappings: [{ type: 'value', options: { '()': { index: 0, text: '' } } }] },
    where(links):: [
      { field: config.namespaceLabel, title: 'Namespace' } + nothing,
      { field: config.podLabel, title: 'Pod', links: links } + nothing,
      { field: config.netnsLabel, title: 'Network namespace', links: links } + nothing,
      { field: config.nodeLabel, title: 'Node', links: [tables.toNode] } + nothing,
    ] + if config.showMultiCluster then [{ field: config.clusterLabel, title: 'Cluster' }] else [],

    // A table over ALERTS and not the alert list of Grafana, which shows what Grafana itself evaluates, or an
    // Alertmanager that it knows: here Prometheus is all there has to be.
    alerts(names, selector, links):: panel.table(
      'Alerts that fire',
      'The alerts that fire at the end of the time shown. Empty is good, or the rules are not loaded. Next: the name leads to its runbook, the pod or network namespace to its page, the node to the node.',
      [target.rows(rows(
        queries.labels + ['alertname', 'severity', 'instance'],
        queries.alerts(names, selector),
      ))],
      [
        {
          field: 'alertname',
          title: 'Alert',
          links: [{
            title: 'Runbook',
            url: config.runbookURLPattern % '${__data.fields.alertname}',
            targetBlank: true,
          }],
        },
        { field: 'severity', title: 'Severity' },
      ] + self.where(links) + [{ field: 'instance', title: 'Instance' }],
      [{ displayName: 'Alert', desc: false }],
    ) { h:: 7 },

    // What a pod can have, by the record that says so.
    troubles: {
      [queries.rate('udp_noports')]: 'datagrams without a socket a minute',
      [queries.rate('udp_errors')]: 'datagrams lost a minute',
      [queries.rate('packetloss_abnormal')]: 'packets dropped a minute',
      [queries.rate('tcpext_listendrops')]: 'connections dropped by listeners a minute',
      [queries.rate('tcp_attemptfails')]: 'handshakes failed a minute',
      [queries.rate('tcp_resets')]: 'resets a minute',
      ['tcp_retranssegs:ratio_rate' + config.rateInterval]: 'per cent of segments sent again',
    },
    local perMinute(record) = if std.startsWith(record, 'tcp_retranssegs:ratio') then 100 else 60,

    // Pods by trouble. Records of pods exist only while there is trouble, so this is cheap with any number of pods.
    pods(records, selector, links, guides=[]):: panel.table(
      'Pods in trouble',
      'The worst pods (on a plain host, network namespaces; neither pod nor network namespace is the node itself) for each kind of trouble, over the last %s. A healthy pod is not in it. Next: the pod leads to its page, the trouble to the guides.' % config.rateInterval,
      [target.rows(std.join('\nor\n', [
        'label_replace(%s, "trouble", "%s", "", "")' % [
          rows(
            queries.labels,
            'topk(%d, %d * %s)' % [config.topPods, perMinute(record), queries.podRecord(record, selector)],
          ),
          tables.troubles[record],
        ]
        for record in records
      ]))],
      [{ field: 'trouble', title: 'Trouble', [if guides != [] then 'links']: guides }]
      + self.where(links)
      + [{ field: 'Value', title: 'How much' }],
      [{ displayName: 'Trouble', desc: false }, { displayName: 'How much', desc: true }],
    ),
  },
}
