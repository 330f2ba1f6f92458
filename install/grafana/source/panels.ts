/**
 * Panels and dashboards as Grafana's JSON (schema version 39: Grafana 10.4 and later). Owns the looks (units, colours, grid,
 * legends) and the placing; knows no query language. Panels are told in rows; a row is 24 wide.
 */

/** What a panel asks: a target as the data source wants it, without refId and datasource. */
export interface Target {
  readonly fields: Readonly<Record<string, unknown>>;
  /** What the series are called: a text, or `${__field.labels.host}`. */
  readonly legend?: string;
}

export interface PanelSpec {
  readonly type: 'timeseries' | 'stat' | 'table';
  readonly title: string;
  readonly description?: string;
  /** Grafana's: percent, bytes, Bps, ms, s, short. */
  readonly unit: string;
  readonly width: number;
  readonly targets: readonly Target[];
  readonly min?: number;
  readonly max?: number;
  readonly decimals?: number;
  /** Areas upon each other, whose sum means something. */
  readonly stacked?: boolean;
  /** Yellow and red from these values on. */
  readonly warnAt?: readonly [yellow: number, red: number];
  /** Tables: units, colours and links by column. */
  readonly columns?: readonly Column[];
}

export interface Column {
  readonly name: string;
  readonly unit?: string;
  readonly warnAt?: readonly [yellow: number, red: number];
  readonly width?: number;
  readonly link?: { readonly title: string; readonly url: string };
}

export interface RowSpec {
  readonly title?: string;
  readonly height: number;
  readonly panels: readonly PanelSpec[];
}

export interface Variable {
  readonly name: string;
  readonly [key: string]: unknown;
}

export interface DashboardSpec {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  /** Of the data source's variable, its Grafana type. */
  readonly datasourceType: 'influxdb' | 'prometheus';
  readonly variables: readonly Variable[];
  readonly rows: readonly RowSpec[];
  readonly from: string;
  readonly refresh: string;
}

type Json = Record<string, unknown>;

/** Agents sample every 10 s: a shorter interval has holes. */
const INTERVAL_MIN = '10s';
/** A longer silence is a gap in a line. Means per minute are a minute apart. */
const GAP_MS = 180_000;

