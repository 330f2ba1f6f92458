/** That the judge sees what it looks for in every answer. */
import { expect, test } from 'vitest';
import { readAnswers } from './answers.ts';
import type { Case } from './corpus.ts';
import { judge } from './verdict.ts';

const DATE = 'Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n';
const LENGTH = 'Content-Length: 2\r\n';
const ENTRY: Case = { id: 'x', cat: 'x', level: 'MUST', desc: 'x', send: [], expect: { v: 'accept' } };

function judged(head: string, body = 'ok'): string | undefined {
  const read = readAnswers(`HTTP/1.1 ${head}\r\n${body}`, () => false);
  return judge(ENTRY, { ...read, closed: false, silentAtFirst: false });
}

test('an answer with one date and the length its status needs is sound', () => {
  expect(judged(`200 OK\r\n${DATE}${LENGTH}`)).toBeUndefined();
  expect(judged(`204 No Content\r\n${DATE}`, '')).toBeUndefined();
});

test.each([
  ['no date', `200 OK\r\n${LENGTH}`, '0 Date fields'],
  ['two dates', `200 OK\r\n${DATE}${DATE}${LENGTH}`, '2 Date fields'],
  ['a date of another form', `200 OK\r\nDate: 1994-11-06T08:49:37Z\r\n${LENGTH}`, '1994-11-06'],
  ['two lengths', `200 OK\r\n${DATE}${LENGTH}${LENGTH}`, '2 Content-Length fields'],
  ['a transfer coding', `200 OK\r\n${DATE}${LENGTH}Transfer-Encoding: chunked\r\n`, 'Transfer-Encoding'],
])('an answer with %s is not', (_, head, fault) => {
  expect(judged(head)).toContain(fault);
});

test('204 with a length is not', () => {
  expect(judged(`204 No Content\r\n${DATE}Content-Length: 0\r\n`, '')).toContain('1 Content-Length fields');
});
