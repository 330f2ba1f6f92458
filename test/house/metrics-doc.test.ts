/** What the docs say of metrics, limits and reasons is what the code has. */
import { REASONS } from '@metricstream/collector/http/reasons.ts';
import { REFUSED_REASONS, REJECTED_REASONS } from '@metricstream/collector/ingest/counters.ts';
import { DEFAULT_WIRE_LIMITS } from '@metricstream/proto/limits.ts';
import { expect, it } from 'vitest';
import { agentMetrics, announced, collectorMetrics, forwardMetrics, metricsDoc } from './metrics-doc.ts';
import { files, findings, read } from './tree.ts';

it('docs/METRICS.md is what the code makes of it', async () => {
  await expect(await metricsDoc()).toMatchFileSnapshot('../../docs/METRICS.md');
});

it('the docs name only metrics that the programs expose', async () => {
  const programs = [agentMetrics(), collectorMetrics(), forwardMetrics()];
  const expositions = await Promise.all(programs.map((program) => program.text()));
  const known = new Set(expositions.flatMap(announced).map(({ name }) => name));
  const unknown = findings(files(/\.md$/), ({ text }) =>
    [...text.matchAll(/\bmetricstream_(?:agent|collector|forward)_\w+/g)]
      .map(([name]) => name)
      .filter((name) => !known.has(name)),
  );
  expect(unknown).toEqual([]);
});

it('docs/PROTOCOL.md names every limit of a batch with its value', () => {
  const text = read('docs/PROTOCOL.md').replaceAll(',', '').replaceAll(/ +/g, ' ');
  const missing = Object.entries(DEFAULT_WIRE_LIMITS).filter(
    ([name, value]) => !text.includes(`| \`${name}\` | ${value} |`),
  );
  expect(missing).toEqual([]);
});

it('docs/PROTOCOL.md names every reason for which a request is turned away', () => {
  const text = read('docs/PROTOCOL.md');
  const missing = [...REFUSED_REASONS, ...REJECTED_REASONS, ...REASONS].filter(
    (reason) => !text.includes(`\`${reason}\``),
  );
  expect(missing).toEqual([]);
});
