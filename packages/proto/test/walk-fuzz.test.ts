/**
 * The walker against damaged batches, with protobufjs as the judge: what the walker accepts, protobufjs decodes, and
 * sees the same in it. Seeded; a failure prints the seed, the round and the bytes.
 */
import { expect, it } from 'vitest';
import { mulberry32 } from '@metricstream/shared/testing/seeded.ts';
import { hostBatch } from '../bench/host-batch.ts';
import { encodeBatch } from '../src/encode.ts';
import { DEFAULT_WIRE_LIMITS } from '../src/limits.ts';
import { createSeriesSetCache, readBatch } from '../src/read.ts';
import { clientIdOf, createWalker } from '../src/walk.ts';
import { assemble, field, oracle, smallBatch, symbols, varint } from './helpers.ts';

const originals = [
  encodeBatch(smallBatch()),
  encodeBatch(
    smallBatch({
      droppedTotal: [],
      agentVersion: '',
      series: smallBatch().series.slice(1),
      values: new Float64Array(4),
    }),
  ),
  encodeBatch(smallBatch({ series: [], values: new Float64Array(0), seq: 300 })),
  assemble({ extra: [0x7d, 1, 2, 3, 4, 0xa2, 1, 2, 9, 9] }).bytes,
];

it('no truncation of a batch is accepted, and none throws', () => {
  for (const whole of [...originals.slice(0, 3), assemble().bytes, encodeBatch(hostBatch(1, 1, 1))]) {
    const walk = createWalker(DEFAULT_WIRE_LIMITS);
    for (const round of ['unknown schema', 'known schema']) {
      for (let length = 0; length < whole.length; length++) {
        const { ok, offset, status } = walk(whole.subarray(0, length));
        if (ok || offset > length || status === 0)
          throw new Error(`${length} of ${whole.length} bytes (${round}): ${status}`);
      }
      expect(walk(whole).ok).toBe(true);
    }
  }
});

/** One of the ways bytes get damaged, or forged. */
function mutated(original: Uint8Array, other: Uint8Array, random: () => number): Buffer {
  const pick = (below: number): number => Math.floor(random() * below);
  const bytes = Buffer.from(original);
  const at = pick(bytes.length);
  const length = 1 + pick(Math.min(24, bytes.length - at));
  switch (pick(8)) {
    case 0:
      bytes[at]! ^= 1 << pick(8);
      return bytes;
    case 1:
      bytes[at] = [0, 1, 0x7f, 0x80, 0xff, 0xf0][pick(6)]!;
      return bytes;
    case 2:
      bytes[at] = bytes[at]! + (random() < 0.5 ? 1 : -1);
      return bytes;
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 4:
      return Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
    case 5: {
      const from = pick(other.length);
      return Buffer.concat([bytes.subarray(0, at), other.subarray(from, from + length), bytes.subarray(at)]);
    }
    case 6: {
      const from = pick(other.length);
      other.subarray(from, from + length).forEach((byte, index) => {
        if (at + index < bytes.length) bytes[at + index] = byte;
      });
      return bytes;
    }
    default:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from(varint(pick(2 ** 31))), bytes.subarray(at + 1)]);
  }
}

