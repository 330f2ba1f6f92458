import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { emptyTotals } from '@metricstream/shared/journal/cursor.ts';
import { describe, expect, it } from 'vitest';
import { manualClock, NOW, seeded, tempDir } from '../support.ts';
import { appendOne, checkBooks, checkOldestSeq, newWorld, open, restart, settle, take } from './model.ts';

const SEEDS = [11, 12, 13, 1018, 1035];
const done = (points: number) => ({ ...emptyTotals(), recordsStored: 1, pointsStored: points });
const body = (bytes: number) => new Uint8Array(bytes).fill(7);

async function play(seed: number, bytesMax: number, steps: number): Promise<Record<string, number>> {
  const random = seeded(seed);
  const world = newWorld(join(tempDir(), 'spool'), bytesMax);
  const losses: Record<string, number> = {};
  let collectorIsDown = false;
  for (let step = 0; step < steps; step++) {
    if (random.chance(0.02)) collectorIsDown = !collectorIsDown;
    if (random.chance(0.01)) world.diskFull = !world.diskFull;
    const lane = random.chance(0.5) ? 'live' : 'backlog';
    const what = random.next();
    if (what < 0.3) appendOne(world, random);
    else if (what < 0.6) await take(world, lane);
    else if (what < 0.9 && !collectorIsDown) await settle(world, lane, random.chance(0.1));
    else if (what < 0.97) world.clock.pass(random.below(random.chance(0.05) ? 120_000 : 1500));
    else if (what > 0.992) {
      world.diskFull = false;
      await restart(world, random.chance(0.5), bytesMax);
    }
    checkBooks(world);
    checkOldestSeq(world);
    for (const [reason, points] of Object.entries(world.droppedPoints)) losses[reason] = points;
  }
  return losses;
}

describe('the spool against a model of it', () => {
  it.each(SEEDS)('keeps exact books through acks, refusals, full disks and restarts (seed %i)', async (seed) => {
    const losses = await play(seed, 1024 * 1024, 600);
    expect(Object.keys(losses).length, `seed ${seed}`).toBeGreaterThan(0);
  });

  it.each(SEEDS)('drops the oldest, counted exactly, when its bound is small (seed %i)', async (seed) => {
    const losses = await play(seed, 16 * 1024, 600);
    expect(Object.keys(losses), `seed ${seed}`).toContain('spool_full');
  });
});

describe('the lanes', () => {
  it('give the newest to live, the oldest to backlog, and nothing twice', async () => {
    const clock = manualClock();
    const spool = open(join(tempDir(), 'spool'), clock, { diskFull: false }, 1024 * 1024);
    for (let seq = 1; seq <= 4; seq++) spool.append({ seq, points: 1, unixMs: clock.unixMs(), body: body(100) });
    const live = await spool.live.take(NOW);
    const backlog = await spool.backlog.take(NOW);
    expect([live?.records[0]?.seq, backlog?.records[0]?.seq]).toEqual([4, 1]);
    if (live) await spool.live.commit(live, done(1));
    expect(await spool.live.take(NOW)).toBeUndefined();
    if (backlog) await spool.backlog.commit(backlog, done(1));
    expect((await spool.backlog.take(NOW))?.records[0]?.seq).toBe(2);
    spool.close();
  });

  it('wake up when a batch comes', async () => {
    const clock = manualClock();
    const spool = open(join(tempDir(), 'spool'), clock, { diskFull: false }, 1024 * 1024);
    const taken = spool.live.take(new AbortController().signal);
    spool.append({ seq: 1, points: 1, unixMs: clock.unixMs(), body: body(100) });
    expect((await taken)?.records[0]?.seq).toBe(1);
    spool.close();
  });

  it('live pauses when the ranges are at their bound, and goes on when the backlog has shrunk', async () => {
    const clock = manualClock();
    const spool = open(join(tempDir(), 'spool'), clock, { diskFull: false }, 4 * 1024 * 1024);
    let seq = 1;
    const append = () => spool.append({ seq: seq++, points: 1, unixMs: clock.unixMs(), body: body(10) });
    append();
    append();
    for (;;) {
      const delivery = await spool.live.take(NOW);
      if (!delivery) break;
      await spool.live.commit(delivery, done(1));
      // Two at a time, so that each newest one leaves another behind.
      append();
      append();
      expect(seq).toBeLessThan(5000);
    }
    expect(seq).toBeGreaterThan(2000);
    const oldest = await spool.backlog.take(NOW);
    if (oldest) await spool.backlog.commit(oldest, done(1));
    append();
    expect((await spool.live.take(NOW))?.records[0]?.seq).toBe(seq - 1);
    spool.close();
  });
});

