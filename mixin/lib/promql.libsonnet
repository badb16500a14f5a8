// Expressions that several records are made of.
function(config) {
  // The rate of one metric, or of several added up, over rateInterval. `matchers` begins with a comma or is empty.
  rate(metrics, matchers=''):: std.join('\n+\n', [
    'rate(%s{%s%s}[%s])' % [metric, config.kubeskoopExporterSelector, matchers, config.rateInterval]
    for metric in metrics
  ]),

  // Sums by labels, the cluster always among them.
  sum(labels, expression):: 'sum by (%s) (\n%s\n)\n' % [
    std.join(', ', [config.clusterLabel] + labels),
    $.indented(expression),
  ],

  // The quantile of a histogram over rateInterval, by labels.
  quantile(quantile, histogram, labels):: (
    local by = std.join(', ', [config.clusterLabel] + labels + (if config.nativeHistograms then [] else ['le']));
    local suffix = if config.nativeHistograms then '' else '_bucket';
    |||
      histogram_quantile(
        %s,
        sum by (%s) (%s)
      )
    ||| % [quantile, by, $.rate([histogram + suffix])]
  ),

  // Each line two spaces further in.
  indented(text):: std.join('\n', ['  ' + line for line in std.split(text, '\n')]),
}
