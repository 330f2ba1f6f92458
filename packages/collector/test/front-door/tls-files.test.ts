/** Files of TLS as operators leave them: used, used with a warning, or refused with what to do. */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { generateKeyPairSync } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MetricStreamError } from '@metricstream/shared/errors.ts';
import { silentLog } from '@metricstream/shared/log.ts';
import { expect, onTestFinished, test, vi } from 'vitest';
import { caFile, certificateFiles, readCertificate } from '../../../../test/services/certificates.ts';
import type { TlsMaterial } from '../../src/http/tls.ts';
import { openCertificates } from '../../src/front-door/certificates.ts';
import { readTlsFiles } from '../../src/front-door/tls-files.ts';
import type { TlsFiles } from '../../src/config/types.ts';

const NOW = Date.parse('2030-01-01T00:00:00Z');

function makeDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'tls-files-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return dir;
}

/** The files of a certificate, in a directory of their own, the key for its owner only. */
function files(name: Parameters<typeof certificateFiles>[0] = 'server', more: Partial<TlsFiles> = {}): TlsFiles {
  const dir = makeDir();
  const [certFile, keyFile] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
  copyFileSync(certificateFiles(name).certFile, certFile);
  copyFileSync(certificateFiles(name).keyFile, keyFile);
  chmodSync(keyFile, 0o600);
  return { certFile, keyFile, clientCaFile: caFile, clientId: 'san', minVersion: '1.2', ...more };
}

function write(text: string): string {
  const path = join(makeDir(), 'file.pem');
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

test('files that are as they should be are used without a word', () => {
  const given = files();
  const { material, expiresUnixMs, warnings } = readTlsFiles(given, 'certificate', NOW);
  const { cert, key, ca } = readCertificate('server');
  expect(material).toMatchObject({ cert, key, clientCa: ca, clientRequired: true, clientId: 'san', minVersion: '1.2' });
  expect(warnings).toEqual([]);
  expect(new Date(expiresUnixMs).getUTCFullYear()).toBeGreaterThan(2090);
  const again = readTlsFiles({ ...given, clientCaFile: '' }, 'either', NOW).material;
  expect(again).toMatchObject({ clientCa: '', clientRequired: false });
  expect(again.ticketKeys).toHaveLength(48);
  expect(again.ticketKeys).not.toEqual(material.ticketKeys);
});

test('what cannot be used is refused, by option and file, with what was expected', () => {
  const check = (given: TlsFiles, expected: RegExp): void => {
    let thrown: unknown;
    try {
      readTlsFiles(given, 'certificate', NOW);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(MetricStreamError);
    expect(thrown).toMatchObject({ code: 'config_invalid', message: expect.stringMatching(expected) });
  };
  check(
    files('server', { certFile: '/nowhere/a.pem' }),
    /^tls\.cert_file: \/nowhere\/a\.pem, a PEM file, cannot be read$/,
  );
  check(
    files('server', { keyFile: '/nowhere/b.pem' }),
    /^tls\.key_file: \/nowhere\/b\.pem, a PEM file, cannot be read$/,
  );
  check(
    files('server', { clientCaFile: '/nowhere/c.pem' }),
    /^tls\.client_ca_file: \/nowhere\/c\.pem, a PEM file, cannot be read$/,
  );
  const pipe = join(makeDir(), 'pipe');
  execFileSync('mkfifo', [pipe]);
  check(files('server', { keyFile: pipe }), /^tls\.key_file: \S+ is no file; expected a PEM file$/);
  const large = write('');
  truncateSync(large, 2 ** 40);
  check(files('server', { clientCaFile: large }), /^tls\.client_ca_file: \S+ has 1099511627776 bytes, more than/);
  check(files('server', { certFile: write('hello') }), /^tls\.cert_file: \S+ holds no certificate in PEM/);
  check(files('server', { clientCaFile: write('') }), /^tls\.client_ca_file: \S+ holds no certificate in PEM/);
  const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  check(files('server', { certFile: write(broken) }), /^tls\.cert_file: certificate 1 in \S+ cannot be read/);
  const second = `${readFileSync(caFile, 'utf8')}${broken}`;
  check(files('server', { clientCaFile: write(second) }), /^tls\.client_ca_file: certificate 2 in \S+ cannot be read/);
  check(
    files('server', { keyFile: write('hello') }),
    /^tls\.key_file: \S+ cannot be used; .*must be a private key in PEM/,
  );
  const { keyFile } = certificateFiles('server-renewed');
  check(
    files('server', { keyFile }),
    /^tls\.key_file: \S+ is not the key of the certificate in \S+ \(tls\.cert_file\)/,
  );
});

test('a key with a passphrase is refused with what to do', () => {
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
  });
  const given = files('server', { keyFile: write(privateKey) });
  expect(() => readTlsFiles(given, 'none', NOW)).toThrow('it has a passphrase: give it without one');
});

test('what is not as it should be is used, with a warning', () => {
  const check = (given: TlsFiles, expected: RegExp[], nowUnixMs = NOW): void => {
    const { warnings } = readTlsFiles(given, 'certificate', nowUnixMs);
    expect(warnings).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
  };
  check(files('server-expired'), [/^tls\.cert_file: the certificate in \S+ expired at 20.*; renew it$/]);
  const given = files();
  const { expiresUnixMs } = readTlsFiles(given, 'none', NOW);
  check({ ...given, clientCaFile: '' }, [/expires at .*; renew it$/], expiresUnixMs - 13 * 86_400_000);
  check({ ...given, clientCaFile: '' }, [], expiresUnixMs - 15 * 86_400_000);
  check(
    given,
    [/^tls\.cert_file: .*not valid before .*clock wrong/, /^tls\.client_ca_file: "CN=.*not valid before/],
    0,
  );
  chmodSync(given.keyFile, 0o644);
  check(given, [/^tls\.key_file: every user of this machine may read .*chmod o= /]);
  const { cert } = readCertificate('server');
  check(files('server', { certFile: write(cert + readCertificate('client-1').cert) }), [
    /is not signed by the next one/,
  ]);
  check(files('server', { certFile: write(cert + readFileSync(caFile, 'utf8')) }), []);
});

test('files are read again on demand; broken ones change nothing; ticket keys are new every time and every 12 h', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const given = files();
  const told: TlsMaterial[] = [];
  const errors: string[] = [];
  const log = { ...silentLog, error: (message: string) => void errors.push(message) };
  const certificates = openCertificates({ files: given, auth: 'certificate', changed: (now) => told.push(now), log });
  const first = certificates.inForce();
  copyFileSync(certificateFiles('server-renewed').certFile, given.certFile);
  certificates.reload();
  expect([told, errors.length]).toEqual([[], 1]);
  expect(certificates.inForce()).toBe(first);
  copyFileSync(certificateFiles('server-renewed').keyFile, given.keyFile);
  certificates.reload();
  expect([told.length, told[0]?.cert]).toEqual([1, readCertificate('server-renewed').cert]);
  vi.advanceTimersByTime(12 * 3_600_000);
  expect(told).toHaveLength(2);
  expect(told[1]).toEqual({ ...told[0], ticketKeys: expect.anything() });
  const keys = [first, ...told].map(({ ticketKeys }) => Buffer.from(ticketKeys).toString('hex'));
  expect(new Set(keys).size).toBe(3);
  certificates.close();
  vi.advanceTimersByTime(24 * 3_600_000);
  expect(told).toHaveLength(2);
});