describe('the disk', () => {
  it('stays within max_bytes, and settled segments are deleted', async () => {
    const clock = manualClock();
    const dir = join(tempDir(), 'spool');
    const bytesMax = 64 * 1024;
    const spool = open(dir, clock, { diskFull: false }, bytesMax);
    const onDisk = () =>
      readdirSync(dir)
        .filter((name) => name.endsWith('.seg'))
        .reduce((sum, name) => sum + statSync(join(dir, name)).size, 0);
    for (let seq = 1; seq <= 300; seq++) {
      expect(spool.append({ seq, points: 1, unixMs: clock.unixMs(), body: body(700) }).ok).toBe(true);
      expect(onDisk()).toBeLessThanOrEqual(bytesMax);
    }
    for (let delivery = await spool.backlog.take(NOW); delivery; delivery = await spool.backlog.take(NOW)) {
      clock.pass(1000);
      await spool.backlog.commit(delivery, done(1));
    }
    const live = await spool.live.take(NOW);
    clock.pass(1000);
    if (live) await spool.live.commit(live, done(1));
    expect(spool.stats().points).toBe(0);
    expect(onDisk()).toBeLessThanOrEqual(bytesMax / 8);
    spool.close();
  });

  it('a flipped bit costs its own batch, which is counted, and the others are sent', async () => {
    const clock = manualClock();
    const dir = join(tempDir(), 'spool');
    const spool = open(dir, clock, { diskFull: false }, 1024 * 1024);
    for (let seq = 1; seq <= 9; seq++) spool.append({ seq, points: seq, unixMs: clock.unixMs(), body: body(200) });
    flip(dir, 64 + 272 * 3 + 100);
    const seqs: number[] = [];
    for (let delivery = await spool.backlog.take(NOW); delivery; delivery = await spool.backlog.take(NOW)) {
      const record = delivery.records[0];
      if (!record) break;
      seqs.push(record.seq);
      expect(spool.sending(record).oldestSeq).toBeLessThanOrEqual(record.seq);
      await spool.backlog.commit(delivery, done(record.points));
    }
    expect(seqs).toEqual([1, 2, 3, 5, 6, 7, 8]);
    expect(spool.dropped.thisRun).toEqual({ spool_damaged: 4 });
    expect(spool.stats().points).toBe(9);
    spool.close();
  });

  it('damage that happens while the agent is down is counted at the next start', async () => {
    const clock = manualClock();
    const dir = join(tempDir(), 'spool');
    const first = open(dir, clock, { diskFull: false }, 1024 * 1024);
    for (let seq = 1; seq <= 5; seq++) first.append({ seq, points: seq, unixMs: clock.unixMs(), body: body(200) });
    first.close();
    flip(dir, 64 + 272 * 1 + 100);
    const second = open(dir, clock, { diskFull: false }, 1024 * 1024);
    expect(second.dropped.thisRun).toEqual({ spool_damaged: 2 });
    expect(second.stats().points).toBe(1 + 3 + 4 + 5);
    expect(second.dropped.carriedBy(1)).toMatchObject([{ epoch: first.epoch, reason: 'spool_damaged', points: 2 }]);
    second.close();
  });

  it('a progress file of a journal that was deleted settles nothing of the new one', () => {
    const dir = join(tempDir(), 'spool');
    const clock = manualClock();
    const start = () => open(dir, clock, { diskFull: false }, 1024 * 1024);
    const first = start();
    for (let seq = 1; seq <= 5; seq++) first.append({ seq, points: 2, unixMs: clock.unixMs(), body: body(100) });
    first.close();
    const old = readFileSync(join(dir, 'progress.json'));
    for (const name of readdirSync(dir)) if (name.endsWith('.seg')) rmSync(join(dir, name));
    const second = start();
    second.append({ seq: 1, points: 2, unixMs: clock.unixMs(), body: body(100) });
    second.close();
    // As after a kill before the new progress was saved.
    writeFileSync(join(dir, 'progress.json'), old);
    const third = start();
    expect(third.stats().points).toBe(2);
    third.close();
  });

  it('without its progress file everything still on disk is unacked', () => {
    const clock = manualClock();
    const dir = join(tempDir(), 'spool');
    const first = open(dir, clock, { diskFull: false }, 1024 * 1024);
    for (let seq = 1; seq <= 5; seq++) first.append({ seq, points: 1, unixMs: clock.unixMs(), body: body(200) });
    first.close();
    writeFileSync(join(dir, 'progress.json'), '{"end":');
    const second = open(dir, clock, { diskFull: false }, 1024 * 1024);
    expect(second.stats().points).toBe(5);
    second.close();
  });

  it('refuses a batch that is larger than half of the spool, and says so', () => {
    const spool = open(join(tempDir(), 'spool'), manualClock(), { diskFull: false }, 16 * 1024);
    expect(spool.append({ seq: 1, points: 1, unixMs: 1, body: body(9000) })).toMatchObject({
      ok: false,
      reason: 'too_large',
    });
    spool.close();
  });
});

function flip(dir: string, at: number): void {
  const name = readdirSync(dir).find((one) => one.endsWith('.seg')) as string;
  const bytes = readFileSync(join(dir, name));
  bytes[at] = (bytes[at] as number) ^ 1;
  writeFileSync(join(dir, name), bytes);
}
