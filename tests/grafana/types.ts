// What a dashboard may have, beyond and beneath what @grafana/schema says of it.
import type {
  AnnotationQuery,
  Dashboard as AnyDashboard,
  DataQuery,
  FieldConfig,
  FieldConfigSource,
  MatcherConfig,
  Panel as AnyPanel,
  RowPanel,
} from '@grafana/schema';
import type * as Heatmap from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type * as Stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as Table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as Series from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

// The schema's enumerations take no plain strings, which is all that JSON has.
type Plain<T> = T extends string
  ? `${T}`
  : T extends number | boolean | null | undefined
    ? T
    : T extends Array<infer U>
      ? Array<Plain<U>>
      : T extends object
        ? { [K in keyof T]: Plain<T[K]> }
        : T;

// The schema knows no more of a query than this and anything.
interface PrometheusQuery extends Pick<DataQuery, 'refId' | 'hide'> {
  datasource: { type: 'prometheus'; uid: string };
  expr: string;
  editorMode?: 'builder' | 'code';
  exemplar?: boolean;
  format?: 'time_series' | 'table' | 'heatmap';
  instant?: boolean;
  interval?: string;
  intervalFactor?: number;
  legendFormat?: string;
  range?: boolean;
}

interface Link {
  title: string;
  url: string;
  targetBlank?: boolean;
}

// Grafana puts in what an option is left out of.
type Some<T> = T extends unknown[] ? T : T extends object ? { [K in keyof T]?: Some<T[K]> } : T;

// Each kind of panel with its own options and its own custom fields; overrides name one field each.
type Panel<Kind extends string, Options, Custom> = Omit<
  AnyPanel,
  'type' | 'options' | 'fieldConfig' | 'targets'
> & {
  type: Kind;
  options: Some<Options>;
  targets: PrometheusQuery[];
  fieldConfig: Omit<FieldConfigSource, 'defaults' | 'overrides'> & {
    defaults: Omit<FieldConfig, 'custom' | 'links'> & { custom?: Some<Custom>; links?: Link[] };
    overrides: Array<{ matcher: MatcherConfig<string>; properties: Override<Custom>[] }>;
  };
};

type Override<Custom> =
  | { [K in Exclude<keyof FieldConfig, 'custom' | 'links'>]-?: { id: K; value: FieldConfig[K] } }[Exclude<
      keyof FieldConfig,
      'custom' | 'links'
    >]
  | { id: 'links'; value: Link[] }
  | { [K in keyof Custom & string]-?: { id: `custom.${K}`; value: Custom[K] } }[keyof Custom & string];

type Graph =
  | Panel<'timeseries', Series.Options, Series.FieldConfig>
  | Panel<'stat', Stat.Options, Record<string, never>>
  | Panel<'table', Table.Options, Table.FieldConfig>
  | Panel<'heatmap', Heatmap.Options, Heatmap.FieldConfig>;

// How Prometheus makes annotations of series.
interface Annotation extends AnnotationQuery<PrometheusQuery> {
  tagKeys?: string;
  textFormat?: string;
  titleFormat?: string;
  useValueForTime?: boolean | 'on' | 'off';
}

export type Dashboard = Plain<
  Omit<AnyDashboard, 'panels' | 'annotations'> & {
    uid: string;
    title: string;
    annotations?: { list: Annotation[] };
    panels: Array<Graph | (Omit<RowPanel, 'panels'> & { panels: Graph[] })>;
  }
>;
