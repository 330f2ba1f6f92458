import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { caFile, type CertificateName, otherCaFile, readCertificate } from './certificates.ts';

const names: CertificateName[] = [
  'server',
  'server-renewed',
  'server-elsewhere',
  'server-expired',
  'server-other-ca',
  'client-1',
  'client-2',
  'client-cn',
  'client-several',
  'client-expired',
  'client-other-ca',
];

const [ca, otherCa] = [caFile, otherCaFile].map((file) => new X509Certificate(readFileSync(file)));

it.each(names)('%s is what its name says: who signed it, and until when', (name) => {
  const certificate = new X509Certificate(readCertificate(name).cert);
  const foreign = name.endsWith('-other-ca');
  expect([certificate.verify(ca!.publicKey), certificate.verify(otherCa!.publicKey)]).toEqual([!foreign, foreign]);
  const year = new Date(certificate.validTo).getUTCFullYear();
  expect(year).toBe(name.endsWith('-expired') ? 2020 : 2100);
});

it('servers are known by the addresses of this machine, clients by their names', () => {
  const named = (name: CertificateName) => new X509Certificate(readCertificate(name).cert).subjectAltName;
  expect(named('server')).toBe('IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, DNS:localhost');
  expect(named('client-1')).toBe('DNS:client-1');
  expect(named('client-cn')).toBeUndefined();
});
