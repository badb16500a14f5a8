// The configuration with its numbers as PromQL takes them. `%g` of jsonnet 0.18 fails on 0, and its `%s` prints 0.05 with
// seventeen digits.
function(config) std.mapWithKey(
  function(key, value)
    if std.type(value) != 'number' then value
    else if value == 0 then '0'
    else '%.10g' % value,
  config
)
