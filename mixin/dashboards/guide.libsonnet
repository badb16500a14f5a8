// A guide: which pods have the symptom, and then, for the chosen pod, the signals in the order of the guide.
local dashboard = import '../lib/dashboard.libsonnet';
local panel = import '../lib/panel.libsonnet';

// mixin: the root; alerts: their names; troubles: records by which pods are found; symptoms: panels beside.
function(mixin, file, title, description, alerts, troubles, symptoms, rows)
  local tables = mixin._tables;
  local selectors = mixin._queries.selectors;
  local here = [tables.toPod('This guide', file), tables.toPod()];
  dashboard(
    mixin._config,
    file,
    title,
    description,
    mixin._variables.ofPod,
    [mixin._annotations.alerts(alerts, selectors.podAlerts)],
    [
      {
        row: panel.row('Where it is: choose the pod here, or above'),
        panels: [
          tables.alerts(alerts, selectors.nodeAlerts, here),
          tables.pods(troubles, selectors.nodeRecords, here),
        ] + symptoms,
      },
    ] + rows,
  )
