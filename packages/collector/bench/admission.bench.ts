/**
 * The admission bench: what it costs to decide on one request, beside token buckets in a plain Map that one thread has
 * for itself. Owns the method: slices of a few thousand requests, all contestants in turn, the least time of each, less
 * that of the empty loop. Counted are slot lookup, all three limits, the client's counters and the decisions ring.
 */
import type { Bench, BenchOptions, BenchRow } from '../../../test/bench/bench.ts';
import { type Admission, type Charged, createAdmission } from '../src/admission/admission.ts';
import { createClientTable, openClientTable } from '../src/admission/client-table.ts';
import { createLimiter } from '../src/admission/limits.ts';
import { createDecisions, createDecisionWriter } from '../src/rings/decisions.ts';
import { bucketsInMap } from './admission-peer.ts';

const BODY_BYTES = 1638;
const POINTS = 60;
const SLICE = 4000;
const SLICES_PER_ROUND = 60;
/** Four workers and main: what a collector on five cores opens. */
const THREADS = 5;
const FLEET = 10_000;
/** Burst enough for a slice, and each slice of accepted requests is of another client. */
const LIMITS = { requestsPerSecond: 1e6, bytesPerSecond: 1e10, pointsPerSecond: 1e8, burstMs: 10_000 };

function requestOf(clientId: string): Charged {
  return { clientId, slot: -1, bytesCharged: 0, points: POINTS };
}

/** One for all contestants, as in a worker: calls of several would be compiled as calls of anyone. */
function newAdmission(): Admission {
  const table = openClientTable(createClientTable(FLEET, { threads: THREADS }), 2);
  return createAdmission(table, createLimiter(table, LIMITS), createDecisionWriter(createDecisions()));
}

interface Contestant {
  what: string;
  /** What is subtracted: the same loop with nothing in it. */
  less?: 'loop' | 'loop that cuts';
  hold?: number;
  note?: string;
  /** One slice of requests, all in one turn. @param client each slice has another. */
  run(client: Charged): void;
}

const ids = Array.from({ length: FLEET }, (_, i) => `host-${i}.example.net`);
/** Ids as they come from a head: cut from a longer text, each time a string that nobody has seen. */
const head = `POST /v1/batches HTTP/1.1\r\nClient-Id: ${ids[77]}\r\n\r\n`;
const cutFrom = head.indexOf('host-');
const cutTo = head.lastIndexOf('\r\n\r\n');
let sink = 0;

function contestants(): Contestant[] {
  const admission = newAdmission();
  const fleet = ids.map(requestOf);
  const cut = requestOf('');
  const over = requestOf('over');
  const peer = bucketsInMap(LIMITS);
  let at = 0;
  function accept(request: Charged): void {
    if (admission.admit(request, BODY_BYTES) !== undefined) throw new Error('the bench came to a limit');
    admission.bodyComplete(request, BODY_BYTES);
    admission.appended(request);
  }
  // A minute's debt, which is the longest.
  over.points = LIMITS.pointsPerSecond * 60;
  accept(over);
  return [
    {
      what: 'loop',
      run(client) {
        for (let i = 0; i < SLICE; i++) sink += client.clientId.length;
      },
    },
    {
      what: 'loop that cuts',
      run() {
        for (let i = 0; i < SLICE; i++) sink += head.slice(cutFrom, cutTo).length;
      },
    },
    {
      what: 'a known client, from its request to the verdict',
      less: 'loop',
      hold: 20,
      note: 'slot lookup, three limits',
      run(client) {
        admission.beginTurn();
        for (let i = 0; i < SLICE; i++) admission.admit(client, BODY_BYTES);
        admission.endTurn();
      },
    },
    {
      what: 'the same, and all that follows when it is accepted',
      less: 'loop',
      hold: 20,
      note: 'points owed, three counters, decisions ring',
      run(client) {
        admission.beginTurn();
        for (let i = 0; i < SLICE; i++) accept(client);
        admission.endTurn();
      },
    },
    {
      what: 'the same, its id a new string each time',
      less: 'loop that cuts',
      note: 'hashing and comparing it',
      run() {
        admission.beginTurn();
        for (let i = 0; i < SLICE; i++) {
          cut.clientId = head.slice(cutFrom, cutTo);
          accept(cut);
        }
        admission.endTurn();
      },
    },
    {
      what: `${FLEET} known clients in turn, accepted`,
      less: 'loop',
      note: 'their slots are not in the cache',
      run() {
        admission.beginTurn();
        for (let i = 0; i < SLICE; i++) {
          accept(fleet[at] as Charged);
          at = (at + 7919) % FLEET;
        }
        admission.endTurn();
      },
    },
    {
      what: 'a client over its limit, refused',
      less: 'loop',
      note: 'its reason, its wait, its counter, decisions ring',
      run() {
        admission.beginTurn();
        for (let i = 0; i < SLICE; i++) admission.admit(over, BODY_BYTES);
        admission.endTurn();
      },
    },
    {
      what: 'the peer: token buckets in a Map, counters, no other thread',
      less: 'loop',
      note: 'the same work in plain objects; reads the clock each time; its limits hold in one thread only',
      run(client) {
        for (let i = 0; i < SLICE; i++) peer(client.clientId, BODY_BYTES, POINTS);
      },
    },
    {
      what: 'once a turn, for all its requests: the clock',
      run() {
        for (let i = 0; i < SLICE; i++) {
          admission.beginTurn();
          admission.endTurn();
        }
      },
    },
  ];
}

function run({ rounds, quick, progress }: BenchOptions): Promise<BenchRow[]> {
  const all = contestants();
  const clients = ids.map(requestOf);
  let slices = 0;
  const found = new Map<string, number[]>(all.map(({ what }) => [what, []]));
  for (let round = 1; round <= rounds; round++) {
    progress(`round ${round}`);
    for (const { what, run: slice } of all)
      for (let i = 0; i < (quick ? 5 : SLICES_PER_ROUND); i++) {
        const client = clients[slices++ % FLEET] as Charged;
        const started = performance.now();
        slice(client);
        found.get(what)?.push(((performance.now() - started) * 1e6) / SLICE);
      }
  }
  const least = (what: string): number => Math.min(...(found.get(what) ?? []));
  const median = (what: string): number =>
    found
      .get(what)
      ?.toSorted((a, b) => a - b)
      .at((found.get(what)?.length ?? 0) >> 1) ?? 0;
  const rows = all
    .filter(({ what }) => !what.startsWith('loop'))
    .map(({ what, less, hold, note }): BenchRow => {
      const base = less === undefined ? 0 : least(less);
      const notes = [`median ${(median(what) - base).toFixed(1)}`, ...(note === undefined ? [] : [note])];
      return {
        what,
        value: least(what) - base,
        unit: 'ns',
        note: notes.join('; '),
        ...(hold === undefined ? {} : { hold: { op: '<=', value: hold } }),
      };
    });
  return Promise.resolve(rows);
}

export const bench: Bench = {
  name: 'admission',
  title: 'One admission check, beside token buckets in a Map of one thread',
  run,
};
