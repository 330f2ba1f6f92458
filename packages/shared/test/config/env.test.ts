import { expect, test } from 'vitest';
import { expandEnv } from '../../src/config/env.ts';

const ENV = { HOST: 'web-1', EMPTY: '', DOLLAR: '${HOST}' };

test.each([
  ['plain', 'plain'],
  ['${HOST}', 'web-1'],
  ['a-${HOST}-b-${HOST}', 'a-web-1-b-web-1'],
  ['${EMPTY}', ''],
  ['${NOPE:-}', ''],
  ['${NOPE:-a:b}', 'a:b'],
  ['${EMPTY:-default}', 'default'],
  ['${HOST:-default}', 'web-1'],
  ['${HOST:?needed}', 'web-1'],
  ['$${HOST}', '${HOST}'],
  ['$$${HOST}', '$${HOST}'],
  ['$HOST and 5$', '$HOST and 5$'],
  ['${DOLLAR}', '${HOST}'],
])('%s becomes %s', (text, expected) => {
  expect(expandEnv(text, ENV)).toEqual({ ok: true, text: expected });
});

test.each([
  ['${NOPE}', 'NOPE is not set'],
  ['${constructor}', 'constructor is not set'],
  ['${NOPE:?set it}', 'NOPE: set it'],
  ['${EMPTY:?}', 'EMPTY is not set'],
  ['${HOST', 'has no }'],
  ['${}', 'is no reference'],
  ['${1A}', 'is no reference'],
  ['${HOST-x}', 'is no reference'],
  ['${HOST:=x}', 'is no reference'],
  ['${A:-${B}}', 'inside another'],
])('%s is refused: %s', (text, why) => {
  expect(expandEnv(text, ENV)).toMatchObject({ ok: false, what: expect.stringContaining(why) });
});

test('an expansion has a bound', () => {
  const env = { BIG: 'x'.repeat(60_000) };
  expect(expandEnv('${BIG}', env).ok).toBe(true);
  expect(expandEnv('${BIG}${BIG}', env)).toMatchObject({ ok: false, what: expect.stringContaining('more than') });
});
