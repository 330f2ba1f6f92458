/** Sweeps as text and as data, and the command that prints them. */
import { type Clock, systemClock } from '@metricstream/shared/clock.ts';
import type { Series } from '@metricstream/proto/batch.ts';
import { expect, test } from 'vitest';
import { SAMPLER_DEFAULTS, chooseSource } from '../../src/samplers/index.ts';
import { type Sampled, formatValue, printBoth, printSweep, sweepToJson } from '../../src/samplers/print.ts';
import type { Sweep } from '../../src/samplers/sampler.ts';
import { runTestCommand } from '../../src/samplers/test-command.ts';

const LOAD: Series = { name: 'system.load1', unit: 'count', kind: 'float', labels: [] };
const DISK: Series = {
  name: 'disk.total',
  unit: 'bytes',
  kind: 'integer',
  labels: [
    ['device', 'vda'],
    ['path', '/'],
  ],
};
const COST = { wallMs: 1.25, cpuMs: 0.5, childrenCpuMs: 10, children: 3 };

function sweepOf(readings: Sweep['readings'], part: Partial<Sweep> = {}): Sweep {
  return { timeUnixNano: 1_700_000_000_000_000_000n, readings, failures: [], notFinite: 0, ...part };
}

test('a sweep is an aligned table, numbers to the right, failures below', () => {
  const sweep = sweepOf(
    [
      { series: LOAD, value: 0.25 },
      { series: DISK, value: 270_553_174_016 },
    ],
    { failures: [{ sampler: 'net', reason: 'timeout', why: 'it took longer than 5 ms' }], notFinite: 2 },
  );
  expect(printSweep(sweep)).toBe(
    [
      'METRIC        LABELS                    VALUE  UNIT',
      'system.load1                             0.25  count',
      'disk.total    device=vda,path=/  270553174016  bytes',
      '',
      'net: timeout: it took longer than 5 ms',
      'readings that are no finite number: 2',
      '',
    ].join('\n'),
  );
});

test('values are short: integers whole, floats with three decimals at most', () => {
  const check = (series: Series, value: number, expected: string): void =>
    expect(formatValue({ series, value })).toBe(expected);
  check(LOAD, 1, '1');
  check(LOAD, 12.345_678, '12.346');
  check(LOAD, 0.1, '0.1');
  check(LOAD, 100, '100');
  check(DISK, 1e15, '1000000000000000');
});

test('two sources stand side by side, with a dash where one has no such series, and their costs', () => {
  const first: Sampled = {
    source: 'procfs',
    sweep: sweepOf([{ series: LOAD, value: 1.5 }]),
    cost: { ...COST, children: 0 },
  };
  const second: Sampled = {
    source: 'other',
    sweep: sweepOf([
      { series: LOAD, value: 2 },
      { series: DISK, value: 7 },
    ]),
    cost: { ...COST, childrenCpuMs: undefined },
  };
  expect(printBoth(first, second)).toBe(
    [
      'METRIC        LABELS             PROCFS  OTHER  UNIT',
      'system.load1                        1.5      2  count',
      'disk.total    device=vda,path=/       -      7  bytes',
      '',
      'ONE SWEEP  CPU ms  CHILDREN CPU ms  CHILDREN  WALL ms',
      'procfs       0.50             10.0         0      1.3',
      'other        0.50                -         3      1.3',
      '',
    ].join('\n'),
  );
});

test('as data a sweep has its time, metrics with labels, failures and cost', () => {
  const sampled: Sampled = { source: 'procfs', sweep: sweepOf([{ series: DISK, value: 7 }]), cost: COST };
  expect(JSON.parse(JSON.stringify(sweepToJson(sampled)))).toEqual({
    source: 'procfs',
    timestamp: '2023-11-14T22:13:20.000Z',
    metrics: [{ name: 'disk.total', labels: { device: 'vda', path: '/' }, value: 7, unit: 'bytes' }],
    failures: [],
    not_finite: 0,
    cost: { cpu_ms: 0.5, children_cpu_ms: 10, children: 3, wall_ms: 1.25 },
  });
});

async function run(json: boolean, groups = SAMPLER_DEFAULTS.groups): Promise<{ status: number; text: string }> {
  // The pause between sweeps is short here; the deadline of a sweep, which can be cut short, is as long as it is.
  const clock: Clock = {
    ...systemClock,
    sleep: (ms, signal) => systemClock.sleep(signal === undefined ? 20 : ms, signal),
  };
  let text = '';
  const stdout = { write: (part: string) => (text += part) };
  const status = await runTestCommand({ source: 'auto', json, stdout, groups, clock });
  return { status, text };
}

test.runIf(chooseSource('auto') === 'procfs')(
  'the command prints one sweep of this host and says that all is well',
  async () => {
    const { status, text } = await run(false);
    expect(text).toMatch(/^METRIC +LABELS +VALUE +UNIT\n/);
    expect(text).toMatch(/\nmem\.used_percent +[\d.]+ {2}percent\n/);
    expect(text).toMatch(/\nprocesses\.total +\d+ {2}count\n/);
    expect(status).toBe(0);
    const json = await run(true);
    expect(JSON.parse(json.text)).toMatchObject({ source: 'procfs', failures: [], cost: { children: 0 } });
  },
);

test('the command says 1 when there is nothing to show', async () => {
  const { groups } = SAMPLER_DEFAULTS;
  const none = Object.fromEntries(Object.entries(groups).map(([name, group]) => [name, { ...group, enabled: false }]));
  const { status } = await run(false, none as unknown as typeof groups);
  expect(status).toBe(1);
});
