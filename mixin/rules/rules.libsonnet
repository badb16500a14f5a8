local groups = [
  (import 'pods.libsonnet'),
  (import 'namespaces.libsonnet'),
  (import 'nodes.libsonnet'),
  (import 'latencies.libsonnet'),
];

{
  prometheusRules+:: {
    groups+: [build($._config) for build in groups],
  },
}
