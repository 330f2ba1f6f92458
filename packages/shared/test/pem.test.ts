import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { caFile, certificateFiles, readCertificate } from '../../../test/services/certificates.ts';
import { belongTogether, certificatesIn, privateKeyIn } from '../src/pem.ts';

const ca = readFileSync(caFile, 'utf8');
const { cert, key } = readCertificate('client-1');

test('certificates are found in their order, whatever stands between them', () => {
  const found = certificatesIn(`words before\n${cert}subject=between\n\n${ca.replaceAll('\n', '\r\n')}words behind`);
  expect(found).toMatchObject({ ok: true });
  if (!found.ok) return;
  expect(found.all.map(({ fingerprint256 }) => fingerprint256)).toEqual(
    [cert, ca].map((pem) => {
      const one = certificatesIn(pem);
      return one.ok && one.first.fingerprint256;
    }),
  );
  expect(found.first).toBe(found.all[0]);
});

test('a text without a certificate holds none, a key in its place included', () => {
  for (const pem of ['', 'hello', key, '-----END CERTIFICATE-----'])
    expect(certificatesIn(pem)).toEqual({ ok: false, fault: 'none' });
});

test('a torn certificate is said by its number, also one that has lost its end', () => {
  const torn = ca.replace(/\n[^-]{20}/, '\n');
  const dashed = ca.replace(/\n[^-]{20}/, '\n--------------------');
  const endless = ca.slice(0, ca.length / 2);
  for (const broken of [torn, dashed, endless]) {
    expect(certificatesIn(cert + broken), broken).toMatchObject({ ok: false, fault: 'broken', which: 2 });
    expect(certificatesIn(`${broken}\n${cert}`), broken).toMatchObject({ ok: false, fault: 'broken', which: 1 });
  }
});

test('a key is one of its certificate or another, and an encrypted one is said', () => {
  const chain = certificatesIn(cert);
  const belongs = (pem: string): boolean => {
    const found = privateKeyIn(pem);
    return chain.ok && found.ok && belongTogether(chain.first, found.key);
  };
  const other = readFileSync(certificateFiles('client-2').keyFile, 'utf8');
  expect([belongs(key), belongs(other)]).toEqual([true, false]);
  expect(privateKeyIn(other).ok).toBe(true);
  expect(privateKeyIn(cert)).toMatchObject({ ok: false, encrypted: false });
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
  });
  expect(privateKeyIn(privateKey)).toMatchObject({ ok: false, encrypted: true });
});
