/** Who is turned away: a web page, and whoever was taken off the list while the body was still on its way. */
import { silentLog } from '@metricstream/shared/log.ts';
import { expect, test } from 'vitest';
import { createAuth } from '../../src/admission/auth.ts';
import { sha256Of, type TokenEntry } from '../../src/admission/tokens.ts';
import { onePointBatch } from '../one-point-batch.ts';
import { NO_ADDRESSES } from './common-parts.ts';
import { rig } from './rig.ts';

const TOKEN = `ms_${'t'.repeat(43)}`;
const HEADERS = { 'content-type': 'application/x-protobuf', 'client-id': 'c', authorization: `Bearer ${TOKEN}` };
const LINE = Buffer.from('{"name":"x","value":1}');

const entry = (clients: string): TokenEntry => ({
  name: 'n',
  clients,
  sha256: sha256Of(TOKEN),
  expiresUnixMs: Infinity,
});

test.each([
  ['revoked', [], 401, 401],
  ['given to others', [entry('other-*')], 403, 200],
  ['still there, the file written anew', [entry('*')], 200, 200],
])('a token %s between head and body', async (_what, after, batchStatus, linesStatus) => {
  const auth = createAuth({ mode: 'tokens', tokens: [entry('*')], addresses: NO_ADDRESSES });
  const { post, turn, round, events, seqsOnDisk, counters } = rig('journal', 64 * 1024, undefined, auth);
  post({ name: 'before', path: '/v1/batches', headers: HEADERS, body: onePointBatch(1) });
  turn();
  await round();
  auth.setTokens([entry('*')]);
  const between = (): void => auth.setTokens(after);
  post({ name: 'batch', path: '/v1/batches', headers: HEADERS, body: onePointBatch(2), between });
  auth.setTokens([entry('*')]);
  post({ name: 'lines', path: '/v1/jsonl', headers: { authorization: HEADERS.authorization }, body: LINE, between });
  turn();
  await round();
  const told = events.filter((event) => /^(?:batch|lines):/.test(event)).toSorted();
  expect(told).toEqual([`batch: ${batchStatus}`, `lines: ${linesStatus}`]);
  expect(seqsOnDisk().length).toBe(1 + Number(batchStatus === 200) + Number(linesStatus === 200));
  expect(counters.get('rejected_unauthenticated')).toBe(Number(batchStatus === 401) + Number(linesStatus === 401));
});

test('a token that expires between head and body is one no longer', () => {
  let nowUnixMs = 0;
  const tokens = [{ ...entry('*'), expiresUnixMs: 1000 }];
  const auth = createAuth({ mode: 'tokens', tokens, addresses: NO_ADDRESSES, nowUnixMs: () => nowUnixMs });
  const { post, events } = rig('journal', 64 * 1024, undefined, auth);
  const between = (): void => void (nowUnixMs = 1000);
  post({ name: 'batch', path: '/v1/batches', headers: HEADERS, body: onePointBatch(1), between });
  expect(events).toEqual(['batch: 401']);
});

test('whoever speaks for another client is named in the log, with the client and the token', () => {
  const warned: unknown[] = [];
  const log = { ...silentLog, warn: (...line: unknown[]) => void warned.push(line) };
  const auth = createAuth({ mode: 'tokens', tokens: [entry('other-*')], addresses: NO_ADDRESSES });
  const { post, answers } = rig('journal', 64 * 1024, undefined, auth, log);
  post({ name: 'batch', path: '/v1/batches', headers: HEADERS, body: onePointBatch(1) });
  expect(answers.get('batch')).toContain('may not speak for this Client-Id');
  expect(warned).toEqual([
    [
      'auth: refused, the token or certificate is not for this client_id',
      { address: expect.any(String), client_id: 'c', name: 'n' },
    ],
  ]);
});

test('batches are not taken from web pages, whatever name brought them here', () => {
  const { post, events, answers } = rig();
  post({
    name: 'page',
    path: '/v1/batches',
    headers: { ...HEADERS, origin: 'http://pointed.example' },
    body: onePointBatch(1),
  });
  expect(events).toEqual(['page: 403']);
  expect(answers.get('page')).toMatch(/web pages/);
});
