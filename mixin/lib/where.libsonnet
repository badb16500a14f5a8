// Words of alerts for the place that a series is of, as templates of Prometheus.
function(config) {
  local cluster = if config.showMultiCluster then ' of cluster {{ $labels.%(clusterLabel)s }}' % config else '',

  node: '{{ $labels.%(nodeLabel)s }}' % config + cluster,

  instance: '{{ $labels.instance }}' + cluster,

  // A pod; without Kubernetes a network namespace; else the node's own.
  netns:
    (
      '{{ if $labels.%(podLabel)s }}pod {{ $labels.%(namespaceLabel)s }}/{{ $labels.%(podLabel)s }}'
      + '{{ else if $labels.%(netnsLabel)s }}network namespace {{ $labels.%(netnsLabel)s }}'
      + '{{ else }}the network namespace of the node itself{{ end }} on {{ $labels.%(nodeLabel)s }}'
    ) % config + cluster,
}
