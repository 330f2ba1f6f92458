/** The three forms of a no, and that what a refused client is told is true and cheap. */
import { decodeRefusal } from '@metricstream/proto/ack.ts';
import { expect, test } from 'vitest';
import type { Answer } from '../../src/http/types.ts';
import { REFUSED_REASONS, REJECTED_REASONS } from '../../src/ingest/counters.ts';
import { createRefusals, type Form, formOf } from '../../src/ingest/refusals.ts';

const { refused, rejected } = createRefusals({
  client: { requestsPerSecond: 100, bytesPerSecond: 16 * 1024 * 1024, pointsPerSecond: 0.5, burstMs: 1000 },
  unauthenticatedPerSecond: 10,
});
const FORMS: readonly Form[] = ['text', 'json', 'ack'];

const bodyOf = ({ text }: Answer): string => text.slice(text.indexOf('\r\n\r\n') + 4);
const headerOf = ({ text }: Answer, name: string): string | undefined =>
  new RegExp(`^${name}: (.*)\r$`, 'm').exec(text)?.[1];

test('the form is what Accept asks for, text when it says nothing of the kind', () => {
  const cases = { 'application/x-protobuf': 'ack', 'application/json': 'json', '*/*': 'text', '': 'text' };
  for (const [accept, form] of Object.entries(cases)) expect(formOf(accept)).toBe(form);
  expect(formOf('text/html, application/json;q=0.9')).toBe('json');
  expect(formOf('application/x-protobuf, */*')).toBe('ack');
});

test('429 names the limit and the wait in every form, and each form says the same', () => {
  const [text, json, ack] = FORMS.map((form) => refused('rate_requests', form, 700)) as [Answer, Answer, Answer];
  expect(bodyOf(text)).toBe('your limit of requests is reached; send the same again later (100 requests/s)\n');
  expect(JSON.parse(bodyOf(json))).toEqual({
    error: 'rate_requests',
    message: bodyOf(text).trimEnd(),
    limit: '100 requests/s',
    retry_after_ms: expect.any(Number),
  });
  expect(decodeRefusal(Buffer.from(bodyOf(ack), 'latin1'))).toEqual({
    retryClass: 'quota',
    message: bodyOf(text).trimEnd(),
    limit: '100 requests/s',
    retryAfterMs: expect.any(Number),
  });
  expect(headerOf(json, 'Content-Type')).toBe('application/json');
  expect(headerOf(ack, 'Content-Type')).toBe('application/x-protobuf');
});

test('a wait is never shorter than the limiter says, differs from client to client, and has the header above it', () => {
  const told = new Set<number>();
  for (let i = 0; i < 300; i++) {
    const answer = refused('rate_points', 'json', 1234);
    const { retry_after_ms: ms, limit } = JSON.parse(bodyOf(answer)) as { retry_after_ms: number; limit: string };
    told.add(ms);
    expect(ms).toBeGreaterThanOrEqual(1234);
    expect(ms).toBeLessThanOrEqual(1234 + 2000 + 125);
    expect(Number(headerOf(answer, 'Retry-After'))).toBe(Math.ceil(ms / 1000));
    expect(limit).toBe('30 points/m');
  }
  expect(told.size, 'jitter').toBeGreaterThan(5);
});

test('the same wait is the same answer: nothing is built for a client that asks again', () => {
  const answers = new Set(Array.from({ length: 5000 }, () => refused('rate_bytes', 'ack', 50)));
  expect(answers.size).toBeLessThanOrEqual(18);
});

test('a stranger over the limit is cut off, and one below it is told how to come in', () => {
  expect(refused('rate_unauthenticated', 'text', 100).close).toBe(true);
  const answer = rejected('unauthenticated', 'text', { detail: 'send a token' });
  expect(headerOf(answer, 'WWW-Authenticate')).toBe('Bearer realm="metricstream"');
  expect(answer.close).toBe(false);
});

test('every reason has every form, of the length it says and of the class that its status means', () => {
  const answers = [
    ...REFUSED_REASONS.map((reason) => (form: Form) => refused(reason, form)),
    ...REJECTED_REASONS.map((reason) => (form: Form) => rejected(reason, form)),
  ];
  const classes: Record<number, string> = { 429: 'quota', 503: 'busy', 401: 'auth', 403: 'auth' };
  for (const answerIn of answers) {
    for (const form of FORMS) {
      const answer = answerIn(form);
      expect(headerOf(answer, 'Content-Length')).toBe(String(bodyOf(answer).length));
      expect(headerOf(answer, 'Retry-After') !== undefined).toBe(answer.status === 429 || answer.status === 503);
    }
    const answer = answerIn('ack');
    const expected = classes[answer.status] ?? ([404, 405].includes(answer.status) ? 'unspecified' : 'never');
    expect(decodeRefusal(Buffer.from(bodyOf(answer), 'latin1')).retryClass).toBe(expected);
    expect(Object.keys(JSON.parse(bodyOf(answerIn('json'))) as object)).toEqual(
      expect.arrayContaining(['error', 'message']),
    );
  }
});
