import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { caFile, certificateFiles } from '../../../../test/services/certificates.ts';
import { frontDoorLines } from '../../src/front-door/check.ts';

function tokensFile(text: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'ms-door-check-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(join(dir, 'tokens'), text);
  return join(dir, 'tokens');
}

const tls = { ...certificateFiles('server'), clientCaFile: caFile, clientId: 'san', minVersion: '1.2' } as const;

test('says what the files hold', () => {
  const file = tokensFile(`a  *  sha256:${'ab'.repeat(32)}\n`);
  expect(frontDoorLines({ auth: 'either', tls, tokensFile: file }).filter(({ level }) => level === 'ok')).toEqual([
    { level: 'ok', what: expect.stringMatching(/server\.pem is valid until 2\d{3}-\d\d-\d\d$/) as unknown },
    { level: 'ok', what: `${file} holds 1 token` },
  ]);
});

test('does not call a certificate valid that has expired', () => {
  const expired = { ...tls, ...certificateFiles('server-expired'), clientCaFile: '' };
  const [line] = frontDoorLines({ auth: 'none', tls: expired, tokensFile: '' });
  expect(line?.what).toMatch(/ was valid until 2020-/);
});

test('says how many of the tokens have expired', () => {
  const file = tokensFile(
    `a  *  sha256:${'ab'.repeat(32)}\nb  *  sha256:${'cd'.repeat(32)}  expires=2026-01-01T00:00:00Z\n`,
  );
  const lines = frontDoorLines({ auth: 'tokens', tls: undefined, tokensFile: file }, Date.UTC(2026, 0, 1));
  expect(lines[0]).toEqual({ level: 'ok', what: `${file} holds 2 tokens, of which 1 expired` });
});

test('fails on what would not start, and does not look at what is not asked for', () => {
  const file = tokensFile('broken\n');
  const broken = { ...tls, keyFile: certificateFiles('client-1').keyFile };
  expect(frontDoorLines({ auth: 'tokens', tls: { ...broken, clientCaFile: '' }, tokensFile: file })).toEqual([
    {
      level: 'fail',
      what: expect.stringMatching(/is not the key of the certificate/) as unknown,
      fix: expect.any(String) as unknown,
    },
    {
      level: 'fail',
      what: expect.stringMatching(/tokens:1:7: the line ends/) as unknown,
      fix: expect.any(String) as unknown,
    },
  ]);
  expect(frontDoorLines({ auth: 'none', tls: undefined, tokensFile: file })).toEqual([]);
});

test('warns of what is unwise', () => {
  expect(frontDoorLines({ auth: 'tokens', tls: undefined, tokensFile: tokensFile('') })).toEqual([
    { level: 'ok', what: expect.stringMatching(/holds 0 tokens$/) as unknown },
    { level: 'warn', what: expect.stringMatching(/nobody can come in/) as unknown },
  ]);
});
