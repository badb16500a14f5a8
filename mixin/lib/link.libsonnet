// Links. All keep the time.
{
  // The other dashboards of some tags, with the variables as they are.
  dropdown(title, tags):: {
    type: 'dashboards',
    title: title,
    tags: tags,
    asDropdown: true,
    icon: 'external link',
    includeVars: true,
    keepTime: true,
    targetBlank: false,
    tooltip: '',
    url: '',
  },

  // From the cell of a table to a dashboard: variables are columns of the row, { name: column }.
  cell(title, uid, variables):: {
    title: title,
    url: '/d/%s?%s' % [uid, std.join('&', [
      '${datasource:queryparam}',
      '${cluster:queryparam}',
    ] + [
      'var-%s=${__data.fields.%s}' % [name, variables[name]]
      for name in std.objectFields(variables)
    ] + ['${__url_time_range}'])],
  },
}
