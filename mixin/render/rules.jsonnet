// Records as a rule file for Prometheus.
local mixin = import '../mixin.libsonnet';

std.manifestYamlDoc(mixin.prometheusRules, indent_array_in_object=true, quote_keys=false)
