/** Bodies of /v1/jsonl: which lines are points, why others are not, and that no bytes whatever do worse than that. */
import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { describe, expect, test } from 'vitest';
import { ERRORS_MAX, GROUPS_MAX, LINES_MAX, readLines, type ReadLines } from '../../src/ingest/jsonl-lines.ts';

const RECEIVED_UNIX_MS = 1_764_000_000_000;
const GOOD = '{"timestamp":"2025-10-04T12:00:00.123Z","name":"cpu_usage","value":75.5}';

function read(body: string | Uint8Array): ReadLines {
  const lines = readLines(typeof body === 'string' ? Buffer.from(body) : body, RECEIVED_UNIX_MS);
  if (typeof lines === 'string') throw new Error(lines);
  return lines;
}

/** All points, in the order of their lines. */
const pointsOf = ({ groups }: ReadLines) =>
  groups
    .flatMap(({ resource, points }) => points.map((point) => ({ ...point, resource })))
    .toSorted((a, b) => a.line - b.line);

const withMore = (more: string): string => `{"name":"x","value":1,${more}}`;
const labels = (count: number, value: string): string =>
  `"labels":{${Array.from({ length: count }, (_, i) => `"k${i}":"${value}"`).join()}}`;

describe('a line', () => {
  test('is a point with all digits of its time and value', () => {
    const line = `{"timestamp":"2025-10-04T14:00:00.123456789+02:00","name":"disk.used","value":-1.5e-3,"unit":"bytes",
      "host":"web-1","datacenter":"fra","labels":{"path":"/","device":"sda","empty":""}}`.replaceAll('\n', ' ');
    expect(pointsOf(read(line))).toEqual([
      {
        line: 1,
        value: -0.0015,
        unixNano: 1_759_579_200_123_456_789n,
        series: {
          name: 'disk.used',
          unit: 'bytes',
          kind: 'float',
          labels: [
            ['device', 'sda'],
            ['path', '/'],
          ],
        },
        resource: [
          ['host', 'web-1'],
          ['datacenter', 'fra'],
        ],
      },
    ]);
  });

  test('without a time has that of the request, and without a host no resource', () => {
    const [point] = pointsOf(read('{"name":"x","value":1}'));
    expect(point).toMatchObject({ unixNano: BigInt(RECEIVED_UNIX_MS) * 1_000_000n, resource: [] });
  });

  test.each([
    ['white space and CRLF', `\r\n \t{ "name" : "x" , "value" : 1 } \r\n`],
    ['no newline at the end', '{"name":"x","value":1}'],
    ['escapes', String.raw`{"n\u0061me":"\u0078","value":1,"host":"\"\\\/\ud83d\ude00"}`],
    ['other languages', '{"name":"x","value":1,"host":"Größe 東京 😀"}'],
    ['an empty host and no labels', '{"name":"x","value":1,"host":"","labels":{}}'],
    ['the first time there is', '{"name":"x","value":1,"timestamp":"1970-01-01T00:00:00Z"}'],
  ])('may have %s', (_what, text) =>
    expect(read(text)).toMatchObject({ rejected: 0, groups: [{ points: [{ value: 1 }] }] }),
  );
});

