/**
 * One round of group commit: everything that the rings hold goes to the journal with one write and one sync. Owns the
 * order of things and promises: a frame gets its verdict only after the sync that decides it; a triple becomes known
 * only then; after a failed write or sync no frame of the group is called durable.
 */
import { asciiSlice, Lane, RECORD_HEAD_BYTES, RECORD_OFFSET, readU64 } from '@metricstream/shared/journal/record.ts';
import type { Journal } from '@metricstream/shared/journal/journal.ts';
import type { Counters } from '@metricstream/shared/counters.ts';
import type { Ledger, Offer } from '../ledger/ledger.ts';
import { RingVerdict, writeVerdict } from '../rings/ring-layout.ts';
import type { RingReader } from '../rings/ring-reader.ts';
import type { JournalCounter } from './counters.ts';

export interface GroupCommitOptions {
  journal: Pick<Journal, 'append' | 'totals'>;
  ledger: Ledger;
  counters: Counters<JournalCounter>;
  /** Whether the journal may grow by this many bytes; false makes the group's records `full`. */
  hasRoom(bytes: number): boolean;
  /** Told why a group failed, once per failed group. */
  onFailure(why: string): void;
  /** A known triple came with other bytes. */
  onConflict(clientId: string, epoch: number, seq: number): void;
  /** A client's live lane went from one epoch to another. */
  onEpochSwitch(clientId: string, from: number, to: number): void;
}

/** Frames of one round, in flat arrays that are reused: which ring, where, and what the ledger said. */
interface Round {
  rings: RingReader[];
  at: number[];
  clientIds: string[];
  epochs: number[];
  offers: Offer[];
  views: Uint8Array[];
  bytes: number;
  records: number;
  points: number;
}

/** @returns a function that runs one round over these rings and says how many frames it settled. */
export function createGroupCommit(options: GroupCommitOptions): (rings: readonly RingReader[]) => number {
  const round: Round = {
    rings: [],
    at: [],
    clientIds: [],
    epochs: [],
    offers: [],
    views: [],
    bytes: 0,
    records: 0,
    points: 0,
  };
  return (rings) => {
    for (const ring of rings) if (ring.refresh() > 0) collect(options, ring, round);
    const frames = round.at.length;
    if (frames === 0) return 0;
    settleRound(options, round, appendRound(options, round));
    for (const ring of rings) ring.settle(ring.position());
    reset(round);
    return frames;
  };
}

/** Takes a ring's frames into the round; runs of new frames become one view each, straight over shared memory. */
function collect(options: GroupCommitOptions, ring: RingReader, round: Round): void {
  const { view, bytes } = ring;
  let runStart = -1;
  let runEnd = -1;
  for (let at = ring.next(); at !== -1; at = ring.next()) {
    const idLength = view.getUint16(at + RECORD_OFFSET.clientIdLength, true);
    const clientId = asciiSlice(bytes, at + RECORD_HEAD_BYTES, idLength);
    const epoch = readU64(view, at + RECORD_OFFSET.epoch);
    const seq = readU64(view, at + RECORD_OFFSET.seq);
    const oldestSeq = readU64(view, at + RECORD_OFFSET.oldestSeq);
    const bodyCrc = view.getUint32(at + RECORD_OFFSET.bodyCrc, true);
    const offer = options.ledger.offer(clientId, epoch, seq, oldestSeq, bodyCrc);
    round.rings.push(ring);
    round.at.push(at);
    round.clientIds.push(clientId);
    round.epochs.push(epoch);
    round.offers.push(offer);
    if (offer !== 'new') continue;
    const length = view.getUint32(at + RECORD_OFFSET.length, true);
    round.bytes += length;
    round.records++;
    round.points += view.getUint32(at + RECORD_OFFSET.points, true);
    if (at === runEnd) {
      runEnd += length;
      continue;
    }
    if (runStart !== -1) round.views.push(bytes.subarray(runStart, runEnd));
    runStart = at;
    runEnd = at + length;
  }
  if (runStart !== -1) round.views.push(bytes.subarray(runStart, runEnd));
}

/** @returns what became of the round's new records. */
function appendRound(options: GroupCommitOptions, round: Round): RingVerdict {
  const { counters, ledger } = options;
  if (round.records === 0) return RingVerdict.durable;
  if (!options.hasRoom(round.bytes)) {
    ledger.forget();
    counters.add('fullRecords', round.records);
    return RingVerdict.full;
  }
  const startMs = performance.now();
  const appended = options.journal.append(round.views, round);
  counters.add('syncSeconds', (performance.now() - startMs) / 1000);
  counters.add('groups', 1);
  if (!appended.ok) {
    ledger.forget();
    counters.set('failing', 1);
    counters.add('failedGroups', 1);
    counters.add('failedRecords', round.records);
    options.onFailure(appended.why);
    return RingVerdict.failed;
  }
  ledger.confirm();
  counters.set('failing', 0);
  counters.add('records', round.records);
  counters.add('points', round.points);
  counters.add('bytes', round.bytes);
  return RingVerdict.durable;
}

function settleRound(options: GroupCommitOptions, round: Round, fate: RingVerdict): void {
  const { ledger, counters } = options;
  for (let i = 0; i < round.at.length; i++) {
    const ring = round.rings[i] as RingReader;
    const offer = round.offers[i] as Offer;
    const verdict = verdictOf(offer, fate);
    if (verdict === RingVerdict.duplicate) counters.add('duplicates', 1);
    const clientId = round.clientIds[i] as string;
    const epoch = round.epochs[i] as number;
    const at = round.at[i] as number;
    if (verdict === RingVerdict.conflict) {
      counters.add('conflicts', 1);
      options.onConflict(clientId, epoch, readU64(ring.view, at + RECORD_OFFSET.seq));
    }
    if (verdict === RingVerdict.durable && ring.bytes[at + RECORD_OFFSET.lane] === Lane.live) {
      const before = ledger.wentLive(clientId, epoch);
      if (before !== epoch) options.onEpochSwitch(clientId, before, epoch);
    }
    writeVerdict(ring.view, at, verdict, ledger.contiguousSeq(clientId, epoch));
  }
}

function verdictOf(offer: Offer, fate: RingVerdict): RingVerdict {
  switch (offer) {
    case 'new':
      return fate;
    case 'pending':
      return fate === RingVerdict.durable ? RingVerdict.duplicate : fate;
    case 'rival':
      return fate === RingVerdict.durable ? RingVerdict.conflict : fate;
    case 'known':
      return RingVerdict.duplicate;
    case 'conflict':
      return RingVerdict.conflict;
    case 'gaps':
      return RingVerdict.full;
  }
}

function reset(round: Round): void {
  round.rings.length = 0;
  round.at.length = 0;
  round.clientIds.length = 0;
  round.epochs.length = 0;
  round.offers.length = 0;
  round.views.length = 0;
  round.bytes = 0;
  round.records = 0;
  round.points = 0;
}
