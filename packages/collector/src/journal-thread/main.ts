/**
 * The journal thread: takes every ring's records, makes them durable in groups, frees what all sinks have passed. Owns
 * the journal and the ledger, and promises to leave only when every ring is closed and empty. It blocks in Atomics.wait
 * and looks at its message port between rounds.
 */
import type { MessagePort } from 'node:worker_threads';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { openCounters } from '@metricstream/shared/counters.ts';
import type { ErrorCode } from '@metricstream/shared/errors.ts';
import { MetricStreamError, messageOf } from '@metricstream/shared/errors.ts';
import type { Journal } from '@metricstream/shared/journal/journal.ts';
import { openJournal } from '@metricstream/shared/journal/journal.ts';
import { openDurablePosition } from '@metricstream/shared/journal/position.ts';
import { createLog, throttled } from '@metricstream/shared/log.ts';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import { RecordKind } from '@metricstream/shared/journal/record.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { createLedger, DEFAULT_LEDGER_LIMITS } from '../ledger/ledger.ts';
import { openDoorbell } from '../rings/doorbell.ts';
import type { RingReader } from '../rings/ring-reader.ts';
import { createRingReader } from '../rings/ring-reader.ts';
import { watchClones } from './clone-watch.ts';
import { JOURNAL_COUNTERS } from './counters.ts';
import { createGroupCommit } from './group-commit.ts';
import type { FromJournalThread, JournalThreadData, ToJournalThread } from './messages.ts';
import { createRetention } from './retention.ts';

/** A segment begins with a snapshot; it shall be mostly records. */
const SNAPSHOT_PART_MAX = 1 / 4;
/** Room for the one client that has all the epochs and gaps there may be, and for others beside it. */
const SNAPSHOT_BYTES_MIN = 1024 * 1024;
const SLEEP_MS_MAX = 500;
const LOG_INTERVAL_MS = 5000;

function replayInto(ledger: Ledger): (record: JournalRecord) => void {
  return (record) => {
    if (record.kind === RecordKind.snapshot) return ledger.restore(record.body);
    if (record.kind !== RecordKind.batch) return;
    ledger.offer(record.clientId, record.epoch, record.seq, record.oldestSeq, record.bodyCrc);
    ledger.confirm();
  };
}

function openAll(data: JournalThreadData, ledger: Ledger): Journal {
  return openJournal({
    dir: data.dir,
    segmentBytesMax: data.segmentBytesMax,
    replay: 'from-snapshot',
    onRecord: replayInto(ledger),
    snapshot: () => ledger.snapshot(),
    nowUnixMs: Date.now,
    durable: openDurablePosition(data.durable),
  });
}

function run(data: JournalThreadData, port: MessagePort): void {
  const post = (message: FromJournalThread): void => port.postMessage(message);
  const seldom = throttled(createLog({ component: 'collector', ...data.log }), LOG_INTERVAL_MS);
  const snapshotBytesMax = Math.max(
    SNAPSHOT_BYTES_MIN,
    Math.min(DEFAULT_LEDGER_LIMITS.snapshotBytesMax, data.segmentBytesMax * SNAPSHOT_PART_MAX),
  );
  const ledger = createLedger({ ...DEFAULT_LEDGER_LIMITS, snapshotBytesMax });
  const journal = openAll(data, ledger);
  const counters = openCounters(JOURNAL_COUNTERS, data.counters);
  const retention = createRetention({
    journal,
    journalBytesMax: data.journalBytesMax,
    sinks: data.sinks,
    onFailure: (why) => seldom.error('journal: old segments cannot be looked at, trying again', { why }),
  });
  const clones = watchClones({ counters, log: seldom, tell: (alarms) => post({ message: 'clones', alarms }) });
  const commit = createGroupCommit({
    journal,
    ledger,
    counters,
    hasRoom: retention.hasRoom,
    onFailure: (why) => seldom.error('journal: write failed, clients get 503 and come again', { why }),
    onConflict: (client_id, epoch, seq) =>
      seldom.error('journal: a known batch came with other bytes, answered 409', { client_id, epoch, seq }),
    onEpochSwitch: clones.switched,
  });
  const doorbell = openDoorbell(data.doorbell);
  let rings: RingReader[] = [];
  let stopping = false;
  // Waited on for time to pass; nobody else has it.
  const nobody = new Int32Array(new SharedArrayBuffer(4));

  function publishFigures(): void {
    counters.set('ledgerClients', ledger.clients());
    counters.set('recordsTotal', journal.totals.records);
    counters.set('pointsTotal', journal.totals.points);
    counters.set('endPosition', journal.durable.get());
    counters.set('oldestPosition', retention.oldest());
    counters.set('forcedSegments', retention.forced());
  }

  counters.set('recoveredDamagedBytes', journal.recovered.damagedBytes);
  publishFigures();
  const { damagedBytes, setAside } = journal.recovered;
  post({ message: 'ready', journalId: journal.id, end: journal.recovered.end, damagedBytes, setAside });
  for (;;) {
    const settled = commit(rings);
    for (let received = receiveMessageOnPort(port); received; received = receiveMessageOnPort(port)) {
      const told = received.message as ToJournalThread;
      if (told.message === 'add_ring') rings.push(createRingReader(told.ring));
      else stopping = true;
    }
    retention.housekeep();
    clones.housekeep();
    publishFigures();
    if (settled > 0) {
      if (data.lingerMs > 0) Atomics.wait(nobody, 0, 0, data.lingerMs);
      continue;
    }
    rings = rings.filter((ring) => !(ring.isClosed() && ring.isEmpty()));
    if (stopping && rings.length === 0) break;
    doorbell.sleep(() => rings.every((ring) => ring.isEmpty()), SLEEP_MS_MAX);
  }
  journal.close();
  publishFigures();
  port.close();
}

const codeOf = (error: unknown): ErrorCode => (error instanceof MetricStreamError ? error.code : 'io');

if (parentPort) {
  try {
    run(workerData as JournalThreadData, parentPort);
  } catch (error) {
    const failure: FromJournalThread = { message: 'failed', why: messageOf(error), code: codeOf(error) };
    parentPort.postMessage(failure);
  }
}
