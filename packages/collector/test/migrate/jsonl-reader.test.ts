/** Files as they are on disks: written by our sink, rotated and compressed meanwhile, torn, damaged, the seed's own. */
import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { createSeriesSetCache, forEachPoint, readBatch } from '@metricstream/proto/read.ts';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { describe, expect, it } from 'vitest';
import { createJsonlReader, type JsonlReader, type Window } from '../../src/migrate/jsonl-reader.ts';
import type { FilePoint } from '../../src/sinks/jsonl/read-line.ts';
import { LINE_BYTES_MAX } from '../../src/migrate/lines.ts';
import { openFiles, randomBatch, START_MINUTE, tempDir, write } from './fleet.ts';

const EVERYTHING: Window = { since: Number.NEGATIVE_INFINITY, until: Number.POSITIVE_INFINITY };

async function pointsIn(reader: JsonlReader, window = EVERYTHING): Promise<FilePoint[]> {
  const points: FilePoint[] = [];
  await reader.read(window, (point) => points.push(point));
  return points;
}

/** A point as text, all of it. */
const textOf = ({ series, minute, nanos, value, epoch, seq }: FilePoint): string =>
  JSON.stringify([series, String(BigInt(minute) * 60_000_000_000n + BigInt(nanos)), value, epoch, seq]);

/** The points of records, as the files must give them. */
function expectedOf(records: readonly JournalRecord[]): string[] {
  const cache = createSeriesSetCache({ clientsMax: 10 });
  const texts: string[] = [];
  for (const record of records) {
    const batch = readBatch(record.body, cache);
    const { clientId, epoch, seq } = batch;
    const { resource } = batch.seriesSet;
    forEachPoint(batch, ({ name, unit, labels }, _at, time, value) => {
      texts.push(JSON.stringify([{ clientId, name, unit, resource, labels }, String(time), value, epoch, seq]));
    });
  }
  return texts.sort();
}

const line = (minute: number, value: number, more = ''): string =>
  `{"timestamp":"2025-10-04T12:${String(minute).padStart(2, '0')}:00.000Z","name":"memory","value":${value}${more}}\n`;

async function readerOf(path: string, window = EVERYTHING) {
  const reader = createJsonlReader({ path, window });
  return { reader, index: await reader.index() };
}

describe('files that our sink wrote', () => {
  it('give every point back, digit for digit, over rotation and compression', async () => {
    for (const seed of [1, 2, 3]) {
      const random = seeded(seed);
      const { dir, sink } = await openFiles(tempDir(), 4096);
      const records: JournalRecord[] = [];
      for (let seq = 1; seq <= 60; seq++) {
        records.push(randomBatch(random, random.pick(['web-1', 'web-2', 'db:1']), seq));
        await write(sink, records.at(-1)!);
      }
      await sink.idle();
      expect(sink.stats.filesCompressed, `seed ${random.seed}`).toBeGreaterThan(3);
      const { reader, index } = await readerOf(dir);
      const points = await pointsIn(reader);
      expect(points.map(textOf).sort(), `seed ${random.seed}`).toEqual(expectedOf(records));
      expect(index.lines).toBe(points.length);
      expect(reader.problems).toEqual({ lines: 0, files: 0, list: [] });
    }
  });

  it('are counted by minute, and read by any part of the time', async () => {
    const random = seeded(4);
    const { dir, sink } = await openFiles(tempDir(), 4096);
    for (let seq = 1; seq <= 60; seq++) await write(sink, randomBatch(random, 'web-1', seq, 20));
    const window = { since: START_MINUTE + 3, until: START_MINUTE + 15 };
    const all = await pointsIn((await readerOf(dir)).reader);
    const { reader, index } = await readerOf(dir, window);
    for (let minute = START_MINUTE - 1; minute < START_MINUTE + 25; minute++) {
      const expected = all.filter((point) => point.minute === minute);
      const inside = minute >= window.since && minute < window.until;
      expect(index.minutes.get(minute) ?? 0, `minute ${minute}`).toBe(inside ? expected.length : 0);
      if (!inside) continue;
      const part = await pointsIn(reader, { since: minute, until: minute + 1 });
      expect(part.map(textOf).sort()).toEqual(expected.map(textOf).sort());
    }
  });

  it('may be compressed between the two passes, and while they are read', async () => {
    const dir = tempDir();
    const path = join(dir, 'metrics-000001.jsonl');
    const text = Array.from({ length: 50_000 }, (_, at) => line(at % 60, at)).join('');
    writeFileSync(path, text);
    const { reader } = await readerOf(dir);
    const compress = (): void => {
      writeFileSync(`${path}.zst`, zstdCompressSync(readFileSync(path)));
      rmSync(path);
    };
    let seen = 0;
    await reader.read(EVERYTHING, () => {
      if (++seen === 10) compress();
    });
    expect(seen).toBe(50_000);
    expect(await pointsIn(reader)).toHaveLength(50_000);
    expect(reader.problems.files).toBe(0);
  });

  it('are read once where both forms are there, and again when a compressed one is turned back', async () => {
    const dir = tempDir();
    const path = join(dir, 'metrics-000001.jsonl');
    writeFileSync(path, line(1, 1));
    writeFileSync(`${path}.zst`, zstdCompressSync(Buffer.from(line(1, 1))));
    const { reader, index } = await readerOf(dir);
    expect(index).toMatchObject({ files: 1, lines: 1 });
    rmSync(path);
    expect(await pointsIn(reader)).toHaveLength(1);
    rmSync(`${path}.zst`);
    writeFileSync(path, line(1, 1));
    expect(await pointsIn(reader)).toHaveLength(1);
  });
});

