local printable = import '../lib/printable.libsonnet';

local withRunbook(config, rule) = rule {
  annotations+: {
    [if !std.objectHas(rule.annotations, 'runbook_url') then 'runbook_url']: config.runbookURLPattern % rule.alert,
  },
};

local groups = [
  (import 'dns.libsonnet'),
  (import 'connections.libsonnet'),
  (import 'resets.libsonnet'),
  (import 'jitter.libsonnet'),
  (import 'exporter.libsonnet'),
];

{
  prometheusAlerts+:: {
    groups+: [
      {
        local group = build(printable($._config)),
        name: group.name,
        rules: [withRunbook($._config, rule) for rule in group.rules],
      }
      for build in groups
    ],
  },
}
