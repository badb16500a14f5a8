// Alerts as a rule file for Prometheus.
local mixin = import '../mixin.libsonnet';

std.manifestYamlDoc(mixin.prometheusAlerts, indent_array_in_object=true, quote_keys=false)
