/** Grafana's evaluation of a provisioned rule, as far as ours use it: ask, reduce each series, compare. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { grafanaDir } from './grafana.ts';

interface Node {
  refId: string;
  relativeTimeRange: { from: number; to: number };
  datasourceUid: string;
  model: { query?: string; type?: string; expression?: string; reducer?: string };
}

export interface Rule {
  uid: string;
  title: string;
  condition: string;
  for: string;
  noDataState: string;
  annotations: Record<string, string>;
  data: Node[];
}

export function provisionedRules(language: string): Rule[] {
  const text = readFileSync(`${grafanaDir}provisioning/${language}/alerting/metricstream.yaml`, 'utf8');
  return (parse(text) as { groups: { rules: Rule[] }[] }).groups.flatMap(({ rules }) => rules);
}

/** A series as a data source gives it. */
export interface Series {
  labels: Record<string, string>;
  values: number[];
}

type Ask = (query: string, range: { fromUnixMs: number; toUnixMs: number }) => Promise<Series[]>;

const reducers: Record<string, (values: number[]) => number> = {
  min: (values) => Math.min(...values),
  max: (values) => Math.max(...values),
  count: (values) => values.length,
};

/** @returns the labels for which the rule's condition holds at that time. */
export async function firing(
  { data, condition }: Rule,
  nowUnixMs: number,
  ask: Ask,
): Promise<Record<string, string>[]> {
  const [query, ...expressions] = data;
  const { from, to } = query!.relativeTimeRange;
  const series = await ask(query!.model.query!, {
    fromUnixMs: nowUnixMs - from * 1000,
    toUnixMs: nowUnixMs - to * 1000,
  });
  return series
    .filter(({ values }) => {
      const numbers = new Map<string, number>();
      for (const { refId, datasourceUid, model } of expressions) {
        if (datasourceUid !== '__expr__') throw new RangeError(`${refId} is no expression`);
        if (model.type === 'math') numbers.set(refId, compare(model.expression!, numbers));
        else if (model.type === 'reduce' && model.expression === query!.refId)
          numbers.set(refId, reducers[model.reducer!]!(values));
        else throw new RangeError(`${refId}: ${JSON.stringify(model)} is not known here`);
      }
      return numbers.get(condition) !== 0;
    })
    .map(({ labels }) => labels);
}

/** `$B > 90 && $C >= 5`. @returns 1 or 0. */
function compare(expression: string, numbers: ReadonlyMap<string, number>): number {
  const parts = expression.split('&&').map((part) => {
    const [, refId = '', operator, right] = /^\s*\$(\w+) (>=?) (\d+)\s*$/.exec(part) ?? [];
    const left = numbers.get(refId);
    if (left === undefined) throw new RangeError(`${part} is not known here`);
    return operator === '>' ? left > Number(right) : left >= Number(right);
  });
  return parts.every(Boolean) ? 1 : 0;
}
