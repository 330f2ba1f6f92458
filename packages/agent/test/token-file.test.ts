import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readToken } from '../src/token-file.ts';
import { tempDir } from './support.ts';

const FORM = 'one line of 16 to 512 letters, digits and . _ ~ + / = -';

function check(text: string, expected: object): void {
  const path = join(tempDir(), 'token');
  writeFileSync(path, text);
  expect(readToken(path)).toEqual(
    'what' in expected ? { ...expected, what: `${path}: ${String(expected.what)}` } : expected,
  );
}

it.each(['0123456789abcdef', 'ms_AZaz09-_.~+/=', 'x'.repeat(512)])(
  '%s is a token, white space around it or not',
  (token) => {
    for (const text of [token, `${token}\n`, `\r\n  ${token}\t\r\n`]) check(text, { ok: true, token });
  },
);

it.each([
  '0123456789abcde',
  'x'.repeat(513),
  'two words of a token',
  'two_lines_of_a\ntoken',
  'with_a_nul_\0_in_it',
  'ünïcode_token_here',
  'Bearer ms_0123456789',
])('%j is none, and is not repeated', (text) => check(text, { ok: false, what: 'holds no token', expected: FORM }));

it('an empty file, a directory, a missing and a huge file are told apart', () => {
  check(' \n', { ok: false, what: 'is empty', expected: FORM });
  const dir = tempDir();
  mkdirSync(join(dir, 'inner'));
  const said = (path: string) => {
    const read = readToken(path);
    return read.ok ? '' : `${read.what.replace(dir, '')}; ${read.expected}`;
  };
  expect(said(join(dir, 'inner'))).toBe('/inner: is no file; a file with the token of this agent');
  expect(said(join(dir, 'none'))).toBe('/none: there is no such file; a file with the token of this agent');
  writeFileSync(join(dir, 'huge'), Buffer.alloc(5000, 'x'));
  expect(said(join(dir, 'huge'))).toBe(
    '/huge: has 5000 bytes; a file with the token of this agent, of at most 4096 bytes',
  );
});
