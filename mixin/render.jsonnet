// What is rendered: the contents of each file.
local mixin = import 'mixin.libsonnet';

// A field is evaluated each time it is asked for, a local once.
local alerts = mixin.prometheusAlerts;
local rules = mixin.prometheusRules;
local dashboards = mixin.grafanaDashboards;

{
  'rules/kubeskoop-alerts.yaml': alerts,
  'rules/kubeskoop-rules.yaml': rules,
  // For the Prometheus operator.
  'rules/prometheusrule.yaml': {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: {
      name: 'kubeskoop-exporter',
      labels: {
        'app.kubernetes.io/name': 'kubeskoop-exporter',
        'app.kubernetes.io/part-of': 'kubeskoop-exporter',
      },
    },
    spec: { groups: alerts.groups + rules.groups },
  },
} + {
  ['dashboards/' + file]: dashboards[file]
  for file in std.objectFields(dashboards)
}
