import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { caFile, certificateFiles, otherCaFile } from '../../../test/services/certificates.ts';
import { readTls, systemRoots } from '../src/tls-files.ts';
import { tempDir } from './support.ts';

const { certFile, keyFile } = certificateFiles('client-1');
const PEM = 'PEM: -----BEGIN CERTIFICATE----- and what follows';

function file(text: string): string {
  const path = join(tempDir(), 'file.pem');
  writeFileSync(path, text);
  return path;
}

it('reads what is given, and nothing else', () => {
  expect(readTls({ caFile: '', certFile: '', keyFile: '' })).toEqual({ ok: true, options: {} });
  const two = readFileSync(caFile, 'utf8') + readFileSync(otherCaFile, 'utf8');
  expect(readTls({ caFile: file(two), certFile: '', keyFile: '' })).toEqual({ ok: true, options: { ca: two } });
  const [cert, key] = [certFile, keyFile].map((path) => readFileSync(path, 'utf8'));
  expect(readTls({ caFile: '', certFile, keyFile })).toEqual({ ok: true, options: { cert, key } });
});

it.each([
  ['ca_file', { caFile: keyFile }, 'holds no certificate', PEM],
  ['ca_file', { caFile: '/no/such/ca.pem' }, 'there is no such file', 'a PEM file of certificates'],
  ['cert_file', { certFile: keyFile, keyFile }, 'holds no certificate', PEM],
  [
    'key_file',
    { certFile, keyFile: certFile },
    'holds no private key, or an encrypted one',
    'a PEM private key as it is',
  ],
  [
    'key_file',
    { certFile, keyFile: certificateFiles('client-2').keyFile },
    `is not the key of ${certFile}`,
    'that key',
  ],
] as const)('says what is wrong with %s: %j', (option, files, what, expected) => {
  const given = { caFile: '', certFile: '', keyFile: '', ...files };
  const path = { ca_file: given.caFile, cert_file: given.certFile, key_file: given.keyFile }[option];
  expect(readTls(given)).toEqual({ ok: false, option, what: `${path}: ${what}`, expected });
});

it('a certificate that is none, and a key that needs a password, are said', () => {
  const torn = readFileSync(caFile, 'utf8').replace(/\n[^-]{20}/, '\n');
  expect(readTls({ caFile: file(torn), certFile: '', keyFile: '' })).toMatchObject({
    ok: false,
    what: expect.stringContaining('holds a certificate that cannot be read'),
  });
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
  });
  expect(readTls({ caFile: '', certFile, keyFile: file(privateKey) })).toMatchObject({
    option: 'key_file',
    what: expect.stringContaining('an encrypted one'),
  });
});

it('no CA of this system is named twice', () => {
  const roots = systemRoots() ?? [];
  expect(new Set(roots).size).toBe(roots.length);
});
