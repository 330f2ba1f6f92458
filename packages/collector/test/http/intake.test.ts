/** A head in many pieces: what it costs, and that each piece is answered as if the whole were looked at. */
import { Socket } from 'node:net';
import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { beforeEach, expect, test, vi } from 'vitest';
import { Connection } from '../../src/http/connection.ts';
import { parseHead } from '../../src/http/parser.ts';
import { INCOMPLETE, INVALID, RequestHead } from '../../src/http/request-head.ts';
import { Shared } from '../../src/http/shared.ts';
import { areAll } from '../../src/http/syntax.ts';
import type { HttpLimits } from '../../src/http/types.ts';
import { LIMITS } from './harness.ts';

// Only watched: it does what it does.
vi.mock('../../src/http/parser.ts', { spy: true });

beforeEach(() => void vi.mocked(parseHead).mockClear());

const SEED = 20_261_128;
const HEAD_BYTES = 16 * 1024;

interface Fed {
  paths: string[];
  refused: string[];
  /** Calls of the parser. */
  parses: number;
}

/** Gives a connection's bytes one at a time, without a socket between. */
function feed(text: string, more: Partial<HttpLimits> = {}): Fed {
  const fed: Fed = { paths: [], refused: [], parses: 0 };
  const shared = new Shared(
    { ...LIMITS, ...more },
    {
      head: ({ path }) => void fed.paths.push(path),
      body: () => undefined,
      malformed: (status, reason) => void fed.refused.push(`${status} ${reason}`),
      failed: (error) => {
        throw error;
      },
    },
  );
  const connection = new Connection(shared, { ip: '127.0.0.1', certified: undefined, onClosed: () => undefined });
  connection.open({ socket: new Socket(), direct: false });
  for (const byte of Buffer.from(text, 'latin1')) connection.read(Buffer.of(byte), 1);
  connection.destroy();
  fed.parses = vi.mocked(parseHead).mock.calls.length;
  return fed;
}

const LONG = 'x'.repeat(HEAD_BYTES - 100);
const LIMITS_16K: Partial<HttpLimits> = { headBytesMax: HEAD_BYTES, targetBytesMax: HEAD_BYTES, headersMax: 100 };

test.each([
  ['one long value', `GET /p HTTP/1.1\r\nHost: a\r\nX: ${LONG}\r\n\r\n`, 60],
  ['one long name', `GET /p HTTP/1.1\r\nHost: a\r\n${LONG}: x\r\n\r\n`, 60],
  ['a long query', `GET /p?${LONG.replaceAll('xx', '?=')} HTTP/1.1\r\nHost: a\r\n\r\n`, 60],
  ['padding', `GET /p HTTP/1.1\r\nHost: a\r\nX:${' \t'.repeat(HEAD_BYTES / 2 - 50)}\r\n\r\n`, 60],
  ['a hundred lines', `GET /p HTTP/1.1\r\nHost: a\r\n${`X: ${'y'.repeat(158)}\r\n`.repeat(99)}\r\n`, 600],
])('16 KiB byte by byte are parsed per line, not per byte: %s', (_, text, parsesMax) => {
  expect(text.length).toBeGreaterThan(HEAD_BYTES - 300);
  const { paths, refused, parses } = feed(text, LIMITS_16K);
  expect([paths, refused]).toEqual([['/p'], []]);
  expect(parses).toBeLessThan(parsesMax);
});

test('an endless head is refused at the byte that is one too many', () => {
  for (const [start, limit, reason] of [
    ['GET /p HTTP/1.1\r\nX: ', LIMITS.headBytesMax, '431 head_too_large'],
    ['GET /p HTTP/1.1\r\nX', LIMITS.headBytesMax, '431 head_too_large'],
    ['GET /', 'GET '.length + LIMITS.targetBytesMax, '414 target_too_long'],
    ['', 32, '400 method'],
  ] as const) {
    const most = start + 'x'.repeat(limit - start.length);
    expect(feed(most).refused, reason).toEqual([]);
    expect(feed(`${most}x`).refused).toEqual([reason]);
  }
});

const TINY = { headBytesMax: 70, headersMax: 3, targetBytesMax: 12 };
const HEADS = [
  'GET /p?a?b HTTP/1.1\r\nHost: a\r\nX: \t v \r\n\r\n',
  'POST / HTTP/1.1\r\nHost: h:80\r\nContent-Length: 4\r\n\r\n',
  'PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: a\r\nY:\r\n\r\n',
];

interface Ending {
  /** How many bytes had come. */
  at: number;
  outcome: string;
}

/** Parses at every byte, or only where the last parse says that the next byte may matter. */
function parseGrowing(bytes: Buffer, everyByte: boolean): Ending {
  const head = new RequestHead(TINY.headersMax);
  let [classes, most] = [0, 0];
  for (let at = 1; at <= bytes.length; at++) {
    if (!everyByte && most > 0 && areAll(bytes, at - 1, at, classes)) {
      most--;
      continue;
    }
    const result = parseHead(bytes, 0, at, TINY, head);
    if (result !== INCOMPLETE) return { at, outcome: result === INVALID ? head.reason : 'complete' };
    [classes, most] = [head.moreClasses, head.moreBytesMax];
  }
  return { at: bytes.length, outcome: 'incomplete' };
}

test('bytes that are said to change nothing do not, whatever stands before them', () => {
  const random = seeded(SEED);
  const outcomes = new Set<string>();
  for (let i = 0; i < 6000; i++) {
    const text = random.pick(HEADS);
    const at = random.int(text.length);
    const put = String.fromCharCode(random.int(256)).repeat(1 + random.int(4) ** 3);
    const bytes = Buffer.from(text.slice(0, at) + put + text.slice(at + random.int(2)), 'latin1');
    const whole = parseGrowing(bytes, true);
    expect(parseGrowing(bytes, false), JSON.stringify(bytes.toString('latin1'))).toEqual(whole);
    outcomes.add(whole.outcome);
  }
  expect(outcomes.size, [...outcomes].join()).toBeGreaterThan(10);
});
