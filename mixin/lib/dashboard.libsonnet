// A dashboard of rows: [{ row, panels }, ..].
local grid = import 'grid.libsonnet';
local link = import 'link.libsonnet';

function(config, file, title, description, variables, annotations, rows) {
  uid: config.grafanaDashboardIDs[file],
  title: config.dashboardNamePrefix + title,
  description: description,
  tags: config.dashboardTags,
  editable: false,
  graphTooltip: 1,
  schemaVersion: 39,
  refresh: config.dashboardRefresh,
  time: { from: 'now-1h', to: 'now' },
  timezone: config.dashboardTimezone,
  templating: { list: variables },
  annotations: { list: annotations },
  links: [link.dropdown('KubeSkoop', config.dashboardTags)],
  panels: grid.layout(rows),
}
