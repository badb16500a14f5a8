// Dashboards, a file each.
(import '../mixin.libsonnet').grafanaDashboards
