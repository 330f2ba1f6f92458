import type { Refusal, RetryClass } from '@metricstream/proto/batch.ts';
import { describe, expect, it } from 'vitest';
import { RETRY_AFTER_MS_MAX, retryAfterMs } from '../src/retry-after.ts';
import { verdictOf } from '../src/verdict.ts';

const NOW = Date.UTC(2026, 10, 23, 12, 0, 0);

function verdict(status: number, headers: Record<string, string> = {}, ownId = true, isAck = true) {
  return verdictOf({ status, header: (name) => headers[name], text: 'words of\r\nthe server', isAck }, ownId, NOW);
}

describe('what an answer means for the batch', () => {
  it.each([200, 201, 202, 204])('%i is stored', (status) => {
    expect(verdict(status)).toEqual({ kind: 'stored' });
  });

  it.each([200, 204])('%i without an Ack is somebody else saying yes: keep everything', (status) => {
    expect(verdict(status, {}, true, false)).toMatchObject({
      kind: 'halt',
      why: expect.stringContaining('no collector'),
    });
  });

  it.each([429, 503])('%i means the same bytes again, after what Retry-After says', (status) => {
    expect(verdict(status, { 'retry-after': '7' })).toMatchObject({ kind: 'retry', afterMs: 7000 });
    expect(verdict(status)).toMatchObject({ kind: 'retry', afterMs: undefined });
  });

  it.each([408, 500, 502, 504, 599])('%i means the same bytes again, with the reason in words', (status) => {
    expect(verdict(status)).toEqual({ kind: 'retry', why: `status ${status}: words of the server` });
  });

  it.each([409, 413, 415, 422])('%i is never sent again', (status) => {
    expect(verdict(status)).toMatchObject({ kind: 'rejected', which: [0] });
  });

  it.each([301, 302, 307, 401, 403, 404, 405, 410, 418])('%i stops the line and keeps everything', (status) => {
    expect(verdict(status)).toMatchObject({ kind: 'halt' });
  });

  it('400 is about the batch when a collector says so in fields, and about the URL when anything else says it', () => {
    const refusal: Refusal = { retryClass: 'never', message: 'no Batch', retryAfterMs: 0, limit: '' };
    const said = { status: 400, header: () => undefined, text: 'plain HTTP on a port that speaks TLS', isAck: false };
    expect(verdictOf({ ...said, refusal }, true, NOW)).toEqual({
      kind: 'rejected',
      which: [0],
      why: 'status 400: no Batch',
    });
    expect(verdictOf(said, true, NOW)).toEqual({
      kind: 'halt',
      why: 'status 400: plain HTTP on a port that speaks TLS; check collector.url (http or https?), what answers there is no collector',
    });
  });

  it('403 for a former client_id is that batch only', () => {
    expect(verdict(403, {}, false)).toMatchObject({ kind: 'rejected' });
  });

  it('keeps a long or binary body out of the reason', () => {
    const outcome = verdictOf(
      { status: 500, header: () => undefined, text: '\x00\xff'.repeat(9000), isAck: false },
      true,
      NOW,
    );
    expect(outcome).toMatchObject({ why: 'status 500' });
    const long = verdictOf({ status: 500, header: () => undefined, text: 'x'.repeat(9000), isAck: false }, true, NOW);
    expect('why' in long && long.why.length).toBeLessThan(250);
  });
});

describe('a status that is not in the table', () => {
  const said = (retryClass: RetryClass, status = 431) => {
    const refusal: Refusal = { retryClass, message: 'the head is too large', retryAfterMs: 50, limit: 'head: 8KiB' };
    return verdictOf({ status, header: () => undefined, text: '', isAck: false, refusal }, true, NOW);
  };

  it('is what the collector says of it', () => {
    const why = 'status 431: the head is too large (head: 8KiB)';
    expect(said('never')).toEqual({ kind: 'rejected', which: [0], why });
    expect(said('quota')).toEqual({ kind: 'retry', why, afterMs: 50 });
    expect(said('busy')).toEqual({ kind: 'retry', why, afterMs: 50 });
    expect(said('auth')).toEqual({ kind: 'halt', why });
    expect(said('unspecified')).toMatchObject({ kind: 'halt', why: expect.stringContaining('collector.url') });
  });

  it('names the limit once', () => {
    const refusal: Refusal = { retryClass: 'quota', message: 'wait (9/s)', retryAfterMs: 0, limit: '9/s' };
    const said = verdictOf({ status: 429, header: () => undefined, text: '', isAck: false, refusal }, true, NOW);
    expect(said).toMatchObject({ why: 'status 429: wait (9/s)' });
  });

  it.each([401, 404, 422, 500, 503] as const)('has no bearing on %i, which is in it', (status) => {
    const kinds = { 401: 'halt', 404: 'halt', 422: 'rejected', 500: 'retry', 503: 'retry' };
    expect(said('never', status).kind).toBe(kinds[status]);
  });
});

describe('Retry-After', () => {
  it.each([
    ['0', 0],
    ['120', 120_000],
    [' 5 ', 5000],
    ['999999999', RETRY_AFTER_MS_MAX],
    ['Mon, 23 Nov 2026 12:00:30 GMT', 30_000],
    ['Mon, 23 Nov 2026 11:00:00 GMT', 0],
    ['-5', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['', undefined],
  ])('%j is %j ms', (value, expected) => {
    expect(retryAfterMs(value, undefined, NOW)).toBe(expected);
  });

  it('given as a date is measured on the clock of the server, not on ours', () => {
    const date = 'Mon, 23 Nov 2026 09:00:00 GMT';
    expect(retryAfterMs('Mon, 23 Nov 2026 09:00:10 GMT', date, NOW)).toBe(10_000);
  });
});
