// Marks of alerts.
local annotation = import '../lib/annotation.libsonnet';

{
  _annotations+:: {
    local config = $._config,

    alerts(names, selector):: annotation.query(
      'Alerts',
      'red',
      $._queries.alerts(names, selector),
      '{{alertname}}',
      std.join(' ', ['{{%s}}' % label for label in [config.namespaceLabel, config.podLabel, config.netnsLabel, config.nodeLabel]]),
      ['alertname', 'severity'],
    ),
  },
}
