/** Who may come in over TLS, at a running collector: by certificate, by token, by either. */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type CollectorApp, startCollector } from '../app.ts';
import {
  caFile,
  certificateFiles,
  type CertificateName,
  otherCaFile,
  readCertificate,
} from '../services/certificates.ts';
import { type Answered, newToken, type OneConnection, oneConnection } from './token-kit.ts';

const dir = mkdtempSync(join(tmpdir(), 'ms-identity-tls-'));
const file = join(dir, 'tokens');
const clientCaFile = join(dir, 'client-ca.pem');
let collector: CollectorApp;
let url: string;
let token: string;

beforeAll(async () => {
  token = await newToken(file, 'web-*');
  copyFileSync(caFile, clientCaFile);
  const { certFile, keyFile } = certificateFiles('server');
  collector = await startCollector({
    dir,
    config: {
      workers: 2,
      auth: 'either',
      tokens_file: file,
      tls: { cert_file: certFile, key_file: keyFile, client_ca_file: clientCaFile },
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
    expect.stringMatching(/show a client certificate .*, or send Authorization/),
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

test('when the authority of a certificate is taken away, its open connection is of no use, and those of others stay', async () => {
  const [known, byToken] = [connection('client-1', 'client-1'), connection('web-1')];
  expect([(await known.send('')).status, (await byToken.send(token)).status]).toEqual([200, 200]);
  copyFileSync(otherCaFile, clientCaFile);
  onTestFinished(() => copyFileSync(caFile, clientCaFile));
  process.kill(collector.pid, 'SIGHUP');
  await collector.waitForLog('certificates read again');
  // A connection that ends may take a request with it that was just sent: then it is sent again.
  const sent = (): Promise<Answered> => known.sendUntilNot(200, '');
  const refused = await sent().catch(sent);
  expect([refused.status, refused.text]).toEqual([401, expect.stringMatching(/show a client certificate/)]);
  expect((await connection('client-1', 'client-other-ca').send('')).status).toBe(200);
  expect((await byToken.send(token)).status).toBe(200);
});
