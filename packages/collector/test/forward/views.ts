/** A branch as it looks from outside, for the tests of what is told of it. */
import type { BranchView } from '../../src/forward/status.ts';

type Overrides = {
  [Part in keyof BranchView]?: BranchView[Part] extends readonly unknown[]
    ? BranchView[Part]
    : Partial<BranchView[Part]>;
};

/** A member of its group with nothing to do. */
export function viewOf({ pump, source, consumer, deadLetters, membership, ...rest }: Overrides = {}): BranchView {
  const counts = {
    retries: 0,
    halts: 0,
    recordsStored: 0,
    pointsStored: 0,
    recordsDead: 0,
    pointsDead: 0,
    pointsDropped: 0,
  };
  const times = { oldestUnixMs: new Map(), passedUnixMs: new Map() };
  return {
    name: 'influxdb',
    group: 'g-influxdb',
    topic: 'metrics-raw',
    membership: { joined: true, sinceUnixMs: Date.now(), ...membership },
    pump: { sink: 'influxdb', state: 'idle', why: '', sinceUnixMs: 0, lastStoredUnixMs: 0, ...counts, ...pump },
    writes: { stored: 0, rejected: 0, retry: 0, halt: 0 },
    dropped: {},
    source: { messages: 0, bytes: 0, messagesUncommitted: 0, committedUnixMs: 0, ...times, ...source },
    consumer: { rebalances: 0, restarts: 0, missed: 0, heldBytes: 0, partitions: [], ...consumer },
    lag: [],
    deadLetters: { poison: 0, records: 0, valuesLeftOut: 0, ...deadLetters },
    figures: [],
    ...(rest as Partial<BranchView>),
  };
}
