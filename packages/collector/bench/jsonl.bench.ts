/**
 * How fast points become durable lines. Owns the bench `jsonl`: the whole sink (batches as they lie in the journal in,
 * synced lines out), JSON.stringify per point through the same appender, and a C program that only appends and syncs.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Series } from '@metricstream/proto/batch.ts';
import { encodeBatch } from '@metricstream/proto/encode.ts';
import { createSeriesSetCache, readBatch } from '@metricstream/proto/read.ts';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import { Lane, RecordKind } from '@metricstream/shared/journal/record.ts';
import type { Bench, BenchOptions, BenchRow } from '../../../test/bench/bench.ts';
import { BLOCK_BYTES, CREATE_FLAGS, createAppender } from '../src/sinks/jsonl/append.ts';
import { createLineFormatter } from '../src/sinks/jsonl/format.ts';
import { createJsonlSink } from '../src/sinks/jsonl/jsonl-sink.ts';
import { createTimeFormatter } from '../src/sinks/jsonl/time.ts';

const SERIES = 60;
const CLIENTS = 100;
/** About 1 MiB of batches, what a pump hands over at a time. */
const RECORDS_PER_DELIVERY = 800;
const DELIVERIES = 24;
/** More than any line here. */
const LINE_BYTES_MAX = 1024;

interface Round {
  seconds: number;
  cpuSeconds: number;
  lines: number;
  bytes: number;
}

