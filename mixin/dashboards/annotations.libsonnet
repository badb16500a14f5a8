// Marks of alerts, for as long as they fire.
local annotation = import '../lib/annotation.libsonnet';

{
  _annotations+:: {
    local mark(expr, text) = annotation.query('Alerts', 'red', expr, '{{alertname}}', text, ['alertname', 'severity']),

    alerts(names, selector):: mark($._queries.alerts(names, selector), $._queries.whose),

    // One for all places where an alert fires, of which a cluster may have many.
    alertsByName(names, selector):: mark(
      'count by (alertname, severity) (%s)' % $._queries.alerts(names, selector),
      '',
    ),
  },
}
