/**
 * What writing to InfluxDB costs. Owns the bench `influx`: the sink from journal bytes to 204, beside a loop that posts
 * ready-made bodies to the same real server, in turns; and the sink at 100,000 points a second while queries run.
 */
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import type { Sink } from '@metricstream/shared/pump/types.ts';
import { createSeriesSetCache, readBatch } from '@metricstream/proto/read.ts';
import type { Bench, BenchOptions, BenchRow } from '../../../test/bench/bench.ts';
import { cpuSeconds } from '../../../test/bench/load/load.ts';
import { endServers, type Influx1, startInflux1 } from '../../../test/services/index.ts';
import { clearBody, createBody } from '../src/sinks/influxdb/body.ts';
import { createInfluxdbClient } from '../src/sinks/influxdb/client.ts';
import { createInfluxdbSink } from '../src/sinks/influxdb/influxdb-sink.ts';
import { createLineWriter } from '../src/sinks/influxdb/line-protocol.ts';
import { bodiesOf, SERIES, settingsOf, sweepOf } from './influx-data.ts';

const IN_FLIGHT = 2;
const DATABASE = 'bench';
const CLIENTS = 100;
/** What a pump hands over at a time: 60,000 points. */
const SWEEPS_PER_DELIVERY = 10;
const DELIVERIES = 10;
/** Each delivery a body of nearly 5,000 lines, of other clients. */
const PACED_CLIENTS = { groups: 12, perGroup: 83 };
const PACED_POINTS_PER_SECOND = 100_000;
const PACED_SECONDS = 15;
const QUERIES_PER_SECOND = 10;
const never = new AbortController().signal;

interface Round {
  pointsPerSecond: number;
  /** Of this process and of the server, in ns a point. */
  ownNs: number;
  serverNs: number;
}

export const bench: Bench = {
  name: 'influx',
  title: 'The InfluxDB sink beside ready-made bodies on the same real InfluxDB 1.6; paced with queries.',
  async run(options) {
    const server = await startInflux1();
    try {
      return [...(await writeRows(server, options)), ...(await pacedRows(server, options))];
    } finally {
      await endServers();
    }
  },
};

async function writeRows(server: Influx1, { rounds, quick, progress }: BenchOptions): Promise<BenchRow[]> {
  const ours: Round[] = [];
  const ready: Round[] = [];
  const formatNs: number[] = [];
  // As in a collector, where it runs for months: what it does once per client is not the point here.
  const { sink } = await createInfluxdbSink({ settings: settingsOf(server.url, DATABASE), clientsMax: CLIENTS });
  for (let round = 0; round <= rounds; round++) {
    const deliveries = makeDeliveries(quick ? 1 : DELIVERIES, round);
    const bodies = deliveries.flatMap((records) => bodiesOf(records, 'seed'));
    const points = deliveries.length * SWEEPS_PER_DELIVERY * CLIENTS * SERIES;
    const pair = [
      async () => ours.push(await timed(server, points, () => writeBySink(sink, deliveries))),
      async () => ready.push(await timed(server, points, () => postBodies(server, bodies))),
    ];
    // Neither is always the first after the preparations.
    for (const run of round % 2 === 0 ? pair : pair.toReversed()) await run();
    formatNs.push(formatOnly(deliveries, points));
    // The first is for warming up.
    if (round === 0) for (const list of [ours, ready, formatNs]) list.length = 0;
    else progress(`round ${round} of ${rounds}`);
  }
  await sink.close();
  return rowsOf(ours, ready, Math.min(...formatNs));
}

