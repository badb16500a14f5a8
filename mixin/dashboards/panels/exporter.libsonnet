// The exporter of a node, by the queries of the dashboards.
local panel = import '../../lib/panel.libsonnet';
local target = import '../../lib/target.libsonnet';

function(mixin) {
  local config = mixin._config,
  local queries = mixin._queries,
  local series(metric) = '%s{%s}' % [metric, queries.selectors.exporter],
  local rateOf(metric) = 'rate(%s[%s])' % [series(metric), config.grafanaIntervalVar],
  local of(expr, legend) = target.range(
    'topk(%d, %s)' % [config.topPods, queries.ofNode(expr)],
    legend + ' ' + queries.node,
  ),
  local now(metric, legend) = of(series(metric), legend),
  local perMinute(metric, legend) = of('60 * ' + rateOf(metric), legend),

  states: panel.table(
    'Probes',
    'The state of each probe, where its numbers come from, and on how many of the chosen nodes. failed: /status of the exporter and its log say why. not_applicable: the kernel or the machine has not got what it measures, and that is no fault. A probe that is not in the list is off. Next: for failed ones, kubeskoop-exporter list probes on the node says what is missing.',
    [target.rows('count by (probe, state, source) (%s)' % queries.ofNode(
      '(%s == 1)' % series('kubeskoop_exporter_probe_state'),
    ))],
    [
      { field: 'probe', title: 'Probe' },
      { field: 'state', title: 'State' },
      { field: 'source', title: 'Source' },
      { field: 'Value', title: 'Nodes' },
    ],
    [{ displayName: 'State', desc: false }],
  ) { w:: 12 },

  up: panel.timeseries(
    'Probes that work',
    '1 while a probe works, 0 when it failed; the lowest first to go. Next: a 0 is explained by /status of the exporter.',
    'short',
    [target.range(
      'bottomk(%d, %s)' % [config.topPods, queries.ofNode(series('kubeskoop_exporter_probe_up'))],
      '{{probe}} ' + queries.node,
    )],
  ) { w:: 12 },

  errors: panel.timeseries(
    'Errors of probes',
    'Collections, attachments or reads that failed, and counts that found no room in a BPF map: the numbers of that probe are too low, or missing. Next: the log of the exporter names file or hook.',
    'epm',
    [
      perMinute('kubeskoop_exporter_probe_errors_total', '{{probe}} errors'),
      perMinute('kubeskoop_exporter_map_full_total', '{{probe}} map full'),
    ],
  ),

  durations: panel.timeseries(
    'Time of a collection',
    'All probes together, and the slowest of them. Near the scrape time-out, half of 15 s, scrapes begin to fail. Next: see which probe takes it; many processes make io and fd slow without BPF.',
    's',
    [
      now('kubeskoop_exporter_scrape_duration_seconds', 'all'),
      now('kubeskoop_exporter_probe_collect_duration_seconds', '{{probe}}'),
    ],
  ),

  series: panel.timeseries(
    'Series',
    'Series by probe, and those left out since metrics.maxSeries was reached: whole probes are missing then. Next: leave out probes you do not need, or raise metrics.maxSeries.',
    'short',
    [
      now('kubeskoop_exporter_series', '{{probe}}'),
      perMinute('kubeskoop_exporter_series_dropped_total', '{{probe}} left out a minute'),
    ],
  ),

  cpu: panel.timeseries(
    'CPU time',
    'CPUs used by the exporter, and by its BPF programs where bpfStats is on. Next: if it grows with traffic, leave out probes that look at every packet (docs/overhead.md).',
    'short',
    [
      of(rateOf('process_cpu_seconds_total'), 'exporter'),
      of(rateOf('kubeskoop_exporter_bpf_run_time_seconds_total'), '{{probe}} BPF'),
    ],
  ),

  memory: panel.timeseries(
    'Memory',
    'Resident memory of the exporter. Kernel memory of BPF maps is not in it. It is given by the number of pods and series. Next: if it climbs without them, restart the exporter and report it.',
    'bytes',
    [
      now('process_resident_memory_bytes', 'resident'),
      now('process_virtual_memory_bytes', 'virtual'),
    ],
  ),

  files: panel.timeseries(
    'Descriptors, threads, requests',
    'Open files of the exporter and their limit, its threads, and the requests it serves at the moment. Requests that pile up: scrapes take longer than their interval. Next: see the time of a collection.',
    'short',
    [
      now('process_open_fds', 'files'),
      now('process_max_fds', 'limit of files'),
      now('process_threads', 'threads'),
      now('kubeskoop_exporter_http_requests_in_flight', 'requests'),
    ],
  ),

  namespaces: panel.timeseries(
    'Network namespaces and pods',
    'Network namespaces by kind, and pods by state. waiting: the API server has not named them yet, for seconds only. without_process: named, but nothing of them runs here. Next: waiting for minutes, see the pod watch and the rights of the ServiceAccount.',
    'short',
    [
      now('kubeskoop_exporter_network_namespaces', 'namespaces {{kind}}'),
      now('kubeskoop_exporter_pods', 'pods {{state}}'),
    ],
  ),

  health: panel.timeseries(
    'Pod watch, configuration',
    '1 is well. Pod watch 0: pods started since have no series. Configuration 0: the newest file is not in force. Next: the log of the exporter says why; kubeskoop-exporter check-config tests the file.',
    'short',
    [
      now('kubeskoop_exporter_kube_watch_up', 'pod watch'),
      now('kubeskoop_exporter_config_last_reload_successful', 'configuration'),
    ],
  ),

  ages: panel.timeseries(
    'Age of process and configuration',
    'How long ago the exporter was started and its configuration loaded. A saw: it restarts again and again. Next: kubectl describe pod tells why it ended (OOMKilled, probe failed).',
    's',
    [
      of('(time() - %s)' % series('process_start_time_seconds'), 'process'),
      of('(time() - %s)' % series('kubeskoop_exporter_config_last_reload_success_timestamp_seconds'), 'configuration'),
    ],
  ),

  builds: panel.table(
    'Build',
    'Version of the exporter on the chosen nodes. More than one: a rollout is under way, or is stuck. Next: kubectl rollout status.',
    [target.rows('count by (version, revision, rustc) (%s)' % queries.ofNode(series('kubeskoop_exporter_build_info')))],
    [
      { field: 'version', title: 'Version' },
      { field: 'revision', title: 'Revision' },
      { field: 'rustc', title: 'Compiler' },
      { field: 'Value', title: 'Nodes' },
    ],
  ) { w:: 12 },
}
