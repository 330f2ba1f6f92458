/**
 * The Kafka sink on a real broker: messages per second and CPU per message when it has a backlog, beside kafkajs's own
 * send for each batch; then a paced load, where lag and the time from journal to broker count. The CPU is this process's,
 * reading the journal and the cursor's syncs included; the broker runs apart from it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { openKafka } from '../src/sinks/kafka/kafkajs.ts';
import { silentLog } from '@metricstream/shared/log.ts';
import type { Bench, BenchOptions, BenchRow } from '../../../test/bench/bench.ts';
import { endServers, startKafka } from '../../../test/services/index.ts';
import type { KafkaSettings } from '../src/sinks/kafka/settings.ts';
import type { BatchBytes, BenchJournal } from './kafka-rig.ts';
import {
  createBenchJournal,
  fleetBatches,
  PARTITIONS,
  POINTS_PER_BATCH,
  sendPerBatch,
  startBenchSink,
} from './kafka-rig.ts';

/** 20 % above what is to hold: 500 hosts that are swept every second. */
const PACED_POINTS_PER_SECOND = 24_000;
const PACED_SECONDS = 20;
const TICK_MS = 50;

interface Cost {
  perSecond: number;
  cpuUs: number;
}

async function costOf(messages: number, work: () => Promise<void>): Promise<Cost> {
  const cpu = process.cpuUsage();
  const started = performance.now();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: (messages * 1000) / (performance.now() - started), cpuUs: (user + system) / messages };
}

interface Ground {
  brokers: string[];
  batches: BatchBytes[];
  newTopic(): Promise<string>;
}

function contestants(ground: Ground, backlog: BenchJournal, count: number): Record<string, () => Promise<Cost>> {
  const { brokers, batches, newTopic } = ground;
  const sink = (compression: KafkaSettings['compression']) => async (): Promise<Cost> => {
    const topic = await newTopic();
    return costOf(count, () => startBenchSink(backlog, { brokers, topic, compression }).drain());
  };
  const peer = (atOnce: number) => async (): Promise<Cost> => {
    const topic = await newTopic();
    const few = Math.ceil(count / 10);
    return costOf(few, () => sendPerBatch(batches, { brokers, topic, count: few, atOnce }));
  };
  return {
    'the sink, no compression': sink('none'),
    'the sink, zstd (default)': sink('zstd'),
    'kafkajs, a send per batch, 100 at once': peer(100),
    'kafkajs, a send per batch, one by one': peer(1),
  };
}

interface Paced {
  pointsPerSecond: number;
  lagMax: number;
  p50Ms: number;
  p99Ms: number;
  cpuShare: number;
}

/** A steady load, and the longest queue that any partition had. */
async function paced({ brokers, batches, newTopic }: Ground, seconds: number): Promise<Paced> {
  const bench = createBenchJournal(batches);
  const ages: number[] = [];
  const topic = await newTopic();
  const options = { brokers, topic, compression: 'zstd', onStored: (ageMs: number) => ages.push(ageMs) } as const;
  const sink = startBenchSink(bench, options);
  const cpu = process.cpuUsage();
  const started = performance.now();
  let sent = 0;
  let lagMax = 0;
  while (performance.now() - started < seconds * 1000) {
    await delay(TICK_MS);
    const due = Math.floor(((performance.now() - started) / 1000) * (PACED_POINTS_PER_SECOND / POINTS_PER_BATCH));
    bench.append(due - sent);
    sent = due;
    for (const { name, value } of sink.sink.figures())
      if (name === 'kafka_lag_records') lagMax = Math.max(lagMax, value);
  }
  await sink.drain();
  const tookMs = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  bench.remove();
  if (ages.length !== sent) throw new Error(`${sent} batches appended, ${ages.length} confirmed`);
  ages.sort((a, b) => a - b);
  const at = (share: number): number => ages[Math.floor(ages.length * share)] ?? 0;
  const pointsPerSecond = (sent * POINTS_PER_BATCH * 1000) / tookMs;
  return { pointsPerSecond, lagMax, p50Ms: at(0.5), p99Ms: at(0.99), cpuShare: (user + system) / 1000 / tookMs };
}

async function run({ rounds, quick, progress }: BenchOptions): Promise<BenchRow[]> {
  progress('starting Kafka');
  const cluster = await startKafka();
  const { brokers } = cluster;
  const admin = openKafka({ connection: { brokers, sasl: undefined, tls: undefined }, log: silentLog });
  let topics = 0;
  const newTopic = async (): Promise<string> => {
    const topic = `bench-${topics++}`;
    await admin.createTopic({ topic, partitions: PARTITIONS, replication: 1, config: {} });
    while (!(await admin.describeTopic(topic))?.partitions.every(({ leader }) => leader !== undefined)) await delay(50);
    // Its leaders know of it a little later than the controller.
    await delay(500);
    return topic;
  };
  const batches = fleetBatches();
  const ground = { brokers, batches, newTopic };
  const count = quick ? 5000 : 100_000;
  const backlog = createBenchJournal(batches);
  for (let appended = 0; appended < count; appended += 1000) backlog.append(1000);
  try {
    const best = new Map<string, Cost>();
    const all = contestants(ground, backlog, count);
    for (let round = 1; round <= rounds; round++) {
      for (const [what, work] of Object.entries(all)) {
        progress(`round ${round}: ${what}`);
        const cost = await work();
        const before = best.get(what);
        best.set(what, before === undefined || cost.cpuUs < before.cpuUs ? cost : before);
      }
    }
    progress(`${PACED_POINTS_PER_SECOND} points/s for ${PACED_SECONDS} s`);
    return [...costRows(best), ...pacedRows(await paced(ground, quick ? 2 : PACED_SECONDS))];
  } finally {
    backlog.remove();
    await admin.close();
    await cluster.stop();
    await endServers();
  }
}

function costRows(best: Map<string, Cost>): BenchRow[] {
  const costs = [...best];
  const cpuOf = (index: number): number => costs[index]?.[1].cpuUs ?? Number.NaN;
  return [
    ...costs.flatMap(([what, { perSecond, cpuUs }]): BenchRow[] => [
      {
        what: `${what}: messages`,
        value: perSecond,
        unit: '/s',
        note: `${Math.round(perSecond * POINTS_PER_BATCH)} points/s`,
      },
      { what: `${what}: CPU per message`, value: cpuUs, unit: 'µs' },
    ]),
    { what: 'CPU: a send per batch, 100 at once / the sink, no compression', value: cpuOf(2) / cpuOf(0), unit: '×' },
  ];
}

function pacedRows({ pointsPerSecond, lagMax, p50Ms, p99Ms, cpuShare }: Paced): BenchRow[] {
  return [
    { what: 'paced, acks of all: points', value: pointsPerSecond, unit: '/s', hold: { op: '>=', value: 20_000 } },
    { what: 'paced: most batches waiting in a partition', value: lagMax, unit: '', hold: { op: '<=', value: 1000 } },
    { what: 'paced: journal to broker, p50', value: p50Ms, unit: 'ms' },
    { what: 'paced: journal to broker, p99', value: p99Ms, unit: 'ms', hold: { op: '<=', value: 2000 } },
    { what: 'paced: CPU of a core', value: cpuShare * 100, unit: '%', note: 'appending to the journal included' },
  ];
}

export const bench: Bench = {
  name: 'kafka',
  title: 'From the journal into a real Kafka: the sink beside kafkajs’s own send for each batch',
  run,
};
