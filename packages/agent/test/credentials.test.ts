import { copyFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLog } from '@metricstream/shared/log.ts';
import { expect, it, onTestFinished } from 'vitest';
import { caFile, certificateFiles, type CertificateName } from '../../../test/services/certificates.ts';
import { createCredentials, type CredentialsOptions } from '../src/credentials.ts';
import { aborted, NO_TLS } from './uplink-kit.ts';
import { tempDir } from './support.ts';

/** Of two lengths: before Linux 6.13 two writes within a few milliseconds have one time. */
const [ONE, TWO] = ['ms_one_one_one_one', 'ms_two_two_two_two_two'] as const;

function credentialsOf(more: Partial<CredentialsOptions>) {
  const url = 'https://127.0.0.1:7440';
  const credentials = createCredentials({ url, tokenFile: '', tls: NO_TLS, log: silentLog, lookEveryMs: 10, ...more });
  onTestFinished(() => credentials.close());
  return credentials;
}

function tokenFile(text: string): string {
  const path = join(tempDir(), 'token');
  writeFileSync(path, text);
  return path;
}

it('without files there is nothing to show, and nothing ever changes', () => {
  const credentials = credentialsOf({ url: 'http://127.0.0.1:7440' });
  const current = credentials.current();
  expect(current).toEqual({ authorization: undefined, trouble: '', tls: undefined });
  expect(credentials.whenChanged(current).aborted).toBe(false);
});

it.each([
  ['written in place', (path: string) => writeFileSync(path, TWO)],
  [
    'written anew and moved there',
    (path: string) => (writeFileSync(`${path}.new`, `${TWO}\n`), renameSync(`${path}.new`, path)),
  ],
  ['taken away and made again', (path: string) => (rmSync(path), writeFileSync(path, ` ${TWO} \n`))],
])('a token that is %s is noticed by itself', async (_how, change) => {
  const path = tokenFile(`${ONE}\n`);
  const credentials = credentialsOf({ tokenFile: path });
  const before = credentials.current();
  expect(before).toMatchObject({ authorization: `Bearer ${ONE}`, trouble: '' });
  const changed = credentials.whenChanged(before);
  change(path);
  await aborted(changed);
  await expect.poll(() => credentials.current().authorization).toBe(`Bearer ${TWO}`);
});

it('a refused request looks at the files at once, not at the next tick', () => {
  const path = tokenFile(ONE);
  const credentials = credentialsOf({ tokenFile: path, lookEveryMs: 3_600_000 });
  const used = credentials.current();
  expect(credentials.whenChanged(used).aborted).toBe(false);
  writeFileSync(path, TWO);
  expect(credentials.whenChanged(used).aborted).toBe(true);
  expect(credentials.whenChanged(credentials.current()).aborted).toBe(false);
});

it('the same token written again is no change', () => {
  const path = tokenFile(ONE);
  const credentials = credentialsOf({ tokenFile: path, lookEveryMs: 3_600_000 });
  const used = credentials.current();
  writeFileSync(path, `${ONE}\n`);
  expect(credentials.whenChanged(used).aborted).toBe(false);
});

it('a token that is gone is said, and the old one is not used any more', () => {
  const path = tokenFile(ONE);
  const credentials = credentialsOf({ tokenFile: path, lookEveryMs: 3_600_000 });
  const used = credentials.current();
  rmSync(path);
  expect(credentials.whenChanged(used).aborted).toBe(true);
  expect(credentials.current()).toMatchObject({
    authorization: undefined,
    trouble: `collector.token_file: ${path}: there is no such file; expected a file with the token of this agent`,
  });
});

it('a start without what it needs fails, and says what', () => {
  expect(() => credentialsOf({ tokenFile: '/no/such/token' })).toThrow('/no/such/token: there is no such file');
  expect(() => credentialsOf({ tls: { ...NO_TLS, caFile: '/no/such/ca.pem' } })).toThrow(
    'collector.tls.ca_file: /no/such',
  );
});

it('a client certificate that is renewed is used once both of its files are there', () => {
  const dir = tempDir();
  const tls = { caFile, certFile: join(dir, 'cert.pem'), keyFile: join(dir, 'key.pem') };
  const put = (name: CertificateName, which: 'certFile' | 'keyFile') => {
    copyFileSync(certificateFiles(name)[which], `${tls[which]}.new`);
    renameSync(`${tls[which]}.new`, tls[which]);
  };
  put('client-1', 'certFile');
  put('client-1', 'keyFile');
  const said: string[] = [];
  const log = { ...silentLog, error: (message: string) => void said.push(message) };
  const credentials = credentialsOf({ tls, log, lookEveryMs: 3_600_000 });
  const used = credentials.current();
  put('client-2', 'certFile');
  expect(credentials.whenChanged(used).aborted).toBe(false);
  expect(credentials.current()).toBe(used);
  expect(said).toEqual([expect.stringContaining('the ones before still are')]);
  put('client-2', 'keyFile');
  expect(credentials.whenChanged(used).aborted).toBe(true);
  expect(credentials.current().tls?.cert).not.toBe(used.tls?.cert);
});
