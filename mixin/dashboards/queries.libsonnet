// The queries of the dashboards. Panels take most of theirs from a scope: the node, the chosen pod, the DNS server.
local target = import '../lib/target.libsonnet';

{
  _queries+:: {
    local queries = self,
    local config = $._config,
    local interval = config.grafanaIntervalVar,
    local cluster = if config.showMultiCluster then ' {{%s}}' % config.clusterLabel else '',
    local labels = [config.nodeLabel, config.namespaceLabel, config.podLabel, config.netnsLabel],

    selectors: {
      local chosen(label, variable) = ',%s=~"$%s"' % [label, variable],

      exporter: '%s,%s=~"$cluster"' % [config.kubeskoopExporterSelector, config.clusterLabel],
      node: self.exporter + chosen(config.nodeLabel, 'node'),
      host: self.node + ',' + config.hostSelector,
      pod:
        self.node
        + chosen(config.namespaceLabel, 'namespace')
        + chosen(config.podLabel, 'pod')
        + chosen(config.netnsLabel, 'netns'),
      dnsPods: self.node + ',' + config.dnsPodSelector,

      // Of records, which have no job.
      clusterRecords: '%s=~"$cluster"' % config.clusterLabel,
      nodeRecords: self.clusterRecords + chosen(config.nodeLabel, 'node'),

      // Of alerts: those of the chosen pod and, without the labels of a pod, those of its node.
      nodeAlerts: self.clusterRecords + ',%s=~"$node|"' % config.nodeLabel,
      podAlerts: self.nodeAlerts + std.join('', [
        ',%s=~"$%s|"' % it
        for it in [[config.namespaceLabel, 'namespace'], [config.podLabel, 'pod'], [config.netnsLabel, 'netns']]
      ]),
    },

    scopes: {
      // Nodes of which all may be chosen, so only the worst are shown.
      host: queries.scope(queries.selectors.host, queries.node, config.topPods),
      // The chosen pod. The node tells where it ran at the time.
      pod: queries.scope(queries.selectors.pod, queries.node, null),
      dnsPods: queries.scope(queries.selectors.dnsPods, '{{%s}}' % config.podLabel + cluster, config.topPods),
    },

    // Queries about the series of a selector. `whose` is the end of their legends; with `limit` only so many are shown.
    scope(selector, whose, limit):: {
      local scope = self,
      local series(metric, matchers) = '%s{%s%s}' % [metric, selector, matchers],

      range(expr, legend):: target.range(
        if limit == null then expr else 'topk(%d, %s)' % [limit, expr],
        legend + ' ' + whose,
      ),
      rateOf(metric, matchers=''):: 'rate(%s[%s])' % [series(metric, matchers), interval],

      now(metric, legend, matchers=''):: self.range(series(metric, matchers), legend),
      perSecond(metric, legend, factor=1):: self.range(
        (if factor == 1 then '' else '%d * ' % factor) + self.rateOf(metric),
        legend,
      ),
      perMinute(metric, legend, matchers=''):: self.range('60 * ' + self.rateOf(metric, matchers), legend),
      // By a label of the metric's own. There may be many values, so only the most frequent are shown.
      perMinuteBy(label, metric):: target.range(
        'topk(%d, 60 * %s)' % [config.topPods, self.rateOf(metric)],
        '{{%s}} %s' % [label, whose],
      ),
      // One rate as a part of others added up. Nothing where there is nothing to be a part of.
      part(metric, wholes, legend):: self.range(
        '%s / ((%s) > 0)' % [self.rateOf(metric), std.join(' + ', [self.rateOf(whole) for whole in wholes])],
        legend,
      ),
      partOfGauge(metric, whole, legend):: self.range('%s / (%s > 0)' % [series(metric, ''), series(whole, '')], legend),

      // A latency. Native histograms have no buckets, and their quantiles no label le.
      local whole(histogram, by) = if config.nativeHistograms then
        'sum by (%s) (%s)' % [std.join(', ', by), scope.rateOf(histogram)]
      else
        'sum by (%s) (%s)' % [std.join(', ', ['le'] + by), scope.rateOf(histogram + '_bucket')],
      quantile(quantile, histogram, legend, by=[]):: self.range(
        'histogram_quantile(%s, %s)' % [quantile, whole(histogram, by + queries.labels)],
        legend,
      ),
      quantiles(histogram, what, by=[]):: [
        self.quantile('0.99', histogram, what + ', 99 %', by),
        self.quantile('0.5', histogram, what + ', 50 %', by),
      ],
      // How often a minute it took longer than an edge of the buckets.
      slower(edge, histogram, legend):: self.range(
        if config.nativeHistograms then
          '60 * histogram_fraction(%s, +Inf, %s) * histogram_count(%s)' % [
            edge,
            self.rateOf(histogram),
            self.rateOf(histogram),
          ]
        else
          '60 * (%s - ignoring (le) %s)' % [
            self.rateOf(histogram + '_count'),
            self.rateOf(histogram + '_bucket', ',le="%s"' % edge),
          ],
        legend,
      ),
      // A native histogram has its buckets within, and Grafana names them.
      buckets(histogram)::
        if config.nativeHistograms then
          target.buckets('sum(%s)' % self.rateOf(histogram)) { legendFormat: '__auto' }
        else
          target.buckets('sum by (le) (%s)' % self.rateOf(histogram + '_bucket')),
    },

    // Records.
    podRecord(name, selector):: 'pod:kubeskoop_%s{%s}' % [name, selector],
    nodeRecord(name, selector):: 'node:kubeskoop_%s{%s}' % [name, selector],
    rate(name):: name + ':rate' + config.rateInterval,
    sum(name):: name + ':sum_rate' + config.rateInterval,
    quantileOfNode(histogram, quantile, legend):: target.range(
      'topk(%d, node_quantile:kubeskoop_%s_latency_seconds:histogram_quantile_rate%s{%s,quantile="%s"})' % [
        config.topPods,
        histogram,
        config.rateInterval,
        queries.selectors.nodeRecords,
        quantile,
      ],
      legend + ' ' + queries.node,
    ),

    // In legends: the node.
    node: '{{%s}}' % config.nodeLabel + cluster,
    // Who it is, in the legend of lists of the worst: a pod, or a network namespace of a plain host, or a node.
    whose: std.join(' ', ['{{%s}}' % label for label in labels[1:] + labels[:1]]) + cluster,
    top(expr, legend=queries.whose):: target.range('topk(%d, %s)' % [config.topPods, expr], legend),

    // Gives series the labels of a pod, also where they are empty: a link of a table needs a column for each. The value
    // is an expression that matches the empty label.
    linkable(expr):: std.foldl(
      function(it, label) 'label_replace(%s, "%s", "()", "%s", "")' % [it, label, label],
      labels,
      expr,
    ),
    labels: [config.clusterLabel] + labels,

    // The exporter does not label series about itself by node; Prometheus labels both by instance.
    ofNode(expr):: '%s * on (%s, instance) group_left (%s) group by (%s, instance, %s) (kubeskoop_tcp_currestab{%s})' % [
      expr,
      config.clusterLabel,
      config.nodeLabel,
      config.clusterLabel,
      config.nodeLabel,
      queries.selectors.host,
    ],

    // Alerts that fire. They have the labels of their rules, and no job.
    alerts(names, selector):: 'ALERTS{alertname=~"%s",alertstate="firing",%s}' % [std.join('|', names), selector],
  },
}