describe('what is no point', () => {
  it('is reported once with file, line and reason, and the rest is read', async () => {
    const dir = tempDir();
    const ours = line(1, 1, ',"epoch":1,"seq":1');
    const text = [
      line(1, 1),
      'no json\n',
      '\n',
      '{"timestamp":"2025-10-04T12:01:00.000Z","name":"m","value":\n',
      ours,
      '[]\n',
    ];
    writeFileSync(join(dir, 'metrics-000001.jsonl'), `${text.join('')}${line(2, 2).slice(0, 40)}`);
    const { reader, index } = await readerOf(dir);
    expect(await pointsIn(reader)).toHaveLength(2);
    await pointsIn(reader, { since: 0, until: 1 });
    expect(reader.problems).toEqual({
      lines: 4,
      files: 0,
      list: [
        { file: 'metrics-000001.jsonl', line: 2, why: expect.stringMatching(/no JSON/) },
        { file: 'metrics-000001.jsonl', line: 6, why: 'is no JSON object' },
        { file: 'metrics-000001.jsonl', line: 7, why: 'is torn: the file ends in the middle of it' },
        { file: 'metrics-000001.jsonl', line: 4, why: expect.stringMatching(/no JSON/) },
      ],
    });
    // The damaged line has a time, so the first pass counts it.
    expect(index.lines).toBe(3);
  });

  it('may be a line of any length, in memory that stays within bounds', async () => {
    const dir = tempDir();
    writeFileSync(
      join(dir, 'metrics-000001.jsonl'),
      `${line(1, 1)}${line(3, 3, `,"unit":"${'x'.repeat(LINE_BYTES_MAX * 5)}"`).trimEnd()}\n${line(2, 2)}`,
    );
    const { reader } = await readerOf(dir);
    expect((await pointsIn(reader)).map(({ value }) => value)).toEqual([1, 2]);
    expect(reader.problems.list).toEqual([
      { file: 'metrics-000001.jsonl', line: 2, why: 'is longer than a line can be' },
    ]);
  });

  it('may be a whole file: what was read of it counts, the others are read', async () => {
    const dir = tempDir();
    const many = Array.from({ length: 20_000 }, (_, at) => line(at % 60, Math.sqrt(at))).join('');
    const whole = zstdCompressSync(Buffer.from(many));
    writeFileSync(join(dir, 'metrics-000001.jsonl.zst'), whole.subarray(0, whole.length - 100));
    writeFileSync(join(dir, 'metrics-000002.jsonl.zst'), 'no zstd at all');
    writeFileSync(join(dir, 'metrics-000003.jsonl'), line(1, 1));
    writeFileSync(join(dir, 'metrics-000004.jsonl'), line(1, 1));
    const { reader } = await readerOf(dir);
    rmSync(join(dir, 'metrics-000004.jsonl'));
    const points = await pointsIn(reader);
    await pointsIn(reader);
    expect(points.length).toBeGreaterThan(1000);
    expect(points.length).toBeLessThan(20_001);
    expect(reader.problems.files).toBe(3);
    expect(reader.problems.list.map(({ file, line: at }) => [file, at])).toEqual([
      ['metrics-000001.jsonl', 0],
      ['metrics-000002.jsonl', 0],
      ['metrics-000004.jsonl', 0],
    ]);
  });

  it('is not: a last line that only lacks its newline', async () => {
    const dir = tempDir();
    const path = join(dir, 'metrics.jsonl');
    writeFileSync(path, line(1, 1) + line(2, 2).trimEnd());
    const { reader, index } = await readerOf(path);
    expect(index.lines).toBe(2);
    expect(await pointsIn(reader)).toHaveLength(2);
    // The collector goes on with it between the passes.
    appendFileSync(path, `\n${line(3, 3)}`);
    expect(await pointsIn(reader, { since: START_MINUTE, until: START_MINUTE + 3 })).toHaveLength(2);
    expect(reader.problems.lines).toBe(0);
  });
});

