// Marks in all panels of a dashboard.
local target = import 'target.libsonnet';

{
  // While a query gives a series. Title, text and tags are made of its labels.
  query(name, color, expr, title, text, tags):: {
    name: name,
    datasource: target.datasource,
    enable: true,
    hide: false,
    iconColor: color,
    target: { datasource: target.datasource, expr: expr, refId: 'Anno' },
    titleFormat: title,
    textFormat: text,
    tagKeys: std.join(',', tags),
  },
}
