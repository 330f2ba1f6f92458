/** Names out of certificates, however they are written. */
import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { readCertificate } from '../../../../test/services/certificates.ts';
import type { CertificateName } from '../../../../test/services/certificates.ts';
import { alternativeNames, certifiedBy } from '../../src/http/certified.ts';

const certificate = (name: CertificateName): X509Certificate => new X509Certificate(readCertificate(name).cert);

test('names of hosts, URIs and addresses that have the form of a client_id are taken', () => {
  const check = (text: string, names: string[]): void => expect(alternativeNames(text), text).toEqual(names);
  check('', []);
  check('DNS:a', ['a']);
  check('DNS:a, DNS:b.example, URI:urn:host:7, IP Address:10.0.0.1, IP Address:2001:DB8:0:0:0:0:0:1', [
    'a',
    'b.example',
    'urn:host:7',
    '10.0.0.1',
    '2001:DB8:0:0:0:0:0:1',
  ]);
  check('DNS:*.example, DNS:, DNS:a b, URI:spiffe://a/b', []);
  check('email:a, DirName:CN = a, othername:<unsupported>, Registered ID:1.2.3, DNS:b', ['b']);
  check(`DNS:${'x'.repeat(128)}, DNS:${'x'.repeat(129)}`, ['x'.repeat(128)]);
  check(`${'DNS:a, '.repeat(1000)}DNS:b`, Array<string>(100).fill('a'));
});

test('what is quoted is no name, and nothing in it is read as one', () => {
  const check = (text: string, names: string[]): void => expect(alternativeNames(text), text).toEqual(names);
  check('DNS:"a, DNS:admin", DNS:b', ['b']);
  check('DNS:"a\\", DNS:admin, DNS:", DNS:b', ['b']);
  check('URI:"http://example/\\u002c DNS:admin", DNS:b', ['b']);
  check('DNS:"a', []);
  check('DNS:"a\\', []);
  check('DNS:a"b, DNS:c', ['c']);
  check('othername:"x, DNS:admin"', []);
  check('admin', []);
});

test('a certificate gives names while it is valid, of the kind asked for', () => {
  const now = Date.parse('2030-01-01T00:00:00Z');
  expect(certifiedBy(certificate('client-1'), 'san', now)?.names).toEqual(['client-1']);
  expect(certifiedBy(certificate('client-1'), 'cn', now)?.names).toEqual([]);
  expect(certifiedBy(certificate('client-cn'), 'cn', now)?.names).toEqual(['client-cn']);
  expect(certifiedBy(certificate('client-cn'), 'san', now)?.names).toEqual([]);
  expect(certifiedBy(certificate('client-1'), 'san', Date.parse('2200-01-01T00:00:00Z'))).toBeUndefined();
  expect(certifiedBy(certificate('client-1'), 'san', 0)).toBeUndefined();
  expect(certifiedBy(certificate('client-1'), 'san', now)?.untilUnixMs).toBe(Date.parse('2100-01-01T00:00:00Z'));
});
