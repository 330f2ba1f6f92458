/**
 * The spool's behaviour said a second time, the simple way: a list of records and what became of each. A test drives
 * the spool and this model with the same random steps and compares them after each.
 */
import * as nodeFs from 'node:fs';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { emptyTotals } from '@metricstream/shared/journal/cursor.ts';
import type { JournalFs } from '@metricstream/shared/journal/journal.ts';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import { silentLog } from '@metricstream/shared/log.ts';
import type { Committed, Delivery } from '@metricstream/shared/pump/types.ts';
import { expect } from 'vitest';
import { openSpool, type Spool } from '../../src/spool/spool.ts';
import type { LaneName } from '../../src/spool/state.ts';
import { type ManualClock, manualClock, NOW, type Random } from '../support.ts';

export const AGE_MAX_MS = 100_000;
/** A spool as small as this meets its bound, also with nothing but what is being sent. */
const BOUND_MET = 16 * 1024;
const CLIENT_ID = 'web-1';

export interface Entry {
  epoch: number;
  seq: number;
  points: number;
  unixMs: number;
  state: 'held' | 'acked' | 'dropped';
}

export interface World {
  dir: string;
  clock: ManualClock;
  spool: Spool;
  entries: Entry[];
  lanes: Record<LaneName, { delivery: Delivery; entry: Entry } | undefined>;
  /** The newest entry the live lane has taken in this run, by index; -1 for none. */
  liveFrom: number;
  nextSeq: number;
  /** Points in the spool when this run began. */
  startPoints: number;
  sampled: number;
  acked: number;
  droppedPoints: Record<string, number>;
  diskFull: boolean;
}

/** Syncs nothing (speed), and fails writes while the world's disk is full. */
function faultyFs(world: { diskFull: boolean }): JournalFs {
  return {
    ...nodeFs,
    fdatasyncSync: () => undefined,
    fsyncSync: () => undefined,
    writevSync(fd, views) {
      if (!world.diskFull) return nodeFs.writevSync(fd, views);
      nodeFs.writevSync(fd, [Buffer.from('cut short')]);
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    },
  };
}

export function open(dir: string, clock: ManualClock, world: { diskFull: boolean }, bytesMax: number): Spool {
  return openSpool({
    dir,
    clientId: CLIENT_ID,
    bytesMax,
    ageMaxMs: AGE_MAX_MS,
    segmentBytesMax: Math.floor(bytesMax / 8),
    beginEpoch: (above) => above + 1,
    clock,
    log: silentLog,
    fs: faultyFs(world),
  });
}

export function newWorld(dir: string, bytesMax: number): World {
  const clock = manualClock();
  const disk = { diskFull: false };
  const world = { dir, clock, entries: [], liveFrom: -1, nextSeq: 1, startPoints: 0, sampled: 0, acked: 0 };
  const rest = { lanes: { live: undefined, backlog: undefined }, droppedPoints: {} };
  return Object.assign(disk, { ...world, ...rest, spool: open(dir, clock, disk, bytesMax) });
}

const isSending = (world: World, entry: Entry): boolean =>
  world.lanes.live?.entry === entry || world.lanes.backlog?.entry === entry;

function drop(world: World, entry: Entry, reason: string): void {
  entry.state = 'dropped';
  world.droppedPoints[reason] = (world.droppedPoints[reason] ?? 0) + entry.points;
}

export function appendOne(world: World, random: Random): void {
  const points = 1 + random.below(50);
  const { spool, clock } = world;
  const before = spool.dropped.thisRun['spool_full'] ?? 0;
  const body = new Uint8Array(50 + random.below(800)).fill(random.below(256));
  const result = spool.append({ seq: world.nextSeq, points, unixMs: clock.unixMs(), body });
  dropOldest(world, (spool.dropped.thisRun['spool_full'] ?? 0) - before);
  world.sampled += points;
  if (!result.ok) {
    expect(world.diskFull).toBe(true);
    const loss = { firstSeq: world.nextSeq, lastSeq: world.nextSeq, firstUnixMs: 0, lastUnixMs: 0 };
    spool.dropped.add({ epoch: spool.epoch, reason: result.reason, points, ...loss });
    world.droppedPoints[result.reason] = (world.droppedPoints[result.reason] ?? 0) + points;
    return;
  }
  world.entries.push({ epoch: spool.epoch, seq: world.nextSeq++, points, unixMs: clock.unixMs(), state: 'held' });
}

/** The bound took whole batches, the oldest, and counted each exactly. */
function dropOldest(world: World, points: number): void {
  let left = points;
  for (const entry of world.entries) {
    if (left <= 0) break;
    if (entry.state !== 'held' || isSending(world, entry)) continue;
    drop(world, entry, 'spool_full');
    left -= entry.points;
  }
  expect(left).toBe(0);
}

export async function take(world: World, lane: LaneName): Promise<void> {
  if (world.lanes[lane]) return;
  const expected = lane === 'live' ? expectedLive(world) : expectedBacklog(world);
  const delivery = await world.spool[lane].take(NOW);
  const record = delivery?.records[0];
  expect(record && [lane, record.epoch, record.seq]).toEqual(expected && [lane, expected.epoch, expected.seq]);
  if (!delivery || !record || !expected) return;
  if (lane === 'live') world.liveFrom = world.entries.indexOf(expected);
  world.lanes[lane] = { delivery, entry: expected };
  expect(record.points).toBe(expected.points);
}

