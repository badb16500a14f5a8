// Queries of panels. The panel gives them their refId.
local datasource = { type: 'prometheus', uid: '${datasource}' };

{
  datasource: datasource,

  // Over the time shown. What is empty in a legend leaves only blanks, which a browser shows as one.
  range(expr, legend):: {
    datasource: datasource,
    expr: expr,
    legendFormat: legend,
    range: true,
    instant: false,
    editorMode: 'code',
  },

  // At its end.
  instant(expr, legend=''):: self.range(expr, legend) { range: false, instant: true },

  // At its end, a row for each series and a column for each label.
  rows(expr):: self.instant(expr) { format: 'table' },

  // The buckets of a histogram.
  buckets(expr):: self.range(expr, '{{le}}') { format: 'heatmap' },
}
