// The variables of the dashboards, always in this order. Those of one name are of one kind on every dashboard, so that
// links can hand them on.
local variable = import '../lib/variable.libsonnet';

{
  _variables+:: {
    local config = $._config,
    local selectors = $._queries.selectors,

    datasource: variable.datasource(config.datasourceName, config.datasourceFilterRegex),

    cluster:
      variable.query(
        'cluster',
        'Cluster',
        'label_values(kubeskoop_exporter_build_info{%(kubeskoopExporterSelector)s}, %(clusterLabel)s)' % config,
      )
      + variable.orAll
      + (if config.showMultiCluster then {} else variable.hidden),

    node: variable.query(
      'node',
      'Node',
      'label_values(kubeskoop_tcp_currestab{%s,%s}, %s)' % [selectors.exporter, config.hostSelector, config.nodeLabel],
    ) + variable.orAll,

    // No All: there may be a hundred thousand pods. Without Kubernetes there is none: the value is empty, and matches.
    namespace: variable.query(
      'namespace',
      'Namespace',
      'label_values(kubeskoop_pod_info{%s}, %s)' % [selectors.node, config.namespaceLabel],
    ),

    pod: variable.query(
      'pod',
      'Pod',
      'label_values(kubeskoop_pod_info{%s,%s=~"$namespace"}, %s)' % [
        selectors.node,
        config.namespaceLabel,
        config.podLabel,
      ],
    ),

    // The network namespaces of a plain host, itself among them: its label is empty, which no list of values holds, so
    // its value here is an expression that matches the empty one. With Kubernetes there is just the one of the pod.
    netns: variable.query('netns', 'Network namespace', 'query_result(count by (text, value) (%s))' % self.netnsQuery) {
      regex: '/text="(?<text>[^"]+)".*value="(?<value>[^"]+)"/',
    },
    netnsQuery::
      std.foldl(
        function(expr, it) 'label_replace(%s, "%s", "%s", "%s", "%s")' % ([expr] + it),
        [
          ['text', 'host', '', ''],
          ['text', '$1', config.podLabel, '(.+)'],
          ['text', '$1', config.netnsLabel, '(.+)'],
          ['value', '()', '', ''],
          ['value', '$1', config.netnsLabel, '(.+)'],
        ],
        'last_over_time(kubeskoop_tcp_currestab{%s,%s=~"$namespace",%s=~"$pod"}[$__range])' % [
          selectors.node,
          config.namespaceLabel,
          config.podLabel,
        ],
      ),

    // What the dashboards have.
    ofCluster: [self.datasource, self.cluster],
    ofNode: self.ofCluster + [self.node],
    ofPod: self.ofNode + [self.namespace, self.pod, self.netns],
  },
}
