// A dashboard as Grafana draws it, by its own components: what is here puts them where the dashboard has its panels.
import {
  DataFrame,
  DataTransformerConfig,
  Field,
  FieldType,
  ThresholdsMode,
  createTheme,
  dateTime,
  getDisplayProcessor,
  getFieldDisplayName,
  standardTransformers,
  standardTransformersRegistry,
  toDataFrame,
  transformDataFrame,
} from '@grafana/data';
import { BigValue, GlobalStyles, PanelChrome, Table, ThemeContext, TimeSeries } from '@grafana/ui';
import React, { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import 'uplot/dist/uPlot.min.css';

// What draw.mjs leaves for this page.
declare const PICTURE: {
  title: string;
  chosen: Array<[string, string]>;
  rows: number;
  from: number;
  to: number;
  panels: any[];
};

const CELL = 38;
const GAP = 8;
const WIDTH = 1600;
const COLUMN = (WIDTH - 3 * GAP) / 24;

const theme = createTheme({ colors: { mode: 'light' } });

standardTransformersRegistry.setInit(() =>
  [standardTransformers.mergeTransformer, standardTransformers.organizeFieldsTransformer].map((it) => ({
    ...it,
    transformation: it,
    editor: () => null,
  })) as any
);

// The configuration of a field: what holds for all, and what overrides it for this one.
function configured(panel: any, frames: DataFrame[]): DataFrame[] {
  const { defaults, overrides } = panel.fieldConfig;
  for (const frame of frames) {
    frame.fields.forEach((field: Field) => {
      const config: any = { ...structuredClone(defaults), ...field.config };
      const name = getFieldDisplayName(field, frame, frames);
      for (const override of overrides.filter((it: any) => it.matcher.options === name)) {
        for (const { id, value } of override.properties) {
          const custom = id.startsWith('custom.');
          (custom ? (config.custom ??= {}) : config)[custom ? id.slice(7) : id] = value;
        }
      }
      delete config.links;
      config.thresholds ??= { mode: ThresholdsMode.Absolute, steps: [{ color: 'green', value: -Infinity }] };
      config.thresholds.steps.forEach((it: any) => (it.value ??= -Infinity));
      config.color ??= { mode: 'palette-classic' };
      field.config = config;
      field.state = { ...field.state, displayName: config.displayName ?? null };
    });
  }
  let series = 0;
  for (const frame of frames) {
    for (const field of frame.fields) {
      if (field.type !== FieldType.time) {
        field.state = { ...field.state, seriesIndex: series++ };
      }
      field.display = getDisplayProcessor({ field, theme, timeZone: 'utc' });
    }
  }
  return frames;
}

function Nothing() {
  return <div style={{ padding: 40, textAlign: 'center', color: theme.colors.text.secondary }}>No data</div>;
}

function Graph({ panel, width, height }: any) {
  const frames = configured(panel, panel.frames.map(toDataFrame));
  const range = { from: dateTime(PICTURE.from), to: dateTime(PICTURE.to) };
  const timeRange = { ...range, raw: range };
  if (frames.length === 0) {
    return <Nothing />;
  }
  return (
    <TimeSeries
      frames={frames}
      structureRev={1}
      timeRange={timeRange}
      timeZone="utc"
      width={width}
      height={height}
      legend={panel.options.legend}
    >
      {() => null}
    </TimeSeries>
  );
}

function Stat({ panel, width, height }: any) {
  const [frame] = configured(panel, panel.frames.map(toDataFrame));
  const value = frame?.fields.find((it) => it.type === FieldType.number);
  if (!value) {
    return <Nothing />;
  }
  const last = value.values[value.values.length - 1];
  return (
    <BigValue
      value={value.display!(last)}
      sparkline={panel.options.graphMode === 'area' ? { y: value, x: frame.fields[0] } : undefined}
      colorMode={panel.options.colorMode}
      graphMode={panel.options.graphMode}
      textMode={panel.options.textMode}
      justifyMode={panel.options.justifyMode}
      width={width}
      height={height}
      theme={theme}
    />
  );
}

function Rows({ panel, width, height }: any) {
  const [data, setData] = useState<DataFrame>();
  useEffect(() => {
    const steps: DataTransformerConfig[] = panel.transformations ?? [];
    transformDataFrame(steps, panel.frames.map(toDataFrame)).subscribe((it) => setData(configured(panel, it)[0]));
  }, [panel]);
  if (!data || data.length === 0) {
    return <Nothing />;
  }
  return <Table data={data} width={width} height={height} columnMinWidth={90} initialSortBy={panel.options.sortBy} />;
}

const KINDS: Record<string, React.ComponentType<any>> = { timeseries: Graph, stat: Stat, table: Rows };

function Panel({ panel }: any) {
  const { x, y, w, h } = panel.gridPos;
  const place: React.CSSProperties = { position: 'absolute', left: GAP + x * COLUMN + GAP / 2, top: y * CELL };
  if (panel.type === 'row') {
    return <div style={{ ...place, ...theme.typography.h5, lineHeight: `${CELL}px` }}>{panel.title}</div>;
  }
  const Kind = KINDS[panel.type];
  return (
    <div style={place}>
      <PanelChrome title={panel.title} width={w * COLUMN - GAP} height={h * CELL - GAP}>
        {(width, height) => <Kind panel={panel} width={width} height={height} />}
      </PanelChrome>
    </div>
  );
}

function Head() {
  const box = { border: `1px solid ${theme.colors.border.medium}`, padding: '4px 8px', marginRight: 8 };
  return (
    <div style={{ padding: 2 * GAP, paddingBottom: GAP }}>
      <div style={{ ...theme.typography.h3, marginBottom: GAP }}>{PICTURE.title}</div>
      {PICTURE.chosen.map(([label, value]) => (
        <span key={label} style={box}>
          <b>{label}</b> {value}
        </span>
      ))}
    </div>
  );
}

function Page() {
  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <div style={{ background: theme.colors.background.canvas, width: WIDTH, fontFamily: 'Inter' }}>
        <Head />
        <div style={{ position: 'relative', height: PICTURE.rows * CELL + GAP }}>
          {PICTURE.panels.map((panel) => (
            <Panel key={panel.id} panel={panel} />
          ))}
        </div>
      </div>
    </ThemeContext.Provider>
  );
}

createRoot(document.getElementById('page')!).render(<Page />);
