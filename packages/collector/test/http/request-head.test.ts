/** How headers are found in a parsed head: the first of a name, and whether there are more. */
import { expect, test } from 'vitest';
import { parseHead } from '../../src/http/parser.ts';
import { RequestHead } from '../../src/http/request-head.ts';
import { LIMITS } from './harness.ts';

function headOf(...fields: string[]): RequestHead {
  const bytes = Buffer.from(['GET / HTTP/1.1', 'Host: a', ...fields, '', ''].join('\r\n'), 'latin1');
  const head = new RequestHead(LIMITS.headersMax);
  expect(parseHead(bytes, 0, bytes.length, LIMITS, head)).toBe(bytes.length);
  return head;
}

test('the first header of a name is its value, whatever its case, and a second one is noticed', () => {
  const twice = headOf('Authorization: Bearer one', 'X: y', 'AUTHORIZATION: Bearer two');
  expect([twice.header('authorization'), twice.repeats('authorization')]).toEqual(['Bearer one', true]);
  const once = headOf('X-Authorization: a', 'authorizatioN: Bearer one', 'Authorization2: b');
  expect([once.header('authorization'), once.repeats('authorization')]).toEqual(['Bearer one', false]);
  const empty = headOf('Authorization:', 'Authorization: Bearer two');
  expect([empty.header('authorization'), empty.repeats('authorization')]).toEqual(['', true]);
  const none = headOf();
  expect([none.header('authorization'), none.repeats('authorization'), none.repeats('host')]).toEqual([
    '',
    false,
    false,
  ]);
});
