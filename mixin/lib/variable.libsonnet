// Variables of dashboards.
local target = import 'target.libsonnet';

{
  datasource(name, regex):: {
    name: 'datasource',
    label: 'Data source',
    type: 'datasource',
    query: 'prometheus',
    regex: regex,
    current: { selected: true, text: name, value: name },
    hide: 0,
    includeAll: false,
    multi: false,
    options: [],
    refresh: 1,
  },

  // A single value of a query. It is looked up again when the time changes, since pods come and go.
  query(name, label, query):: {
    name: name,
    label: label,
    type: 'query',
    datasource: target.datasource,
    query: { query: query, refId: 'Variable' },
    regex: '',
    current: { selected: false, text: '', value: '' },
    hide: 0,
    includeAll: false,
    multi: false,
    options: [],
    refresh: 2,
    sort: 1,
  },

  // One that may be all, which is what it is at first. An empty label matches, too.
  orAll: {
    includeAll: true,
    allValue: '.*',
    current: { selected: true, text: 'All', value: '$__all' },
  },

  hidden: { hide: 2 },
}