function rowsOf(ours: Round[], ready: Round[], formatNs: number): BenchRow[] {
  const best = (rounds: Round[]): number => Math.max(...rounds.map(({ pointsPerSecond }) => pointsPerSecond));
  const least = (rounds: Round[], of: 'ownNs' | 'serverNs'): number => Math.min(...rounds.map((round) => round[of]));
  const leastCpu = (rounds: Round[]): number => Math.min(...rounds.map(({ ownNs, serverNs }) => ownNs + serverNs));
  const shown = (rounds: Round[]): string =>
    `rounds ${rounds.map(({ pointsPerSecond }) => (pointsPerSecond / 1000).toFixed(0)).join(' ')} K points/s`;
  return [
    { what: 'the sink', value: best(ours) / 1000, unit: 'K points/s', note: shown(ours) },
    { what: 'ready-made bodies', value: best(ready) / 1000, unit: 'K points/s', note: shown(ready) },
    {
      what: 'the sink ÷ ready-made bodies',
      value: best(ours) / best(ready),
      unit: '×',
      hold: { op: '>=', value: 0.95 },
    },
    {
      what: 'the same by CPU of both programs',
      value: leastCpu(ready) / leastCpu(ours),
      unit: '×',
      hold: { op: '>=', value: 0.95 },
      note: 'what remains when other work takes the cores',
    },
    { what: 'CPU of the sink, all of it', value: least(ours, 'ownNs'), unit: 'ns/point' },
    { what: 'CPU of posting ready-made bodies', value: least(ready, 'ownNs'), unit: 'ns/point' },
    { what: 'CPU of decoding and formatting only', value: formatNs, unit: 'ns/point' },
    {
      what: "CPU of the sink ÷ InfluxDB's",
      value: least(ours, 'ownNs') / least(ours, 'serverNs'),
      unit: '×',
      hold: { op: '<=', value: 0.1 },
      note: `InfluxDB: ${least(ours, 'serverNs').toFixed(0)} ns/point`,
    },
  ];
}

function makeDeliveries(count: number, round: number): JournalRecord[][] {
  const startMs = Date.now() - 600_000;
  return Array.from({ length: count }, (_, delivery) =>
    Array.from({ length: SWEEPS_PER_DELIVERY }, (_sweep, sweep) => {
      const seq = round * 1000 + delivery * SWEEPS_PER_DELIVERY + sweep + 1;
      return sweepOf({ first: 0, count: CLIENTS }, startMs + seq * 10, seq);
    }).flat(),
  );
}

/** Runs on an empty database of its own. */
async function timed(server: Influx1, points: number, run: () => Promise<void>): Promise<Round> {
  const client = createInfluxdbClient(settingsOf(server.url, DATABASE));
  await client.influxql(`CREATE DATABASE ${DATABASE} WITH DURATION INF NAME raw`);
  const serverBefore = cpuSeconds(server.pid).get('all') ?? 0;
  const cpu = process.cpuUsage();
  const from = performance.now();
  await run();
  const seconds = (performance.now() - from) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const serverSeconds = (cpuSeconds(server.pid).get('all') ?? 0) - serverBefore;
  const [[found] = []] = await client.influxql('SELECT count(value) FROM server_metrics');
  if (found?.values[0]?.[1] !== points)
    throw new Error(`InfluxDB holds ${String(found?.values[0]?.[1])} of ${points} points`);
  await client.influxql(`DROP DATABASE ${DATABASE}`);
  client.close();
  const perPoint = 1e9 / points;
  return {
    pointsPerSecond: points / seconds,
    ownNs: ((user + system) / 1e6) * perPoint,
    serverNs: serverSeconds * perPoint,
  };
}

async function writeBySink(sink: Sink, deliveries: JournalRecord[][]): Promise<void> {
  for (const records of deliveries) {
    const outcome = await sink.write({ records, bytes: 0 }, never);
    if (outcome.kind !== 'stored') throw new Error(`the sink answered ${JSON.stringify(outcome)}`);
  }
}

async function postBodies({ url }: Influx1, bodies: Buffer[]): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT });
  const waiting = [...bodies];
  const post = async (): Promise<void> => {
    for (let body = waiting.shift(); body !== undefined; body = waiting.shift())
      await postOne(`${url}/write?db=${DATABASE}&rp=raw&precision=ns`, body, agent);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, post));
  agent.destroy();
}