describe('a line that is no point', () => {
  test.each([
    ['nothing of an object', 'x', 'is not a JSON object'],
    ['an array', '[1]', 'is an array; one object a line'],
    ['a byte order mark', `\ufeff${GOOD}`, 'begins with a byte order mark; send UTF-8 without it'],
    ['two objects', GOOD + GOOD, 'something follows the object; one object a line'],
    ['CR as line end', `${GOOD}\r${GOOD}`, 'something follows the object; one object a line'],
    ['no name', '{"value":1}', 'name: is missing'],
    ['no value', '{"name":"x"}', 'value: is missing'],
    ['nothing in it', '{}', 'name: is missing'],
    ['a value in quotes', '{"name":"x","value":"1"}', 'value: is not a number'],
    ['no value at all', '{"name":"x","value":}', 'value: is not a number'],
    ['NaN', '{"name":"x","value":NaN}', 'value: is not a number'],
    ['null', '{"name":"x","value":null}', 'value: is not a number'],
    ['a number that JSON does not have', '{"name":"x","value":01}', 'value: is not a number'],
    ['hexadecimals', '{"name":"x","value":0x1f}', 'value: is not a number'],
    ['a huge number', '{"name":"x","value":1e999}', 'value: is larger than a 64-bit floating-point number can be'],
    ['a key twice', '{"name":"x","value":1,"value":2}', 'value: stands twice'],
    ['a key twice, hidden', String.raw`{"name":"x","value":1,"n\u0061me":"y"}`, 'name: stands twice'],
    ['an unknown key', withMore('"lables":{}'), expect.stringMatching(/^lables: unknown; known are timestamp, name/)],
    ['a key that is none', withMore(`"${'é'.repeat(99)}":1`), expect.stringMatching(/^a key: unknown; /)],
    ['a key of ours', withMore('"client_id":"a"'), "client_id: is the collector's to say; leave it out"],
    ['__proto__', withMore('"__proto__":{}'), expect.stringMatching(/^__proto__: unknown/)],
    ['a name with a space', '{"name":"a b","value":1}', expect.stringMatching(/^name: must be a letter or _/)],
    ['a long name', `{"name":"${'x'.repeat(257)}","value":1}`, expect.stringMatching(/^name: must be .* at most 256$/)],
    ['a time in seconds', withMore('"timestamp":1759579200'), 'timestamp: is not a text'],
    ['a day', withMore('"timestamp":"2025-10-04"'), expect.stringMatching(/^timestamp: is not a time such as/)],
    ['a time before 1970', withMore('"timestamp":"1969-12-31T23:59:59Z"'), expect.stringMatching(/^timestamp: /)],
    ['NUL, raw', withMore('"host":"a\0b"'), 'host: holds a control character'],
    ['NUL, escaped', withMore(String.raw`"host":"a\u0000b"`), 'host: holds a control character, or half a character'],
    ['DEL', withMore('"host":"a\x7fb"'), 'host: holds a control character, or half a character'],
    ['half a character', withMore(String.raw`"host":"\ud83d"`), 'host: holds a control character, or half a character'],
    ['a wrong escape', withMore(String.raw`"host":"\x41"`), expect.stringMatching(/^host: holds an escape/)],
    ['a long host', withMore(`"host":"${'x'.repeat(1025)}"`), 'host: has more than 1024 bytes'],
    ['a long unit', withMore(`"unit":"${'é'.repeat(33)}"`), 'unit: has more than 64 bytes'],
    ['labels that are no object', withMore('"labels":["a"]'), 'labels: is not an object of texts'],
    ['a label that is no text', withMore('"labels":{"a":1}'), 'labels.a: is not a text'],
    ['deep nesting', withMore(`"labels":${'{"a":'.repeat(50_000)}`), 'labels.a: is not a text'],
    ['a label twice', withMore('"labels":{"a":"1","b":"2","a":"3"}'), 'labels.a: stands twice'],
    ['a label whose key is none', withMore('"labels":{"a b":"1"}'), expect.stringMatching(/^labels: a key must be/)],
    ['many labels', withMore(labels(33, 'v')), 'labels: are more than 32'],
    [
      'labels that are long together',
      withMore(labels(5, 'v'.repeat(1000))),
      'labels: with name and unit, they have more than 4096 bytes',
    ],
    ['a comma too many', '{"name":"x","value":1,}', 'a key is not a text'],
    ['a comma too few', '{"name":"x" "value":1}', 'a comma or } is missing'],
    ['no colon', '{"name" "x"}', 'name: has no value'],
    ['an end too early', '{"name":"x","value":1', 'the line is cut off'],
  ])('because of %s is told what is wrong', (_what, text, reason) => {
    const lines = read(`${GOOD}\n${text}\n${GOOD.replace('usage', 'idle')}`);
    expect(lines.errors).toEqual([{ line: 2, reason }]);
    expect(pointsOf(lines).map(({ line }) => line)).toEqual([1, 3]);
  });

  test('for it is not UTF-8 is told by its number, whatever else is in the body', () => {
    const bytes = Buffer.concat([
      Buffer.from(`${GOOD}\n\n`),
      Buffer.from([0x22, 0xff, 0x0a]),
      Buffer.from([0xe2, 0x82]),
    ]);
    const lines = read(Buffer.concat([bytes, Buffer.from('\n{"name":"y","value":1,"host":"\ufffd"}')]));
    expect(lines.errors).toEqual([
      { line: 3, reason: 'is not UTF-8' },
      { line: 4, reason: 'is not UTF-8' },
    ]);
    expect(pointsOf(lines).map(({ line }) => line)).toEqual([1, 5]);
  });
});

