// Alerts and records as an object for the Prometheus operator.
local mixin = import '../mixin.libsonnet';

local labels = {
  'app.kubernetes.io/name': 'kubeskoop-exporter',
  'app.kubernetes.io/part-of': 'kubeskoop-exporter',
};

std.manifestYamlDoc({
  apiVersion: 'monitoring.coreos.com/v1',
  kind: 'PrometheusRule',
  metadata: { name: 'kubeskoop-exporter', labels: labels },
  spec: { groups: mixin.prometheusAlerts.groups + mixin.prometheusRules.groups },
}, indent_array_in_object=true, quote_keys=false)