function postOne(url: string, body: Buffer, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', agent, headers: { 'content-length': body.length } }, (response) => {
      response.resume();
      response.on('end', () => (response.statusCode === 204 ? resolve() : reject(new Error(`${response.statusCode}`))));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

function formatOnly(deliveries: JournalRecord[][], points: number): number {
  const writer = createLineWriter('seed');
  const cache = createSeriesSetCache({ clientsMax: CLIENTS });
  const body = createBody();
  const cpu = process.cpuUsage();
  for (const record of deliveries.flat()) {
    writer.begin(readBatch(record.body, cache));
    while (!writer.fill(body)) clearBody(body);
  }
  const { user, system } = process.cpuUsage(cpu);
  return ((user + system) * 1000) / points;
}

async function pacedRows(server: Influx1, { quick, progress }: BenchOptions): Promise<BenchRow[]> {
  const seconds = quick ? 2 : PACED_SECONDS;
  const client = createInfluxdbClient(settingsOf(server.url, 'paced'));
  await client.influxql('CREATE DATABASE paced WITH DURATION INF NAME raw');
  const { sink } = await createInfluxdbSink({ settings: settingsOf(server.url, 'paced'), clientsMax: 10_000 });
  const done = new AbortController();
  const queryMs: number[] = [];
  const querying = queryPaced(client, queryMs, done.signal);
  progress(`${PACED_POINTS_PER_SECOND} points/s with ${QUERIES_PER_SECOND} queries/s for ${seconds} s`);
  const { writeMs, points, tookMs } = await writePaced((records) => sink.write({ records, bytes: 0 }, never), seconds);
  done.abort();
  await querying;
  await sink.close();
  client.close();
  return [
    { what: 'paced: points written', value: points / tookMs, unit: 'K points/s', note: `${writeMs.length} writes` },
    {
      what: 'paced: write p99',
      value: percentile(writeMs, 0.99),
      unit: 'ms',
      hold: { op: '<=', value: 50 },
      note: spread(writeMs),
    },
    {
      what: 'paced: query p99',
      value: percentile(queryMs, 0.99),
      unit: 'ms',
      hold: { op: '<=', value: 2000 },
      note: spread(queryMs),
    },
  ];
}

/** Groups of clients in turn, each at its own moment, whatever became of the one before. */
async function writePaced(write: (records: JournalRecord[]) => Promise<{ kind: string }>, seconds: number) {
  const { groups, perGroup: count } = PACED_CLIENTS;
  const everyMs = (count * SERIES * 1000) / PACED_POINTS_PER_SECOND;
  const deliveries = Math.floor((seconds * 1000) / everyMs);
  const startMs = Date.now() + 2000;
  const prepared = Array.from({ length: deliveries }, (_, at) =>
    sweepOf({ first: (at % groups) * count, count }, Math.floor(startMs + at * everyMs), Math.floor(at / groups) + 1),
  );
  await sleep(Math.max(0, startMs - Date.now()));
  const from = performance.now();
  const writeMs: number[] = [];
  for (const [at, records] of prepared.entries()) {
    const dueMs = from + at * everyMs;
    await sleep(Math.max(0, dueMs - performance.now()));
    const begunMs = performance.now();
    const { kind } = await write(records);
    if (kind !== 'stored') throw new Error(`the sink answered ${kind}`);
    writeMs.push(performance.now() - begunMs);
  }
  return { writeMs, points: deliveries * count * SERIES, tookMs: performance.now() - from };
}

async function queryPaced(
  client: ReturnType<typeof createInfluxdbClient>,
  queryMs: number[],
  signal: AbortSignal,
): Promise<void> {
  const query =
    "SELECT mean(value) FROM server_metrics WHERE metric_name = 'cpu.usage_user' AND device = 'sda' " +
    'AND time > now() - 1m GROUP BY time(10s), host';
  const running: Promise<void>[] = [];
  for (let at = 0; !signal.aborted; at++) {
    const begunMs = performance.now();
    running.push(
      client.influxql(query, { timeoutMs: 30_000 }).then(() => void queryMs.push(performance.now() - begunMs)),
    );
    await sleep(1000 / QUERIES_PER_SECOND);
  }
  await Promise.all(running);
}

function percentile(values: number[], at: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * at))] ?? Number.NaN;
}

function spread(values: number[]): string {
  return `p50 ${percentile(values, 0.5).toFixed(1)}, max ${Math.max(...values).toFixed(1)}, ${values.length} of them`;
}