describe('a body', () => {
  test('tells the first of many errors, and counts all', () => {
    const lines = read('x\n'.repeat(ERRORS_MAX + 50));
    expect([lines.rejected, lines.errors.length]).toEqual([ERRORS_MAX + 50, ERRORS_MAX]);
    expect(lines.errors.at(-1)?.line).toBe(ERRORS_MAX);
  });

  test('may have so many lines, empty ones too, and so many groups', () => {
    const of = (lines: number, text: (i: number) => string) =>
      readLines(Buffer.from(Array.from({ length: lines }, (_, i) => text(i)).join('\n')), 1);
    expect(of(LINES_MAX, () => GOOD.replace('Z"', 'x"'))).toMatchObject({ rejected: LINES_MAX });
    expect(of(LINES_MAX + 1, () => '{}')).toBe('lines');
    expect(readLines(Buffer.alloc(1 << 20, '\n'), 1)).toBe('lines');
    const onHost = (i: number): string => `{"name":"x","value":1,"host":"h${i}"}`;
    expect(of(GROUPS_MAX, onHost)).toMatchObject({ rejected: 0 });
    expect(of(GROUPS_MAX + 1, onHost)).toBe('groups');
  });

  test('keeps every point: one of the same series and time begins another group', () => {
    const lines = read([1, 2, 3].map((value) => `{"name":"x","value":${value}}`).join('\n'));
    expect(lines.groups.map(({ points }) => points.map(({ value }) => value))).toEqual([[1], [2], [3]]);
  });

  test('has one unit for a series', () => {
    const lines = read(
      '{"name":"x","value":1,"unit":"s"}\n{"name":"x","value":1,"unit":"ms"}\n{"name":"x","value":1,"host":"b"}',
    );
    expect(lines.errors).toEqual([
      { line: 2, reason: 'unit: differs from that of an earlier line of the same series' },
    ]);
  });

  test('does not become a matrix of empty cells', () => {
    const spread = Array.from({ length: LINES_MAX }, (_, i) => {
      const time = new Date(RECEIVED_UNIX_MS + i).toISOString();
      return `{"timestamp":"${time}","name":"s${i}","value":1}`;
    });
    const encoded = read(spread.join('\n')).groups.map(({ matrix }) =>
      matrix.encode({
        clientId: 'c',
        epoch: 1,
        seq: 1,
        agentVersion: '',
        resource: [],
        seriesOf: (series) => series,
        unixNanoOf: (time) => time,
      }),
    );
    const bytes = encoded.reduce((sum, { length }) => sum + length, 0);
    expect(bytes).toBeLessThan(LINES_MAX * 400);
  });

  test('cut off at any byte loses the line it is cut in, and no other', () => {
    const text = `${GOOD}\r\n\n${GOOD.replace('}', ',"host":"東京"}')}\n{"name":"y","value":1e3,"labels":{"a":"\\u00e9"}}\n`;
    const bytes = Buffer.from(text);
    const ends = [...bytes.entries()].filter(
      ([at, byte]) => byte === 0x7d && (bytes[at + 1] === 0x0a || bytes[at + 1] === 0x0d),
    );
    expect(ends).toHaveLength(3);
    for (let length = 0; length <= bytes.length; length++) {
      const lines = read(bytes.subarray(0, length));
      const whole = ends.filter(([at]) => at < length).length;
      expect(pointsOf(lines), `${length} bytes`).toHaveLength(whole);
      expect(lines.rejected, `${length} bytes`).toBeLessThanOrEqual(1);
    }
  });

  test('of any bytes is lines with reasons that are plain text, and accounts for each', () => {
    const random = seeded(62);
    const pieces = [
      '{',
      '}',
      '"name"',
      '"value"',
      ':',
      ',',
      '"x"',
      '1',
      '\n',
      '\\',
      '"',
      '\u0000',
      '\xff',
      '[',
      '"labels"',
      '😀',
      ' ',
      '\r',
      GOOD,
    ];
    for (let run = 0; run < 3000; run++) {
      const parts = Array.from({ length: 1 + random.int(40) }, () =>
        random.int(4) === 0
          ? Buffer.from(random.bytes(random.int(6)))
          : Buffer.from(random.pick(pieces), random.int(9) === 0 ? 'latin1' : 'utf8'),
      );
      const bytes = Buffer.concat(parts);
      const lines = read(bytes);
      const filled = bytes
        .toString('latin1')
        .split('\n')
        .filter((line) => /[^ \t\r]/.test(line)).length;
      expect(pointsOf(lines).length + lines.rejected, `seed ${random.seed}, run ${run}`).toBe(filled);
      for (const { reason } of lines.errors) expect(reason, `seed ${random.seed}`).toMatch(/^[\x20-\x7e]{1,200}$/);
    }
  });
});
