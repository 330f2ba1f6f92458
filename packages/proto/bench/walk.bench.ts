/**
 * What checking a batch costs: our walker beside protobufjs' static decode of the same bytes, which checks less. Owns
 * the figure "walk ≥ 15× protobufjs decode". `steady` is what a collector sees all day, 200 clients in turn, each with
 * the schema of its batch before; `first` walks every batch with a walker that knows none of them.
 */
import type { Bench, BenchOptions, BenchRow } from '../../../test/bench/bench.ts';
import { encodeBatch } from '../src/encode.ts';
import { metricstream } from '../src/gen/metricstream.js';
import { DEFAULT_WIRE_LIMITS } from '../src/limits.ts';
import { createWalker } from '../src/walk.ts';
import { hostBatch } from './host-batch.ts';

const HOSTS = 200;
const SERIES = 60;

/** @returns ns of CPU per call of `step` over `count` calls. */
function cpuNanoseconds(count: number, step: (index: number) => void): number {
  const before = process.cpuUsage();
  for (let index = 0; index < count; index++) step(index);
  const used = process.cpuUsage(before);
  return ((used.user + used.system) * 1000) / count;
}

function measure(sweeps: number, options: BenchOptions): BenchRow[] {
  const batches = Array.from({ length: HOSTS }, (_, host) => encodeBatch(hostBatch(host, 1, sweeps)));
  // Changing one byte of the symbol table's first name makes a schema that no walker has met.
  const nameAt = Buffer.from(batches[0]!).indexOf('cpu.usage_user');
  const walk = createWalker(DEFAULT_WIRE_LIMITS);
  const steadyCalls = options.quick ? 2000 : 100_000;
  const calls = options.quick ? 200 : 10_000;
  const best = { steady: Infinity, first: Infinity, decode: Infinity };
  const ratios: number[] = [];
  let accepted = 0;
  for (let round = 0; round < options.rounds + 2; round++) {
    const steady = cpuNanoseconds(steadyCalls, (index) => {
      if (walk(batches[index % HOSTS]!).ok) accepted++;
    });
    const decode = cpuNanoseconds(calls, (index) => {
      if (metricstream.Batch.decode(batches[index % HOSTS]!).values.length > 0) accepted++;
    });
    const changing = Buffer.from(batches[0]!);
    const first = cpuNanoseconds(calls, (index) => {
      for (let digit = 0, rest = index + round * calls; digit < 4; digit++, rest = Math.floor(rest / 26))
        changing[nameAt + digit] = 0x61 + (rest % 26);
      if (walk(changing).ok) accepted++;
    });
    options.progress(
      `walk ${sweeps} sweeps, round ${round}: steady ${steady.toFixed(0)}, first ${first.toFixed(0)}, protobufjs ${decode.toFixed(0)} ns per batch`,
    );
    // Two rounds let the compiler see all three.
    if (round < 2) continue;
    ratios.push(decode / steady);
    best.steady = Math.min(best.steady, steady);
    best.first = Math.min(best.first, first);
    best.decode = Math.min(best.decode, decode);
  }
  if (accepted !== (steadyCalls + calls * 2) * (options.rounds + 2)) throw new Error('the walker refused a good batch');
  const points = SERIES * sweeps;
  const size = `${sweeps} sweep${sweeps > 1 ? 's' : ''} × ${SERIES}`;
  const spread = `${Math.min(...ratios).toFixed(1)} to ${Math.max(...ratios).toFixed(1)} over the rounds`;
  return [
    { what: `walk, steady, ${size}`, value: best.steady / points, unit: 'ns/point' },
    { what: `walk, first batch of a client, ${size}`, value: best.first / points, unit: 'ns/point' },
    { what: `protobufjs static decode, ${size}`, value: best.decode / points, unit: 'ns/point' },
    {
      what: `protobufjs decode ÷ walk, steady, ${size}`,
      value: best.decode / best.steady,
      unit: '×',
      hold: { op: '>=', value: 15 },
      note: spread,
    },
    { what: `protobufjs decode ÷ walk, first, ${size}`, value: best.decode / best.first, unit: '×' },
  ];
}

export const bench: Bench = {
  name: 'walk',
  title: 'one pass over the bytes with every check, beside protobufjs static decode of the same batches',
  run: (options) => Promise.resolve([1, 6].flatMap((sweeps) => measure(sweeps, options))),
};
