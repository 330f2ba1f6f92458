/** Who may come in over TLS, at a running collector: by certificate, by token, by either; and a real agent whose token is changed. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type CollectorApp, startAgent, startCollector } from '../app.ts';
import { caFile, certificateFiles, type CertificateName, readCertificate } from '../services/certificates.ts';
import { linesByTriple } from './ledger.ts';
import { collectorCommand, newToken, type OneConnection, oneConnection } from './token-kit.ts';

const dir = mkdtempSync(join(tmpdir(), 'ms-identity-tls-'));
const file = join(dir, 'tokens');
let collector: CollectorApp;
let url: string;
let token: string;

beforeAll(async () => {
  token = await newToken(file, 'web-*');
  const { certFile, keyFile } = certificateFiles('server');
  collector = await startCollector({
    dir,
    config: {
      workers: 2,
      auth: 'either',
      tokens_file: file,
      tls: { cert_file: certFile, key_file: keyFile, client_ca_file: caFile },
    },
  });
  url = collector.url.replace('http:', 'https:');
});

afterAll(async () => {
  await collector.stop();
  rmSync(dir, { recursive: true, force: true });
});

function connection(clientId: string, certificate?: CertificateName): OneConnection {
  const { ca } = readCertificate('server');
  const own = certificate === undefined ? {} : { ...readCertificate(certificate), ca };
  const made = oneConnection(url, clientId, { ca, ...own });
  onTestFinished(() => made.close());
  return made;
}

test('a certificate is enough, for the names in it and no other', async () => {
  const one = connection('client-1', 'client-1');
  expect((await one.send('')).status).toBe(200);
  expect((await one.send('', 'client-2')).status).toBe(403);
  expect((await one.send('', 'web-1')).status).toBe(403);
  const several = connection('client-3', 'client-several');
  const statuses: number[] = [];
  for (const name of ['client-1', 'client-3', 'a.example']) statuses.push((await several.send('', name)).status);
  expect(statuses).toEqual([200, 200, 403]);
});

test('a token is enough, and without either it is 401', async () => {
  const client = connection('web-1');
  expect((await client.send(token)).status).toBe(200);
  const none = await client.send('');
  expect([none.status, none.text]).toEqual([
    401,
    expect.stringMatching(/show a client certificate, or send Authorization/),
  ]);
});

test('certificates of another authority and expired ones are none', async () => {
  for (const name of ['client-other-ca', 'client-expired'] as const)
    expect((await connection('client-1', name).send('')).status, name).toBe(401);
});

test('a token that comes with a certificate is what counts', async () => {
  const client = connection('client-1', 'client-1');
  expect((await client.send('ms_not-a-token-of-ours')).status).toBe(401);
  expect((await client.send(token, 'web-1')).status).toBe(200);
  expect((await client.send(token)).status).toBe(403);
  expect((await client.send('')).status).toBe(200);
});

test('an agent whose token is revoked keeps everything, and sends it when it has another', {
  timeout: 60_000,
}, async () => {
  const tokenFile = join(dir, 'agent-token');
  const put = (text: string): void => {
    writeFileSync(`${tokenFile}.new`, `${text}\n`, { mode: 0o600 });
    renameSync(`${tokenFile}.new`, tokenFile);
  };
  put(await newToken(file, 'host-1', '--name', 'host-1-a'));
  const agent = await startAgent({
    dir,
    config: { client_id: 'host-1', collector: { url, token_file: tokenFile, tls: { ca_file: caFile } } },
  });
  const seqs = (): number[] =>
    [...linesByTriple(join(dir, 'points')).keys()]
      .filter((key) => key.startsWith('host-1 '))
      .map((key) => Number(key.split(' ')[2]))
      .toSorted((a, b) => a - b);
  const inSpool = async (): Promise<number> =>
    ((await agent.status()) as { points: { in_spool: number } }).points.in_spool;
  await expect.poll(() => seqs().length, { timeout: 10_000 }).toBeGreaterThan(1);
  await collectorCommand('token', 'revoke', 'host-1-a', '--file', file);
  await agent.waitForLog('collector (live): halted, the batches stay in the spool', 10_000);
  await expect.poll(inSpool, { timeout: 10_000 }).toBeGreaterThan(0);
  const before = seqs().length;
  put(await newToken(file, 'host-*'));
  await expect.poll(inSpool, { timeout: 10_000 }).toBe(0);
  await agent.stop();
  // What was sampled meanwhile came too: no number is missing.
  await expect.poll(() => seqs().length, { timeout: 10_000 }).toBeGreaterThan(before + 1);
  await expect.poll(() => seqs().findIndex((seq, i) => seq !== i + 1), { timeout: 10_000 }).toBe(-1);
});
