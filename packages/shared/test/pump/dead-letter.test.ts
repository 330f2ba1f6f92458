/** Dead letters: kept before `put` resolves, bounded, counted, whole after a crash. */
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JournalRecord } from '../../src/journal/record.ts';
import { Lane, RecordKind } from '../../src/journal/record.ts';
import { createDeadLetter, DEAD_LETTER_BYTES_MIN } from '../../src/pump/dead-letter.ts';
import { fakeClock } from '../../src/testing/fake-clock.ts';

interface Letter {
  seq: number;
  points: number;
  batch: string | null;
}

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'dead-letter-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

function recordOf(seq: number, body: Uint8Array = Uint8Array.of(0, 255, seq)): JournalRecord {
  const head = { kind: RecordKind.batch, lane: Lane.live, clientId: 'web-1', epoch: 7, oldestSeq: 1 };
  return { ...head, seq, points: 60, receivedUnixMs: 0, bodyCrc: 0, body };
}

function letters(): Letter[] {
  const found: Letter[] = [];
  for (const name of readdirSync(dir).sort()) {
    const lines = readFileSync(join(dir, name), 'utf8').split('\n');
    expect(lines.pop()).toBe('');
    for (const line of lines) found.push(JSON.parse(line) as Letter);
  }
  return found;
}

function bytesOnDisk(): number {
  let bytes = 0;
  for (const name of readdirSync(dir)) bytes += statSync(join(dir, name)).size;
  return bytes;
}

const bytesMax = DEAD_LETTER_BYTES_MIN;

describe('a dead letter', () => {
  it('of some points of a record counts those, and holds them as the sink would have written them', async () => {
    const kept = await createDeadLetter({ dir, bytesMax });
    await kept.put(recordOf(3), 'influxdb', 'unable to parse', { points: 2, text: 'm v=\nm w=' });
    expect(letters()).toMatchObject([{ seq: 3, points: 2, part: 'm v=\nm w=', batch: expect.any(String) as string }]);
    expect(kept.stats).toMatchObject({ letters: 1, points: 2 });
  });

  it('holds the batch as it came, and why and by whom it was refused', async () => {
    const kept = await createDeadLetter({ dir, bytesMax, clock: fakeClock(1_759_579_200_123) });
    await kept.put(recordOf(3), 'influxdb', 'field type conflict: "value"');
    expect(letters()).toEqual([
      {
        time: '2025-10-04T12:00:00.123Z',
        sink: 'influxdb',
        why: 'field type conflict: "value"',
        client_id: 'web-1',
        epoch: 7,
        seq: 3,
        points: 60,
        bytes: 3,
        batch: Buffer.of(0, 255, 3).toString('base64'),
      },
    ]);
    expect(kept.stats).toEqual({ letters: 1, points: 60, lettersDropped: 0, pointsDropped: 0, bytes: bytesOnDisk() });
    expect(statSync(join(dir, 'dead-000001.jsonl')).mode & 0o777).toBe(0o640);
  });

  it('cuts the words of a sink that says too much', async () => {
    const kept = await createDeadLetter({ dir, bytesMax });
    await kept.put(recordOf(1), 'influxdb', '<html>'.repeat(10_000));
    expect(bytesOnDisk()).toBeLessThan(3000);
  });

  it('keeps the order of several pumps that put at once', async () => {
    const kept = await createDeadLetter({ dir, bytesMax });
    await Promise.all(
      Array.from({ length: 50 }, (_, at) => kept.put(recordOf(at), at % 2 ? 'kafka' : 'influxdb', 'no')),
    );
    expect(letters().map((letter) => letter.seq)).toEqual(Array.from({ length: 50 }, (_, at) => at));
  });
});

describe('the bound', () => {
  it('is kept by deleting the oldest file, counting and telling every letter and point that goes', async () => {
    const told = { letters: 0, points: 0 };
    const kept = await createDeadLetter({
      dir,
      bytesMax,
      onLost(lost) {
        told.letters += lost.letters;
        told.points += lost.points;
      },
    });
    const body = new Uint8Array(6000);
    const total = 120;
    for (let seq = 1; seq <= total; seq++) {
      await kept.put(recordOf(seq, body), 'influxdb', 'a "points":5 in the words');
      expect(bytesOnDisk()).toBeLessThanOrEqual(bytesMax);
    }
    const left = letters();
    expect(left.map((letter) => letter.seq)).toEqual(left.map((_, at) => total - left.length + 1 + at));
    expect(left.length).toBeGreaterThan(20);
    expect(kept.stats.lettersDropped).toBe(total - left.length);
    expect(kept.stats.pointsDropped).toBe(60 * (total - left.length));
    expect(told).toEqual({ letters: total - left.length, points: 60 * (total - left.length) });
    expect(kept.stats.bytes).toBe(bytesOnDisk());
  });

  it('holds over a restart', async () => {
    const body = new Uint8Array(6000);
    for (let seq = 1; seq <= 80; seq++) {
      const kept = await createDeadLetter({ dir, bytesMax });
      await kept.put(recordOf(seq, body), 'influxdb', 'no');
      expect(kept.stats.bytes).toBe(bytesOnDisk());
    }
    expect(bytesOnDisk()).toBeLessThanOrEqual(bytesMax);
    expect(letters().at(-1)?.seq).toBe(80);
  });

  it('costs a batch too large for it, which is counted as dropped while its line says what is gone', async () => {
    const kept = await createDeadLetter({ dir, bytesMax });
    await kept.put(recordOf(1, new Uint8Array(bytesMax)), 'influxdb', 'no');
    await kept.put(recordOf(2), 'influxdb', 'no');
    expect(letters().map(({ seq, batch }) => [seq, batch === null])).toEqual([
      [1, true],
      [2, false],
    ]);
    expect(kept.stats).toMatchObject({ letters: 2, points: 120, lettersDropped: 1, pointsDropped: 60 });
  });

  it('is refused when no letter would fit', async () => {
    await expect(createDeadLetter({ dir, bytesMax: 1000 })).rejects.toThrow('expected at least 262144');
  });
});

describe('after a crash', () => {
  it('a torn letter is cut off, and the next one is whole', async () => {
    const before = await createDeadLetter({ dir, bytesMax });
    await before.put(recordOf(1), 'influxdb', 'no');
    appendFileSync(join(dir, 'dead-000001.jsonl'), '{"time":"2025-10-04T12:00');
    const after = await createDeadLetter({ dir, bytesMax });
    await after.put(recordOf(2), 'influxdb', 'no');
    expect(letters().map((letter) => letter.seq)).toEqual([1, 2]);
  });

  it('what a failed put left is not kept, and the next put is', async () => {
    const kept = await createDeadLetter({ dir, bytesMax });
    await kept.put(recordOf(1), 'influxdb', 'no');
    rmSync(dir, { recursive: true });
    await expect(kept.put(recordOf(2), 'influxdb', 'no')).rejects.toThrow('ENOENT');
    const again = await createDeadLetter({ dir, bytesMax });
    await again.put(recordOf(3), 'influxdb', 'no');
    expect(letters().map((letter) => letter.seq)).toEqual([3]);
  });

  it('files that are not letters are left alone', async () => {
    writeFileSync(join(dir, 'notes.txt'), 'keep me');
    const kept = await createDeadLetter({ dir, bytesMax });
    expect(kept.stats.bytes).toBe(0);
    expect(readFileSync(join(dir, 'notes.txt'), 'utf8')).toBe('keep me');
  });
});
