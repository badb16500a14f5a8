// Panels. w and h are their size on the grid of 24 columns; lib/grid.libsonnet gives them their place and id.
local target = import 'target.libsonnet';

local panel(type, title, description, unit, targets) = {
  w:: 8,
  h:: 8,

  type: type,
  title: title,
  description: description,
  datasource: target.datasource,
  targets: std.mapWithIndex(function(i, it) it { refId: std.char(std.codepoint('A') + i) }, targets),
  fieldConfig: { defaults: { unit: unit, min: 0 }, overrides: [] },
};

local legend(mode, calcs) = {
  calcs: calcs,
  displayMode: mode,
  placement: 'bottom',
  showLegend: true,
};

{
  size(w, h):: { w:: w, h:: h },

  row(title):: { type: 'row', title: title, collapsed: false, panels: [] },

  timeseries(title, description, unit, targets):: panel('timeseries', title, description, unit, targets) {
    fieldConfig+: {
      defaults+: {
        custom: {
          drawStyle: 'line',
          lineWidth: 1,
          fillOpacity: 10,
          showPoints: 'auto',
          spanNulls: false,
          stacking: { mode: 'none' },
        },
      },
    },
    options: {
      legend: legend('list', []),
      tooltip: { mode: 'multi', sort: 'desc' },
    },
  },

  // The worst of many: the legend is a list of them, the worst first.
  top(title, description, unit, targets):: self.timeseries(title, description, unit, targets) {
    w:: 12,
    fieldConfig+: { defaults+: { custom+: { fillOpacity: 0 } } },
    options+: { legend: legend('table', ['lastNotNull', 'max']) { sortBy: 'Last *', sortDesc: true } },
  },

  // One number. It turns red at `bad` and above, if that is given.
  stat(title, description, unit, targets, bad=null):: panel('stat', title, description, unit, targets) {
    w:: 4,
    h:: 4,
    fieldConfig+: {
      defaults+: {
        color: { mode: 'thresholds' },
        thresholds: {
          mode: 'absolute',
          steps: [{ color: if bad == null then 'blue' else 'green', value: null }]
                 + (if bad == null then [] else [{ color: 'red', value: bad }]),
        },
      },
    },
    options: {
      colorMode: 'value',
      graphMode: 'area',
      justifyMode: 'auto',
      orientation: 'auto',
      percentChangeColorMode: 'standard',
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
      showPercentChange: false,
      textMode: 'auto',
      wideLayout: true,
    },
  },

  // A histogram over time: the unit is that of its buckets.
  heatmap(title, description, unit, targets):: panel('heatmap', title, description, unit, targets) {
    w:: 12,
    options: {
      calculate: false,
      cellGap: 1,
      cellValues: { unit: 'short' },
      color: { exponent: 0.5, fill: 'dark-orange', mode: 'scheme', reverse: false, scale: 'exponential', scheme: 'Oranges', steps: 64 },
      exemplars: { color: 'rgba(255,0,255,0.7)' },
      // What is empty stays blank.
      filterValues: { le: 1e-9 },
      legend: { show: true },
      rowsFrame: { layout: 'auto' },
      showValue: 'never',
      tooltip: { mode: 'single', yHistogram: true, showColorScale: false },
      yAxis: { axisPlacement: 'left', reverse: false, unit: unit },
    },
  },

  // Rows of series. Columns are shown in their order; what is no column is left out.
  // A column: { field, title, unit, links, mappings }, all but the first two optional.
  table(title, description, targets, columns, sortBy=[])::
    panel('table', title, description, 'short', targets) {
      w:: 24,
      fieldConfig: {
        defaults: {
          unit: 'short',
          min: 0,
          custom: { align: 'auto', cellOptions: { type: 'auto' }, filterable: true, inspect: false },
        },
        overrides: [
          {
            matcher: { id: 'byName', options: column.field },
            properties: [{ id: 'displayName', value: column.title }] + [
              { id: property, value: column[property] }
              for property in ['unit', 'links', 'mappings']
              if std.objectHas(column, property)
            ],
          }
          for column in columns
        ],
      },
      transformations: [
        { id: 'merge', options: {} },
        {
          id: 'organize',
          options: {
            excludeByName: {
              Time: true,
              __name__: true,
              Value: !std.member([column.field for column in columns], 'Value'),
            },
            indexByName: { [columns[i].field]: i for i in std.range(0, std.length(columns) - 1) },
            renameByName: {},
          },
        },
      ],
      options: {
        cellHeight: 'sm',
        frameIndex: 0,
        showHeader: true,
        sortBy: sortBy,
      },
    },
}
