/** What Grafana does to a query before it sends it, as far as our dashboards use it, and the dashboards as they are committed. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const grafanaDir = fileURLToPath(new URL('../../install/grafana/', import.meta.url));

export interface Panel {
  id: number;
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: { refId: string; query?: string; expr?: string }[];
}

export interface Dashboard {
  uid: string;
  title: string;
  schemaVersion: number;
  templating: { list: { name: string; type: string; query: unknown; options?: unknown[] }[] };
  panels: Panel[];
}

/** The committed dashboards by their path below dashboards/. */
export function dashboards(): Map<string, Dashboard> {
  const found = new Map<string, Dashboard>();
  for (const path of readdirSync(`${grafanaDir}dashboards`, { recursive: true, encoding: 'utf8' }))
    if (path.endsWith('.json'))
      found.set(path, JSON.parse(readFileSync(`${grafanaDir}dashboards/${path}`, 'utf8')) as Dashboard);
  return found;
}

export interface Shown {
  fromUnixMs: number;
  toUnixMs: number;
  intervalMs: number;
  /** Variables by name; a list is one with several values. */
  variables: Readonly<Record<string, string | readonly string[]>>;
}

/** Grafana's form `regex`: escaped; several as alternatives. What stands for all is taken as it is. */
function regexForm(value: string | readonly string[]): string {
  if (value === '.*') return value;
  const escape = (text: string): string => text.replaceAll(/[\\^$*+?.()|{}[\]/]/g, String.raw`\$&`);
  return typeof value === 'string' ? escape(value) : `(${value.map(escape).join('|')})`;
}

/** Fills in everything. @throws RangeError when something is left that only Grafana knows. */
export function fillIn(query: string, { fromUnixMs, toUnixMs, intervalMs, variables }: Shown): string {
  const iso = (ms: number): string => new Date(ms).toISOString();
  const filled = query
    .replaceAll('$timeFilter', `time >= ${fromUnixMs}ms and time <= ${toUnixMs}ms`)
    .replaceAll('$__interval', `${intervalMs}ms`)
    .replaceAll('$__rate_interval', `${intervalMs * 4}ms`)
    .replaceAll('$__range', `${toUnixMs - fromUnixMs}ms`)
    .replaceAll('v.timeRangeStart', iso(fromUnixMs))
    .replaceAll('v.timeRangeStop', iso(toUnixMs))
    .replaceAll('v.windowPeriod', `${intervalMs}ms`)
    .replaceAll('v.defaultBucket', `"${String(variables['bucket'])}"`)
    .replaceAll(/\$\{(\w+)(?::(\w+))?\}|\$([a-z]\w*)/g, (all, braced?: string, form?: string, bare?: string) => {
      const value = variables[braced ?? bare ?? ''];
      if (value === undefined) throw new RangeError(`${all} is not defined in: ${query}`);
      return form === 'regex' || typeof value !== 'string' ? regexForm(value) : value;
    });
  if (/\$(?!\/)|\bv\./.test(filled)) throw new RangeError(`not filled in: ${filled}`);
  return filled;
}