it('what it accepts of 120,000 damaged batches, protobufjs decodes to the same', { timeout: 60_000 }, () => {
  const seed = 20260917;
  const random = mulberry32(seed);
  const walk = createWalker(DEFAULT_WIRE_LIMITS);
  const forgetful = createWalker(DEFAULT_WIRE_LIMITS);
  const cache = createSeriesSetCache({ clientsMax: 100 });
  const others = ['a', 'b'].map((unit) =>
    encodeBatch(smallBatch({ series: smallBatch().series.map((one) => ({ ...one, unit })) })),
  );
  const verdicts = new Map<number, number>();
  for (let round = 0; round < 120_000; round++) {
    const original = originals[round % originals.length]!;
    let bytes = mutated(original, originals[Math.floor(random() * originals.length)]!, random);
    if (random() < 0.2) bytes = mutated(bytes, original, random);
    const fail = (what: string): never => {
      throw new Error(`seed ${seed}, round ${round}: ${what}: ${bytes.toString('hex')}`);
    };
    walk(original);
    const { ok, status, reason, offset, clientIdAt: _at, clientIdLength: _length, ...seen } = { ...walk(bytes) };
    verdicts.set(status, (verdicts.get(status) ?? 0) + 1);
    if (ok !== (status === 0) || ok !== (reason === '') || offset > bytes.length) fail(`${status} ${reason} ${offset}`);
    // Two other schemas of the same client push out what it knew: the verdict must not depend on memory.
    if (round % 8 === 0) {
      for (const other of others) forgetful(other);
      const again = forgetful(bytes);
      if (again.status !== status || again.reason !== reason || again.offset !== offset)
        fail(`${reason}, then ${again.reason}`);
    }
    if (!ok) continue;
    const { clientId, ...theirs } = oracle(bytes);
    if (clientIdOf(walk(bytes), bytes) !== clientId || JSON.stringify(seen) !== JSON.stringify({ ...seen, ...theirs }))
      fail(`protobufjs sees ${JSON.stringify(theirs)}, the walker ${JSON.stringify(seen)}`);
    const batch = readBatch(bytes, cache);
    if (batch.clientId !== clientId || batch.seq !== theirs.seq || batch.seriesSet.series.length !== theirs.series)
      fail('the reader sees another batch');
  }
  // The test would say nothing if nearly all were accepted, or none.
  for (const [status, least] of [
    [0, 10_000],
    [400, 10_000],
    [422, 10_000],
  ] as const)
    expect(verdicts.get(status), `status ${status}`).toBeGreaterThan(least);
});

it('takes little time and no memory for 4 MB of what is cheap to write', () => {
  const size = 4 * 1024 * 1024;
  const repeated = (unit: number[]) => Array.from({ length: 4096 }, () => unit).flat();
  const flood = (head: Buffer, unit: number[]): Buffer => {
    const bytes = Buffer.alloc(size - ((size - head.length) % unit.length));
    head.copy(bytes);
    bytes.fill(Buffer.from(unit), head.length);
    return bytes;
  };
  const good = assemble();
  const distinct = Buffer.from(Array.from({ length: 32_767 }, (_, index) => field(0x52, `m${index}`)).flat());
  const hostile = {
    'empty symbols': flood(good.bytes.subarray(0, good.at.symbols), [0x52, 0]),
    'empty drops': flood(good.bytes.subarray(0, good.at.dropped), [0x42, 0]),
    'unknown fields': flood(good.bytes, [0x78, 0]),
    'empty unknown fields': flood(good.bytes, [0xa2, 1, 0]),
    'a varint without end': flood(good.bytes.subarray(0, good.at.seq + 1), [0xff]),
    'distinct symbols, equal series': Buffer.concat([
      good.bytes.subarray(0, good.at.symbols),
      Buffer.from(symbols('')),
      distinct,
      Buffer.from(field(0x62, repeated([1, 0, 0, 0]))),
    ]),
    'distinct symbols, distinct series': Buffer.concat([
      good.bytes.subarray(0, good.at.symbols),
      Buffer.from(symbols('')),
      distinct,
      Buffer.from(field(0x62, Array.from({ length: 16_384 }, (_, index) => [...varint(index + 1), 0, 0, 0]).flat())),
    ]),
    'one key very often': Buffer.concat([
      good.bytes.subarray(0, good.at.resource),
      Buffer.from(field(0x5a, repeated([1, 2]))),
    ]),
  };
  const walk = createWalker(DEFAULT_WIRE_LIMITS);
  for (const [what, bytes] of Object.entries(hostile)) {
    let fastestMs = Infinity;
    let leastGrown = Infinity;
    // The first time compiles, and the machine may have other work: what counts is what it can be done in.
    for (let time = 0; time < 4; time++) {
      const memoryBefore = process.memoryUsage();
      const cpuBefore = process.cpuUsage();
      const { ok } = walk(bytes);
      const cpu = process.cpuUsage(cpuBefore);
      const memory = process.memoryUsage();
      expect(ok, what).toBe(false);
      fastestMs = Math.min(fastestMs, (cpu.user + cpu.system) / 1000);
      const grown = memory.heapUsed + memory.arrayBuffers - memoryBefore.heapUsed - memoryBefore.arrayBuffers;
      leastGrown = Math.min(leastGrown, grown);
    }
    expect(fastestMs, `${what}: ms`).toBeLessThan(100);
    expect(leastGrown, `${what}: bytes`).toBeLessThan(64 * 1024);
  }
});
