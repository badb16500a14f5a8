// The exporters themselves. A scrape that fails makes every series stale: last_over_time() keeps it from beginning
// the time anew that a gauge has to hold.
local where = import '../lib/where.libsonnet';

// absent() knows no clusters. With several, one that had targets within a day is missed. Looking every five minutes
// keeps that cheap with thousands of targets.
local down(config) = (
  if config.showMultiCluster then |||
    max_over_time((count by (%(clusterLabel)s) (up{%(kubeskoopExporterSelector)s}))[1d:5m])
    unless on (%(clusterLabel)s)
    (up{%(kubeskoopExporterSelector)s} == 1)
  ||| else |||
    absent(up{%(kubeskoopExporterSelector)s} == 1)
  |||
) % config;

function(config) {
  name: 'kubeskoop-exporter',
  rules: [
    {
      alert: 'KubeSkoopExporterDown',
      expr: down(config),
      'for': config.exporterFor,
      labels: { severity: config.kubeskoopCriticalSeverity },
      annotations: {
        summary: 'No exporter can be scraped.',
        description:
          'No target of ' + config.kubeskoopExporterSelector
          + (if config.showMultiCluster then ' in cluster {{ $labels.%(clusterLabel)s }}' % config else '')
          + ' has answered a scrape for %(exporterFor)s: nothing is known of the network of any node.' % config,
      },
    },
    {
      alert: 'KubeSkoopExporterUnreachable',
      expr: |||
        up{%(kubeskoopExporterSelector)s} == 0
      ||| % config,
      'for': config.exporterFor,
      labels: { severity: config.kubeskoopWarningSeverity },
      annotations: {
        summary: 'The exporter of a node cannot be scraped.',
        description:
          'The exporter on ' + where(config).instance
          + ' has not answered a scrape for %(exporterFor)s.' % config,
      },
    },
    {
      // The series does not exist where a probe does not apply.
      alert: 'KubeSkoopProbeFailing',
      expr: |||
        last_over_time(kubeskoop_exporter_probe_up{%(kubeskoopExporterSelector)s}[%(rateInterval)s]) == 0
      ||| % config,
      'for': config.exporterFor,
      labels: { severity: config.kubeskoopWarningSeverity },
      annotations: {
        summary: 'A probe does not work on a node.',
        description:
          'The probe {{ $labels.probe }} on ' + where(config).instance
          + ' has failed for %(exporterFor)s; its metrics are missing or incomplete there.' % config
          + ' /status of the exporter says why.',
      },
    },
    {
      // The pods known last stay. New ones have no series.
      alert: 'KubeSkoopPodsNotInSync',
      expr: |||
        last_over_time(kubeskoop_exporter_kube_watch_up{%(kubeskoopExporterSelector)s}[%(rateInterval)s]) == 0
      ||| % config,
      'for': config.exporterFor,
      labels: { severity: config.kubeskoopWarningSeverity },
      annotations: {
        summary: 'The exporter of a node does not see changes of pods.',
        description:
          'The exporter on ' + where(config).instance
          + ' has had no watch of the pods of its node for %(exporterFor)s:' % config
          + ' pods started since have no series. /readyz of the exporter says why.',
      },
    },
    {
      // The configuration in force stays.
      alert: 'KubeSkoopConfigReloadFailed',
      expr: |||
        last_over_time(kubeskoop_exporter_config_last_reload_successful{%(kubeskoopExporterSelector)s}[%(rateInterval)s]) == 0
      ||| % config,
      'for': config.exporterFor,
      labels: { severity: config.kubeskoopWarningSeverity },
      annotations: {
        summary: 'The configuration file of an exporter cannot be put in force.',
        description:
          'The configuration file of the exporter on ' + where(config).instance
          + ' has been refused for %(exporterFor)s; the one before it stays in force.' % config
          + ' The log of the exporter names the line.',
      },
    },
    {
      alert: 'KubeSkoopScrapeSlow',
      expr: |||
        last_over_time(kubeskoop_exporter_scrape_duration_seconds{%(kubeskoopExporterSelector)s}[%(rateInterval)s])
        > %(scrapeSlowSeconds)s
      ||| % config,
      'for': config.exporterFor,
      labels: { severity: config.kubeskoopWarningSeverity },
      annotations: {
        summary: 'An exporter takes long to collect.',
        description:
          'A collection on ' + where(config).instance
          + ' takes {{ $value | humanizeDuration }}; past %(scrapeTimeoutSeconds)s seconds the scrape is given up.' % config,
      },
    },
    {
      alert: 'KubeSkoopEventsLost',
      expr: |||
        round(increase(kubeskoop_exporter_events_lost_total{%(kubeskoopExporterSelector)s}[%(rateInterval)s])) >= 1
      ||| % config,
      'for': config.steadyFor,
      labels: { severity: config.kubeskoopWarningSeverity },
      annotations: {
        summary: 'Events of an exporter are lost.',
        description:
          'The exporter on ' + where(config).instance
          + ' lost {{ $value | humanize }} events in %(rateInterval)s at {{ $labels.where }}.' % config,
      },
    },
    {
      // Grows with every collection for as long as the limit is reached.
      alert: 'KubeSkoopSeriesDropped',
      expr: |||
        increase(kubeskoop_exporter_series_dropped_total{%(kubeskoopExporterSelector)s}[%(rateInterval)s]) > 0
      ||| % config,
      'for': config.steadyFor,
      labels: { severity: config.kubeskoopWarningSeverity },
      annotations: {
        summary: 'Series are left out, since a limit is reached.',
        description:
          'The exporter on ' + where(config).instance
          + ' leaves out series of the probe {{ $labels.probe }}, since metrics.maxSeries is reached.',
      },
    },
  ],
}
