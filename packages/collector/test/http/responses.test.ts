/** Answers as text: lengths, the fields http/ adds, and what cannot be smuggled into them. */
import { expect, test } from 'vitest';
import { REASONS, statusOf } from '../../src/http/reasons.ts';
import { LIMITS } from './harness.ts';
import { dateField, empty, finalText, plain, refusalsFor, withBody } from '../../src/http/responses.ts';

test('answers carry their exact length, and 204 none', () => {
  expect(empty(204)).toMatchObject({ line: 'HTTP/1.1 204 No Content\r\n', text: '\r\n' });
  expect(empty(202)).toMatchObject({ line: 'HTTP/1.1 202 Accepted\r\n', text: 'Content-Length: 0\r\n\r\n' });
  expect(plain(503, 'busy', { 'Retry-After': '2' }).text).toBe(
    'Retry-After: 2\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\r\nbusy\n',
  );
  expect(withBody(200, 'application/x-protobuf')('\x08\xff').text.endsWith('Content-Length: 2\r\n\r\n\x08\xff')).toBe(
    true,
  );
});

test('date and close are added behind the status line, and HEAD loses the body only', () => {
  const answer = plain(200, 'ok');
  const sending = { date: dateField(784_111_777_999), close: false, isHead: false };
  const start = 'HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n';
  expect(finalText(answer, sending)).toBe(start + answer.text);
  expect(finalText(answer, { ...sending, close: true })).toBe(`${start}Connection: close\r\n${answer.text}`);
  expect(finalText(answer, { ...sending, isHead: true })).toMatch(/Content-Length: 3\r\n\r\n$/);
});

test('a header that would break out of its line, or a status without a phrase, throws', () => {
  expect(() => empty(200, { 'X-A': 'b\r\nX-C: d' })).toThrow('cannot be sent');
  expect(() => empty(200, { 'X A': 'b' })).toThrow('cannot be sent');
  expect(() => empty(299)).toThrow('no phrase');
});

test('every reason that can be answered has a refusal that closes', () => {
  const refusals = refusalsFor(LIMITS);
  for (const reason of REASONS.filter((r) => statusOf(r) !== 0)) {
    expect(refusals[reason]).toMatchObject({ status: statusOf(reason), close: true });
    expect(reason).toMatch(/^[a-z]+(_[a-z]+)*$/);
  }
});

test('a refusal for a limit says which', () => {
  const { body_too_large: body, head_too_large: head, body_slow: slow } = refusalsFor({ ...LIMITS, bodyBytesMax: 77 });
  expect(body.text).toContain('the body is too large: at most 77 bytes');
  expect(head.text).toContain('at most 8192 bytes');
  expect(slow.text).toContain('at least 0 bytes a second');
});