export const bench: Bench = {
  name: 'jsonl',
  title: 'The JSONL sink from journal bytes to synced lines, beside JSON.stringify per point and C append + fdatasync.',
  async run(options) {
    const dir = mkdtempSync(join(tmpdir(), 'jsonl-bench-'));
    try {
      return await runRounds(options, dir);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  },
};

async function runRounds(options: BenchOptions, dir: string): Promise<BenchRow[]> {
  const floor = buildFloor(dir, options);
  const records = makeRecords();
  const deliveries = options.quick ? 1 : DELIVERIES;
  const seen = { sink: [] as Round[], stringify: [] as Round[], format: [] as Round[], floor: [] as number[] };
  for (let round = 0; round < options.rounds; round++) {
    seen.sink.push(await timed(() => runSink(dir, records, deliveries)));
    const bytes = seen.sink.at(-1)?.bytes ?? 0;
    seen.format.push(await timed(() => Promise.resolve(runFormat(records, deliveries))));
    seen.stringify.push(await timed(() => runStringify(dir, records, Math.ceil(deliveries / 4))));
    if (floor !== undefined) seen.floor.push(runFloor(floor, dir, bytes));
    options.progress(`round ${round + 1} of ${options.rounds}`);
  }
  return rowsOf(seen);
}

function rowsOf(seen: { sink: Round[]; stringify: Round[]; format: Round[]; floor: number[] }): BenchRow[] {
  const linesPerSecond = (round: Round): number => round.lines / round.seconds;
  const sink = Math.max(...seen.sink.map(linesPerSecond));
  const stringify = Math.max(...seen.stringify.map(linesPerSecond));
  const bytesPerSecond = Math.max(...seen.sink.map((round) => round.bytes / round.seconds));
  const slowest = Math.min(...seen.sink.map(linesPerSecond));
  const lineBytes = (seen.sink[0]?.bytes ?? 0) / (seen.sink[0]?.lines ?? 1);
  const cpuNs = (rounds: Round[]): number => Math.min(...rounds.map((round) => (round.cpuSeconds / round.lines) * 1e9));
  const rows: BenchRow[] = [
    {
      what: 'lines formatted, appended and synced',
      value: sink / 1e6,
      unit: 'M lines/s',
      hold: { op: '>=', value: 3 },
      note: `${lineBytes.toFixed(0)} B a line; slowest round ${(slowest / 1e6).toFixed(2)}`,
    },
    { what: 'bytes synced', value: bytesPerSecond / 1e6, unit: 'MB/s' },
    { what: 'CPU a line, all threads, sync included', value: cpuNs(seen.sink), unit: 'ns' },
    { what: 'CPU a line, decoding and formatting only', value: cpuNs(seen.format), unit: 'ns' },
    { what: 'the same with JSON.stringify per point', value: stringify / 1e6, unit: 'M lines/s' },
    { what: 'times JSON.stringify', value: sink / stringify, unit: '×' },
  ];
  if (seen.floor.length === 0) return rows;
  const floor = Math.max(...seen.floor);
  const hold = { op: '>=', value: 0.6 } as const;
  rows.push({
    what: 'of what C appends and syncs',
    value: bytesPerSecond / floor,
    unit: '×',
    hold,
    note: `C: ${(floor / 1e6).toFixed(0)} MB/s`,
  });
  return rows;
}

async function timed(run: () => Promise<{ lines: number; bytes: number }>): Promise<Round> {
  const cpu = process.cpuUsage();
  const from = performance.now();
  const done = await run();
  const seconds = (performance.now() - from) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { ...done, seconds, cpuSeconds: (user + system) / 1e6 };
}

async function runSink(dir: string, records: JournalRecord[], deliveries: number) {
  const target = join(dir, 'sink');
  const sink = await createJsonlSink({ dir: target, rotateBytes: 1e12, keepMs: 1e9, clientsMax: CLIENTS });
  const never = new AbortController().signal;
  for (let at = 0; at < deliveries; at++) {
    const outcome = await sink.write({ records, bytes: 0 }, never);
    if (outcome.kind !== 'stored') throw new Error(`the sink answered ${JSON.stringify(outcome)}`);
  }
  await sink.close();
  rmSync(target, { recursive: true });
  return { lines: sink.stats.points, bytes: sink.stats.bytes };
}

function runFormat(records: JournalRecord[], deliveries: number) {
  const formatter = createLineFormatter();
  const cache = createSeriesSetCache({ clientsMax: CLIENTS });
  const buffer = Buffer.allocUnsafeSlow(64 * 1024);
  const done = { lines: 0, bytes: 0 };
  for (let at = 0; at < deliveries; at++) {
    for (const record of records) {
      formatter.begin(readBatch(record.body, cache));
      while (!formatter.done()) done.bytes += formatter.fill(buffer, 0);
    }
  }
  done.lines = formatter.points;
  return done;
}

async function runStringify(dir: string, records: JournalRecord[], deliveries: number) {
  const cache = createSeriesSetCache({ clientsMax: CLIENTS });
  const appender = createAppender();
  const formatTime = createTimeFormatter();
  const path = join(dir, 'stringify.jsonl');
  const handle = await open(path, CREATE_FLAGS);
  const done = { lines: 0, bytes: 0 };
  let room = 0;
  for (let at = 0; at < deliveries; at++) {
    appender.begin(handle, done.bytes);
    for (const record of records) {
      const { clientId, epoch, seq, seriesSet, values, timesUnixNano } = readBatch(record.body, cache);
      const { host, datacenter } = Object.fromEntries(seriesSet.resource);
      const timestamp = formatTime(timesUnixNano[0] as bigint);
      for (const [index, { name, unit, labels }] of seriesSet.series.entries()) {
        const value = values[index];
        const line = {
          timestamp,
          name,
          value,
          unit,
          client_id: clientId,
          host,
          datacenter,
          labels: Object.fromEntries(labels),
          epoch,
          seq,
        };
        const text = `${JSON.stringify(line)}\n`;
        appender.fill((target, at) => {
          room = target.length - at - text.length;
          return at + target.write(text, at, 'latin1');
        });
        if (room < LINE_BYTES_MAX) await appender.flush();
        done.lines++;
      }
    }
    done.bytes += await appender.finish();
  }
  await handle.close();
  rmSync(path);
  return done;
}

/** @returns the program, or undefined without a C compiler. */
function buildFloor(dir: string, options: BenchOptions): string | undefined {
  const program = join(dir, 'append-sync');
  try {
    execFileSync('gcc', ['-O2', '-o', program, join(import.meta.dirname, 'append-sync.c')]);
    return program;
  } catch {
    options.progress('no gcc: without the figure of C');
    return undefined;
  }
}

/** @returns bytes per second. */
function runFloor(program: string, dir: string, bytes: number): number {
  const blocks = Math.max(1, Math.round(bytes / BLOCK_BYTES));
  const path = join(dir, 'floor');
  const nanoseconds = Number(execFileSync(program, [path, String(blocks)], { encoding: 'utf8' }));
  rmSync(path);
  return (blocks * BLOCK_BYTES) / (nanoseconds / 1e9);
}

/** Sixty series as an agent has them: some with a label, percentages, whole numbers, and doubles with all digits. */
function makeRecords(): JournalRecord[] {
  const metrics = [
    'cpu.usage_user',
    'mem.used_percent',
    'disk.used_percent',
    'diskio.read_bytes',
    'net.bytes_sent',
    'system.load1',
  ];
  const series: Series[] = Array.from({ length: SERIES }, (_, at) => ({
    name: metrics[at % metrics.length] as string,
    unit: at % 2 ? 'percent' : 'bytes',
    kind: 'float',
    labels: at % 3 ? [['device', `nvme0n1p${at}`]] : [],
  }));
  return Array.from({ length: RECORDS_PER_DELIVERY }, (_, at) => {
    const clientId = `web-${String(at % CLIENTS).padStart(4, '0')}`;
    const seq = Math.floor(at / CLIENTS) + 1;
    const values = Float64Array.from({ length: SERIES }, (_, series) => valueOf(at * SERIES + series));
    const body = encodeBatch({
      clientId,
      epoch: 1_839_000_000_000_123,
      seq,
      schemaVersion: 1,
      agentVersion: '1.0.0',
      configHash: 1n,
      pointsSampledTotal: seq * SERIES,
      droppedTotal: [],
      resource: [
        ['host', clientId],
        ['datacenter', 'eu-west-1'],
      ],
      series,
      timesUnixNano: [1_795_000_000_000_000_000n + BigInt(seq) * 10_000_000_000n],
      values,
    });
    const head = { kind: RecordKind.batch, lane: Lane.live, clientId, epoch: 1_839_000_000_000_123, oldestSeq: 1 };
    return { ...head, seq, points: SERIES, receivedUnixMs: 0, bodyCrc: 0, body };
  });
}

function valueOf(at: number): number {
  const mixed = (Math.imul(at + 1, 2_654_435_761) >>> 0) / 4_294_967_296;
  if (at % 4 === 0) return mixed * 100;
  if (at % 2 === 0) return Math.round(mixed * 10_000) / 100;
  return Math.floor(mixed * 1e9);
}
