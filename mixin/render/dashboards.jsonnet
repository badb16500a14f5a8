// Dashboards, a file each.
local dashboards = (import '../mixin.libsonnet').grafanaDashboards;

{ [file]: std.manifestJsonEx(dashboards[file], '  ') for file in std.objectFields(dashboards) }
