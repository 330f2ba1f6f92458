/** The options under `collector` that name files: what is refused, what is warned about. */
import { chmodSync, copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { faultLine } from '@metricstream/shared/config/fault.ts';
import { parseConfig } from '@metricstream/shared/config/load.ts';
import { expect, it } from 'vitest';
import { caFile, certificateFiles } from '../../../test/services/certificates.ts';
import { agentSpec } from '../src/config.ts';
import { tempDir } from './support.ts';

/** Every fault and warning of `collector: {…}`, as `check` prints it. */
function said(options: string): string[] {
  const result = parseConfig(`collector: {${options}}\n`, agentSpec, {});
  const found = result.ok ? result.warnings.map((one) => ({ ...one, what: `warning, ${one.what}` })) : result.faults;
  return found.map((fault) => faultLine('', fault).replace(/^:1:\d+ collector/, ''));
}

function tokenFile(mode: number): string {
  const path = join(tempDir(), 'token');
  writeFileSync(path, 'ms_0123456789abcdef');
  chmodSync(path, mode);
  return path;
}

const { certFile, keyFile } = certificateFiles('client-1');

it('files that are as they must be are taken in silence', () => {
  const key = join(tempDir(), 'key');
  copyFileSync(keyFile, key);
  chmodSync(key, 0o600);
  expect(said(`url: "https://c:7440", token_file: ${tokenFile(0o640)}`)).toEqual([]);
  expect(said(`url: "https://c:7440", tls: {ca_file: ${caFile}, cert_file: ${certFile}, key_file: ${key}}`)).toEqual(
    [],
  );
  for (const host of ['127.0.0.1', 'localhost', '[::1]'])
    expect(said(`url: "http://${host}:7440", token_file: ${tokenFile(0o600)}`)).toEqual([]);
});

it('a token that everybody could read is warned about', () => {
  const path = tokenFile(0o604);
  expect(said(`url: "https://c:7440", token_file: ${path}`)).toEqual([
    `.token_file: warning, ${path} can be read by every user of this host; chmod o-r it`,
  ]);
  expect(said(`url: "http://c:7440", token_file: ${tokenFile(0o600)}`)).toEqual([
    '.url: warning, sends the token to c over plain http: whoever is on the way can read it; use https://',
  ]);
  const key = join(tempDir(), 'key');
  copyFileSync(keyFile, key);
  chmodSync(key, 0o644);
  expect(said(`url: "https://c:7440", tls: {cert_file: ${certFile}, key_file: ${key}}`)).toEqual([
    `.tls.key_file: warning, ${key} can be read by every user of this host; chmod o-r it`,
  ]);
});

it.each([
  [
    'url: "http://c:7440", token_file: /no/token',
    '.token_file: /no/token: there is no such file — expected a file with the token of this agent',
  ],
  ['url: "https://c:7440", token_file: /', '.token_file: /: is no file — expected a file with the token of this agent'],
  [
    'url: "https://c:7440", tls: {ca_file: /no/ca}',
    '.tls.ca_file: /no/ca: there is no such file — expected a PEM file of certificates',
  ],
  [
    'url: "https://c:7440", tls: {cert_file: /no/cert}',
    '.tls: has one of cert_file and key_file — expected both, or neither',
  ],
  [
    'url: "https://c:7440", tls: {cert_file: /no/cert, key_file: /no/key}',
    '.tls.cert_file: /no/cert: there is no such file — expected a PEM file of certificates',
  ],
  [
    'url: "http://c:7440", tls: {ca_file: /no/ca}',
    '.tls: has no use with this URL — expected https:// in collector.url',
  ],
])('%s is refused', (options, expected) => {
  expect(said(options)).toEqual([expected]);
});
