/** One line of JSONL: what it says, to the last digit, and why it is no point. */
import { describe, expect, it } from 'vitest';
import { createLineReader, type FilePoint } from '../../../src/sinks/jsonl/read-line.ts';
import { START_MINUTE } from '../../migrate/fleet.ts';

const OURS =
  '{"timestamp":"2025-10-04T12:00:00.123Z","name":"diskio.read_bytes","value":75.5,"unit":"bytes","client_id":"web-1",' +
  '"host":"web-1","datacenter":"fra","labels":{"name":"sda"},"tags":{"team":"db"},"epoch":1838538608034820,"seq":2}';

const read = (line: string) => createLineReader().read(line);

describe('our own line', () => {
  const series = {
    clientId: 'web-1',
    name: 'diskio.read_bytes',
    unit: 'bytes',
    resource: [
      ['host', 'web-1'],
      ['datacenter', 'fra'],
      ['team', 'db'],
    ],
    labels: [['name', 'sda']],
  };

  it('is a point with its triple, its time to the nanosecond', () => {
    const point = {
      series,
      minute: START_MINUTE,
      nanos: 123_000_000,
      value: 75.5,
      epoch: 1_838_538_608_034_820,
      seq: 2,
    };
    expect(read(OURS)).toEqual(point);
    expect(read(OURS.replace('.123Z', '.123456789Z'))).toEqual({ ...point, nanos: 123_456_789 });
  });

  it('is read the same the second time, when its series is known, and the series is the same object', () => {
    const reader = createLineReader();
    const first = reader.read(OURS) as FilePoint;
    for (const [value, text] of [
      [1, '1'],
      [-0.5, '-0.5'],
      [1e300, '1e+300'],
      [5e-324, '5e-324'],
    ] as const) {
      const next = reader.read(OURS.replace('75.5', text).replace('"seq":2', '"seq":3')) as FilePoint;
      expect(next).toEqual({ ...first, value, seq: 3 });
      expect(next.series).toBe(first.series);
    }
  });

  it('is no point because of a damaged number, whether its series is known or not', () => {
    const known = createLineReader();
    known.read(OURS);
    for (const [good, bad] of [
      ['75.5', '75.5.1'],
      ['75.5', '0x10'],
      ['75.5', ''],
      ['75.5', '1e999'],
      ['75.5', '"75.5"'],
      ['75.5', 'null'],
      ['75.5', ' '],
      ['"seq":2', '"seq":-2'],
      ['"seq":2', '"seq":2.5'],
      ['"seq":2}', '"seq":2'],
      ['"seq":2}', '"seq":2}}'],
      ['12:00:00', '12:00:99'],
      ['2025-10-04', '2600-10-04'],
      ['2025-10-04', '1925-10-04'],
      ['12:00:00.123Z', 'noon'],
      ['"fra"', '"fra'],
    ] as const) {
      const line = OURS.replace(good, bad);
      for (const reader of [known, createLineReader()]) expect(reader.read(line), line).toHaveProperty('why');
    }
  });

  it('keeps apart series whose texts look like the line itself', () => {
    const reader = createLineReader();
    const labelled = (label: string) =>
      OURS.replace('"labels":{"name":"sda"}', `"labels":{"epoch":${JSON.stringify(label)},"value":"1"}`);
    const tricky = ['1', '"value":3,', ',"epoch":1,"seq":2}', '\\'];
    for (let round = 0; round < 2; round++) {
      for (const label of tricky)
        expect(reader.read(labelled(label))).toMatchObject({
          value: 75.5,
          series: {
            labels: [
              ['epoch', label],
              ['value', '1'],
            ],
          },
        });
    }
  });
});

it('forgets what it knows rather than keep the text of lines without end', () => {
  const reader = createLineReader();
  const { series } = reader.read(OURS) as FilePoint;
  const junk = 'x'.repeat(1 << 20);
  const padded = (index: number) => OURS.replace('"epoch"', `"junk":"${index}${junk}","epoch"`);
  for (let index = 0; index < 32; index++) expect((reader.read(padded(index)) as FilePoint).series).toBe(series);
  expect((reader.read(OURS) as FilePoint).series).toBe(series);
  for (let index = 32; index < 70; index++) expect(reader.read(padded(index))).toMatchObject({ series });
  const next = (reader.read(OURS) as FilePoint).series;
  expect(next).toEqual(series);
  expect(next).not.toBe(series);
});

describe('the bare line of the seed', () => {
  it('is a point of the client whom the reader was given, without a triple', () => {
    const line = '{"timestamp":"2025-10-04T12:00:01.456Z","name":"memory","value":8192}';
    const bare = { name: 'memory', unit: '', resource: [], labels: [] };
    const point = { minute: START_MINUTE, nanos: 1_456_000_000, value: 8192, epoch: 0, seq: 0 };
    expect(read(line)).toEqual({ ...point, series: { ...bare, clientId: 'jsonl' } });
    const named = createLineReader('old-server');
    const first = named.read(line) as FilePoint;
    expect(first.series.clientId).toBe('old-server');
    expect((named.read(line) as FilePoint).series).toBe(first.series);
  });

  it('may have its keys in any order, and white space', () => {
    expect(read('{ "value": 1, "name": "memory", "timestamp": "2025-10-04T14:00:00+02:00" }')).toMatchObject({
      minute: START_MINUTE,
      nanos: 0,
    });
  });
});

it('says what is wrong with a line that is no point', () => {
  const bare = { timestamp: '2025-10-04T12:00:00Z', name: 'a', value: 1 };
  for (const [line, why] of [
    ['', /no JSON/],
    ['{"timestamp":', /no JSON/],
    ['[1]', /no JSON object/],
    ['null', /no JSON object/],
    ['7', /no JSON object/],
    [{ ...bare, timestamp: 1759579200 }, /"timestamp"/],
    [{ ...bare, timestamp: '2025-13-04T12:00:00Z' }, /"timestamp"/],
    [{ ...bare, timestamp: '1969-12-31T23:59:59Z' }, /"timestamp" .* 1970 to 2262/],
    [{ ...bare, timestamp: '2600-01-01T00:00:00Z' }, /"timestamp" .* 1970 to 2262/],
    [{ ...bare, name: '' }, /"name"/],
    [{ ...bare, name: 'a\nb' }, /"name"/],
    [{ ...bare, name: 'a'.repeat(300) }, /"name"/],
    [{ ...bare, value: '1' }, /"value"/],
    [{ ...bare, unit: 5 }, /"unit"/],
    [{ ...bare, client_id: 'a b' }, /"client_id"/],
    [{ ...bare, epoch: -1 }, /"epoch"/],
    [{ ...bare, labels: { a: 1 } }, /"labels"/],
    [{ ...bare, labels: ['a'] }, /"labels"/],
    [{ ...bare, tags: null }, /"labels" or "tags"/],
    [{ ...bare, host: 1 }, /"host"/],
  ] as const) {
    const text = typeof line === 'string' ? line : JSON.stringify(line);
    expect(read(text), text).toEqual({ why: expect.stringMatching(why) });
  }
});
