// Draws dashboards with what a Prometheus has: node draw.mjs ORDER.json
//
// The order: { prometheus, seconds, interval, packages, pictures: [{ dashboard, file, rows, values }] }. `rows` is how
// much of the dashboard is drawn, in rows of its grid.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const order = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const esbuild = createRequire(join(order.packages, 'package.json'))('esbuild');

const to = Math.floor(Date.now() / 1000);
const from = to - order.seconds;
const STEP = 2;

const filled = (text, values) =>
  text.replaceAll(/\$(?:\{(\w+)\}|(\w+))/g, (whole, braced, plain) => {
    const name = braced ?? plain;
    const known = { __rate_interval: order.interval, __range: `${order.seconds}s`, ...values };
    return known[name] ?? whole;
  });

async function asked(path, parameters) {
  const answer = await fetch(`${order.prometheus}/api/v1/${path}?${new URLSearchParams(parameters)}`);
  const body = await answer.json();
  if (body.status !== 'success') {
    throw new Error(`${parameters.query}: ${body.error}`);
  }
  return body.data.result;
}

const named = (format, labels) =>
  (format || JSON.stringify(labels)).replaceAll(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => labels[label] ?? '').trim();

// Prometheus leaves points out; Grafana has a gap there.
function series(result, target) {
  return result.map(({ metric, values }) => {
    const points = new Map(values.map(([time, value]) => [time, Number(value)]));
    const times = Array.from({ length: Math.floor(order.seconds / STEP) + 1 }, (_, i) => from + i * STEP);
    const name = named(target.legendFormat, metric);
    return {
      refId: target.refId,
      name,
      fields: [
        { name: 'Time', type: 'time', values: times.map((it) => it * 1000), config: {} },
        {
          name: 'Value',
          type: 'number',
          values: times.map((it) => points.get(it) ?? null),
          config: { displayNameFromDS: name },
        },
      ],
    };
  });
}

// One frame with a column for each label, as Grafana makes it of an instant query.
function rows(result, target, several) {
  const labels = [...new Set(result.flatMap(({ metric }) => Object.keys(metric)))].sort();
  const column = (name, type, values) => ({ name, type, values, config: {} });
  return {
    refId: target.refId,
    fields: [
      column('Time', 'time', result.map(({ value }) => value[0] * 1000)),
      ...labels.map((label) => column(label, 'string', result.map(({ metric }) => metric[label] ?? ''))),
      column(several ? `Value #${target.refId}` : 'Value', 'number', result.map(({ value }) => Number(value[1]))),
    ],
  };
}

async function panelWithData(panel, values) {
  const frames = [];
  const targets = panel.targets ?? [];
  for (const target of targets) {
    const query = filled(target.expr, values);
    if (panel.type === 'table') {
      frames.push(rows(await asked('query', { query, time: to }), target, targets.length > 1));
    } else {
      frames.push(...series(await asked('query_range', { query, start: from, end: to, step: STEP }), target));
    }
  }
  return { ...panel, frames: frames.filter((it) => it.fields[0].values.length > 0) };
}

const chosen = (dashboard, values) =>
  dashboard.templating.list
    .filter(({ hide }) => hide !== 2)
    .map(({ name, label }) => [label, name === 'datasource' ? 'Prometheus' : values[name].replace(/^\.\*$/, 'All')])
    // Of a pod, its network namespace has no name.
    .filter(([, value]) => value !== '' && value !== '()');

const script = esbuild.buildSync({
  entryPoints: [join(here, 'page.tsx')],
  bundle: true,
  define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
  jsx: 'transform',
  loader: { '.svg': 'dataurl', '.woff': 'dataurl', '.woff2': 'dataurl' },
  logLevel: 'error',
  external: ['monaco-editor'],
  mainFields: ['browser', 'main'],
  // What these packages have for bundlers, esbuild cannot take: some of its modules export nothing.
  alias: Object.fromEntries(
    ['data', 'e2e-selectors', 'schema', 'ui'].map((it) => [
      `@grafana/${it}`,
      join(order.packages, `node_modules/@grafana/${it}/dist/cjs/index.cjs`),
    ])
  ),
  nodePaths: [join(order.packages, 'node_modules')],
  outdir: 'out',
  write: false,
});
const output = (ending) => script.outputFiles.find((it) => it.path.endsWith(ending)).text;

const HEAD = 90;
const CELL = 38;

for (const picture of order.pictures) {
  const dashboard = JSON.parse(readFileSync(picture.dashboard, 'utf8'));
  const shown = dashboard.panels.filter(({ gridPos }) => gridPos.y + gridPos.h <= picture.rows);
  const page = {
    title: dashboard.title,
    chosen: chosen(dashboard, picture.values),
    rows: picture.rows,
    from: from * 1000,
    to: to * 1000,
    panels: await Promise.all(shown.map((it) => panelWithData(it, picture.values))),
  };
  const directory = mkdtempSync(join(tmpdir(), 'picture-'));
  try {
    const html = join(directory, 'page.html');
    const data = JSON.stringify(page).replaceAll('<', '\\u003c');
    const code = output('.js').replaceAll('</script', '<\\/script');
    writeFileSync(
      html,
      `<!doctype html><meta charset="utf-8"><style>${output('.css')}</style>` +
        `<body style="margin:0"><div id="page"></div>` +
        `<script>window.PICTURE=${data}</script><script>${code}</script>`
    );
    execFileSync(
      'chromium',
      [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--hide-scrollbars',
        `--user-data-dir=${join(directory, 'profile')}`,
        '--virtual-time-budget=20000',
        `--window-size=1600,${HEAD + picture.rows * CELL}`,
        `--screenshot=${picture.file}`,
        `file://${html}`,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'], timeout: 300_000 }
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
