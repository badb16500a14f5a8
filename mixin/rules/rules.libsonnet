local printable = import '../lib/printable.libsonnet';

local groups = [
  (import 'pods.libsonnet'),
  (import 'namespaces.libsonnet'),
  (import 'nodes.libsonnet'),
  (import 'latencies.libsonnet'),
];

{
  prometheusRules+:: {
    groups+: [build(printable($._config)) for build in groups],
  },
}