/** The newest of this run, if it is newer than all the live lane took before. */
function expectedLive(world: World): Entry | undefined {
  const newest = world.entries.at(-1);
  const index = world.entries.length - 1;
  return newest?.epoch === world.spool.epoch && newest.state === 'held' && index > world.liveFrom ? newest : undefined;
}

/** The oldest held that is in no lane and is not the live lane's next; those too old go on the way. */
function expectedBacklog(world: World): Entry | undefined {
  const reserved = expectedLive(world);
  for (const entry of world.entries) {
    if (entry.state !== 'held' || isSending(world, entry) || entry === reserved) continue;
    if (world.clock.unixMs() - entry.unixMs <= AGE_MAX_MS) return entry;
    drop(world, entry, 'expired');
  }
  return undefined;
}

/** `Oldest-Seq` is the lowest seq of the batch's epoch that is still held. */
export function checkOldestSeq(world: World): void {
  for (const sending of Object.values(world.lanes)) {
    if (!sending) continue;
    const record = sending.delivery.records[0] as JournalRecord;
    const held = world.entries.filter((entry) => entry.epoch === record.epoch && entry.state === 'held');
    const lowest = Math.min(...held.map((entry) => entry.seq));
    expect(world.spool.sending(record).oldestSeq).toBe(lowest);
  }
}

export async function settle(world: World, lane: LaneName, rejected: boolean): Promise<void> {
  const sending = world.lanes[lane];
  if (!sending) return;
  world.lanes[lane] = undefined;
  const { entry, delivery } = sending;
  const stored: Committed = { ...emptyTotals(), recordsStored: 1, pointsStored: entry.points };
  const dead: Committed = { ...emptyTotals(), recordsDead: 1, pointsDead: entry.points };
  if (rejected) drop(world, entry, 'rejected');
  else {
    entry.state = 'acked';
    world.acked += entry.points;
  }
  await world.spool[lane].commit(delivery, rejected ? dead : stored);
}

/** Ends the run, cleanly or as kill -9 would, and begins the next. */
export async function restart(world: World, crash: boolean, bytesMax: number): Promise<void> {
  if (!crash) world.spool.close();
  const held = await drainCopy(world, bytesMax);
  let damaged = 0;
  for (const entry of world.entries) {
    const there = held.has(`${entry.epoch}:${entry.seq}`);
    if (!there && isSending(world, entry) && bytesMax <= BOUND_MET) {
      // The bound took its segment while it was being sent: a clean stop says so, after a crash it is found missing.
      entry.state = 'dropped';
      if (crash) damaged += entry.points;
      continue;
    }
    // What was held is held. After a crash what was settled since progress was last saved comes again.
    if (entry.state === 'held') expect(there, `${entry.epoch}:${entry.seq} is in the spool`).toBe(true);
    else if (there) expect(crash, `${entry.epoch}:${entry.seq} was settled`).toBe(true);
    if (there) entry.state = 'held';
  }
  world.lanes = { live: undefined, backlog: undefined };
  world.spool = open(world.dir, world.clock, world, bytesMax);
  world.liveFrom = -1;
  world.nextSeq = 1;
  world.startPoints = heldPoints(world) + damaged;
  world.sampled = 0;
  world.acked = 0;
  world.droppedPoints = damaged === 0 ? {} : { spool_damaged: damaged };
}

/** Every batch a spool opened on a copy of the directory would send. */
async function drainCopy(world: World, bytesMax: number): Promise<Set<string>> {
  const copy = join(world.dir, '..', 'copy');
  nodeFs.rmSync(copy, { recursive: true, force: true });
  cpSync(world.dir, copy, { recursive: true });
  const past = manualClock(0);
  const spool = open(copy, past, { diskFull: false }, bytesMax);
  const found = new Set<string>();
  for (;;) {
    const delivery = await spool.backlog.take(NOW);
    const record = delivery?.records[0];
    if (!delivery || !record) break;
    found.add(`${record.epoch}:${record.seq}`);
    await spool.backlog.commit(delivery, { ...emptyTotals(), recordsStored: 1 });
  }
  expect(spool.stats().points).toBe(0);
  spool.close();
  return found;
}

export function heldPoints(world: World): number {
  return world.entries.reduce((sum, entry) => sum + (entry.state === 'held' ? entry.points : 0), 0);
}

/** in_spool at the start + sampled = acked + dropped + in_spool, and each of them is what the model says. */
export function checkBooks(world: World): void {
  const { spool } = world;
  const stats = spool.stats();
  const dropped = Object.values(spool.dropped.thisRun).reduce((sum, points) => sum + points, 0);
  expect(world.startPoints + world.sampled).toBe(stats.pointsAcked + dropped + stats.points);
  expect(stats.points).toBe(heldPoints(world));
  expect(stats.pointsAcked).toBe(world.acked);
  expect(spool.dropped.thisRun).toEqual(world.droppedPoints);
}
