/**
 * How evenly clients spread over partitions, through the sink's own routing, beside what chance gives: the deviation of a
 * multinomial draw, sqrt((1 - 1/P) × P/N). Fails when a client turns up in more than one partition.
 */
import { Lane, RecordKind, type JournalRecord } from '@metricstream/shared/journal/record.ts';
import { mulberry32 } from '@metricstream/shared/testing/seeded.ts';
import type { Bench, BenchOptions, BenchRow } from '../../../test/bench/bench.ts';
import { createHomes, relativeDeviation } from '../src/sinks/kafka/homes.ts';
import { createRouter } from '../src/sinks/kafka/router.ts';
import type { RoutingEntry } from '../src/sinks/kafka/routing.ts';

const CLIENTS = 10_000;
const PARTITIONS = 12;
/** Batches of each client. */
const BATCHES = 3;

/** As operators and machines name hosts. */
const NAMINGS: Record<string, (index: number) => string> = {
  'client_0 …': (index) => `client_${index}`,
  'web-0000.fra1 …': (index) => `web-${String(index).padStart(4, '0')}.fra1`,
  'ip-10-0-0-0 …': (index) => `ip-10-0-${index >> 8}-${index & 255}`,
  'random hex': hexNames(),
};

function hexNames(): () => string {
  const random = mulberry32(11);
  const word = (): string => Math.floor(random() * 2 ** 32).toString(16);
  return () => `${word()}${word()}`;
}

interface Spread {
  counts: number[];
  /** Clients found in more than one partition. */
  torn: number;
  nsPerBatch: number;
}

function spread(name: (index: number) => string, partitions: number): Spread {
  const router = createRouter({ homes: createHomes({ partitions, clientsMax: CLIENTS }), partitions });
  const entry: RoutingEntry = { from: 0, partitions, answer: 'off', hot: [] };
  const records = Array.from({ length: CLIENTS }, (_, index) => recordOf(name(index)));
  const homes = new Map<string, Set<number>>();
  let elapsedMs = 0;
  for (let batch = 0; batch < BATCHES; batch++) {
    const started = performance.now();
    const routed = records.map((record) => router.route(record, entry)[0]?.partition ?? -1);
    elapsedMs += performance.now() - started;
    for (const [index, partition] of routed.entries()) {
      const { clientId } = records[index] as JournalRecord;
      const seen = homes.get(clientId) ?? new Set();
      homes.set(clientId, seen.add(partition));
    }
  }
  const counts = Array.from({ length: partitions }, () => 0);
  for (const seen of homes.values()) for (const partition of seen) counts[partition]!++;
  const torn = [...homes.values()].filter((seen) => seen.size !== 1).length;
  return { counts, torn, nsPerBatch: (elapsedMs * 1e6) / (CLIENTS * BATCHES) };
}

function recordOf(clientId: string): JournalRecord {
  const head = { kind: RecordKind.batch, lane: Lane.live, clientId, points: 60, epoch: 1, seq: 1, oldestSeq: 1 };
  return { ...head, receivedUnixMs: 0, body: new Uint8Array(0), bodyCrc: 0 };
}

async function run({ progress }: BenchOptions): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  let torn = 0;
  let nsPerBatch = Number.POSITIVE_INFINITY;
  for (const [naming, name] of Object.entries(NAMINGS)) {
    progress(naming);
    const found = spread(name, PARTITIONS);
    torn += found.torn;
    nsPerBatch = Math.min(nsPerBatch, found.nsPerBatch);
    rows.push({
      what: `${naming}: standard deviation / mean`,
      value: relativeDeviation(found.counts) * 100,
      unit: '%',
      hold: { op: '<=', value: 5 },
      note: `${Math.min(...found.counts)} to ${Math.max(...found.counts)} clients per partition`,
    });
  }
  const chance = Math.sqrt((1 - 1 / PARTITIONS) * (PARTITIONS / CLIENTS));
  rows.push({ what: 'a multinomial draw: standard deviation / mean', value: chance * 100, unit: '%' });
  rows.push({ what: 'clients in more than one partition', value: torn, unit: '', hold: { op: '<=', value: 0 } });
  rows.push({ what: 'routing a batch', value: nsPerBatch, unit: 'ns' });
  if (torn > 0) throw new Error(`${torn} clients are in more than one partition`);
  return rows;
}

export const bench: Bench = {
  name: 'partitions',
  title: `${CLIENTS} clients over ${PARTITIONS} partitions by murmur2 of the client_id`,
  run,
};
