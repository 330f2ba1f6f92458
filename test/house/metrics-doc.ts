/**
 * The text of docs/METRICS.md, made from the code: what agents sample, and what both programs say of themselves. Owns
 * the layout only; names, units and phrases are those of the tables in the product.
 */
import { createAgentMetrics } from '@metricstream/agent/agent-metrics.ts';
import { metricRows } from '@metricstream/agent/samplers/metrics.ts';
import { createCollectorMetrics } from '@metricstream/collector/admin/telemetry.ts';
import { createForwardMetrics } from '@metricstream/collector/forward/telemetry.ts';
import { JOURNAL_COUNTERS } from '@metricstream/collector/journal-thread/counters.ts';
import { createCounters } from '@metricstream/shared/counters.ts';
import type { Metrics } from '@metricstream/shared/metrics.ts';

const head = `# Metrics

Made from the code by \`test/house/metrics-doc.ts\`: do not edit. After a change run \`pnpm vitest run test/house -u\`.

- [What agents sample](#what-agents-sample): the points of a batch.
- [What the agent says of itself](#what-the-agent-says-of-itself): its \`/metrics\`.
- [What the collector says of itself](#what-the-collector-says-of-itself): its \`/metrics\`.
- [What a forwarder says of itself](#what-a-forwarder-says-of-itself): its \`/metrics\`.

All three also expose the usual figures of a Node process (\`process_…\`, \`nodejs_…\`).
`;

/** One of our own metrics, as an exposition announces it. */
interface OwnMetric {
  name: string;
  type: string;
  help: string;
}

/** What an exposition in Prometheus' text format announces, without the figures of the process. Pure. */
export function announced(exposition: string): OwnMetric[] {
  const types = new Map(
    [...exposition.matchAll(/^# TYPE (\S+) (\w+)$/gm)].map(([, name = '', type = '']) => [name, type]),
  );
  return [...exposition.matchAll(/^# HELP (metricstream_\S+) (.*)$/gm)].map(([, name = '', help = '']) => ({
    name,
    type: types.get(name) ?? '',
    help,
  }));
}

/** What the collector exposes. */
export function collectorMetrics(): Metrics {
  const journal = { counters: createCounters(JOURNAL_COUNTERS), clones: () => [] };
  return createCollectorMetrics({ journal, ingest: undefined, sinks: [], stopping: () => false }, '');
}

/** What a forwarder exposes. */
export function forwardMetrics(): Metrics {
  return createForwardMetrics({ branches: [], stopping: () => false }, '');
}

/** What the agent exposes. */
export function agentMetrics(): Metrics {
  return createAgentMetrics(() => {
    throw new Error('no agent runs here: only the names are wanted');
  });
}

/** @returns the whole file. */
export async function metricsDoc(): Promise<string> {
  const sampled = metricRows().map(({ name, labels, definition }) => [
    code(name),
    labels.map(code).join(' '),
    definition.unit,
    definition.kind,
    definition.help,
  ]);
  const own = async (metrics: Metrics): Promise<string> =>
    table(
      ['metric', 'type', 'meaning'],
      announced(await metrics.text()).map(({ name, type, help }) => [code(name), type, help]),
    );
  return [
    head,
    '## What agents sample\n',
    'Names are Telegraf’s. A label stands only where the host has a value for it.\n',
    table(['metric', 'labels', 'unit', 'kind', 'meaning'], sampled),
    '## What the agent says of itself\n',
    await own(agentMetrics()),
    '## What the collector says of itself\n',
    await own(collectorMetrics()),
    '## What a forwarder says of itself\n',
    await own(forwardMetrics()),
  ].join('\n');
}

const code = (text: string): string => `\`${text}\``;

/** Padded, as the formatter wants tables. */
function table(columns: string[], rows: string[][]): string {
  const widths = columns.map((column, at) => Math.max(column.length, ...rows.map((row) => (row[at] ?? '').length)));
  const line = (cells: string[]): string =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |\n`;
  return [line(columns), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('');
}