describe('the choice of files', () => {
  it('leaves out what was set aside, what is half made, and what is not ours', async () => {
    const dir = tempDir();
    mkdirSync(join(dir, 'set-aside'));
    mkdirSync(join(dir, 'odd.jsonl'));
    for (const name of ['set-aside/1-metrics-000001.jsonl', 'metrics-000001.jsonl.zst.tmp', 'notes.txt', 'cursor.json'])
      writeFileSync(join(dir, name), line(1, 1));
    writeFileSync(join(dir, 'metrics-000010.jsonl'), line(1, 10));
    writeFileSync(join(dir, 'metrics-000009.jsonl'), line(1, 9));
    writeFileSync(join(dir, 'metrics-1000000.jsonl'), line(1, 1_000_000));
    writeFileSync(join(dir, 'old.jsonl'), line(1, 0));
    const { reader } = await readerOf(dir);
    expect((await pointsIn(reader)).map(({ value }) => value)).toEqual([0, 9, 10, 1_000_000]);
  });

  it('does not open a file written before the window began, a fast clock of a client allowed for', async () => {
    const dir = tempDir();
    const at = (name: string, seconds: number): void => {
      writeFileSync(join(dir, name), line(30, 1));
      utimesSync(join(dir, name), seconds, seconds);
    };
    const sinceSeconds = (START_MINUTE + 30) * 60;
    at('metrics-000001.jsonl', sinceSeconds - 3601);
    at('metrics-000002.jsonl', sinceSeconds - 3599);
    const window = { since: START_MINUTE + 30, until: START_MINUTE + 31 };
    const { reader, index } = await readerOf(dir, window);
    expect(index).toMatchObject({ files: 1, filesBefore: 1, lines: 1 });
    expect(await pointsIn(reader, window)).toHaveLength(1);
  });

  it('opens in the second pass only files that hold something of the part asked for', async () => {
    const dir = tempDir();
    writeFileSync(join(dir, 'metrics-000001.jsonl'), line(1, 1));
    writeFileSync(join(dir, 'metrics-000002.jsonl'), line(2, 2) + line(9, 9));
    const { reader } = await readerOf(dir);
    renameSync(join(dir, 'metrics-000001.jsonl'), join(dir, 'elsewhere'));
    expect(await pointsIn(reader, { since: START_MINUTE + 2, until: START_MINUTE + 9 })).toHaveLength(1);
    expect(reader.problems.files).toBe(0);
    await pointsIn(reader, { since: START_MINUTE + 1, until: START_MINUTE + 2 });
    expect(reader.problems.files).toBe(1);
  });

  it('says so when there is nothing to read', async () => {
    await expect(readerOf('/nowhere')).rejects.toThrow(/\/nowhere cannot be read: ENOENT/);
    const odd = join(tempDir(), 'points.csv');
    writeFileSync(odd, '');
    await expect(readerOf(odd)).rejects.toThrow(/no JSONL file/);
    expect((await readerOf(tempDir())).index).toMatchObject({ files: 0, lines: 0 });
  });
});
