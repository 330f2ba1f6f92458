/** What `verify` prints: for people, bounded, and the same as JSON. Pure. */
import type { Problems } from './jsonl-reader.ts';
import type { Schema } from '../sinks/influxdb/settings.ts';
import { formatCount, formatDuration } from '@metricstream/shared/units.ts';
import type { Cell } from './influx-store.ts';
import { counted, labelled, moreText, tableText } from './text.ts';
import { minuteText } from './times.ts';
import { type Finding, isEqual, type VerifyReport } from './verify.ts';

const FINDINGS_SHOWN = 20;
const CLIENTS_SHOWN = 10;
const PROBLEMS_SHOWN = 5;
const SHARED_SHOWN = 5;

export interface VerifyContext {
  from: string;
  where: string;
  schema: Schema;
  /** Undefined: for ever. */
  retentionMs: number | undefined;
}

export function keepText(retentionMs: number | undefined): string {
  return retentionMs === undefined ? 'for ever' : formatDuration(retentionMs);
}

export function verifyText(report: VerifyReport, context: VerifyContext): string {
  const { window, points, repeated, conflicting } = report;
  const again = conflicting === 0 ? '' : `, ${formatCount(conflicting)} of them with another value`;
  const head = labelled([
    ['files', `${context.from}: ${filesText(report)}`],
    ['points', `${formatCount(points)}${repeated === 0 ? '' : `, and ${counted(repeated, 'repeated line')}${again}`}`],
    ['influxdb', `${context.where}, schema ${context.schema}, keeps ${keepText(context.retentionMs)}`],
    ['window', `${minuteText(window.since)} to ${minuteText(window.until)}`],
  ]);
  const parts = [head, problemsText(report.problems), sharedText(report), clientsText(report), findingsText(report)];
  return `${parts.filter((part) => part !== '').join('\n')}\n${verdictText(report)}\n`;
}

function filesText({ index }: VerifyReport): string {
  const before =
    index.filesBefore === 0 ? '' : `, ${counted(index.filesBefore, 'file')} from before the window left out`;
  return `${counted(index.files, 'file')}${before}`;
}

export function problemsText({ lines, files, list }: Problems): string {
  if (lines + files === 0) return '';
  const shown = list.slice(0, PROBLEMS_SHOWN);
  const text = shown.map(({ file, line, why }) => `unreadable  ${file}${line === 0 ? '' : `:${line}`}: ${why}\n`);
  return `${text.join('')}${moreText(lines + files, shown.length)}`;
}

function sharedText({ shared, sharedTotal }: VerifyReport): string {
  if (sharedTotal === 0) return '';
  const shown = shared.slice(0, SHARED_SHOWN);
  const rows = shown.map(({ series, minute, clients }) => [series, minuteText(minute), clients.join(', ')]);
  const columns = [{ heading: 'WRITTEN BY SEVERAL CLIENTS' }, { heading: 'MINUTE' }, { heading: 'CLIENTS' }];
  return tableText(columns, rows) + moreText(sharedTotal, shown.length);
}

function clientsText({ byClient }: VerifyReport): string {
  const rows = [...byClient].sort(([, a], [, b]) => b.differing - a.differing).slice(0, CLIENTS_SHOWN);
  const columns = [
    { heading: 'CLIENT' },
    { heading: 'SERIES MINUTES', right: true },
    { heading: 'POINTS MISSING', right: true },
    { heading: 'FROM' },
    { heading: 'TO' },
  ];
  const table = tableText(
    columns,
    rows.map(([client, { differing, pointsMissing, firstMinute, lastMinute }]) => [
      client,
      formatCount(differing),
      formatCount(pointsMissing),
      minuteText(firstMinute),
      minuteText(lastMinute),
    ]),
  );
  return table + moreText(byClient.size, rows.length);
}

function findingsText(report: VerifyReport): string {
  const { findings, missing, differing, onlyInInfluxdb } = report;
  const total = missing + differing + onlyInInfluxdb;
  const shown = findings.slice(0, FINDINGS_SHOWN);
  const right = true;
  const columns = [
    { heading: 'MINUTE' },
    { heading: 'CLIENT' },
    { heading: 'SERIES (FILES → INFLUXDB)' },
    { heading: 'COUNT', right },
    { heading: 'MIN', right },
    { heading: 'MAX', right },
    { heading: 'SUM', right },
  ];
  return tableText(columns, shown.map(findingRow)) + moreText(total, shown.length);
}

function findingRow({ minute, clients, series, files, influxdb }: Finding): string[] {
  const both = (of: (cell: Cell) => number, nothing: string): string => {
    const [left, right] = [files, influxdb].map((cell) => (cell === undefined ? nothing : String(of(cell))));
    return left === right ? left! : `${left} → ${right}`;
  };
  return [
    minuteText(minute),
    clients.length === 0 ? '–' : clients.join(', '),
    series,
    both(({ count }) => count, '0'),
    both(({ min }) => min, '–'),
    both(({ max }) => max, '–'),
    both(({ sum }) => sum, '–'),
  ];
}

function verdictText(report: VerifyReport): string {
  const { equal, missing, differing, onlyInInfluxdb, pointsMissing } = report;
  const total = counted(equal + missing + differing + onlyInInfluxdb, 'series minute');
  if (isEqual(report)) return `equal: ${total}`;
  return (
    `different: ${formatCount(missing + differing + onlyInInfluxdb)} of ${total}: ` +
    `${formatCount(missing)} not in InfluxDB, ${formatCount(differing)} with other points, ` +
    `${formatCount(onlyInInfluxdb)} only in InfluxDB; ${counted(pointsMissing, 'point')} missing`
  );
}

export function verifyJson(report: VerifyReport, context: VerifyContext): string {
  const { window, index, problems, findings, byClient, shared, ...totals } = report;
  const named = ({ minute, ...rest }: { minute: number }) => ({ minute: minuteText(minute), ...rest });
  return `${JSON.stringify(
    {
      equal: isEqual(report),
      from: context.from,
      to: context.where,
      schema: context.schema,
      retentionMs: context.retentionMs ?? null,
      since: minuteText(window.since),
      until: minuteText(window.until),
      files: index.files,
      filesBefore: index.filesBefore,
      unreadable: problems,
      totals: { ...totals, seriesMinutesEqual: totals.equal, equal: undefined },
      clients: [...byClient].map(([client, { firstMinute, lastMinute, ...counts }]) => ({
        client,
        ...counts,
        from: minuteText(firstMinute),
        to: minuteText(lastMinute),
      })),
      differences: findings.map((finding) => ({ ...named(finding), naming: finding.naming })),
      shared: shared.map(named),
    },
    undefined,
    2,
  )}\n`;
}