export function dashboardJson(spec: DashboardSpec): Json {
  const { uid, title, description, datasourceType, variables, rows, from, refresh } = spec;
  const datasource = { type: datasourceType, uid: '${datasource}' };
  const panels: Json[] = [];
  let y = 0;
  for (const row of rows) {
    if (row.title !== undefined) {
      panels.push({
        ...place(panels.length, { x: 0, y, w: 24, h: 1 }),
        type: 'row',
        title: row.title,
        collapsed: false,
        panels: [],
      });
      y += 1;
    }
    let x = 0;
    for (const panel of row.panels) {
      panels.push(panelJson(panel, datasource, place(panels.length, { x, y, w: panel.width, h: row.height })));
      x += panel.width;
    }
    y += row.height;
  }
  return {
    uid,
    title,
    description,
    tags: ['metricstream'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh,
    time: { from, to: 'now' },
    timepicker: {},
    links: [
      {
        type: 'dashboards',
        tags: ['metricstream'],
        title: 'MetricStream',
        asDropdown: true,
        includeVars: true,
        keepTime: true,
      },
    ],
    annotations: { list: [] },
    templating: { list: variables },
    panels,
  };
}

function place(before: number, gridPos: { x: number; y: number; w: number; h: number }): Json {
  return { id: before + 1, gridPos };
}

function panelJson(spec: PanelSpec, datasource: Json, placed: Json): Json {
  const { type, title, description, targets } = spec;
  return {
    ...placed,
    type,
    title,
    ...(description === undefined ? {} : { description }),
    datasource,
    interval: INTERVAL_MIN,
    targets: targets.map(({ fields }, at) => ({ refId: refIdOf(at), datasource, ...fields })),
    fieldConfig: { defaults: fieldDefaults(spec), overrides: overridesOf(spec) },
    options: optionsOf(spec),
    ...(type === 'table' ? { transformations: tableTransformations(spec) } : {}),
  };
}

function refIdOf(at: number): string {
  return String.fromCodePoint('A'.codePointAt(0)! + at);
}

function thresholds(warnAt: readonly [number, number] | undefined): Json {
  const steps: Json[] = [{ color: 'green', value: null }];
  if (warnAt !== undefined) steps.push({ color: 'yellow', value: warnAt[0] }, { color: 'red', value: warnAt[1] });
  return { mode: 'absolute', steps };
}

function fieldDefaults({ type, unit, min, max, decimals, stacked, warnAt }: PanelSpec): Json {
  const common = { unit, min, max, decimals, thresholds: thresholds(warnAt) };
  if (type === 'stat') return { ...common, color: { mode: 'thresholds' } };
  if (type === 'table') return { ...common, custom: { align: 'auto', filterable: true } };
  return {
    ...common,
    color: { mode: 'palette-classic' },
    custom: {
      drawStyle: 'line',
      lineWidth: 1,
      fillOpacity: stacked === true ? 40 : 8,
      showPoints: 'auto',
      pointSize: 4,
      spanNulls: GAP_MS,
      stacking: { mode: stacked === true ? 'normal' : 'none', group: 'A' },
      thresholdsStyle: { mode: warnAt === undefined ? 'off' : 'dashed' },
    },
  };
}

function overridesOf({ type, targets, columns = [] }: PanelSpec): Json[] {
  if (type === 'table') return columns.map(columnOverride);
  return targets.flatMap(({ legend }, at) =>
    legend === undefined
      ? []
      : [
          {
            matcher: { id: 'byFrameRefID', options: refIdOf(at) },
            properties: [{ id: 'displayName', value: legend }],
          },
        ],
  );
}

function columnOverride({ name, unit, warnAt, width, link }: Column): Json {
  const properties: Json[] = [];
  if (unit !== undefined) properties.push({ id: 'unit', value: unit });
  if (width !== undefined) properties.push({ id: 'custom.width', value: width });
  if (link !== undefined) properties.push({ id: 'links', value: [{ ...link, targetBlank: false }] });
  if (warnAt !== undefined)
    properties.push(
      { id: 'thresholds', value: thresholds(warnAt) },
      { id: 'color', value: { mode: 'thresholds' } },
      { id: 'custom.cellOptions', value: { type: 'gauge', mode: 'basic', valueDisplayMode: 'text' } },
      { id: 'min', value: 0 },
      { id: 'max', value: 100 },
    );
  return { matcher: { id: 'byName', options: name }, properties };
}

function optionsOf({ type, targets, columns = [] }: PanelSpec): Json {
  if (type === 'stat')
    return {
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
      colorMode: 'value',
      graphMode: 'none',
      justifyMode: 'auto',
      textMode: targets.length > 1 ? 'value_and_name' : 'value',
    };
  if (type === 'table') return { showHeader: true, sortBy: [{ displayName: columns[1]?.name ?? '', desc: true }] };
  return {
    legend: { displayMode: 'table', placement: 'bottom', showLegend: true, calcs: ['mean', 'max', 'lastNotNull'] },
    tooltip: { mode: 'multi', sort: 'desc' },
  };
}

/** Times differ from question to question, which would keep rows of one host apart. */
function tableTransformations({ columns = [] }: PanelSpec): Json[] {
  const indexByName = Object.fromEntries(columns.map(({ name }, at) => [name, at]));
  return [
    { id: 'filterFieldsByName', options: { include: { pattern: '^(?!(?:Time|_time|time)$).*' } } },
    { id: 'merge', options: {} },
    { id: 'organize', options: { indexByName, excludeByName: {}, renameByName: {} } },
  ];
}
