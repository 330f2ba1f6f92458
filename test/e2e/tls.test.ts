/** A collector that speaks TLS, as a process: certificates renewed under open connections, sessions, words in the log. */
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { beforeAll, afterAll, expect, test } from 'vitest';
import { startCollector } from '../app.ts';
import type { CollectorApp } from '../app.ts';
import { caFile, certificateFiles, readCertificate } from '../services/certificates.ts';
import type { CertificateName } from '../services/certificates.ts';

const client = readCertificate('client-1');

let dir: string;
let collector: CollectorApp;
let port: number;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ms-tls-'));
  install('server');
  collector = await startCollector({
    dir,
    config: {
      workers: 3,
      auth: 'certificate',
      tls: { cert_file: join(dir, 'cert.pem'), key_file: join(dir, 'key.pem'), client_ca_file: caFile },
    },
  });
  port = Number(new URL(collector.url).port);
});

afterAll(async () => {
  await collector.stop();
  rmSync(dir, { recursive: true, force: true });
});

function install(name: CertificateName): void {
  copyFileSync(certificateFiles(name).certFile, join(dir, 'cert.pem'));
  copyFileSync(certificateFiles(name).keyFile, join(dir, 'key.pem'));
  chmodSync(join(dir, 'key.pem'), 0o600);
}

async function open(session?: Buffer): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, ...client, servername: 'localhost', ...(session && { session }) });
  await once(socket, 'secureConnect');
  return socket;
}

async function ask(socket: TLSSocket): Promise<string> {
  socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  return answer.toString('latin1').split('\r\n')[0]!;
}

test('a certificate is renewed by SIGHUP: open connections go on, new ones see it, sessions from before end', async () => {
  const before = await open();
  const [session] = (await once(before, 'session')) as [Buffer];
  expect(await ask(before)).toBe('HTTP/1.1 200 OK');
  for (let i = 0; i < 12; i++) {
    // With another worker, most of the time.
    const again = await open(session);
    expect([await ask(again), again.isSessionReused()]).toEqual(['HTTP/1.1 200 OK', true]);
    again.destroy();
  }
  install('server-renewed');
  process.kill(collector.pid, 'SIGHUP');
  await collector.waitForLog('certificates read again');
  const old = before.getPeerX509Certificate()!.fingerprint256;
  let fingerprint = old;
  // The log is main's; its workers hear of it a moment later.
  while (fingerprint === old) {
    const after = await open(session);
    fingerprint = after.getPeerX509Certificate()!.fingerprint256;
    if (fingerprint !== old) expect(after.isSessionReused()).toBe(false);
    after.destroy();
  }
  expect(await ask(before)).toBe('HTTP/1.1 200 OK');
  before.destroy();
  copyFileSync(certificateFiles('server').certFile, join(dir, 'cert.pem'));
  process.kill(collector.pid, 'SIGHUP');
  const said = await collector.waitForLog('tls: the new files are not used, the last ones stay in force');
  expect(said['error']).toContain('tls.key_file');
  const still = await open();
  expect(await ask(still)).toBe('HTTP/1.1 200 OK');
  still.destroy();
});

test('a client that speaks plain HTTP is answered, and named in the log once', async () => {
  const plain = connectPlain({ host: '127.0.0.1', port });
  plain.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
  const [answer] = (await once(plain, 'data')) as [Buffer];
  expect(answer.toString('latin1')).toMatch(/^HTTP\/1\.1 400 /);
  const said = await collector.waitForLog('a client speaks plain HTTP to this TLS port: set https:// at the client');
  expect(said['remote']).toBe(`127.0.0.1:${plain.localPort}`);
  const metrics = await (await fetch(new URL('/metrics', collector.admin))).text();
  expect(metrics).toMatch(/requests_rejected_total\{.*reason="tls_expected".*\} 1/);
  const expires = Number(/^\S+tls_certificate_expiry_unix_seconds (\S+)$/m.exec(metrics)?.[1]);
  expect(new Date(expires * 1000).getUTCFullYear()).toBeGreaterThan(2090);
});
