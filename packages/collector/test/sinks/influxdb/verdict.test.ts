/** Answers as measured on InfluxDB 1.6.7 and 2.7.12, and what each means. */
import { describe, expect, it } from 'vitest';
import type { InfluxdbTarget } from '../../../src/sinks/influxdb/settings.ts';
import { judge, type Verdict } from '../../../src/sinks/influxdb/verdict.ts';

const one = {
  version: 1,
  database: 'd',
  retentionPolicy: 'r',
  rollupRetentionPolicy: 'm',
  username: '',
  password: '',
} as const;
const two = { version: 2, org: 'o', bucket: 'b', rollupBucket: 'm', token: 't' } as const;

function check(status: number, words: string, expected: Partial<Verdict>, target: InfluxdbTarget = one): void {
  const verdict = judge({ status, words }, 'http://x, database d', target);
  expect(verdict).toMatchObject(expected);
  if (verdict.kind === 'stored') return;
  expect(verdict.why).toContain(`http://x, database d answered ${status}`);
  expect(verdict.why).toContain(words.slice(0, 800));
}

const partial = (reason: string, dropped: number) => `partial write: ${reason} dropped=${dropped}`;
const partial2 = (reason: string, dropped: number) =>
  `failure writing points to database: partial write: ${reason} dropped=${dropped} for database: 38b21923bc41409d for retention policy: autogen`;
const conflict = 'field type conflict: input field "v" on measurement "m" is type string, already exists as type float';

describe('an answer about lines', () => {
  it('of a type conflict names the field and how many points were dropped', () => {
    const expected = { kind: 'refused', dropped: 3, conflict: { measurement: 'm', field: 'v' } } as const;
    check(400, partial(conflict, 3), expected);
    check(422, partial2(conflict, 3), expected, two);
  });

  it('of points too old says how many', () => {
    check(400, partial('points beyond retention policy', 2), { kind: 'refused', dropped: 2, aged: true });
    const lower =
      'oldest point m,h=a at 2026-11-16T16:38:26Z dropped because it violates a Retention Policy Lower Bound at 2026-11-17T16:38:26.716196625Z';
    const words = `dropped 2 points outside retention policy of duration 168h0m0s - ${lower}`;
    check(422, partial2(words, 2), { kind: 'refused', dropped: 2, aged: true }, two);
    check(422, partial2(words.replace('Lower', 'Upper'), 2), { kind: 'refused', dropped: 2, aged: false }, two);
  });

  it('that cannot be parsed says nothing of how many, whatever the lines themselves say', () => {
    const words = "unable to parse 'm,h=partial write: points beyond retention policy dropped=9 v=1': missing fields";
    for (const text of [words, partial(words, 0)]) {
      check(400, text, { kind: 'refused' });
      expect(judge({ status: 400, words: text }, '', one)).not.toHaveProperty('dropped');
    }
  });

  it('may be very long, and is told by its beginning and its end', () => {
    const words = `unable to parse '${'x'.repeat(70_000)}': max key length exceeded: 70000 > 65535`;
    const verdict = judge({ status: 400, words }, 'w', one);
    expect(verdict).toMatchObject({
      why: expect.stringMatching(
        /^w answered 400: unable to parse 'x+ … x+': max key length exceeded: 70000 > 65535$/,
      ) as string,
    });
    expect(JSON.stringify(verdict).length).toBeLessThan(2000);
  });

  it('of another limit counts too', () => {
    const words = 'max-values-per-tag limit exceeded (100000/100000): measurement="m" tag="t" value="v"';
    check(400, partial(words, 7), { kind: 'refused', dropped: 7, aged: false });
  });
});

describe('an answer about the configuration', () => {
  it.each([
    [401, 'unable to parse authentication credentials', one, 'check username and password'],
    [401, 'unauthorized access', two, 'check the token'],
    [403, '"me" user is not authorized to write to database "d"', one, 'give the user the privilege'],
    [403, 'forbidden', two, 'use a token that may write'],
    [404, 'database not found: "d"', one, 'setup influxdb'],
    [404, 'bucket "b" not found', two, 'setup influxdb'],
    [500, 'retention policy not found: r', one, 'setup influxdb'],
    [405, '', one, 'check the url'],
    [302, '', one, 'check the url'],
    [200, '', one, 'check the url'],
  ] as const)('%d %s halts and says what to do', (status, words, target, remedy) => {
    check(status, words, { kind: 'halt' }, target);
    expect(judge({ status, words }, 'w', target)).toHaveProperty('why', expect.stringContaining(remedy));
  });
});

describe('other answers', () => {
  it('are for later when the server is busy', () => {
    for (const status of [408, 425, 429, 502, 503, 504]) check(status, 'later', { kind: 'retry' });
    expect(judge({ status: 503, words: '', retryAfterMs: 7 }, '', one)).toMatchObject({ afterMs: 7 });
  });

  it.each([
    'timeout',
    'write failed',
    'hinted handoff queue not empty',
    'engine: cache-max-memory-size exceeded: (1073741825/1073741824)',
    'unexpected error writing points to database: engine: cache-max-memory-size exceeded: (2/1)',
    'unexpected error writing points to database: timeout',
    'engine: engine is closed',
    '[shard 7] engine: engine is closed',
    'engine is closed',
    'shard is disabled',
    'engine: WAL closed',
    'engine: error rolling WAL segment: error opening new segment file for wal (1): open /x: no such file',
    'engine: write /var/lib/influxdb/wal/d/r/1/_00001.wal: no space left on device',
    'open /var/lib/influxdb/data: too many open files',
  ])('are for later when the server says with 500 what ails it: %s', (words) => {
    check(500, words, { kind: 'retry' });
    check(500, words, { kind: 'retry' }, two);
    // Not where they may be a line's own.
    check(500, `panic at 'm,h=${words} v=1'`, { kind: 'suspect' });
    check(400, words, { kind: 'suspect' });
  });

  it('are suspicious when they may be about the body: other 5xx, and a 400 that is not InfluxDB speaking', () => {
    check(500, 'Internal Server Error', { kind: 'suspect' });
    check(500, 'engine: field type conflict', { kind: 'suspect' });
    check(501, '', { kind: 'suspect' });
    check(400, '<h1>Bad Request</h1>', { kind: 'suspect' });
    check(418, 'teapot', { kind: 'suspect' });
  });

  it('say stored with 204 only, and that a body is too large with 413', () => {
    check(204, '', { kind: 'stored' });
    check(413, 'Request Entity Too Large', { kind: 'too_large' });
  });
});
